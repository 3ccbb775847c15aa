"""The connection that statements are executed on: SQLAlchemy's connection to a server, or SQLite without a thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from sqlalchemy import CursorResult, Executable
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.sqlite import driver_of

Given = ParamSpec("Given")
Result = TypeVar("Result")


class InlineConnection:
    """What the store uses of an AsyncConnection, without a thread: a statement blocks the event loop. A result must be
    read before the transaction ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._driver: sqlite3.Connection | None = None

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    @property
    def driver(self) -> sqlite3.Connection:
        """The driver's connection, in the transaction."""
        if self._driver is None:
            if not self._connection.in_transaction():
                self._connection.begin()
            self._driver = driver_of(self._connection)
        return self._driver

    async def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        return self._connection.execute(statement, parameters)

    async def exec_driver_sql(self, statement: str) -> CursorResult[Any]:
        return self._connection.exec_driver_sql(statement)

    async def run_sync(
        self, fn: Callable[Concatenate[Connection, Given], Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Result:
        return fn(self._connection, *args, **kwargs)


Transaction: TypeAlias = AsyncConnection | InlineConnection
