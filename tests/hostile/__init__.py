"""
What hostile people and broken services send: one module per subject, each a table of named cases that tests go through.

result_hosts.py  what answers in the place of a finished picture
"""
