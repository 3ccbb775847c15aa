"""
Delete what is no longer needed.

orphans.py    delete stored files that no row names
retention.py  delete stored copies when they are old enough
"""
