# 一个人为自己的请求选择的默认设置，在一个面板里。

preferences-name = 偏好
preferences-command = 设置你自己的默认值：模型、形状、张数、谁能看到、固定加上的文字

preferences-heading = 你自己的默认设置
preferences-intro = 在任何地方画图时，没有另外选择就按这里的来。选好后立即生效。只有你能看到这条消息。

preferences-model = 模型
preferences-size = 只有文字时的形状
preferences-variants = 张数
preferences-private = 谁能看到你的图片
preferences-private-yes = 只有你
preferences-private-no = 频道里的所有人

preferences-usual = 按这里的惯例：{ $usual }

preferences-words = 总是加上的文字
preferences-words-none = 没有。例如“柔和的光线，低饱和度”。
preferences-words-change = 修改
preferences-words-label = 加在你的描述后面
preferences-words-hint = 只写普通文字。留空就不加。
preferences-reset = 全部重置
