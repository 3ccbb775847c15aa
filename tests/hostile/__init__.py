"""
Tables of hostile cases, observed or constructed, one module per subject.

addresses.py     addresses that are not on the public internet, and ports that serve no pictures
clocks.py        jumps of a machine's clock
env_files.py     values as container runtimes, editors and habits write them
forging.py       put values into interactions that Discord would not send
pictures.py      files that cost memory or time, or declare one format and contain another
requests.py      requests to the web endpoint that are never completed or cannot be parsed
result_hosts.py  answers in place of a finished picture
values.py        values of options, form fields and selects that were never offered
"""
