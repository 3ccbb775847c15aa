show-name = 查看
show-command = 再看一次以前画的图
show-what = 你写过的词、消息链接，或编号
show-only-you = 只有你能看到这条消息。
