"""
How fast it is, as ratios to a floor that is measured in the same run. `python -m benchmarks`; README.md explains each.

results.py      what a benchmark yields; the table and the machine's size
notice.py       done at the image API until noticed, against polls spent
times.py        how long pictures take there, and what a schedule of polls costs
optimum.py      the best schedule that there is
store.py        submits and moves on SQLite
hold.py         many tasks in flight in one process
acknowledge.py  a command until its first answer
bare.py         the floor of that: a bot that only answers
tell.py         a result until its message
telling.py      the process in which that is measured
rush.py         requests to Discord when many ask at about the same time
hostile.py      pictures that are made to cost memory and time
attacked.py     the process in which that is measured
line.py         a line to the servers that takes its time
"""
