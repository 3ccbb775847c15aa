# 关于某个人所保存的内容，只给本人看。

privacy-name = 隐私
privacy-command = 我保存了哪些与你有关的内容
privacy-show-name = 查看
privacy-show-command = 查看我保存了哪些与你有关的内容
privacy-export-name = 导出
privacy-export-command = 把我保存的与你有关的内容导出为文件
privacy-erase-name = 清除
privacy-erase-command = 清除我保存的与你有关的内容

privacy-heading = 我保存的与你有关的内容
privacy-tasks = 请求：{ $count }
privacy-copies = 图片副本：{ $count }
privacy-sets = 图片组：{ $count }
privacy-batches = 批量请求：{ $count }
privacy-proposals = 你还没有回答的确认：{ $count }
privacy-proposals-kept = 没有回答的确认会在两小时内删除。
privacy-reports = 你提交的举报：{ $count }
privacy-changes = 你改动过的设置和风格：{ $count }
privacy-since = 最早的请求来自 <t:{ $at }:D>。
privacy-drafts = 你打开着的表单：{ $count }
privacy-preferences = { $count ->
    [0] 你自己的默认设置：没有
   *[other] 你自己的默认设置
}
privacy-reposts = 为你再次发布的结果：{ $count }
privacy-kept = { $days ->
   *[other] 请求结束 { $days } 天后，它的图片副本会被删除；图片组和风格里的图片会一直保留，直到被移除。只有你能看到这条消息。
}
privacy-ways = 用 `/{ privacy-name } { privacy-export-name }` 可以导出全部内容，用 `/{ privacy-name } { privacy-erase-name }` 可以清除。
privacy-under-way = 你在 { $at } 要求清除全部内容。正在清除，完成后我会告诉你。

privacy-exported = 这是我保存的与你有关的内容，以及我还留着的图片。只有你能看到这条消息。
privacy-exported-more = 你的更多图片，第 { $number } 部分。
privacy-exported-part = { $count ->
   *[other] 有 { $count } 个文件不在里面。最后一个压缩包里的 { privacy-left-file } 写明了是哪些、为什么。图片可以用 `/{ show-name }` 查看。
}
privacy-folder-pictures = 图片
privacy-folder-attached = 附上的图片
privacy-folder-sets = 图片组
privacy-left-file = 未包含的文件.txt
privacy-left-heading = 以下文件不在这次导出里：
privacy-left-gone = 我已经没有这张图片了。
privacy-left-too-large = 它超过了我在这里能发送的文件大小。请在与我的私信里，或在别的服务器里再导出一次。
privacy-left-no-room = 在这里不能一次发送更多文件。请在与我的私信里再导出一次。
privacy-export-readme =
    这是 Atelier 保存的与你有关的内容。

    data.json（内容很多时是 data-1.json、data-2.json……）里有你的请求和结果、批量请求、还没有回答的确认、图片组、举报、打开的表单、你自己的默认设置、为你再次发布的结果，以及你改动过的设置和风格。时间是 UTC。频道、服务器和消息的编号是 Discord 的编号。
    “{ privacy-folder-pictures }”里是为你画的图片，“{ privacy-folder-attached }”里是你附上的图片，“{ privacy-folder-sets }”里是你的图片组。文件名由日期、开头的文字和编号组成。
    这次导出的其他压缩包里有更多数据和图片。如果缺了什么，最后一个压缩包里的 { privacy-left-file } 会写明是哪些、为什么。

privacy-erase-heading = 要清除我保存的与你有关的内容吗？
privacy-erase-what =
    上面列出的内容都会清除，无法恢复。还在排队的请求会取消；正在画的已经付费，会画完，但不会发布。
    你在 Discord 里的消息会保留，除非你选择一并移除。无论如何，消息上的按钮都会失效。
privacy-erase-stays = 别人用你的结果画的图片属于他们，会保留，但不再带有你的名字，也不再带有你附上的图片。因为有每日上限，我会在 24 小时内记住你画了多少张。备份和图像服务里的副本还会保留一段时间，具体多久可以问我的运营者。
privacy-erase-keep = 清除
privacy-erase-remove = 清除，并移除我的消息
privacy-erase-not = 全部保留
privacy-erase-kept = 什么都没有清除。
privacy-erasing = 正在清除。还在画的图片可能要几分钟；完成后我会在这里或用私信告诉你。
privacy-erasing-already = 已经在清除了，完成后我会告诉你。
privacy-receipt = 已清除
privacy-receipt-number = 回执 { $number }，{ $at }
privacy-erase-nothing = 没有可清除的内容：我没有保存任何与你有关的内容。
privacy-erase-elsewhere = 如果别人在请求中用过你的头像或图片，我可以把那些副本清除掉。
privacy-receipt-nothing = 已经没有可清除的内容。
privacy-setting-changes = 你改动过的设置：{ $count }
privacy-styles = 你最后改动的风格：{ $count }
