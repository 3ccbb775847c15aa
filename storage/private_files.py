"""Files and folders that only the user whom the bot runs as can read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
PRIVATE_UMASK: Final = 0o077
"""For the whole process: some files are created by libraries that take no mode (obstore's)."""


def make_private(*paths: Path) -> None:
    """Take from everybody else whatever they may do with these files and folders, as an older version or a copy left
    them. What is not there, is somebody else's, or lies on a file system without modes stays as it is."""
    for path in paths:
        with suppress(OSError):
            if path.stat().st_mode & PRIVATE_UMASK:
                path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)


def create_private(path: Path) -> None:
    """Make an empty file where there is none; what SQLite writes beside it has the same mode."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, FILE_MODE))
