"""
Hostile cases, observed or constructed: one module per subject, each with a table of named cases for tests to run
through.

addresses.py     addresses that are not public clocks.py        jumps of a machine's clock env_files.py     values as
container runtimes, editors and habits write them forging.py       puts a value into an interaction that Discord would
not send pictures.py      files that cost memory or time, or declare one thing and contain another requests.py
requests to the web endpoint result_hosts.py  responses in place of a finished picture values.py        values of
forms, selects and options that Discord may pass on but that were not offered
"""
