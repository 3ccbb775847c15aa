# The message with the pictures, and the one that says why there are none.

outcome-ready = { $count ->
    [1] 你的图片画好了
   *[other] 你的 { $count } 张图片画好了
}
outcome-more = 同一个请求的其余图片
outcome-choose = 按编号选一张，从左到右、从上到下数。
outcome-fewer = 你要了 { $asked } 张图片，图像服务只给了 { $count } 张。
outcome-missing = { $asked } 张图片画好了 { $count } 张。
outcome-missing-not-allowed = 有 { $count } 张图像服务不允许画，没有计费。
outcome-missing-failed = 有 { $count } 张没有画成，没有计费。
outcome-missing-credit = 有 { $count } 张没能画，因为我在图像服务那里的余额用完了，没有计费。
outcome-missing-not-begun = 有 { $count } 张没有开始画，没有计费。
outcome-missing-unsure = 有 { $count } 张没有收到图片，但可能已经计费。
outcome-first-frame = { $count ->
    [1] { $filename } 只用了第一张画面。
   *[other] 附上的文件中有 { $count } 个只用了第一张画面。
}
outcome-reduced = { $count ->
    [1] { $filename } 超出了图像服务的上限，已缩小后使用。
   *[other] 附上的图片中有 { $count } 张超出了图像服务的上限，已缩小后使用。
}
outcome-cut = { $count ->
    [1] { $filename } 不完整，可能缺少下边缘或部分细节。
   *[other] 附上的图片中有 { $count } 张不完整，可能缺少下边缘或部分细节。
}
outcome-late = { $count ->
    [1] 之前缺的图片到了
   *[other] 之前缺的 { $count } 张图片到了
}
outcome-not-brought = 画好了，但没能发到这里
outcome-took = 用时{ $time }
outcome-saved-anew-this = 为了符合 Discord 在这里允许的大小，这张图片重新保存过，画质损失已尽量减小。
outcome-saved-anew = 为了符合 Discord 在这里允许的大小，有 { $count } 张图片重新保存过，画质损失已尽量减小。
outcome-links-for-now = 这里的内容我暂时没能下载。我会在两周内继续尝试，下载后就补在这里。在那之前，这个链接也许能打开：
outcome-links = 这里的内容我没能下载。这几天链接也许还能打开；打不开的话，请再画一次：
outcome-elsewhere = 你是在 { $channel } 发起的，但我无法在那里发消息。

# For screen readers, and for links.
outcome-picture = 图片
outcome-picture-numbered = 图片 { $number }
outcome-picture-of = 图片 { $number }/{ $count }

outcome-none = 这次没有画成
outcome-unsure = 不确定这次有没有成功
outcome-again = 再画一次
outcome-again-costly = 再画一次（可能会再次计费）

outcome-corrected = 之前我不确定这一个有没有成功，其实成功了。
outcome-corrected-failure = 之前我不确定的那个请求，结果如下。
outcome-taken-back = 这一个其实成功了
outcome-told-later = 结果我已经在后面的消息里告诉你了。
