"""
Budgets and isolation of work that takes memory or may end the process.

byte_budget.py   a shared budget (bytes or slots) with fair queueing
fair_slots.py    limit concurrent free work (lookups, exports) for each person
picture_work.py  decode pictures in child processes, within budgets of memory and time
quarantine.py    after a death of the process: run the work that was running apart, to find the cause
suspects.py      retry tasks that were running when a process died, and give them up after too many deaths
result_fetching.py download a result and store a copy of it
thumbnails.py    make small pictures once and store them
"""
