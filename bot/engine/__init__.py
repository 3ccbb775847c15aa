"""
The life of a task. Knows no Discord, no HTTP, no SQL.

engine.py       the three doors: people (`submit`, `cancel`, `again`), news (`observe`), time (`step`, `run`)
preparation.py  queued:      look at the references, keep our copies, upload them where links will not do
creation.py     submitting:  the one act that cannot be repeated
watching.py     generating:  ask until there is an outcome
telling.py      settled:     keep the pictures, post the parts, take the card away
board.py        what the waiting cards show meanwhile
account.py      creates stop while the key or the credit needs the operator
retention.py    our copies go when they are old
schedule.py     when to ask, how long it may take: pure functions
ports.py        what all this needs of others
"""
