# What can be done with a finished picture: the buttons under it, and what they answer.

actions-again = 再画一次
actions-edit = 修改
actions-vary = 变化
actions-full-size = 原图
actions-family = 来龙去脉

# Under a result that came from another one.
actions-from-picture = 源自 { $asker } 的图片
actions-from-picture-gone = 源自一张已经不在的图片
actions-same-request = 最初由 { $asker } 提出

actions-which = 要让哪一张变化一下？
actions-choose = 选一张图片

actions-original = { $count ->
   *[other] 原样的 { $count } 张图片
}
actions-links = 太大了，没法直接放在这里。下面的链接短时间内可以打开原图：
actions-missing = { $count ->
   *[other] 有 { $count } 张图片的原图已不再保留，消息里的就是现有最好的。
}

actions-kin = 这张图片从何而来，又衍生了什么
actions-kin-alone = 这张图片不是从别的图片来的，也还没有衍生出别的图片。点“{ actions-edit }”或“{ actions-vary }”试试。
actions-kin-older = { $count ->
   *[other] 还有更早的 { $count } 个没有列出。
}
actions-kin-first = 提出
actions-kin-again = 再画
actions-kin-edit = 修改
actions-kin-vary = 变化
actions-kin-line = { $asker } { $what }
actions-kin-this = 就是这一张
actions-kin-waiting = 还没画好
actions-kin-none = 没有画成
actions-kin-open = 打开消息
