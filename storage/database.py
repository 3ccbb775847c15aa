"""
Opening the database, and the two kinds of transaction.

SQLite: WAL, `synchronous=FULL`, foreign keys on; a write begins with BEGIN IMMEDIATE, one at a time; the process that
opens a file to write holds an OS lock beside it, which the system lets go of when the process dies, however it dies.
PostgreSQL: any number of processes; what must not run side by side takes `serialize`. Errors never carry a statement's
parameters: prompts and tokens are among them.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_SECONDS: Final = 2.0
"""How long SQLite waits for somebody else's lock before it gives up."""

PRAGMAS: Final = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON")
BEGIN: Final = "begin_with"
"""The execution option that says with which statements a transaction on SQLite begins."""


class _Connection(sqlite3.Connection):
    """Rolls back before it closes: a cancelled statement's rows may still be held by a traceback, and until they are
    let go of SQLite would keep the connection, and its write lock, alive."""

    def close(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # closed already
            self.rollback()
        super().close()


_SQLITE: Final = {"isolation_level": None, "timeout": BUSY_SECONDS, "factory": _Connection}


class DatabaseInUse(Exception):
    """Another process works with this file; `str()` names it and says what to do."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"the database {path} is in use by another process (it holds {_lock_path(path)}); stop that one first"
        )
        self.path = path


class Database:
    """An open database. `alone`: no other process can be writing to it (SQLite)."""

    def __init__(self, engine: AsyncEngine, *, alone: bool) -> None:
        self.alone = alone
        self._engine = engine
        self._writes = engine.execution_options(**{BEGIN: ("BEGIN IMMEDIATE",)})
        self._rebuilds = engine.execution_options(**{BEGIN: ("PRAGMA foreign_keys=OFF", "BEGIN IMMEDIATE")})
        self._sqlite = engine.dialect.name == "sqlite"
        self._writing = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, exclusive: bool = True) -> AsyncIterator[Database]:
        """
        `url` is SQLAlchemy's, with the driver: `sqlite+aiosqlite:///path` or `postgresql+asyncpg://…`.

        The folder of a SQLite file is created. Raises DatabaseInUse while another process has the file. With
        `exclusive=False` the database is opened for reading only and without the lock, beside a process that works
        with it; a file that does not exist is then a FileNotFoundError.
        """
        parsed = make_url(url)
        sqlite = parsed.get_backend_name() == "sqlite"
        async with AsyncExitStack() as stack:
            if sqlite and exclusive:
                stack.enter_context(_locked(_path(parsed)))
            engine = _open_sqlite(parsed, exclusive) if sqlite else _open_server(parsed, exclusive)
            stack.push_async_callback(engine.dispose)
            yield cls(engine, alone=sqlite and exclusive)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write: committed at the end, rolled back whole by any exception or cancellation."""
        async with AsyncExitStack() as stack:
            if self._sqlite:
                await stack.enter_async_context(self._writing)
            yield await stack.enter_async_context(self._writes.begin())

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads. On SQLite everything in it sees the database of one moment."""
        async with self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def rebuild(self) -> AsyncIterator[AsyncConnection]:
        """
        A write in which tables may be replaced, for migrations.

        SQLite replaces a table by dropping it, which would delete whatever refers to it; so foreign keys are not
        enforced meanwhile but checked as a whole before the commit. Raises IntegrityError.
        """
        if not self._sqlite:
            async with self.write() as connection:
                yield connection
            return
        async with self._writing, self._rebuilds.connect() as connection:
            try:
                async with connection.begin():
                    yield connection
                    await _check_foreign_keys(connection)
            finally:
                await connection.invalidate()  # the next one has its foreign keys on again

    async def serialize(self, connection: AsyncConnection, subject: str) -> None:
        """Let nobody else into a transaction about `subject` until this one ends. A write on SQLite is alone anyway."""
        if not self._sqlite:
            key = sa.func.hashtextextended(subject, 0)
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


async def _check_foreign_keys(connection: AsyncConnection) -> None:
    broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all()
    if broken:
        tables = ", ".join(sorted({row[0] for row in broken}))
        raise sa.exc.IntegrityError(f"{len(broken)} rows refer to nothing, in: {tables}", None, ValueError())


def _open_sqlite(url: URL, exclusive: bool) -> AsyncEngine:
    if not exclusive:
        url = _read_only(url)
    engine = create_async_engine(url, connect_args=_SQLITE, hide_parameters=True)
    if exclusive:
        event.listen(engine.sync_engine, "connect", _set_pragmas)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _open_server(url: URL, exclusive: bool) -> AsyncEngine:
    settings = {} if exclusive else {"default_transaction_read_only": "on"}
    return create_async_engine(
        url, connect_args={"server_settings": settings}, pool_pre_ping=True, hide_parameters=True
    )


def _set_pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """A file that is no database is found out here; its connection would keep a thread."""
    cursor = connection.cursor()
    try:
        for pragma in PRAGMAS:
            cursor.execute(pragma)
    except Exception:
        connection.close()
        raise
    cursor.close()


def _begin(connection: Connection) -> None:
    """The driver begins nothing by itself (`isolation_level=None`): in its own way a write would begin as a read."""
    for statement in connection.get_execution_options().get(BEGIN, ("BEGIN",)):
        connection.exec_driver_sql(statement)


def _path(url: URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise ValueError("the database must be a file: tasks have to outlive the process")
    return Path(url.database).absolute()


def _read_only(url: URL) -> URL:
    path = _path(url)
    if not path.exists():
        raise FileNotFoundError(f"there is no database at {path} yet")
    return url.set(database=path.as_uri(), query={"mode": "ro", "uri": "true"})


def _lock_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(_lock_path(path), timeout=0, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise DatabaseInUse(path) from None
    try:
        yield
    finally:
        lock.release()
