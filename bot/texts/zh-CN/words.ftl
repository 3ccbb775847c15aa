# Words that become part of a prompt: for a mention whose name is unknown, for a time, and for what must not be shown.

names-role = 身份组
names-channel = 频道
names-moment = 某天
names-date = { DATETIME($when, dateStyle: "long") }
names-time = { DATETIME($when, timeStyle: "short") }
names-date-and-time = { DATETIME($when, dateStyle: "long", timeStyle: "short") }

words-without = 没有
