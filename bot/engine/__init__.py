"""
The life of a task. Knows no Discord, no HTTP, no SQL.

engine.py       the three doors: people, news (`called_back`), time (`step`, `run`)
people.py       the first of them: `submit`, `again`, `cancel`
checking.py     ... what they may ask for, whatever it came by
preparation.py  queued:      look at the references, keep our copies, upload them where links will not do
creation.py     submitting:  the one act that cannot be repeated
watching.py     generating:  ask until there is an outcome
adoption.py     callbacks:   news sooner, and what became of a create whose answer was lost
telling.py      settled:     keep the pictures, post the parts, take the card away
result_fetching.py  a result becomes a copy of ours, by its own address or by another one
late_pictures.py  results told as links: tried on until their messages hold them
result_hosts.py what the operator has to know of the hosts of results
keeping.py      outcomes that nobody could be told, until their asker comes
batches.py      several requests out of one: proposed, begun, taken back
sharing.py      ... and told together
shared.py       ... as their messages show them: pure
board.py        what the waiting cards show meanwhile
gate.py         whether creates may begin
account.py      creates stop while the key or the credit needs the operator
breaker.py      creates stop while the image API is not there
operator.py     telling whoever runs the bot
retention.py    our copies go when they are old
space.py        whether there is room for new files
reliance.py     whether callbacks can be relied on
picture_work.py  pictures looked into, converted and made small: what it costs, whose turn it is
thumbnails.py   ... the small ones, made once and kept
room.py         bytes in memory, or places for work, shared fairly
reference_fetching.py  what people attached: places to fetch it, room in memory for it
places.py       places for what people start for free
trials.py       what was under way when the process died is tried apart
suspects.py     ... tasks, claimed and given up
attempts.py     ... the same of work that has no claim of its own in a task's row
clock.py        the time that rows are stamped with, whatever becomes of the machine's clock
timekeeping.py  which time a process begins with
schedule.py     when to ask, how long it may take: pure functions
ports.py        what all this needs of others
"""
