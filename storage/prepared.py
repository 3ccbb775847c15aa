"""
Statements that are built and compiled once, for what runs with each request or poll.

For a statement that takes the database 20 µs, SQLAlchemy takes 200 to 500 µs: it builds the statement, makes the key of
its compiled form, and looks up how each value is written and read. A `Prepared` statement does this once. SQLAlchemy
only passes it to the driver, and on an `InlineConnection` the driver is called directly.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.sqlite import as_sqlalchemy
from storage.transactions import InlineConnection, Transaction

Value = TypeVar("Value")
Statement: TypeAlias = sa.Select[Any] | sa.CompoundSelect[Any] | sa.Insert | sa.Update | sa.Delete
Convert: TypeAlias = Callable[[Any], Any]
NO_PARAMETERS: Final[Mapping[str, Any]] = {}


class Prepared:
    """A statement with parameters (`sa.bindparam`), none of which is a list. `columns`: those that an INSERT or UPDATE
    sets to the parameters of the same names."""

    def __init__(self, statement: Statement, columns: Sequence[str] = ()) -> None:
        self._statement = statement
        self._columns = list(columns)
        self._names: tuple[str, ...] | None = None
        self._compiled: dict[str, _Compiled] = {}
        """By the name of the driver."""

    async def rows(
        self, connection: Transaction, parameters: Mapping[str, Any] = NO_PARAMETERS
    ) -> Sequence[Sequence[Any]]:
        """Run the statement and return its rows, none if it does not return rows. Raises what SQLAlchemy raises."""
        compiled = self._compiled.get(connection.dialect.driver)
        if compiled is None:
            compiled = _Compiled(self._statement, self._columns, connection.dialect)
            self._compiled[connection.dialect.driver] = compiled
        if isinstance(connection, InlineConnection):
            return compiled.rows(connection.driver, parameters)
        return await compiled.rows_of_server(connection, parameters)

    async def values(
        self, kind: Callable[..., Value], connection: Transaction, parameters: Mapping[str, Any] = NO_PARAMETERS
    ) -> tuple[Value, ...]:
        """Run the statement and make a value of each row, as `rows.values` does."""
        found = await self.rows(connection, parameters)
        if self._names is None:
            self._names = tuple(map(str, self._statement.exported_columns.keys()))
        names = self._names
        return tuple([kind(**dict(zip(names, row, strict=True))) for row in found])


class _Compiled:
    """A statement as a driver takes it, and how its values are written and read."""

    def __init__(self, statement: Statement, columns: Sequence[str], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns or None)
        given = {name for name, bound in compiled.binds.items() if bound.required}
        expanded = compiled.construct_expanded_state(dict.fromkeys(given))
        self._dialect = dialect
        self._sql = expanded.statement
        self._parameters: list[tuple[str | None, Any]] = []
        """In the order of the statement: the name of a parameter and how it is written, or None and a constant."""
        for name in expanded.positiontup or ():
            if name in given:
                self._parameters.append((name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)))
                continue
            constant, write = expanded.parameters[name], expanded.processors.get(name)
            if write is None and name in compiled.binds:
                write = compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
            self._parameters.append((None, write(constant) if callable(write) else constant))
        self._returned = [column.type for column in statement.exported_columns]
        self._readers: list[tuple[int, Convert]] | None = None
        """How the columns are read that the driver does not return as they are; None until the first rows were read."""

    def rows(self, driver: sqlite3.Connection, given: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        try:
            found: list[tuple[Any, ...]] = driver.execute(self._sql, self._arguments(given)).fetchall()
        except sqlite3.Error as error:
            raise as_sqlalchemy(error, self._sql, self._dialect) from error
        if self._readers is None:
            self._readers = self._reading([None] * len(self._returned))
        return _read(found, self._readers)

    async def rows_of_server(self, connection: AsyncConnection, given: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        result = await connection.exec_driver_sql(self._sql, tuple(self._arguments(given)))
        if not self._returned or result.cursor is None:
            return ()
        if self._readers is None:
            self._readers = self._reading([described[1] for described in result.cursor.description])
        return _read(result.all(), self._readers)

    def _arguments(self, given: Mapping[str, Any]) -> list[Any]:
        return [
            write if name is None else given[name] if write is None else write(given[name])
            for name, write in self._parameters
        ]

    def _reading(self, kinds: Sequence[Any]) -> list[tuple[int, Convert]]:
        """Return how the columns are read, of which `kinds` are the types of the driver."""
        readers = [
            kind.dialect_impl(self._dialect).result_processor(self._dialect, of_driver)
            for kind, of_driver in zip(self._returned, kinds, strict=True)
        ]
        return [(at, read) for at, read in enumerate(readers) if read is not None]


def _read(found: Sequence[Sequence[Any]], readers: Sequence[tuple[int, Convert]]) -> Sequence[Sequence[Any]]:
    if not readers:
        return found
    rows = [list(row) for row in found]
    for row in rows:
        for at, read in readers:
            row[at] = read(row[at])
    return rows
