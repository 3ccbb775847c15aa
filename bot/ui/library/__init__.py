"""
Styles of servers, and sets of reference pictures of people.

sets.py    a person's sets of reference pictures
styles.py  a server's styles
"""
