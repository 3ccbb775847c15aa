private-only-you = 只有你能看到这条消息。
private-by-message = Discord 只让我在 15 分钟内回复，所以改用私信发给你。
private-leaving = 这次用时超过了 Discord 允许我在这里回复的时间。结果会用私信发给你；如果你关闭了私信，我会替你留着，等你下次使用命令时给你。
private-bringing = 正在把结果发给你。
