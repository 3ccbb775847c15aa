"""
Tests of the database and its stores.

rows.py  rows for tests of the stores, on a real database file
"""
