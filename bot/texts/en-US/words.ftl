# Words that become part of a prompt: for a mention whose name is unknown, for a time, and for what must not be shown.

names-role = role
names-channel = channel
names-moment = some day
names-date = { DATETIME($when, dateStyle: "long") }
names-time = { DATETIME($when, timeStyle: "short") }
names-date-and-time = { DATETIME($when, dateStyle: "long", timeStyle: "short") }

words-without = without
