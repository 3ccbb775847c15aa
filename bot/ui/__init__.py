"""
What people see in Discord, made of values; nothing here asks Discord anything, except buttons when they are pressed.

text.py      all text of a message fits Discord's budget
cards.py     the waiting card
outcomes.py  the message with the pictures, and the one that says why there are none
buttons.py   what all buttons share
actions.py   the buttons under a result, and what they ask for
edits.py     the form that edits a finished picture
originals.py full size: the pictures as they were made
family.py    what a picture came from and what came of it
pictures.py  a finished picture as a file of a message
forms.py     forms that outlive the process that opened them
selected.py  what somebody selected, held against what was offered
message_pictures.py  the pictures that somebody sees in a message
kept.py      what could not be told, and the button that shows it
batches.py   the question before several requests are made out of one
batch_messages.py  the messages that tell of them together
arrival.py   where a request came from, and whether it could be answered there
"""
