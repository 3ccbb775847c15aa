# What becomes of a result: published, shown again, copied to a gallery, hidden, removed.

curation-publish = 公开
curation-post-here = 发到这里
curation-to-gallery = 收进画廊
curation-report = 举报
curation-remove = 移除
curation-remove-here = 只移除这一条消息
curation-remove-all = 全部移除

# Over a result that is posted once more.
curation-published = { $count ->
    [1] 一张图片，现在大家都能看到
   *[other] { $count } 张图片，现在大家都能看到
}
curation-shown = { $count ->
    [1] 之前画的一张图片
   *[other] 之前画的 { $count } 张图片
}
curation-in-gallery = { $count ->
    [1] 画廊收藏：一张图片
   *[other] 画廊收藏：{ $count } 张图片
}
curation-original = 最初发布的地方
curation-hidden = 在管理员决定之前先遮起来。想看的话再点开。

curation-posted = 已发布：{ $link }
curation-posted-later = 正在发到 { $channel }。如果 Discord 暂时有问题，等它恢复我就发。

curation-keep = 保留
curation-kept = 什么都没有移除，一切保持原样。
curation-remove-question = 要把它从 Discord 移除吗？移除后无法恢复。
curation-remove-own = “{ curation-remove-all }”会删掉所有带有它的消息，画廊里的也一样。别人用它画的图片会保留。你仍然可以在 `/{ tasks-name }` 里找到它。
curation-remove-others = “{ curation-remove-all }”会删掉这个服务器里所有带有它的消息，画廊里的也一样。别人用它画的图片会保留。以后谁都查不到它，发起人也不能。
curation-removed = 已移除，马上就会从 Discord 消失。
curation-stays = 有一条带有它的消息会留下，因为 Discord 已经不让我删除了。请自己删除或关闭它；如果没有权限，请让能管理那里消息的人帮忙。
curation-removed-but = 已移除。{ curation-stays }
