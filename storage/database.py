"""
Open the database, and run read and write transactions.

SQLite: WAL, `synchronous=FULL`, foreign keys on. Writes begin with BEGIN IMMEDIATE and run one at a time. The process
that opens a file for writing holds an OS lock on a file beside it; the operating system releases the lock when the
process dies, however it dies. PostgreSQL: any number of processes; work that must not run concurrently calls
`serialize`; a server that cannot be used now raises DatabaseAway (`availability`). Errors never carry a statement's
parameters, because these include prompts and tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from storage import postgres_url
from storage.availability import DatabaseAway
from storage.group_commit import GroupCommit
from storage.listening import CHANNEL, Listening
from storage.notices import Notices
from storage.prepared import NO_PARAMETERS, Prepared
from storage.sqlite import BEGIN, BEGIN_WRITE, PRAGMAS, DatabaseInUse, locked, open_beside, open_file, path_of
from storage.transactions import InlineConnection, Transaction

if TYPE_CHECKING:
    from storage.postgres import Server

__all__ = ["PRAGMAS", "Database", "DatabaseAway", "DatabaseInUse"]

POOL: Final = 10
"""Connections to a server that one process has at most."""

_SUBJECT: Final = sa.bindparam("subject", type_=sa.Text)
LOCK: Final = Prepared(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(_SUBJECT, 0))))
NOTIFY: Final = Prepared(sa.select(sa.func.pg_notify(CHANNEL, _SUBJECT)))

Value = TypeVar("Value")


class Database:
    """An open database. `alone` is true if no other process can be writing to it: SQLite, opened with `exclusive`."""

    def __init__(self, engine: AsyncEngine, *, quick: Engine | None, alone: bool, server: Server | None = None) -> None:
        self.alone = alone
        self.notices = Notices(complete=alone)
        self.server = server
        """PostgreSQL's connections; None for SQLite."""
        self._engine = engine
        self._quick = quick
        self._writes = GroupCommit(quick) if quick is not None else None
        self._reader: InlineConnection | None = None
        """On SQLite, for single statements that read: a connection without transactions."""
        self._rebuilds = engine.execution_options(**{BEGIN: ("PRAGMA foreign_keys=OFF", BEGIN_WRITE)})

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, exclusive: bool = True, pool: int = POOL) -> AsyncIterator[Database]:
        """
        Open the database. `url` is `sqlite+aiosqlite:///path`, or the address of a PostgreSQL server (`postgres_url`),
        to which nothing connects before the first transaction; `pool`: at most as many connections are made.

        With `exclusive` a SQLite file and its folder are created if missing; raises DatabaseInUse if another process
        holds the file. Without, the database is opened read-only and without the lock, beside a process that works with
        it; raises FileNotFoundError if the SQLite file does not exist.
        """
        quick: Engine | None = None
        server: Server | None = None
        async with AsyncExitStack() as stack:
            if postgres_url.is_postgres(url):
                from storage.postgres import Server  # here, because with SQLite its driver is not needed

                server = Server(postgres_url.parse(url), pool=pool, read_only=not exclusive)
                engine = server.engine
            elif exclusive:
                stack.enter_context(locked(path_of(make_url(url))))
                quick, engine = open_file(make_url(url))
                stack.callback(quick.dispose)
            else:
                engine = open_beside(make_url(url))
            stack.push_async_callback(engine.dispose)
            database = cls(engine, quick=quick, alone=quick is not None, server=server)
            if quick is not None and database._writes is not None:
                reader = stack.enter_context(quick.execution_options(**{BEGIN: ()}).connect())
                database._reader = InlineConnection(reader)
                stack.push_async_callback(database._writes.close)
            if server is not None and exclusive:
                await stack.enter_async_context(database._listening(server))
            yield database

    @asynccontextmanager
    async def write(self, *, priority: bool = False, changing: str | None = None) -> AsyncIterator[Transaction]:
        """
        Run a transaction that may write. It is committed at the end, and rolled back whole on any exception or
        cancellation in the block. A caller that is cancelled during the commit does not learn whether it succeeded. On
        SQLite the error of a write that was to be committed together with it may be raised after the block.

        `priority`: a person waits for the transaction, so on SQLite it runs before the others. On SQLite the block may
        contain only short statements: it blocks the event loop, and other writes wait for their turn.

        `changing`: the subject whose values are kept in memory (`notices`). Its changes are serialized, and told once
        they are committed, to other processes too; to this one also if that was not confirmed.
        """
        try:
            if self._writes is None:
                async with self._transaction() as connection:
                    if changing is not None:
                        await self.serialize(connection, changing)
                    yield connection
                    if changing is not None:
                        await self.notify(connection, changing)
            else:
                async with self._writes.write(priority=priority) as at_once:
                    yield InlineConnection(at_once)
        finally:
            if changing is not None:
                self.notices.tell(changing)

    @asynccontextmanager
    async def read(
        self, *, long: bool = False, snapshot: bool = False, limited: bool = True
    ) -> AsyncIterator[Transaction]:
        """
        Run statements that only read. On SQLite all of them see the same moment of the database; on PostgreSQL only
        with `snapshot`, which costs two round trips.

        `long`: for statements that take more than a few milliseconds; without it, they block the event loop on SQLite.
        Without `limited` it may take any time on PostgreSQL too.
        """
        if self.server is not None:
            async with self.server.read(long=long, snapshot=snapshot, limited=limited) as connection:
                yield connection
        elif self._quick is None or long:
            async with self._engine.connect() as connection:
                yield connection
        else:
            with self._quick.connect() as at_once:
                yield InlineConnection(at_once)

    async def rows(self, statement: Prepared, parameters: Mapping[str, Any] = NO_PARAMETERS) -> Sequence[Sequence[Any]]:
        """Run one short statement that reads, without a transaction around it, and return its rows."""
        if self._reader is not None:
            return await statement.rows(self._reader, parameters)
        async with self.read() as connection:
            return await statement.rows(connection, parameters)

    async def values(
        self, kind: Callable[..., Value], statement: Prepared, parameters: Mapping[str, Any] = NO_PARAMETERS
    ) -> tuple[Value, ...]:
        """Run one short statement as `rows` does, and make a value of each row."""
        if self._reader is not None:
            return await statement.values(kind, self._reader, parameters)
        async with self.read() as connection:
            return await statement.values(kind, connection, parameters)

    @asynccontextmanager
    async def rebuild(self) -> AsyncIterator[Transaction]:
        """
        Run a write transaction in which tables may be replaced, for migrations.

        SQLite replaces a table by dropping it, which would delete all rows that refer to it. So foreign keys are not
        enforced during the transaction, but checked as a whole before the commit. Raises IntegrityError.
        """
        if self._writes is None:
            async with self._transaction(limited=False) as connection:
                yield connection
            return
        async with self._writes.apart(), self._rebuilds.connect() as connection:
            try:
                async with connection.begin():
                    yield connection
                    await _check_foreign_keys(connection)
            finally:
                await connection.invalidate()  # so that the next connection enforces foreign keys

    @asynccontextmanager
    async def _transaction(self, *, limited: bool = True) -> AsyncIterator[Transaction]:
        """Run a write transaction on a server, or, to be refused, on a file that was opened read-only."""
        transaction = self._engine.begin() if self.server is None else self.server.transaction(limited=limited)
        async with transaction as connection:
            yield connection

    async def serialize(self, connection: Transaction, subject: str) -> None:
        """Wait for the transactions that have serialized `subject`, and let later ones wait until this one ends. Does
        nothing on SQLite, where a write is the only one anyway."""
        if self._engine.dialect.name != "sqlite":
            await LOCK.rows(connection, {"subject": subject})

    async def notify(self, connection: Transaction, subject: str) -> None:
        """Tell all processes, this one included, of a change once the transaction is committed. Does nothing on SQLite.
        Commits that tell something wait for each other on the server, so it is not for what happens often."""
        if self._engine.dialect.name != "sqlite":
            await NOTIFY.rows(connection, {"subject": subject})

    @asynccontextmanager
    async def _listening(self, server: Server) -> AsyncIterator[None]:
        """Hear of the changes of other processes until the end of the block."""

        async def send(subject: str) -> None:
            async with self.write() as connection:
                await self.notify(connection, subject)

        listening = asyncio.create_task(Listening(self.notices, connect=server.connect, send=send).run())
        try:
            yield
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening


async def _check_foreign_keys(connection: Transaction) -> None:
    broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all()
    if broken:
        tables = ", ".join(sorted({row[0] for row in broken}))
        raise sa.exc.IntegrityError(f"{len(broken)} rows refer to nothing, in: {tables}", None, ValueError())
