"""
The three forms of the image API: how each takes creates, and how it describes tasks in records and callbacks.

four_o.py  4o's own endpoint
flux.py    Flux Kontext's own endpoint
market.py  the jobs API, which has all models
"""
