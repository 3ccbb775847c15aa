"""
What cards show, and which messages they are.

lookup.py    show a task again to the person who looks it up
messages.py  record which message is the card of a task
progress.py  what the waiting cards show
status.py    what `/status` says of the service as a whole
"""
