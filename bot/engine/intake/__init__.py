"""
What people ask of the engine: new tasks and batches, and the checks of every request.

batches.py   several tasks from one request: propose, start, drop, cancel
checks.py    validate every request, whichever way it came
requests.py  accept, repeat, cancel and withhold a task
"""
