"""
What people ask of the engine: new tasks and batches, and the checks of every request.

batches.py   several tasks from one request: propose, start, drop, cancel
checks.py    validate every request, whichever way it came
models.py    which model makes a request, and what changes with the model
requests.py  accept, repeat, cancel and withhold a task
"""
