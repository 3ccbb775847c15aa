# What a server chooses, in one panel.

settings-name = 设置
settings-command = 设置我在这个服务器里怎样工作

settings-heading = 这个服务器的设置
settings-intro = 选好后立即生效。

settings-channels = 可以画图的频道
settings-channels-chosen = 在 { $channels }，以及那里的子区。
settings-channels-hint = 选择频道
settings-everywhere = 所有频道

settings-gallery = 画廊
settings-gallery-chosen = 好图片会复制到 { $channel }。
settings-gallery-none = 还没有画廊。有了画廊，大家就可以把好图片复制过去。
settings-gallery-hint = 选择一个频道作为画廊
settings-gallery-reset = 不要画廊

settings-moderators = 管理员频道
settings-moderators-chosen = 被举报的图片在 { $channel } 处理。能看这个频道的人都能看到它们。
settings-moderators-none = 还没有频道，所以图片暂时不能举报。请选择一个只有管理员能看的频道。
settings-moderators-hint = 选择一个频道接收举报
settings-moderators-reset = 不接收举报

settings-models = 大家可以选择的模型
settings-models-all = 所有模型
settings-models-gone = 目前不可用：{ $models }。
settings-models-none-left = 这里选择的模型目前都不可用，所以可用的模型都可以选择。
settings-model = 没有人选择时的模型
settings-model-other = 这里不提供 { $model }，所以用 { $used }。
settings-model-unknown = 一个我已经不认识的模型
settings-size = 没有人选择时的形状
settings-variants = 没有人选择时的张数
settings-batch = 描述里写有 {"{红，绿}"} 时，一次最多几个请求
settings-batch-count = { $count ->
   *[other] 最多 { $count } 个请求
}
settings-language = 大家都会看到的内容用什么语言
settings-language-own = 跟随发起人
settings-language-itself = 简体中文

settings-gone = { $count ->
   *[other] 这里选过的 { $count } 个频道已经不在了，或者我看不到。请重新选择，或者按“{ $reset }”。
}
settings-some = { $count ->
   *[other] { $some } 等，另有 { $count } 个
}
settings-none = 无

settings-changes = 最近的修改
settings-no-changes = 还没有修改过。
settings-change = { $setting }：{ $chosen }，{ $by }，{ $when }
