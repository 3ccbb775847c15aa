# 每个模型擅长什么：model-<键>，一行，最多 70 个字符，在命令里列出模型时显示。

model-4o = 各方面均衡，可以只修改图片中你标出的部分
model-gpt-image = 形状多，最高 4K，可以透明背景，最多参考 16 张图片
model-gpt-image-fine = 与 GPT Image 2.5 Flare 相似，更慢，也更精细
model-nano-banana = 可以很宽或很高，最高 4K，最多融合 14 张图片
model-nano-banana-pro = 细节和图中文字更讲究，最高 4K
model-seedream = 照片和人像，最高 2K，最多融合 10 张图片
model-seedream-flash = 快速出草图，最高 2K，最多融合 10 张图片
model-flux-2 = 照片、产品和材质，最高 2K，最多融合 8 张图片
model-flux-kontext = 快速修改一张图片
model-flux-kontext-max = 与 FLUX.1 Kontext Pro 相似，文字和细节更好
model-qwen = 可以透明背景，也可以只修改你标出的部分
model-ideogram = 标志、海报和字体设计
model-grok = 生动的场景和人物，五种形状
model-z-image = 只凭文字快速画图，价格最低

# While a model is chosen.
models-choice = { $name } · { $price } · { $good }
models-with-price = { $what } · { $price }

# The one press that makes what is nearest. $changes: what is other than asked for, as in the messages below or a shape.
models-make = 这样画：{ $changes }
models-make-nearest = 就这样画
models-changes = 按钮会这样画：{ $changes }。
models-at-price = { $what }（{ $price }）
models-change-model = 用 { $model }
models-change-resolution = 用 { $resolution }
models-change-no-resolution = 不用 { $resolution }
models-change-background = 不要透明背景
models-change-variants = { $count } 张
models-change-enhance = 不润色描述
models-change-fallback = 不用备用模型
models-make-variants = 画 { $count } 张

# Why another model makes it, in one line of the card.
models-was-off = { $was } 目前不能使用，改由 { $now } 来画。
models-was-not-here = 这个服务器不提供 { $was }，改由 { $now } 来画。
models-was-without-mask = { $was } 不能使用蒙版，改由 { $now } 来画。
models-was-for-fewer = { $most ->
    [0] { $was } 只能凭文字画图，改由 { $now } 来画。
   *[other] { $was } 最多以 { $most } 张图片为起点，改由 { $now } 来画。
}
models-was-for-other-words = { $was } 处理不了这样长度的描述，改由 { $now } 来画。
models-named-twice = 以你选的模型为准，没有采用 `--model`。
models-resolution-twice = 以你选的分辨率为准，没有采用 `--resolution`。
