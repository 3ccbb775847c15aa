"""
A person's data: erasure and export.

erasure.py  the question before an erasure, and the receipt
export.py   a person's data as zip files
"""
