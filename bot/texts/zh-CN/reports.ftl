# Reporting a result to a server's moderators: the form, and their message.

reports-title = 举报这个结果
reports-why = 有什么问题？
reports-why-hint = 只有管理员能看到，也可以不写。
reports-thanks = 谢谢。已经交给这个服务器的管理员处理。

reports-heading = { $count ->
    [1] 有一个结果被举报
   *[other] 有一个结果被 { $count } 人举报
}
reports-about = 由 { $asker } 发起 · { $link }
reports-open-message = 打开消息
reports-line = { $reporter }：{ $words }
reports-line-wordless = { $reporter } 没有写原因
reports-line-erased = 举报人已清除自己的举报
reports-more = { $count ->
   *[other] 还有 { $count } 人
}

reports-remove = 移除
reports-remove-question = 要移除这个结果吗？这个服务器里的副本也会一起删掉，无法恢复。
reports-hide = 先遮起来
reports-show-again = 重新显示
reports-dismiss = 驳回

reports-open = 还没有决定。在你们决定之前，结果保持原样。
reports-hidden = 已遮起来，等待决定
reports-removed = 已移除
reports-dismissed = 已驳回，结果保留
reports-by = { $moderator }，{ $at }
