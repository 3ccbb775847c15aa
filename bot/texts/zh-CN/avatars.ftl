# The menu of a person, and its form.

avatar-menu = 使用头像
avatar-form-title = 以头像为起点
