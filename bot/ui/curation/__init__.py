"""
Publish, post again, report and remove results.

buttons.py  the buttons to publish, post again, report or remove a result
reports.py  the moderators' message about a report, and its buttons
"""
