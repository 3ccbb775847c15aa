# 一个请求变成好几个：{红，绿} 门。

# 动手之前的确认，以及之后的结果。
batches-question = 要把它变成 { $count } 个请求吗？
batches-cost = 由 { $model } 画 { $count } 张图片
batches-left = 24 小时内你可以画 { $allowed } 张图片，还剩 { $count } 张。
batches-more = 还有 { $count } 个
batches-by-message = 图片会通过私信发给你，只有你能看到。
batches-make = 开始画图
batches-as-typed = 按原文发送
batches-drop = 取消
batches-begun = { $count } 个请求已经提交。图片会集中发在一处，你也可以用 `/{ tasks-name }` 找到每一个。
batches-dropped = 什么都没有画，也没有任何花费。

# 共用的消息。
batches-progress = 已完成 { $done } / { $total }
batches-failed = { $count } 个没有成功
batches-cancelled = { $count } 个已取消
batches-part = 第 { $number } 条消息，共 { $count } 条
batches-line = **{ $number }.** { $words } · { $state }
batches-waiting = 正在排队
batches-making = 正在画
batches-picture = 下面第 { $number } 张
batches-pictures = 下面第 { $first } 到 { $last } 张
batches-spoiler = 在管理员决定之前先隐藏
batches-unshown = 已经画好，但没有显示在这里：请在下面打开
batches-none = 没有图片：{ $why }
batches-taken-back = 已取消，没有花费
batches-withheld = 已经画好，只为发起人保留
batches-removed = 已移除
batches-alt = 图片 { $number }
batches-alt-of = 图片 { $number }，备选 { $variant }
batches-open = 打开其中一个
batches-option = { $number }. { $words }
batches-cancel = 取消还在排队的
batches-cancel-done = 已取消 { $count } 个，没有花费。
batches-cancel-rest = { $count } 个已经在画，画好后会发出来。

# 结束时说一次。
batches-ended = { $asker } 你的 { $count } 张图片都好了：{ $link }
batches-ended-some = { $asker } { $asked } 张图片好了 { $count } 张，其余的没有成功：{ $link }
batches-rest-free = 其余的没有计费。
batches-rest-perhaps = 其余的可能已经计费。
batches-ended-none = { $asker } 你的图片都没有成功。原因写在这里：{ $link }
batches-look = 去看看
