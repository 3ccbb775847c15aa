"""
SQLite's part of the database: the file, the lock beside it, the connections.

`aiosqlite` runs every step (cursor, execute, fetch, close) in its own thread, and a write has thirty steps. While the
event loop is busy, each step waits milliseconds for the GIL and then takes microseconds. So short statements run
directly in the event loop; steps that wait for the disk or for another process (a commit, the beginning of a write)
run in a thread (`group_commit`). Long statements use `aiosqlite`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

from filelock import FileLock, Timeout
from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Dialect, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from storage.private_files import FILE_MODE, create_private, make_private

BUSY_SECONDS: Final = 2.0
"""How long SQLite waits for a lock held by another connection before it gives up."""

PRAGMAS: Final = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON")
FILE_SUFFIXES: Final = ("", "-wal", "-shm", "-journal", ".lock")
"""Suffixes of the database file, of the files that SQLite writes beside it, and of the lock file."""
BEGIN: Final = "begin_with"
"""The execution option with the statements that begin a transaction."""
BEGIN_WRITE: Final = "BEGIN IMMEDIATE"


class _Closing(sqlite3.Connection):
    """Roll back before closing: a traceback may still hold the rows of a cancelled statement, and until they are
    released SQLite would keep the connection, and its write lock, alive."""

    def close(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # closed already
            self.rollback()
        super().close()


_SETTINGS: Final[dict[str, Any]] = {"isolation_level": None, "timeout": BUSY_SECONDS, "factory": _Closing}


class DatabaseInUse(Exception):
    """Another process holds the file; `str()` names the file and says what to do."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"the database {path} is in use by another process (it holds {_lock_path(path)}); stop that one first"
        )
        self.path = path


class NoWriteAheadLog(Exception):
    """The file system cannot hold SQLite's write-ahead log; `str()` says what to do."""

    def __init__(self) -> None:
        super().__init__(
            "its file system cannot hold SQLite's write-ahead log, as a network share cannot: give a file on a local "
            "disk"
        )


def open_file(url: URL) -> tuple[Engine, AsyncEngine]:
    """Return an engine for short statements, and one for any statement."""
    settings = {**_SETTINGS, "check_same_thread": False}
    quick = create_engine(
        url.set(drivername="sqlite"),
        connect_args=settings,
        hide_parameters=True,
        max_overflow=-1,  # a wait for a connection would block the event loop
    )
    patient = create_async_engine(url, connect_args=_SETTINGS, hide_parameters=True)
    for engine in (quick, patient.sync_engine):
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin)
    return quick, patient


def open_beside(url: URL) -> AsyncEngine:
    """Open the file read-only and without the lock, whether or not a process holds it. Raises FileNotFoundError if
    there is none."""
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
    """Hold the lock of the file until the block ends, at the latest until this process ends. Create the folder and
    the file if they are missing, and make the file readable only by the bot's user. Raises DatabaseInUse if
    another process holds the lock, and IsADirectoryError if `path` is a folder."""
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
    """Set the pragmas of a new connection. A file that is no database fails here, and the connection is closed,
    because it would keep a thread. Raises NoWriteAheadLog."""
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
    """Turn on the write-ahead log. On a file system without support for it, SQLite continues in another mode or fails
    with one of the errors below. Raises NoWriteAheadLog."""
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
    """Begin a transaction. The driver begins none by itself (`isolation_level=None`): its own way would begin a write
    as a read."""
    for statement in connection.get_execution_options().get(BEGIN, ("BEGIN",)):
        execute_at_once(connection, statement)


def execute_at_once(connection: Connection, statement: str) -> None:
    """Run a statement that has neither parameters nor rows. In the event loop, SQLAlchemy would take many times as long
    as SQLite. Raises what SQLAlchemy raises."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement)
    except sqlite3.Error as error:
        raise as_sqlalchemy(error, statement, connection.dialect) from error
    finally:
        cursor.close()


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's connection, not for `aiosqlite`."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def busy_timeout(seconds: float) -> str:
    """Return the statement that sets how long a connection waits for a lock."""
    return f"PRAGMA busy_timeout={int(seconds * 1000)}"


def as_sqlalchemy(error: sqlite3.Error, statement: str, dialect: Dialect) -> Exception:
    """Return the error that SQLAlchemy would raise, without parameters."""
    return DBAPIError.instance(statement, None, error, sqlite3.Error, hide_parameters=True, dialect=dialect)
