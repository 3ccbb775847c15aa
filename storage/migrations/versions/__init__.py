"""The migrations, oldest first: `NNNN_subject.py`, revision `NNNN`. There is no way back but the backup."""
