"""
Back up the rows, and the list of the pictures that belong to them, into one file, beside a running bot; and restore
such a file into an empty database.

archive.py    the file: its parts, its checksums, and what is refused as damaged, foreign or newer
backing_up.py make a backup
restoring.py  restore a backup
since.py      mark the rows of which it is unknown what happened to them after the backup
"""

from __future__ import annotations

from storage.backup.archive import BackupRefused
from storage.backup.backing_up import BackedUp, back_up
from storage.backup.restoring import Restored, restore

__all__ = ["BackedUp", "BackupRefused", "Restored", "back_up", "restore"]
