"""
What every view shares.

choices.py        autocomplete
component_ids.py  the id by which a search finds a message
dynamic_items.py  what all buttons and selects share: `custom_id` and error handling
forms.py          modals that still work after a restart
paging.py         lists with pages
pictures.py       a finished picture as a file: its name, and its use in the next request
selected.py       check what a select menu returns against what it offered
text.py           fit the text of a message into Discord's limits
"""
