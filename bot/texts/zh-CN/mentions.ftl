# What is said to messages that mention us.

mentions-help = 在提到我的同时写下你想看到什么，或者这样回复一条带图片的消息，我就会画出来。`/{ imagine-name }` 还能做更多。
mentions-direct = 直接写下你想看到什么，或者发来一张图片并写明要怎么改，我就会画出来。`/{ imagine-name }` 还能做更多。
mentions-role = 只有提到我本人的消息我才读得到，提到我的身份组不行。请输入 `@`，再选择旁边标有“APP”的名字。
mentions-smile = 很高兴帮上忙。
