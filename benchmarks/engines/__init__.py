"""
Hold the bot's engine against kept ones: the same life of a task, carried by each.

comparison.py            runs each engine, kills a process, and makes the table
life.py                  what every engine does with a task, and how its processes reach the world
world.py                 the stand-ins of the image API and of the channel, and what they saw
worker.py                one process of an engine
atelier.py               the bot's own engine
dbos_engine.py           DBOS Transact
dbos_one_step.py         the same, with all polls of a task in one step
pgqueuer_engine.py       PgQueuer
procrastinate_engine.py  Procrastinate
rows.py                  the rows of tasks that the two queue libraries leave to us
"""
