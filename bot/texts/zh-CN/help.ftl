# The answer of /help, and the greeting in a new server.

help-name = 帮助
help-command = 看几个可以试的例子，以及你还能画几张
help-heading = 一起画图
help-start = 点一个例子，会打开填好的表单；提交之后才会开始画。
help-try = 试一试
help-open = 看看例子
help-example-1 = 一只红狐狸睡在新雪里，柔和的晨光
help-example-2 = 日落时分的辽阔山湖，油画风格 --ar 3:2
help-example-3 = 一张爵士之夜的海报，上面写着“周五九点” --ar 2:3
help-example-4 = 把我的照片变成水彩画
help-example-5 = { "{" }春天，冬天{ "}" }里的温馨树屋
help-more =
    `/{ imagine-name }`：用文字画图，也可以附上图片。
    `/{ create-name }`：用表单画图；`/{ blend-name }`：把几张图片融合成一张。
    `/{ tasks-name }`：列出你的请求；`/{ show-name }`：再看一次结果。
    `/{ status-name }`：看看现在画图要等多久。
    `/{ privacy-name } { privacy-show-name }`：看看我保存了哪些与你有关的内容。
help-models = 用 `{ option-model }` 可以换一个模型：形状更多，图片更大，还有透明背景。用 `/{ preferences-name }` 可以把它设为你的默认模型。
help-price = 用 { $model } 画一张图要 { $count } 积分。
help-prices = 用 { $model } 画一张图要 { $least } 到 { $most } 积分。
help-price-same = { $count ->
    [1] 用 { $model } 也一样。
   *[other] 其他模型也一样。
}
help-price-others = 其他模型要 { $count } 积分。
help-prices-others = 其他模型要 { $least } 到 { $most } 积分。
help-no-limit = 你每天画图没有张数限制。

greeting =
    大家好，我可以用文字和照片画图。
    输入 `/{ imagine-name }`，或者 @我 并写下你想看到什么。`/{ help-name }` 里有例子，`/{ settings-name }` 可以设置我能用的频道。
greeting-direct =
    感谢把我加进 { $server }。我可以用文字和照片画图，但那里的文字频道我都不能发言。
    请允许我在某个频道里查看、发消息和上传文件，然后在那里输入 `/{ imagine-name }`。
