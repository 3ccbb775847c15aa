"""
SQLite's side of the database: its file, the lock beside it, its connections.

`aiosqlite` does every step (cursor, execute, fetch, close) in a thread of its own, and a write is thirty of them. While
the event loop is busy each waits milliseconds for its turn at Python's lock, and takes microseconds then. So short
statements are executed at once, and what waits for the disk or for somebody else (a commit, the beginning of a write)
in a thread (`writes`). Whatever takes long goes by `aiosqlite`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout
from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from storage.private_files import FILE_MODE, create_private, make_private

BUSY_SECONDS: Final = 2.0
"""How long SQLite waits for somebody else's lock before it gives up."""

PRAGMAS: Final = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON")
FILE_SUFFIXES: Final = ("", "-wal", "-shm", "-journal", ".lock")
"""Of the database's file, of those that SQLite writes beside it, and of the lock."""
BEGIN: Final = "begin_with"
"""The execution option that says with which statements a transaction begins."""
BEGIN_WRITE: Final = "BEGIN IMMEDIATE"
BEGIN_AT_ONCE: Final = ("PRAGMA busy_timeout=0", BEGIN_WRITE, f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")
"""Or not at all, and then the connection is of no more use."""


class _Closing(sqlite3.Connection):
    """Rolls back before it closes: a cancelled statement's rows may still be held by a traceback, and until they are
    let go of SQLite would keep the connection, and its write lock, alive."""

    def close(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # closed already
            self.rollback()
        super().close()


_SETTINGS: Final[dict[str, Any]] = {"isolation_level": None, "timeout": BUSY_SECONDS, "factory": _Closing}


class DatabaseInUse(Exception):
    """Another process works with this file; `str()` names it and says what to do."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"the database {path} is in use by another process (it holds {_lock_path(path)}); stop that one first"
        )
        self.path = path


class NoWriteAheadLog(Exception):
    """The file system has no shared memory; `str()` says what to do."""

    def __init__(self) -> None:
        super().__init__(
            "its file system cannot hold SQLite's write-ahead log, as a network share cannot: give a file on a local "
            "disk"
        )


def open_file(url: URL) -> tuple[Engine, AsyncEngine]:
    """For short statements, and for any."""
    settings = {**_SETTINGS, "check_same_thread": False}
    quick = create_engine(
        url.set(drivername="sqlite"),
        connect_args=settings,
        hide_parameters=True,
        max_overflow=-1,  # nobody waits for a connection: that would be everybody
    )
    patient = create_async_engine(url, connect_args=_SETTINGS, hide_parameters=True)
    for engine in (quick, patient.sync_engine):
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin)
    return quick, patient


def open_beside(url: URL) -> AsyncEngine:
    """For reading only, beside a process that has the file. Raises FileNotFoundError."""
    path = path_of(url)
    if not path.exists():
        raise FileNotFoundError(f"there is no database at {path} yet")
    read_only = url.set(database=path.as_uri(), query={"mode": "ro", "uri": "true"})
    engine = create_async_engine(read_only, connect_args=_SETTINGS, hide_parameters=True)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def path_of(url: URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise ValueError("the database must be a file: tasks have to outlive the process")
    return Path(url.database).absolute()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone with the file, until this process ends at the latest; nobody but its user can read it. Raises
    DatabaseInUse."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(_lock_path(path), timeout=0, mode=FILE_MODE, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise DatabaseInUse(path) from None
    try:
        create_private(path)
        make_private(*(path.with_name(path.name + suffix) for suffix in FILE_SUFFIXES))
        yield
    finally:
        lock.release()


def _lock_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _set_pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """A file that is no database is found out here; its connection would keep a thread. Raises NoWriteAheadLog."""
    cursor = connection.cursor()
    try:
        _begin_write_ahead_log(cursor)
        for pragma in PRAGMAS[1:]:
            cursor.execute(pragma)
    except Exception:
        connection.close()
        raise
    cursor.close()


def _begin_write_ahead_log(cursor: DBAPICursor) -> None:
    """Where a file system cannot have one, SQLite goes on in another mode, or fails in one of these ways."""
    try:
        cursor.execute(PRAGMAS[0])
        mode = cursor.fetchall()[0][0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith(("SQLITE_PROTOCOL", "SQLITE_IOERR_SHM")):
            raise NoWriteAheadLog from error
        raise
    if mode != "wal":
        raise NoWriteAheadLog


def _begin(connection: Connection) -> None:
    """The driver begins nothing by itself (`isolation_level=None`): in its own way a write would begin as a read."""
    for statement in connection.get_execution_options().get(BEGIN, ("BEGIN",)):
        connection.exec_driver_sql(statement)
