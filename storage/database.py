"""
Opening the database, and the two kinds of transaction.

SQLite: WAL, `synchronous=FULL`, foreign keys on; a write begins with BEGIN IMMEDIATE, one at a time; the process that
opens a file to write holds an OS lock beside it, which the system lets go of when the process dies, however it dies.
PostgreSQL: any number of processes; what must not run side by side takes `serialize`. Errors never carry a statement's
parameters: prompts and tokens are among them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from storage.sqlite import BEGIN, BEGIN_WRITE, PRAGMAS, DatabaseInUse, locked, open_beside, open_file, path_of
from storage.transactions import AtOnce, Transaction
from storage.writes import Writes

__all__ = ["PRAGMAS", "Database", "DatabaseInUse"]


class Database:
    """An open database. `alone`: no other process can be writing to it (SQLite)."""

    def __init__(self, engine: AsyncEngine, *, quick: Engine | None, alone: bool) -> None:
        self.alone = alone
        self._engine = engine
        self._quick = quick
        self._writes = Writes(quick) if quick is not None else None
        self._rebuilds = engine.execution_options(**{BEGIN: ("PRAGMA foreign_keys=OFF", BEGIN_WRITE)})

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
        quick: Engine | None = None
        async with AsyncExitStack() as stack:
            if sqlite and exclusive:
                stack.enter_context(locked(path_of(parsed)))
                quick, engine = open_file(parsed)
                stack.callback(quick.dispose)
            else:
                engine = open_beside(parsed) if sqlite else _open_server(parsed, exclusive)
            stack.push_async_callback(engine.dispose)
            database = cls(engine, quick=quick, alone=quick is not None)
            if database._writes is not None:
                stack.push_async_callback(database._writes.close)
            yield database

    @asynccontextmanager
    async def write(self, *, hurried: bool = False) -> AsyncIterator[Transaction]:
        """A transaction that may write: committed at the end, rolled back whole by any exception or cancellation.

        `hurried`: a person waits for it, so on SQLite it goes before the others. There nothing but statements belongs
        into it, short ones: the event loop stands still meanwhile, and others wait for their turn.
        """
        if self._writes is None:
            async with self._engine.begin() as connection:
                yield connection
        else:
            async with self._writes.write(hurried=hurried) as at_once:
                yield AtOnce(at_once)

    @asynccontextmanager
    async def read(self, *, long: bool = False) -> AsyncIterator[Transaction]:
        """A transaction that only reads. On SQLite everything in it sees the database of one moment.

        `long`: with statements that take more than a few milliseconds; others would hold up everything else.
        """
        if self._quick is None or long:
            async with self._engine.connect() as connection:
                yield connection
        else:
            with self._quick.connect() as at_once:
                yield AtOnce(at_once)

    @asynccontextmanager
    async def rebuild(self) -> AsyncIterator[Transaction]:
        """
        A write in which tables may be replaced, for migrations.

        SQLite replaces a table by dropping it, which would delete whatever refers to it; so foreign keys are not
        enforced meanwhile but checked as a whole before the commit. Raises IntegrityError.
        """
        if self._writes is None:
            async with self.write() as connection:
                yield connection
            return
        async with self._writes.apart(), self._rebuilds.connect() as connection:
            try:
                async with connection.begin():
                    yield connection
                    await _check_foreign_keys(connection)
            finally:
                await connection.invalidate()  # the next one has its foreign keys on again

    async def serialize(self, connection: Transaction, subject: str) -> None:
        """Let nobody else into a transaction about `subject` until this one ends. A write on SQLite is alone anyway."""
        if self._engine.dialect.name != "sqlite":
            key = sa.func.hashtextextended(subject, 0)
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


async def _check_foreign_keys(connection: Transaction) -> None:
    broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all()
    if broken:
        tables = ", ".join(sorted({row[0] for row in broken}))
        raise sa.exc.IntegrityError(f"{len(broken)} rows refer to nothing, in: {tables}", None, ValueError())


def _open_server(url: URL, exclusive: bool) -> AsyncEngine:
    settings = {} if exclusive else {"default_transaction_read_only": "on"}
    return create_async_engine(
        url, connect_args={"server_settings": settings}, pool_pre_ping=True, hide_parameters=True
    )
