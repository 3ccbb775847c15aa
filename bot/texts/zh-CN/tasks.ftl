tasks-name = 任务
tasks-command = 逐页查看你发起过的所有请求
tasks-search = 只看包含所有这些词的
tasks-heading = 你的请求
tasks-with-words = 包含 { $words }
tasks-page = { $count ->
   *[other] 共 { $count } 个请求，第 { $page } 页，共 { $pages } 页
}
tasks-all = 全部
tasks-waiting = 等待中
tasks-done = 已完成
tasks-failed = 没有成功
tasks-cancelled = 已取消
tasks-none = 你还没有发起过请求。输入 `/{ imagine-name }`，说说你想看到什么。
tasks-none-waiting = 目前没有在等待的请求。
tasks-none-done = 还没有完成的请求。
tasks-none-failed = 到目前为止，你的请求都成功了。
tasks-none-cancelled = 你没有取消过请求。
tasks-none-found = 没有包含所有这些词的请求。请少写几个词，或在下面换一种类型。
tasks-open = 打开其中一个
tasks-newer = 较新的
tasks-older = 较早的
tasks-private = 仅自己可见
tasks-state-waiting = 等待中
tasks-state-kept = 已完成，替你留着
tasks-state-withheld = 替你留着，未发布
tasks-state-failed = 没有成功
tasks-state-cancelled = 已取消
tasks-state-removed = 已移除
tasks-state-done = { $count ->
   *[other] { $count } 张图片
}
