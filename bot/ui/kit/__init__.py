"""
What every view shares.

choices.py        autocomplete
component_ids.py  the id by which a search finds a message
dynamic_items.py  the base classes of all buttons and selects
forms.py          modals that still work after a restart
model_choices.py  autocomplete of models, shapes, resolutions and numbers, with prices
paging.py         lists with pages
pictures.py       a finished picture as a file: its name, and its use in the next request
questions.py      the button that leaves everything as it is
request_facts.py  what was chosen for a request, and what it costs
selected.py       check what a select menu returns against what it offered
text.py           texts that several messages share: prompts that fit, durations, links, mentions
"""
