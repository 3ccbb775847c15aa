# The waiting card: heading and body of each state.

card-looking = 正在检查你附上的图片
card-preparing = 正在准备
card-joining = 马上开始排队。

card-queued = 排队中
card-soon = 很快就开始。
card-next = 下一个就是你。
# While the asker looks at the tinted part of a mask: for the next request, and for one with others ahead.
card-look-soon = 几秒后就开始。如果不是这部分，请点“{ card-cancel }”。
card-look = 如果不是这部分，请点“{ card-cancel }”。
card-before = 你前面还有 { $count } 个请求。
card-paused = { $why }你的位置会保留，之后会自动继续。
card-stopped = 我暂时无法画新的图片。
card-credit = 我在图像服务那里的余额用完了，需要我的运营者充值。
card-key = 图像服务暂时不接受我的密钥，需要我的运营者处理。
card-unreachable = 暂时连不上图像服务。

card-creating = 轮到你了
card-handing = 正在把请求交给图像服务。

card-unconfirmed = 正在等图像服务的答复
card-unsure = 连接在它答复之前断开了，还不知道它有没有收下你的请求。我会等几分钟，无论结果如何都会告诉你。

card-generating = { $count ->
    [1] 正在画你的图片
   *[other] 正在画你的 { $count } 张图片
}
card-silent = 图像服务暂时没有回应。我会继续询问，你的请求不会丢。
card-left = 还要{ $time }
card-begun = 刚刚开始

card-overdue = 这次比平时久一些
card-asking = 你什么都不用做。我会继续询问，直到完成。

card-delivering = 快好了
card-bringing = 正在发到这个频道。
card-finishing = 稍等一下。

# A line below the state, while the service’s own figures say that many pictures of this model fail.
card-trouble = 从 { $since } 起，图像服务的 { $model } 不太稳定，可能会比平时慢一些。

card-cancelled = 已取消
card-nothing-spent = 什么都没有画，也没有任何花费。输入 `/{ imagine-name }` 可以再画别的。

card-first-frame = { $filename } 里不止一张图，我会用第一张。
card-reduced = { $filename } 超出了图像服务的上限，我会把它缩小。
card-cut = { $filename } 不完整，可能缺少下边缘或部分细节，我会用现有的部分。

card-cancel = 取消
card-clear = 关闭
card-variants = { $count } 张备选

# What became of Midjourney's parameters at the end of the words, in one line.
card-ratio = `--ar { $ratio }` 换成了{ $shape }。
card-ratio-nearest = `--ar { $ratio }` 换成了最接近的形状：{ $shape }。
card-ratio-overruled = 你已经选了形状，所以没有用 `--ar { $ratio }`。
card-without = 不想要的内容写在了“{ words-without }”后面。
card-left-out = { $count ->
   *[other] { $names } 在这里不起作用，已经去掉。
}
card-stayed = 末尾读不懂的部分照原样留在了描述里。

# For screen readers: what was attached.
card-attached = 附上的图片
card-mask = 蒙版 { $filename }
card-preview = 你的图片，会改变的部分已着色

card-tinted = 图片的 { $percent } 会改变，也就是着色的部分。
card-changes = 图片的 { $percent } 会改变。
card-percent = { $percent }%
card-percent-least = 不到 1%

card-withhold = 不要发布
card-post = 还是发布吧
card-unwanted = 图像服务已经在画了。我会替你留着，不会发布；画好后输入 `/{ show-name }` 查看。
card-withheld = 已保留，未发布
card-kept = 已经画好，我替你留着：输入 `/{ show-name }` 查看。
card-back = 我回来了，你的请求会继续。
card-fair = 大家轮流来：每人都轮到一次之后，才会轮到第二次。
card-usual = 最近的请求轮到之后，一半用了{ $half }，九成最多用了{ $most }。
card-usual-both = 最近的请求轮到之后，九成最多用了{ $most }。
