"""Read the latest stored time and a server's clock, and shift stored times after the system clock was wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import sqlalchemy as sa

from storage.database import Database
from storage.schema import creates, key_values, metadata, processes, task_events
from storage.transactions import Transaction

TIMES: Final = {
    table: tuple(
        column
        for column in table.c
        if isinstance(column.type, sa.BigInteger)
        and (column.name in {"at", "lease_until"} or column.name[-3:] == "_at")
    )
    for table in metadata.sorted_tables
}
"""Every column that holds a time (ms), by table."""


NOW: Final = sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()) * 1000, sa.BigInteger)


class ClockStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def alone(self) -> bool:
        """Return whether no other process writes times to this database."""
        return self._database.alone

    async def last_stamp(self) -> int:
        """Return the latest of three times (ms): those of the latest create and of the latest answer to one, and that
        of the event written last; 0 if there is none."""
        event = sa.select(task_events.c.at).order_by(task_events.c.id.desc()).limit(1)
        async with self._database.read() as connection:
            stamps = [
                (await connection.execute(sa.select(sa.func.max(creates.c.at)))).scalar_one(),
                (await connection.execute(sa.select(sa.func.max(creates.c.answered_at)))).scalar_one(),
                (await connection.execute(event)).scalar_one_or_none(),
            ]
        return max(stamp or 0 for stamp in stamps)

    async def last_seen(self) -> int:
        """Return the latest time (ms) at which a process of this database is known to have run; 0 if there is none."""
        async with self._database.read() as connection:
            seen: int | None = (await connection.execute(sa.select(sa.func.max(processes.c.seen_at)))).scalar_one()
        return seen or 0

    async def ahead_of(self, clock: Callable[[], int], *, rounds: int) -> tuple[int, int]:
        """Return how far (ms) the clock of a PostgreSQL server is ahead of `clock`, and within how many milliseconds
        that is right: half of the shortest round trip of `rounds`."""
        measured: list[tuple[int, int]] = []
        async with self._database.read() as connection:
            for _ in range(rounds):
                before = clock()
                there: int = (await connection.execute(sa.select(NOW))).scalar_one()
                after = clock()
                measured.append(((after - before) // 2, there - (before + after) // 2))
        unsure, ahead = min(measured)
        return ahead, unsure

    async def restamp_answers(self, *, after: int, at: int) -> None:
        """Set the time of the answer to `at` (ms) for each create that was answered later than `after` (ms) or not at
        all, so that it counts against the image API's rate limit as if it were answered at `at`. Only for a process
        that is alone, before it begins a create."""
        counts = sa.or_(creates.c.answered_at.is_(None), creates.c.answered_at > after)
        statement = sa.update(creates).where(counts).values(answered_at=at)
        async with self._database.write() as connection:
            await connection.execute(statement)

    async def shift(self, *, after: int, by: int, noting: Mapping[str, str | None]) -> None:
        """Add `by` milliseconds to every time in the columns `TIMES` that is later than `after` (ms), and set the key
        values in `noting` (None deletes one), in one transaction."""
        async with self._database.write() as connection:
            for table, columns in TIMES.items():
                if columns:
                    await _shift(connection, table, columns, after=after, by=by)
            for name, value in noting.items():
                await connection.execute(sa.delete(key_values).where(key_values.c.name == name))
                if value is not None:
                    await connection.execute(sa.insert(key_values).values(name=name, value=value))


async def _shift(
    connection: Transaction, table: sa.Table, columns: tuple[sa.Column[int], ...], *, after: int, by: int
) -> None:
    moved = {column.name: sa.case((column > after, column + by), else_=column) for column in columns}
    these = sa.or_(*[column > after for column in columns])
    await connection.execute(sa.update(table).where(these).values(moved))
