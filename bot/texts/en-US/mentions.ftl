# What is said to messages that mention us.

mentions-help = Mention me and say what you’d like to see, or reply to a picture and mention me with what to change. `/{ imagine-name }` can do more.
mentions-direct = Say what you’d like to see, or send me a picture with what to change. `/{ imagine-name }` can do more.
mentions-role = I can only read messages that mention me, not my role. Type `@` and choose the name with “APP” beside it.
mentions-smile = Happy to help.
