"""Measure the free space of the disks that hold the bot's files, and recognise errors that mean a full disk."""

from __future__ import annotations

import asyncio
import errno
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from sqlalchemy.engine import make_url

from storage.sqlite import path_of

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL_SERVER: Final = "53100"
"""PostgreSQL's error code for a full disk."""
_FULL_STORE: Final = ("StorageFull", "QuotaExceeded", f"os error {errno.ENOSPC}", f"os error {errno.EDQUOT}")
"""obstore has one error class for everything that a file system refuses; only the text says what happened."""


class Disks:
    """The disks of these folders. Without folders (a bucket, a database server) there is no free space to measure."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = tuple(folders)

    @classmethod
    def under(cls, database_url: str, pictures_url: str) -> Disks:
        """Return the disks of the database and of the picture store that the settings name."""
        found = list[Path]()
        database = make_url(database_url)
        if database.get_backend_name() == "sqlite":
            found.append(path_of(database).parent)
        parts = urlsplit(pictures_url)
        if "://" not in pictures_url:
            found.append(Path(pictures_url).expanduser().absolute())
        elif parts.scheme == "file":
            found.append(Path(unquote(parts.path)))
        return cls(found)

    async def free_bytes(self) -> int | None:
        """Return the free bytes that the bot may use, of the disk that has the fewest; None if unknown. A disk that
        cannot be measured is left out."""
        return await asyncio.to_thread(self._least) if self._folders else None

    def _least(self) -> int | None:
        free = list[int]()
        for folder in self._folders:
            with suppress(OSError):
                free.append(shutil.disk_usage(folder).free)
        return min(free, default=None)


def says_full(error: BaseException) -> bool:
    """Return whether a full disk or an exhausted quota caused the error."""
    return any(_is_full(cause) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = getattr(error, "orig", None) or error.__cause__


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    if type(error).__module__.startswith("obstore"):
        return any(words in str(error) for words in _FULL_STORE)
    return getattr(error, "sqlstate", None) == _FULL_SERVER
