"""
Hostile cases that were met or thought of: one module for each subject, each a table of named cases for tests to go
through.

addresses.py     addresses that are not public
clocks.py        what happens to a machine's clock
env_files.py     values as container runtimes, editors and habits write them
forging.py       puts a value into an interaction that Discord would not send
pictures.py      files that cost memory or time, or say one thing and are another
requests.py      what is sent to the web endpoint
result_hosts.py  what answers in the place of a finished picture
values.py        what forms, selects and options may pass on though nobody was offered it
"""
