# A server's styles: named templates for the words of a picture.

style-name = 风格
style-command = 这个服务器的风格
style-add-name = 添加
style-add-command = 添加一个风格：大家写的描述会放进它的模板里
style-edit-name = 修改
style-edit-command = 修改一个风格
style-remove-name = 删除
style-remove-command = 删除一个风格
style-list-name = 列表
style-list-command = 看看这个服务器有哪些风格

style-option-name = 大家用这个名字来选择它
style-option-which = 哪个风格
style-option-new-name = 它的新名字
style-option-template = 前后的文字：大家自己写的描述放在 {"{prompt}"} 的位置
style-option-size = 这个风格的图片形状
style-option-variants = 这个风格一次画几张
style-option-picture = 每次都作为起点的图片：常见格式都可以，最大 50 MB
style-option-remove-picture = 去掉它的图片
style-option-imagine = 把你的描述放进这个服务器的一个风格里
style-server-size = 按服务器的设置
style-server-variants = 张数按服务器的设置
style-variants = { $count ->
   *[other] { $count } 张
}

style-added = 风格 { $name } 已经添加。大家可以在 `/{ imagine-name }` 的 `{ option-style }` 里选择它。
style-changed = 风格 { $name } 已经修改。
style-remove-question = 要删除风格 { $name } 吗？删除后无法恢复，用它画过的图片都会保留。
style-remove-button = 删除
style-removed-already = 这个风格已经不在了。
style-removed = 风格 { $name } 已经删除。用它画过的图片都还在。

style-heading = 这个服务器的风格
style-none = 这个服务器还没有风格。管理员可以用 `/{ style-name } { style-add-name }` 添加一个。
style-how = 在 `/{ imagine-name }` 的 `{ option-style }` 里选择一个。
style-with-picture = 以一张图片为起点
style-page = 第 { $page } 页，共 { $pages } 页
style-earlier = 上一页
style-later = 下一页

style-preview = { $name }：{ $words }
