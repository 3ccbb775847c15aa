"""
The migrations, oldest first: `NNNN_subject.py`, revision `NNNN`. There are no downgrades; restore the backup instead.
"""
