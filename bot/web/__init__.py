"""
The bot's HTTP endpoint.

site.py         start and stop the server; `/healthz`, `/readyz`, `/metrics`, and callbacks if they are on
connections.py  limit the number of connections and the time of each
readiness.py    whether the bot can work, for `/readyz`
metrics.py      the metrics, from the rows and from this process
balance.py      the credits left on the account, as last asked
callbacks.py    receive the image API's callbacks
"""
