"""
Benchmarks, as ratios to a floor that is measured in the same run. `python -m benchmarks`; README.md explains each.

__main__.py     choose and run benchmarks, print their tables
results.py      tables of results, and the size of the machine
notice.py       from "done" at the image API until the bot notices, and the polls spent
times.py        distributions of generation times, and the cost of a polling schedule
optimum.py      the best possible polling schedule
store.py        submits and state changes on SQLite
shared_store.py the same of several processes on PostgreSQL
hold.py         many tasks in flight in one process
acknowledge.py  from a command to its first answer
bare.py         the floor of `acknowledge` and `start`: a bot that only answers
tell.py         from a result to its message
telling.py      the process that `tell` measures
start.py        import, start and idle memory of the bot
memory.py       memory of a process after many tasks
rush.py         requests to Discord when many people ask at about the same time
hostile.py      pictures that are made to cost memory and time
attacked.py     the process that `hostile` measures
processes.py    several processes on PostgreSQL, beside one on SQLite
line.py         a network connection with delay and limited bandwidth
engines/        the bot's engine against kept ones
"""
