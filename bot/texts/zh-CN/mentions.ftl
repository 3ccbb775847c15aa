# What is said to messages that mention us.

mentions-help = @我 并写下你想看到什么，或者回复一条带图片的消息，@我 并写明要怎么改，我就会画出来。`/{ imagine-name }` 还能做更多。
mentions-direct = 直接写下你想看到什么，或者发来一张图片并写明要怎么改，我就会画出来。`/{ imagine-name }` 还能做更多。
mentions-role = 我只能读到 @我 本人的消息，读不到 @ 我的身份组的消息。请输入 `@`，再选择旁边标有“APP”的名字。
mentions-smile = 很高兴能帮上忙。
