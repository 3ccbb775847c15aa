# 关于某个人所保存的内容，只给本人看。

privacy-name = 隐私
privacy-command = 我保存了哪些与你有关的内容
privacy-show-name = 查看
privacy-show-command = 查看我保存了哪些与你有关的内容
privacy-export-name = 导出
privacy-export-command = 把我保存的与你有关的内容导出为文件

privacy-heading = 我保存的与你有关的内容
privacy-tasks = 请求：{ $count }
privacy-copies = 图片副本：{ $count }
privacy-sets = 图片集：{ $count }
privacy-batches = 批量请求：{ $count }
privacy-reports = 你提交的举报：{ $count }
privacy-changes = 你改动过的设置和风格：{ $count }
privacy-since = 最早的请求来自 <t:{ $at }:D>。
privacy-kept = { $days ->
   *[other] 请求结束 { $days } 天后，它的图片副本会被删除。用 `/{ privacy-name } { privacy-export-name }` 可以导出全部内容。只有你能看到这条消息。
}
privacy-exported = 这是我保存的与你有关的内容，以及我还留着的图片。只有你能看到这条消息。
privacy-exported-part = { $count ->
   *[other] 这是我保存的与你有关的内容。有 { $count } 张图片放不进这个文件。只有你能看到这条消息。
}
