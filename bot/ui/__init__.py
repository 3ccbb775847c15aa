"""
What people see in Discord, made of values; nothing here asks Discord anything, except buttons when they are pressed.

text.py      all text of a message fits Discord's budget
cards.py     the waiting card
outcomes.py  the message with the pictures, and the one that says why there are none
buttons.py   what all buttons share
kept.py      what could not be told, and the button that shows it
arrival.py   where a request came from, and whether it could be answered there
"""
