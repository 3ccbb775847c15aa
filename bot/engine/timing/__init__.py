"""
When to poll, how long pictures take, and what time it is.

callback_reliability.py  whether callbacks arrive reliably, so that polls can be rarer
durations.py             learn how long the pictures of each model take
schedule.py              when to poll next and how long a picture takes; pure functions
timekeeping.py           choose the time to start with, and notice a changed clock
"""
