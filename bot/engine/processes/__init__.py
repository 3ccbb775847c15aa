"""
The processes that share one database.

membership.py    which processes run, which of them leads, and which shards this one answers for
create_turns.py  let creates begin in one order over all processes
"""
