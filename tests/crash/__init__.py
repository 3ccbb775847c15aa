"""
The crash matrix: kill the bot process between any two acts, and count from outside what happened to every task.

__main__.py  `python -m tests.crash`: run the matrix and print it
points.py    where the process is struck, and with what
stage.py     one run: the servers, the bot, the people, the blow, and the recovery
runs.py      the steps of a run
table.py     the printed results
processes.py one run with several processes on PostgreSQL
outages.py   what happens to them and to the database
scene.py     the servers, the people and the database of a run with several processes
observed.py  what the servers and the database show of a run
verdict.py   what was observed, and what was lost or doubled: pure
"""
