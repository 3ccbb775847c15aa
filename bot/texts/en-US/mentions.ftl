# What is said to messages that mention us.

mentions-help = Write what you would like to see behind my name, or answer a message with pictures in that way, and I make it. `/{ imagine-name }` can do more.
mentions-direct = Write what you would like to see, or send me a picture with the words for what should change, and I make it. `/{ imagine-name }` can do more.
mentions-role = I can read a message only if it mentions me myself, not my role. Type `@` and choose the name with “APP” beside it.
mentions-smile = Happy to help.
