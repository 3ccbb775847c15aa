"""
Copy a whole database into another one, such as from a SQLite file to a PostgreSQL server and back.

All rows are read at one moment and written in one transaction, so an interrupted copy leaves the target empty. Values
are copied as they are stored, so that both databases have equal rows afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database
from storage.migrations import migrate, pending
from storage.schema import metadata, processes
from storage.transactions import Transaction

ROWS_AT_ONCE: Final = 500
SEEN_MS: Final = 120_000
"""A process whose row was renewed within this time counts as running."""

_OTHERS: Final = sa.text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND application_name = current_setting('application_name')"
)


class CopyRefused(Exception):
    """Nothing was copied; `str()` says why, and what to do."""


async def copy(source: Database, target: Database, *, now: int) -> Mapping[str, int]:
    """Copy all rows into an empty database, which is migrated first. Return the number of rows by table. `source`: a
    file that was opened with `exclusive`, or a server that was opened without.

    Raises CopyRefused, and what `migrate` raises. After any exception the target has no rows.
    """
    if waiting := await pending(source):
        raise CopyRefused(f"the source has {waiting} migrations to be done: run `python -m bot migrate` first")
    await migrate(target)
    async with source.read(long=True, snapshot=True, limited=False) as reading, target.rebuild() as writing:
        await _refuse_if_in_use(source, reading, now=now)
        await target.serialize(writing, "copy")
        await _refuse_unless_empty(writing)
        return await copy_rows(reading, writing)


async def copy_rows(source: Transaction, target: Transaction, *, leave_out: Collection[str] = ()) -> dict[str, int]:
    """Copy the rows of all tables but those named in `leave_out` into the empty tables of another database. Return the
    number of rows by table. `source`: a long read. Raises CopyRefused."""
    rows, written = cast("AsyncConnection", source), cast("AsyncConnection", target)  # neither runs inline
    tables = [table for table in metadata.sorted_tables if table.name not in leave_out]
    counts = {table.name: await _copy_table(rows, written, table) for table in tables}
    for table in tables:
        await _add_references_to_itself(rows, written, table)
        stored = (await written.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()
        if stored != counts[table.name]:
            raise CopyRefused(f"table {table.name}: {counts[table.name]} rows were read and {stored} stored")
    if written.dialect.name != "sqlite":
        await _set_sequences(written)
    return counts


async def _refuse_if_in_use(source: Database, connection: Transaction, *, now: int) -> None:
    """A SQLite file that is open for writing belongs to this process alone."""
    if source.server is None:
        return
    running = sa.select(sa.func.count()).where(processes.c.seen_at > now - SEEN_MS)
    connected = (await connection.execute(_OTHERS)).scalar_one()
    if connected or (await connection.execute(running)).scalar_one():
        raise CopyRefused("the source is in use: stop every process of the bot, wait two minutes, and copy again")


async def _refuse_unless_empty(target: Transaction) -> None:
    for table in metadata.sorted_tables:
        if (await target.execute(sa.select(sa.literal(1)).select_from(table).limit(1))).first():
            raise CopyRefused(f"the target is not empty: table {table.name} has rows; name a new database")


async def _copy_table(source: AsyncConnection, target: AsyncConnection, table: sa.Table) -> int:
    later = {column.name for column in _to_itself(table)}
    insert, copied = _insert(target, table), 0
    reading = sa.select(*_as_stored(table)).order_by(*table.primary_key.columns)
    result = await source.stream(reading.execution_options(yield_per=ROWS_AT_ONCE))
    async for block in result.mappings().partitions(ROWS_AT_ONCE):
        rows = [{f"of_{name}": None if name in later else value for name, value in row.items()} for row in block]
        try:
            await target.execute(insert, rows)
        except DBAPIError as error:
            kind = type(error.orig.__cause__ or error.orig).__name__ if error.orig else type(error).__name__
            raise CopyRefused(f"table {table.name}: the target does not take a row ({kind})") from error
        copied += len(rows)
    return copied


async def _add_references_to_itself(source: AsyncConnection, target: AsyncConnection, table: sa.Table) -> None:
    """Set the columns in which a row names another row of its table, once all its rows are stored."""
    columns = _to_itself(table)
    if not columns:
        return
    (key,) = table.primary_key.columns
    reading = sa.select(key, *columns).where(sa.or_(*[column.is_not(None) for column in columns]))
    update = sa.update(table).where(key == sa.bindparam("of_key"))
    update = update.values({column.name: sa.bindparam(f"of_{column.name}") for column in columns})
    result = await source.stream(reading.execution_options(yield_per=ROWS_AT_ONCE))
    async for block in result.partitions(ROWS_AT_ONCE):
        names = ["of_key", *[f"of_{column.name}" for column in columns]]
        await target.execute(update, [dict(zip(names, row, strict=True)) for row in block])


def _to_itself(table: sa.Table) -> list[sa.Column[Any]]:
    return [key.parent for key in table.foreign_keys if key.column.table is table]


def _as_stored(table: sa.Table) -> Iterator[sa.ColumnElement[Any]]:
    """Yield the columns such that neither JSON nor words are interpreted: JSON's null and no value stay different. In a
    file, a JSON number is a number and not a text."""
    for column in table.columns:
        yield sa.cast(column, sa.Text).label(column.name) if _is_text(column) else column


def _insert(connection: AsyncConnection, table: sa.Table) -> sa.Insert:
    given: dict[str, Any] = {}
    for column in table.columns:
        value: sa.ColumnElement[Any] = sa.bindparam(
            f"of_{column.name}", type_=sa.Text() if _is_text(column) else column.type
        )
        if isinstance(_plain(column), sa.JSON) and connection.dialect.name != "sqlite":
            value = sa.cast(value, sa.JSON)
        given[column.name] = value
    return sa.insert(table).values(given)


def _is_text(column: sa.Column[Any]) -> bool:
    return isinstance(_plain(column), (sa.JSON, sa.Enum))


def _plain(column: sa.Column[Any]) -> sa.types.TypeEngine[Any]:
    kind = column.type
    return kind.impl_instance if isinstance(kind, sa.types.TypeDecorator) else kind


async def _set_sequences(target: AsyncConnection) -> None:
    """Let the numbers that the server gives to new rows continue behind the copied ones."""
    for table in metadata.sorted_tables:
        key: Sequence[sa.Column[Any]] = list(table.primary_key.columns)
        if [column.name for column in key] != ["id"] or not isinstance(key[0].type, sa.Integer):
            continue
        greatest = sa.select(sa.func.max(key[0])).scalar_subquery()
        sequence = sa.func.pg_get_serial_sequence(table.name, "id")
        is_used = greatest.is_not(None)
        await target.execute(sa.select(sa.func.setval(sequence, sa.func.coalesce(greatest, 1), is_used)))
