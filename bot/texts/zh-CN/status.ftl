# The answer of /status: whether pictures can be made now, and how long that takes.

status-name = 状态
status-command = 看看现在能不能画图，要等多久
status-open = 现在可以画图
status-paused = 我暂时无法画新的图片
status-keeps = 请求的位置会保留，之后会自动继续。
status-line = { $count ->
    [0] 没有请求在排队。
   *[other] 有 { $count } 个请求在排队。
}
status-takes = 轮到之后，用 { $model } 画一张图要{ $time }。
status-trouble = 从 { $since } 起，图像服务的 { $model } 不太稳定。
