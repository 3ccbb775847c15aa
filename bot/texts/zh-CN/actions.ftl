# What can be done with a finished picture: the buttons under it, and what they answer.

actions-again = 再画一次
actions-edit = 修改
actions-vary = 生成变体
actions-full-size = 原图
actions-family = 相关图片
actions-more = 更多
actions-full-size-hint = 查看原图，只有你能看到
actions-family-hint = 它源自哪张图片，又衍生了哪些图片
actions-gallery-hint = 复制到这个服务器的画廊
actions-report-hint = 告诉管理员哪里有问题

# Under a result that came from another one.
actions-from-picture = 源自 { $asker } 的图片
actions-from-picture-gone = 源自一张已经不在的图片
actions-same-request = 最初由 { $asker } 发起

actions-which = 要给哪一张生成变体？

actions-original = { $count ->
   *[other] { $count } 张原图
}
actions-links = 太大了，没法直接放在这里。下面的链接短时间内可以打开原图：
actions-missing = { $count ->
   *[other] 有 { $count } 张图片的原图已不再保留。消息里的就是现有最好的，请直接保存。
}

actions-kin = 这张图片的来源，以及由它衍生的图片
actions-kin-alone = 这张图片不是由别的图片画成的，也还没有衍生出别的图片。修改它或生成变体试试。
actions-kin-older = { $count ->
   *[other] 还有更早的 { $count } 个没有列出。
}
actions-kin-first = 发起
actions-kin-again = 再画一次
actions-kin-edit = 修改
actions-kin-vary = 生成变体
actions-kin-line = { $asker } { $what }
actions-kin-this = 就是这一张
actions-kin-waiting = 还没画好
actions-kin-none = 没有画成
actions-kin-open = 打开消息
