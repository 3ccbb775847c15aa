"""
The crash matrix: kill the bot process between any two acts, and count from outside what happened to every task.
`python -m tests.crash`.

* `points`   where the process is struck, and with what
* `stage`    one run: the servers, the bot, the people, the blow, and the recovery
* `runs`     the steps of a run
* `table`    the printed results
* `verdict`  what was observed, and what was lost or doubled: pure
"""
