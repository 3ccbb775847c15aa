"""
From what a person asks for to a stored task and its card, or to the question before a batch.

answers.py      answer with the card of a stored task
ask.py          store a request and answer with its card
batches.py      the question before a batch, and its buttons
create_form.py  the form of `/create`
examples.py     the answer of `/help`: examples, prices, and what is left
nearest.py      what to do where choices do not go together
status.py       the answer of `/status`
"""
