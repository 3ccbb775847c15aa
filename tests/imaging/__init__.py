"""
Tests of what is done with picture files.

picture_files.py  small pictures as files, created for each test that needs them
"""
