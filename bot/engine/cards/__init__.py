"""
What cards show.

lookup.py    show a task again to the person who looks it up
progress.py  what the waiting cards show
"""
