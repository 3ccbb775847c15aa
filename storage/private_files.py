"""Create files and folders that only the bot's user can read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
PRIVATE_UMASK: Final = 0o077
"""For the whole process: some files are created by libraries that take no mode (obstore)."""


def make_private(*paths: Path) -> None:
    """Remove all permissions of other users from these files and folders, which an older version or a copy may have
    left. Paths that do not exist, belong to another user or are on a file system without modes stay unchanged."""
    for path in paths:
        with suppress(OSError):
            if path.stat().st_mode & PRIVATE_UMASK:
                path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)


def create_private(path: Path) -> None:
    """Create an empty file if there is none. Files that SQLite creates beside it get the same mode."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, FILE_MODE))
