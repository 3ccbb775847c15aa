"""
Whether work may start now, and what the operator has to know.

account.py          pause creates while the API key or the credits need the operator
admission.py        whether creates may start now
alerts.py           alert the operator, at most once a day for each reason
circuit_breaker.py  circuit breaker: pause creates while the image API is unreachable
disk_space.py       refuse new files while the disk is nearly full
model_trouble.py    notice when the image API has trouble with a model
result_hosts.py     alert the operator about result hosts that are not allowed or do not serve results
"""
