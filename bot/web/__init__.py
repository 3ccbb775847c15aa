"""
What others ask of the bot over HTTP.

site.py        the address: /healthz, /readyz, /metrics, and callbacks where they are on
connections.py how many connections there may be, and how long each may take
readiness.py   is the bot fit for work?
metrics.py     what the rows say and what this process has counted
balance.py     the credits left, as last known
callbacks.py   the image API calls back when a task has ended
"""
