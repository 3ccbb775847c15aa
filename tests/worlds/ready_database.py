"""
A real SQLite file, ready at once, for tests of code that uses the database.

These tests are about tasks, not about disks, so everything that only costs time is left out: the migrations run once
and their file is copied, no write waits for the disk, and statements run in the test's own thread. Tests of the
database itself, and tests in which processes are killed, leave nothing out.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiosqlite
import pytest
from sqlalchemy.engine import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from storage import database
from storage.database import Database
from storage.migrations import migrate
from storage.sqlite import open_file

_MIGRATED: Final[list[bytes]] = []
"""The file as the migrations leave it, once they have run."""
_FIRST_ENGINES: Final[list[Engine]] = []
"""The engine of the first database, and the synchronous one behind its asynchronous engine."""


class _SameThread(aiosqlite.Connection):
    """
    Runs statements in the caller's thread, but yields before each, so that other tasks run as they would with a
    thread.
    """

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        return self._connect().__await__()

    async def _connect(self) -> aiosqlite.Connection:
        self._connection = self._connector()
        return self

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        if self._connection is None:
            raise ValueError("Connection closed")
        return fn(*args, **kwargs)

    def stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _connect(path: str, *, iter_chunk_size: int = 64, **options: Any) -> aiosqlite.Connection:
    return _SameThread(lambda: sqlite3.connect(path, **options), iter_chunk_size)


def _open_file(url: URL) -> tuple[Engine, AsyncEngine]:
    """Open the file with the statements that earlier databases have compiled. The cache's keys contain the dialect."""
    quick, engine = open_file(url)
    if not _FIRST_ENGINES:
        _FIRST_ENGINES.extend((quick, engine.sync_engine))
    for opened, first in zip((quick, engine.sync_engine), _FIRST_ENGINES, strict=True):
        opened.dialect, opened._compiled_cache = first.dialect, first._compiled_cache
    return quick, engine


@asynccontextmanager
async def ready_database(path: Path) -> AsyncIterator[Database]:
    """Open the database, migrated if the file is new; an existing file is left as it is."""
    await lay_migrated(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "PRAGMAS", (*database.PRAGMAS, "PRAGMA synchronous=OFF"))
        patch.setattr(database, "open_file", _open_file)
        patch.setattr(aiosqlite, "connect", _connect)
        async with Database.open(f"sqlite+aiosqlite:///{path}") as opened:
            yield opened


async def lay_migrated(path: Path) -> None:
    """Write a migrated file, as `migrate` would, unless the file exists."""
    if not _MIGRATED:
        _MIGRATED.append(await _migrated())
    if not await asyncio.to_thread(path.exists):
        await asyncio.to_thread(path.write_bytes, _MIGRATED[0])


async def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "migrated.db"
        async with Database.open(f"sqlite+aiosqlite:///{path}") as opened:
            await migrate(opened)
        return await asyncio.to_thread(path.read_bytes)
