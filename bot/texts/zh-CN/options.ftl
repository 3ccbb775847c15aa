# Names of the commands' options. No blanks, at most 32 characters.

option-prompt = 描述
option-image = 图片
option-image2 = 图片2
option-image3 = 图片3
option-image4 = 图片4
option-image5 = 图片5
option-mask = 蒙版
option-size = 形状
option-variants = 张数
option-model = 模型
option-resolution = 分辨率
option-background = 背景
option-enhance = 润色
option-fallback = 备用模型
option-private = 仅自己可见
option-name = 名字
option-template = 模板
option-new-name = 新名字
option-picture = 风格图片
option-remove-picture = 去掉图片
option-reference = 图片组
option-style = 风格
option-what = 内容
option-search = 搜索
