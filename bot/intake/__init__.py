"""
From an interaction or a message to what the person asks for. Nothing here sends an answer.

added_words.py       the words that a person wants added to each prompt
channels.py          whether the bot may post in a channel
choosing.py          what was chosen and what holds by default become one request that a model can make
mentions.py          read a message to the bot as a request
message_pictures.py  the pictures in a message: attachments, embeds, galleries, forwards
names.py             names for mentions, custom emoji and timestamps in typed words
origin.py            where a request came from, and whether it can be answered there
requests.py          what a person asks for (`Wish`)
roles.py             which permissions a person needs for a decision
small_talk.py        greetings, thanks and the like, for which no picture is made
stored_pictures.py   store a copy of an attachment for later use
words.py             read typed words: names, and parameters such as `--ar`
"""
