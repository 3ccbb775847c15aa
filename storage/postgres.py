"""
PostgreSQL's part of the database: the pool of connections, and the time limits of transactions.

A transaction has a time limit, after which its connection is cut. So a server that no longer answers, or a network that
loses everything, is an error like any other. Discord waits three seconds for an answer to a person: the limit of what a
person waits for is shorter (`availability.for_people`), and other work leaves some connections to it.

A connection is not tested before it is used, which would cost a round trip each time: the event loop notices when a
server closes a connection, and the connection is replaced when it is next wanted.
"""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]  # it has no types
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from storage.availability import Availability, DatabaseAway, work_for_people
from storage.postgres_url import ServerAddress
from storage.server_errors import NO_ANSWER, WRITES_ALONE, code_of, is_lasting, why_away

PERSON_SECONDS: Final = 1.5
"""Time limit of a transaction that a person may wait for. Discord waits three seconds, in which such a transaction may
be repeated once."""
AWAY_SECONDS: Final = 0.75
"""The same while the database is known to be away."""
WORK_SECONDS: Final = 15.0
"""Time limit of a transaction that no person waits for. It is shorter than a lease."""
LONG_SECONDS: Final = 300.0
"""Time limit of a read that is known to be long."""
CONNECT_SECONDS: Final = 10.0
"""Time limit of a new connection, unless the address has a `connect_timeout`."""
IDLE_IN_TRANSACTION_SECONDS: Final = 60
"""After this time the server ends a transaction whose process is gone or cannot reach it, and frees its locks."""
MAY_IDLE: Final = "SET LOCAL idle_in_transaction_session_timeout = 0"
"""For a transaction without a limit, which may wait for another database."""
KEPT_STATEMENTS: Final = 500
"""Prepared statements that are kept for each connection: more than the bot has."""
KEEPALIVE_SECONDS: Final = 15
UNANSWERED_SECONDS: Final = 30
"""How long the operating system sends data, or waits for the answer to a keepalive, before it gives a connection up."""


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # it has no types
    """A connection that is closed without a word to the server while the server is away."""

    __slots__ = ("availability",)

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  # as asyncpg has it
        availability = getattr(self, "availability", None)  # none while it is being opened
        if availability is not None and availability.away is not None:
            self.terminate()
        await super().close(timeout=timeout)


class Server:
    """Connections to a PostgreSQL server, at most `pool` at the same time. `read_only`: the server refuses writes."""

    def __init__(self, address: ServerAddress, *, pool: int, read_only: bool = False) -> None:
        self.availability = Availability()
        self.pooled = address.pooled
        """Whether a pooler such as PgBouncer may give each transaction another connection to the server. Then a
        statement is prepared for one transaction alone, reads are transactions too, and nothing can be listened to."""
        self._address = address
        self._read_only = read_only
        self._places = asyncio.Semaphore(pool - max(1, pool // 4))
        """Connections for work that no person waits for."""
        self.engine = self._opened(pool)
        self._reads = self.engine if self.pooled else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._snapshots = self.engine.execution_options(isolation_level="REPEATABLE READ")

    def _opened(self, pool: int) -> AsyncEngine:
        prepared: dict[str, Any] = {"prepared_statement_cache_size": KEPT_STATEMENTS}
        if self.pooled:
            prepared = {
                "prepared_statement_cache_size": 0,
                "prepared_statement_name_func": lambda: f"atelier_{uuid.uuid4().hex}",
            }
        engine = create_async_engine(
            "postgresql+asyncpg://",
            connect_args={"async_creator_fn": self.connect, **prepared},
            pool_size=pool,
            max_overflow=0,
            pool_use_lifo=True,  # so that the statements of quiet times are prepared on few connections
            hide_parameters=True,
        )
        event.listen(engine.sync_engine, "checkout", _replace_if_closed)
        return engine

    async def connect(self) -> asyncpg.Connection:
        """Open a connection. One that does not belong to the pool is for its caller to close."""
        of_session = {
            "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS}s",
            "tcp_keepalives_idle": f"{KEEPALIVE_SECONDS}",
            "tcp_user_timeout": f"{UNANSWERED_SECONDS}s",
            **({"default_transaction_read_only": "on"} if self._read_only else {}),
        }
        _check_readable(self._address.files)
        connection = await asyncpg.connect(
            timeout=self._address.connect_seconds or CONNECT_SECONDS,
            connection_class=_Connection,
            statement_cache_size=0 if self.pooled else 100,
            server_settings=self._address.settings if self.pooled else of_session | self._address.settings,
            **self._address.arguments,
        )
        connection.availability = self.availability
        _keep_alive(connection)
        return connection

    @asynccontextmanager
    async def transaction(self, *, limited: bool = True) -> AsyncIterator[AsyncConnection]:
        """Run a transaction that is committed at the end. Without `limited` it may take any time. Raises DatabaseAway
        instead of any error that says that the server cannot be used."""
        ended, seconds = False, self._seconds() if limited else None
        try:
            async with self._connected(self.engine, seconds) as connection, connection.begin():
                if not limited:
                    await connection.exec_driver_sql(MAY_IDLE)
                yield connection
                ended = True
        except Exception as error:
            if away := self._failed(error, seconds, committing=ended):
                raise away from error
            raise
        self.availability.worked(wrote=True)

    @asynccontextmanager
    async def read(self, *, long: bool, snapshot: bool, limited: bool = True) -> AsyncIterator[AsyncConnection]:
        """Run statements that only read. With `snapshot` all see the database at the same moment; without, each
        statement is a transaction, which saves two round trips. Raises DatabaseAway."""
        engine, seconds = self._snapshots if snapshot else self._reads, self._seconds(long=long) if limited else None
        try:
            async with self._connected(engine, seconds) as connection:
                if not limited and snapshot:
                    await connection.exec_driver_sql(MAY_IDLE)
                yield connection
        except Exception as error:
            if away := self._failed(error, seconds):
                raise away from error
            raise
        self.availability.worked(wrote=False)

    def _seconds(self, *, long: bool = False) -> float:
        if work_for_people.get():
            return PERSON_SECONDS if self.availability.away is None else AWAY_SECONDS
        return LONG_SECONDS if long else WORK_SECONDS

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine, seconds: float | None) -> AsyncIterator[AsyncConnection]:
        """Take a connection. After `seconds` (None: never) it is cut, and what waits on it raises TimeoutError."""
        async with AsyncExitStack() as stack:
            if not work_for_people.get():
                await stack.enter_async_context(self._places)
            if seconds is None:
                yield await stack.enter_async_context(engine.connect())
                return
            loop, used = asyncio.get_running_loop(), list[_Connection]()
            until = loop.time() + seconds
            timer = loop.call_at(until, _cut, used)
            stack.callback(timer.cancel)
            async with asyncio.timeout_at(until):
                connection = await stack.enter_async_context(engine.connect())
            driver: Any = (await connection.get_raw_connection()).driver_connection
            used.append(driver)
            try:
                yield connection
            except Exception as error:
                if loop.time() >= until and driver.is_closed():
                    raise TimeoutError from error
                raise

    def _failed(self, error: Exception, seconds: float | None, *, committing: bool = False) -> DatabaseAway | None:
        why = why_away(error)
        if why is None:
            return None
        code, waited = code_of(error), seconds if why == NO_ANSWER and seconds is not None else 0.0
        self.availability.failed(why, writes_alone=code in WRITES_ALONE, waited=waited)
        lost = code is None or code.startswith(("08", "57P"))
        return DatabaseAway(why, uncertain=committing and lost, lasting=is_lasting(error))


def _check_readable(files: Mapping[str, str]) -> None:
    """Raise an error that names the parameter: that of the driver for a missing file is the same as for a missing
    socket of the server."""
    for name, path in files.items():
        if not os.access(path, os.R_OK):
            raise asyncpg.ClientConfigurationError(f"the file of {name} cannot be read: {path}")


def _cut(connections: Sequence[_Connection]) -> None:
    """End connections at once, and with an error every statement that waits on them."""
    for connection in connections:
        connection.terminate()


def _replace_if_closed(connection: DBAPIConnection, entry: ConnectionPoolEntry, _: object) -> None:
    """Let the pool open another connection if the event loop has noticed that the server closed this one."""
    driver = entry.driver_connection
    if driver is not None and driver.is_closed():
        raise DisconnectionError


def _keep_alive(connection: asyncpg.Connection) -> None:
    """Let the operating system notice that the other end is gone, where it can (Linux, in part macOS)."""
    found = connection._transport.get_extra_info("socket")  # asyncpg has no public way to the socket
    if found is None or found.family == getattr(socket, "AF_UNIX", None):
        return
    options = {
        "TCP_KEEPIDLE": KEEPALIVE_SECONDS,
        "TCP_KEEPINTVL": KEEPALIVE_SECONDS // 3,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": UNANSWERED_SECONDS * 1000,
    }
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in options.items():
        if hasattr(socket, name):
            found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
