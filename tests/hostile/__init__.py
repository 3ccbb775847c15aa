"""
Hostile cases that were met or thought of: one module for each subject, each a table of named cases for tests to go
through.

addresses.py     addresses that are not public
pictures.py      files that cost memory or time, or say one thing and are another
requests.py      what is sent to the web endpoint
result_hosts.py  what answers in the place of a finished picture
values.py        what forms, selects and options may pass on though nobody was offered it
"""
