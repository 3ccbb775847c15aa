# The forms in which pictures are asked for, and the commands that open them.

create-name = 填表画图
create-command = 用表单画图
forms-menu = 修改图片

forms-create-title = 画图
forms-edit-title = 修改图片
forms-menu-title = 修改消息里的图片

forms-words = 你想看到什么
forms-words-change = 你想改成什么样
forms-words-hint = 有起点图片时，这里可以留空。
forms-words-kept = 原来的描述太长，这里放不下。留空就全部保留，也可以写新的。
forms-picture = 以哪张图片为起点
forms-pictures = 以哪些图片为起点
forms-files = 作为起点的图片
forms-files-more = 再加一些起点图片
forms-files-hint = { $most ->
    [0] { $model } 只能凭文字画图；其他模型可以以图片为起点，每张最大 50 MB。
   *[other] 常见格式都可以，每张最大 50 MB；用 { $model } 时总共最多 { $most } 张。
}
forms-model = 模型
forms-model-usual = 默认用 { $model }
forms-variants-private = { $count } 张，只有你能看到
forms-size = 图片的形状
forms-size-of-picture = 和第一张图片一样
forms-size-open = 和第一张图片一样；只有文字时是{ $shape }
forms-variants = 要几张图片供你挑选
forms-variants-count = { $count ->
   *[other] { $count } 张
}
forms-private = 只有你能看到图片
