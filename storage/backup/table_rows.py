"""Copy all rows from one database to another, SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.schema import metadata
from storage.transactions import Transaction

ROWS_AT_ONCE: Final = 500


async def copy_rows(source: Transaction, target: Transaction, *, leave_out: Collection[str] = ()) -> dict[str, int]:
    """Copy the rows of all tables but `leave_out` into the empty tables of `target`. Return how many rows each table
    has. `source`: a long read, because its rows are streamed."""
    if not isinstance(source, AsyncConnection):
        raise TypeError("rows are streamed in long reads only")
    copied = {}
    for table in metadata.sorted_tables:
        if table.name not in leave_out:
            copied[table.name] = await _copy_table(source, target, table)
    await target.run_sync(_continue_numbers)
    return copied


async def _copy_table(source: AsyncConnection, target: Transaction, table: sa.Table) -> int:
    """Copy a table. Columns that refer to the table itself are set once all rows are there."""
    own = [key.parent.name for key in table.foreign_keys if key.column.table is table]
    links: list[dict[str, Any]] = []
    count = 0
    found = await source.stream(sa.select(table))
    async for rows in found.mappings().partitions(ROWS_AT_ONCE):
        links += [_key_of(table, row) | {name: row[name] for name in own} for row in rows if any(map(row.get, own))]
        await target.execute(sa.insert(table), [{**row, **dict.fromkeys(own)} for row in rows])
        count += len(rows)
    if links:
        this = sa.and_(*[column == sa.bindparam(f"its_{column.name}") for column in table.primary_key])
        linked = sa.update(table).where(this).values({name: sa.bindparam(f"to_{name}") for name in own})
        for at in range(0, len(links), ROWS_AT_ONCE):
            given = [
                {f"to_{name}" if name in own else name: value for name, value in link.items()}
                for link in links[at : at + ROWS_AT_ONCE]
            ]
            await target.execute(linked, given)
    return count


def _key_of(table: sa.Table, row: sa.RowMapping) -> dict[str, Any]:
    return {f"its_{column.name}": row[column.name] for column in table.primary_key}


def _continue_numbers(connection: Connection) -> None:
    """Let PostgreSQL number new rows after the copied ones. SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None and isinstance(column.type, sa.Integer) and not isinstance(column.type, sa.BigInteger):
            sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
            highest = sa.func.coalesce(sa.func.max(column), 0) + 1
            connection.execute(sa.select(sa.func.setval(sequence, highest, sa.false())))
