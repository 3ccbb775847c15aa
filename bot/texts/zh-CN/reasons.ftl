# Why there is no picture, or why something is refused: reason-<Reason> for every reason there is. Each says what to do
# next.

reason-too-many-open = 你已经有 { $allowed } 个请求在排队或进行中。等其中一个完成后再试，或者取消一个。
reason-too-many-today = 过去 24 小时里，你的 { $allowed } 张图片已经用完。请{ $free_at }再试。
reason-service-full-today = 24 小时内我最多可以画 { $allowed } 张图片，现在已经画满。请{ $free_at }再试。
reason-not-yours = 只有这张图片的发起人才能这样做。输入 `/{ imagine-name }` 画你自己的吧。
reason-too-late-to-cancel = 它已经不在排队了，不能再取消。请在这里等它完成。
reason-task-unknown = 我已经不记得这个请求了。输入 `/{ imagine-name }` 重新画一张吧。
reason-asked-again-already = 你已经让我再画一次了。请等那一个完成。
reason-collected-already = 它马上就会发给你。请到你最先打开它的地方查看。
reason-no-longer-kept = 我这里已经不再为你保留它了：它已经或即将通过别的方式发给你。请看看你发起请求的频道和你的私信，或者输入 `/{ imagine-name }` 重新画一张。
reason-picture-gone = 这张图片我已经不再保留。如果你还看得到它，请在那条消息上选择“{ forms-menu }”，或者存下来附到 `/{ imagine-name }` 里。
reason-original-gone = 原图我和图像服务都已不再保留。消息里的那张就是现有最好的，请直接保存它。
reason-original-later = 暂时拿不到原图。请过几分钟再试。
reason-form-gone = 这个表单打开得太久了。请从消息上重新打开。
reason-no-picture-there = 那条消息里没有我能用的图片。请选一条带图片的消息，或者把图片附到 `/{ imagine-name }` 里。
reason-got-through = 这一个其实成功了。请在这个频道里找找看，或者输入 `/{ imagine-name }` 再画一张。
reason-blank-prompt = 还没有可以参考的内容。请写下你想看到什么，或者附上一张图片。
reason-stored-too-much = 我为你保存了 { $used } MB 的图片，加上这些就超过 { $allowed } MB 的上限了。可以用 `/{ reference-name } { reference-remove-name }` 删除一个图片组，用 `/{ privacy-name } { privacy-erase-name }` 清除不需要的内容，或者附上小一些的图片。
reason-stored-too-much-today = 过去 24 小时里你已经发来 { $used } MB 的图片，加上这些就超过 { $allowed } MB 的上限了。请{ $free_at }再试，或者附上小一些的图片。
reason-stored-too-much-today-at-once = 这些图片超过了 24 小时内我能接收的 { $allowed } MB。请附上小一些的图片。
reason-disk-low = 我存放文件的空间快用完了，暂时不能接收新图片。可以只用文字，或者晚些再试。我的运营者已经收到通知。
reason-disk-full = 我没有空间记录这个请求了。没有任何花费，请晚些再试。我的运营者需要腾出空间。
reason-too-long = 最多只能写 { $allowed } 个字符，这段太长了。请缩短后再发送一次。
reason-choice-unknown = 这不是我提供的选项。请重新打开，从列表里选择。
reason-batch-too-large = { $allowed ->
    [1] 这里不能用花括号一次发起多个请求。请分开发起；如果只是想写花括号本身，请在它前面加一个反斜杠。
   *[other] 花括号里的词会变成太多请求，这里一次最多允许 { $allowed } 个。请减少花括号里的词。
}
reason-batch-nested = 一个花括号里还套着另一个，我不确定你的意思。请只用一层花括号；如果只是想写花括号本身，请在它前面加一个反斜杠。
reason-batch-by-command = 带花括号的描述会变成好几个请求，我得先问你一声。请用同样的描述输入 `/{ imagine-name }`。如果只是想写花括号本身，请在它前面加一个反斜杠。
reason-batch-parameters = 一个请求里的图片形状都一样。请把 `--ar` 这类参数写在最后一个花括号后面，只写一次；要不同的形状，就分开发起请求。
reason-batch-gone = 这个问题已经失效：你已经回答过，或者已经超过 15 分钟。请用同样的描述重新发起请求。
reason-batch-too-many-open = 你同时最多可以有 { $allowed } 个正在排队或进行中的请求，加上这些就超过了。请等其他请求完成后再点一次“{ batches-make }”，或者减少花括号里的词后重新发起请求。
reason-batch-too-many-today = 你在 24 小时内最多可以要 { $allowed } 张图片，加上这些就超过了。请{ $free_at }再试，或者减少花括号里的词。
reason-batch-too-many-today-at-once = 你在 24 小时内最多可以要 { $allowed } 张图片，而这一次就超过了。请减少花括号里的词后重新发起请求。
reason-batch-service-full = 我在 24 小时内最多可以画 { $allowed } 张图片，加上这些就超过了。请{ $free_at }再试，或者减少花括号里的词。
reason-batch-service-full-at-once = 我在 24 小时内最多可以画 { $allowed } 张图片，而这一次就超过了。请减少花括号里的词后重新发起请求。
reason-batch-nothing-waits = 这一批里已经没有还在排队的请求，没有什么可以取消了。其余的正在画，请等一等。
reason-not-found = 我找不到这样的图片，或者你无权查看。输入时会列出你自己的请求，请从中选一个。
reason-too-late-to-post = 这一个已经画好，我替你留着。输入 `/{ show-name }` 查看；想发布的话，点它下面的“{ curation-post-here }”。
reason-too-late-to-withhold = 来不及了：这一个已经画好，或者马上就要发布。请到你发起请求的频道查看。
reason-looking-already = 你同时打开了好几个，我还在准备。请等它们出来后再试。
reason-exporting-already = 你的文件已经在整理了。请收到之后再试。
reason-not-this-server = 我不能在这里画图。请让我的运营者开放这里，或者到允许我的服务器里使用我。
reason-not-this-channel = 这个服务器在其他频道里画图：{ $channels }。请到那里找我。
reason-too-many-references = { $model } 最多以 { $allowed } 张图片为起点。请少选几张{ $others ->
    [none] 。
   *[some] ，或者换一个能用这么多的模型：{ $models }。
}
reason-missing-permissions = 在这个频道里，我还需要以下权限：{ $permissions }。请让管理员开通，或者换一个频道使用我。

reason-reference-empty = { $filename } 是空的。请重新附上图片。
reason-reference-too-large = { $filename } 超过 { $megabytes } MB。请把它缩小后重新附上。
reason-reference-too-many-pixels = { $filename } 的像素太多，我处理不了。请把它缩小后重新附上。
reason-reference-not-a-picture = { $filename } 不是我能打开的图片。请改附照片或图片，比如 JPEG 或 PNG 文件。
reason-reference-format = { $filename } 的格式是 { $format }，我用不了。请存成 JPEG 或 PNG 后重新附上。
reason-reference-animated = { $filename } 是动图。请把其中一帧存成 JPEG、PNG 或 WebP 后附上。
reason-reference-too-small = { $filename } 只有 { $width } × { $height } 像素。请附上大一些的图片：每边至少 64 像素。
reason-reference-too-long = { $filename } 是 { $width } × { $height } 像素，太细长了。请裁剪到长边不超过短边的三倍，再重新附上。
reason-references-unusable = 有 { $count } 个文件用不了，所以什么都没有画，也没有任何花费。请更换后再试。
reason-reference-too-complex = { $filename } 太复杂，我打不开。请把它缩小，或另存为普通的 JPEG 或 PNG，再重新附上。
reason-reference-broken = { $filename } 已损坏或不完整。请重新保存一次再附上。
reason-reference-misnamed = { $filename } 的名字像 { $named }，内容却是 { $format }。请改成相符的名字后重新附上。
reason-reference-unfetchable = Discord 上已经没有 { $filename } 了。请重新附上。
reason-attached-unusable = 我试了好几次，都没能打开你附上的内容。请换一张图片再试，或者不附图片。这一次没有任何花费。
reason-reference-erased = 这个请求用到了别人的图片，对方已经把它清除了。请用 `/{ imagine-name }` 附上你自己的图片再试。
reason-mask-without-image = 蒙版需要有对应的图片。请把那张图片附在 `{ option-image }` 里，或者不用蒙版。
reason-mask-with-several = 蒙版只能配一张图片。请只附那一张，或者不用蒙版。
reason-mask-size = 蒙版 { $filename } 是 { $mask_width } × { $mask_height }，图片却是 { $width } × { $height }。请把蒙版做成和图片一样的形状，再把两者重新附上。
reason-mask-not-black-and-white = 蒙版 { $filename } 不是黑白的。请把可以改变的部分涂黑、其余涂白，或者把可以改变的部分擦成透明，然后重新附上。
reason-mask-changes-nothing = 用蒙版 { $filename } 的话，什么都不会改变。请把可以改变的部分涂黑或擦成透明，然后重新附上。

reason-policy = 图像服务不允许这个请求。请换一种说法，或换一张图片试试。
reason-reference-policy = 图像服务不允许其中一张附图。请换一张试试。
reason-api-reference-too-large = 图像服务认为有一张附图太大。请把它缩小后再试。
reason-api-reference-too-small = 图像服务认为有一张附图太小。请换一张大一些的再试。
reason-api-reference-format = 图像服务读不了其中一张附图。请存成 PNG 或 JPEG 后再试。
reason-api-reference-unfetchable = 图像服务下载不了其中一张附图。请再试一次，或重新附上图片。
reason-api-mask = 图像服务用不了这张蒙版。请把蒙版和图片存成同样大小的 PNG 后再试，或者不用蒙版。
reason-generation-failed = 图像服务试过了，但没有画成。请再试一次，也可以换一种说法。
reason-no-pictures = 图像服务说已经完成，却没有送来图片。请再试一次。
reason-invalid-request = 图像服务处理不了这个请求。请换一种说法或换别的图片试试。
reason-model-unavailable = 图像服务暂时不能用所选的模型来画。请输入 `/{ imagine-name }`，换一个模型再试。
reason-account-key = 图像服务暂时不接受我的密钥。需要我的运营者处理，请稍后再试。
reason-account-credit = 我在图像服务那里的余额用完了。需要我的运营者充值，请稍后再试。
reason-account-quota = 我在图像服务那里的配额暂时用完了。请稍后再试。
reason-service-fault = 图像服务自己出了点问题。请过几分钟再试。
reason-service-unreachable = 整整一天都连不上图像服务，所以我不再尝试了。没有任何花费。请稍后再试。
reason-unconfirmed = 我和图像服务的连接断开了，不确定它有没有收下这个请求。你可以再试一次，但可能会再次计费。
reason-restored = 我是用备份恢复的，不确定这个请求后来有没有完成。你可以再试一次，但可能会再次计费。
reason-lost = 图像服务整整一天没有答复，所以我不再等了。请再试一次。
reason-discord-refuses = Discord 目前拒绝了我的许多请求。请过几分钟再试。
reason-work-given-up = 我试了好几次都没能做到。请联系我的运营者。
reason-nobody-told = 我没能联系上你。请在我可以发消息的地方输入 `/{ imagine-name }`，我会在那里告诉你结果。
reason-result-host-not-allowed = 图像服务把图片放在了我不能下载的地方。请稍等，能下载时我会发给你。
reason-result-host-refuses = 图像服务暂时不提供你的图片。请稍等，能下载时我会发给你。
reason-defect = 我这边出了点问题。请再试一次；如果还是这样，请把这个编号告诉我的运营者：{ $number }。

reason-managers-only = 只有可以管理这个服务器的人才能这样做。请找他们帮忙。
reason-moderators-only = 只有可以管理这个服务器或管理消息的人才能这样做。请找他们帮忙。
reason-channel-unusable = 我用不了{ $channel }。请在该频道设置的“权限”里允许我：{ $permissions }，然后重新选择它，或者换一个频道。
reason-style-unknown = 这个服务器没有叫 { $name } 的风格。输入 `/{ style-name } { style-list-name }` 看看有哪些。
reason-style-nameless = 风格需要一个看得见的名字。请写一个再发送。
reason-style-taken = 这个服务器已经有叫 { $name } 的风格了。请换一个名字，或者用 `/{ style-name } { style-edit-name }` 修改那一个。
reason-styles-full = 一个服务器最多有 { $allowed } 个风格。请先删除一个再添加。
reason-style-template = 模板里必须有且只有一个 {"{prompt}"}：大家自己写的描述会放在那里。例如：{"{prompt}"}，水彩画风格。
reason-added-words-blank = 里面没有文字。请写一些，或者留空就不加。
reason-added-words-plain = 只能加上普通文字。请去掉提及、服务器表情、花括号，以及 `--ar` 这样的参数。
reason-style-unchanged = 还没有要修改的内容。请选择要改什么：名字、模板、形状、张数或图片。
reason-style-with-mask = 风格 { $name } 自带一张图片，而蒙版只能配一张图片。请不用蒙版，或者换一个风格。

reason-set-unknown = 你没有叫 { $name } 的图片组。输入 `/{ reference-name } { reference-list-name }` 看看你有哪些。
reason-set-nameless = 图片组需要一个看得见的名字。请写一个再发送。
reason-set-taken = 你已经有叫 { $name } 的图片组了。请换一个名字，或者先用 `/{ reference-name } { reference-remove-name }` 删除那一个。
reason-sets-full = 每个人最多有 { $allowed } 个图片组。请先删除一个再保存。
reason-replied-unseen = 我看不到你回复的那条消息。如果里面有图片，请打开它的菜单，在“APP”里选择“{ forms-menu }”；或者把图片附到你自己的消息里。
reason-replied-gone = 你回复的那条消息已经不在了。请把图片附到你自己的消息里，或者不用回复，直接告诉我。

# Where no day is long enough.
reason-too-many-today-at-once = 这次要的图片超过了你 24 小时内可以有的 { $allowed } 张。请一次少要几张。
reason-service-full-today-at-once = 这次要的图片超过了我 24 小时内可以画的 { $allowed } 张。请一次少要几张。

# In place of what is not known.
unsaid-allowed = 规定数量的
unsaid-channels = 可以问管理员是哪些
unsaid-channel = 那个频道
unsaid-name = 那个名字
unsaid-permissions = 在这里发消息
unsaid-filename = 其中一个文件
unsaid-format = 别的格式
unsaid-named = 别的格式
unsaid-number = 无
unsaid-model = 这个模型
unsaid-more-files = 另外还有 { $count } 个文件

permission-view-channel = 查看这个频道
permission-send-messages = 发送消息
permission-send-messages-in-threads = 在子区内发送消息
permission-attach-files = 附加文件
permission-read-message-history = 读取消息历史记录

answer-outdated = 这个命令已经更新。请重新加载 Discord 后再试。
answer-database-away = 暂时读不到记录。请过一会儿再试。
answer-database-uncertain = 刚才记录断开了一下，不确定这一次有没有保存。请过一分钟用 `/{ tasks-name }` 看看，再决定要不要重新发起。
answer-not-now = 暂时做不到。请过几分钟再试。

reason-not-yours-to-remove = 只有发起人和管理员可以移除它。觉得有问题的话，请告诉他们。
reason-not-yours-to-show = 只有发起人和管理员可以把它收进画廊。请找他们帮忙。
reason-taken-out = 这一个已经移除，或者在管理员决定之前先遮起来了。请换一个。
reason-cannot-post-there = 我没法替你发到 { $channel }：你或我已经不能在那里发言了。请联系管理员，或者保存图片自己发布。
reason-cannot-post-here = 我在这里只能回复你，不能发给大家看。请保存图片自己发布，或者请这个服务器的管理者把我加进来。
reason-gallery-unchosen = 这个服务器还没有画廊。可以请有管理权限的人用 `/{ settings-name }` 选一个频道。
reason-reports-unchosen = 这个服务器还没有接收举报的频道。请直接告诉管理员，或者请他们用 `/{ settings-name }` 选一个。
reason-reported-already = 你已经举报过这一个了，请等管理员决定。
reason-decided-already = 管理员已经对这一个做出决定了。如有不同看法，请直接联系他们。

# What a model cannot make. $models: names of other models that can, $others: `none` or `some`.
reason-model-unknown = 我不认识叫 { $named } 的模型。{ $others ->
    [near] 你要的是不是 { $models }？请从 `{ option-model }` 的列表里选一个。
    [some] 请选择 { $models }。
   *[none] 请从 `{ option-model }` 的列表里选一个。
}
reason-model-off = { $model } 目前不能使用。{ $others ->
    [none] 请晚些再试。
   *[some] 请选择 { $models }。
}
reason-model-not-here = 这个服务器不提供 { $model }。{ $others ->
    [none] 能管理服务器的人可以用 `/{ settings-name }` 更改。
   *[some] 请选择 { $models }。
}
reason-size-unknown = 我不认识 { $named } 这种形状。{ $model } 可以画：{ $sizes }。
reason-size-is-resolution = { $resolution } 是分辨率，请填在 `{ option-resolution }` 里。{ $model } 的形状有：{ $sizes }。
reason-size-lacking = { $model } 画不了{ $size } 的图片。请选择{ $nearest_size }{ $others ->
    [none] 。
   *[some] ，或者换一个能画的模型：{ $models }。
}
reason-size-of-no-picture = 没有可以参照形状的图片。请把图片附到 `{ option-image }`，或者选择别的形状。
reason-size-not-in-resolution = { $model } 画不了 { $resolution } 的{ $size } 图片。请选择 { $nearest_resolution }，或者换一种形状，比如{ $nearest_size }。
reason-resolution-lacking = { $model } 画不了 { $named }。请选择 { $resolutions }。
reason-resolution-is-size = { $size } 是形状，请填在 `{ option-size }` 里。分辨率请不要填，或者从列表里选一个。
reason-resolution-unchosen = { $model } 不能选择分辨率。请不要填这一项{ $others ->
    [none] 。
   *[some] ，或者换一个能画 { $named } 的模型：{ $models }。
}
reason-background-lacking = { $model } 画不了透明背景。请不要填这一项{ $others ->
    [none] 。
   *[some] ，或者换一个能画的模型：{ $models }。
}
reason-background-not-in-resolution = { $model } 在 { $resolution } 下画不了透明背景。请选择 { $nearest_resolution }，或者不要透明背景。
reason-variants-lacking = { $model } 一次可以画 { $numbers } 张。请从中选择。
reason-enhance-lacking = { $model } 不能润色描述。请不要填 `{ option-enhance }`{ $others ->
    [none] 。
   *[some] ，或者换一个可以的模型：{ $models }。
}
reason-fallback-lacking = { $model } 没有备用模型。请不要填 `{ option-fallback }`{ $others ->
    [none] 。
   *[some] ，或者选择 { $models }。
}
reason-references-lacking = { $model } 只能凭文字画图。请去掉图片{ $others ->
    [none] 。
   *[some] ，或者换一个能以图片为起点的模型：{ $models }。
}
reason-mask-lacking = { $model } 不能使用蒙版。请去掉蒙版{ $others ->
    [none] 。
   *[some] ，或者换一个可以的模型：{ $models }。
}
reason-prompt-too-long = { $model } 最多接受 { $allowed } 个字符。请缩短一些{ $others ->
    [none] 。
   *[some] ，或者换一个能接受更多的模型：{ $models }。
}
reason-prompt-too-short = { $model } 至少需要 { $allowed } 个字符。请再多写一点。
reason-prompt-missing = 使用 { $model } 时，除了图片还要有文字。请写下你想看到什么{ $others ->
    [none] 。
   *[some] ，或者换一个不需要文字的模型：{ $models }。
}
