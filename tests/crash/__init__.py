"""
The crash matrix: the bot, as the process that people start, is killed between any two acts, and what became of every
task is counted from outside. `python -m tests.crash`.

* `points`   where it is struck, and with what
* `stage`    one run: the servers, the bot, the people, the blow, and all that follows
* `runs`     how it is played
* `table`    what is printed of it
* `verdict`  what was seen, and what was lost or doubled: pure
"""
