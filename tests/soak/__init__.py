"""
The soak: a day in an hour, with ten times the requests that the image API takes, and faults at random.

__main__.py  `python -m tests.soak`: play it and print what happened
day.py       the course of a run: people, faults, restarts, the end
faults.py    what goes wrong, each for some seconds
turned.py    the bot as a process whose machine's clock a file turns
samples.py   memory, file handles and waiting requests while it runs
verdict.py   what was lost, doubled or unexplained: pure
"""
