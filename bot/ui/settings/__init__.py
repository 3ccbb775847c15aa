"""
A server's settings, and a person's own defaults.

options.py      the options of selects that both panels have
panel.py        the panel of a server's settings
preferences.py  the panel of a person's defaults
"""
