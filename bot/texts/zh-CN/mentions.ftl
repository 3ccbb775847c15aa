# What is said to messages that mention us.

mentions-help = 在提到我的同时写下你想看到什么，或者这样回复一条带图片的消息，我就会画出来。`/{ imagine-name }` 还能做更多。
