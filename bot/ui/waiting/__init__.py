"""
What people see while they wait, and the list of their tasks.

cards.py        the waiting card and its buttons
clearing.py     the button that deletes a message without pictures
task_list.py    the list of a person's own tasks
undelivered.py  the notice about outcomes that could not be delivered, and its button
"""
