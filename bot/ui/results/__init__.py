"""
Results, and the buttons below them that ask for another picture.

actions.py         the buttons below a result that ask for another picture
batch_messages.py  the messages of a batch
edits.py           the form to edit a picture
lineage.py         what a picture was made from, and what was made from it
lookup.py          show a task to the person who looks it up
missing.py         the pictures that did not come, and whether they may have cost
originals.py       the button for the pictures at full size
outcomes.py        the message with the pictures, and the message of a failure
picks.py           choose one of a task's pictures by its number
"""
