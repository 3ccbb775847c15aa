"""
A server's settings.

panel.py  the panel of a server's settings
"""
