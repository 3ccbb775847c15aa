# What is said to messages that mention us.

mentions-help = Write what you would like to see behind my name, or answer a message with pictures in that way, and I make it. `/{ imagine-name }` can do more.
