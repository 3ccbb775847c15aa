# A person's own sets of pictures, to begin with again and again.

reference-name = 图片组
reference-command = 你自己的图片组，可以反复作为起点
reference-save-name = 保存
reference-save-command = 把最多五张图片存成一个图片组，并起个名字
reference-use-name = 使用
reference-use-command = 以你的一个图片组为起点来画图
reference-list-name = 列表
reference-list-command = 看看你有哪些图片组
reference-remove-name = 删除
reference-remove-command = 删除你的一个图片组

reference-option-name = 你用来选择它的名字，比如：我的角色
reference-option-image = 要保存的图片：常见格式都可以，最大 50 MB
reference-option-which = 你的哪个图片组
reference-option-prompt = 你想看到什么；留空会打开表单
reference-option-imagine = 以你自己的一个图片组为起点
reference-choice = { $count ->
   *[other] { $name }（{ $count } 张）
}

reference-saved = { $count ->
   *[other] 图片组 { $name } 已经保存，共 { $count } 张。用 `/{ reference-name } { reference-use-name }`，或者在 `/{ imagine-name }` 的 `{ option-reference }` 里选择它，就可以以它为起点来画图。
}
reference-remove-question = 要删除图片组 { $name } 和我保存的图片吗？删除后无法恢复。
reference-remove-button = 删除
reference-removed-already = 这个图片组已经不在了。
reference-removed = 图片组 { $name } 已经删除，我保存的图片也一起删掉了。

reference-heading = 你的图片组
reference-none = 你还没有图片组。用 `/{ reference-name } { reference-save-name }` 保存一个吧。
reference-how = 用 `/{ reference-name } { reference-use-name }`，或者在 `/{ imagine-name }` 的 `{ option-reference }` 里选择一个。只有你能看到这条消息。
reference-count = { $count ->
   *[other] { $count } 张
}
reference-alt = 图片组 { $name } 里的图片
reference-page = 第 { $page } 页，共 { $pages } 页
reference-earlier = 上一页
reference-later = 下一页

reference-form-title = 以你的图片组为起点
