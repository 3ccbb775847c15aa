"""Find the stored copies that are old enough to be deleted."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from storage.database import Database
from storage.models import Picture, Reference, TaskState
from storage.rows import row_of, values
from storage.schema import pictures, references, tasks


class RetentionStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def stored_before(self, before: int, *, limit: int) -> tuple[Reference | Picture, ...]:
        """Return at most `limit` stored copies of closed or cancelled tasks older than `before` (ms; by closed_at, else
        created_at): input pictures, then results, each of the oldest tasks first."""
        async with self._database.read(long=True) as connection:
            old: tuple[Reference | Picture, ...] = values(
                Reference, await connection.execute(_kept_before(references, before, limit))
            )
            if len(old) < limit:
                old += values(Picture, await connection.execute(_kept_before(pictures, before, limit - len(old))))
        return old

    async def uncharged_before(self, before: int, *, limit: int) -> tuple[Reference, ...]:
        """Return stored copies of references of tasks that ended before `before` (ms) and cost nothing."""
        ended = sa.func.coalesce(tasks.c.closed_at, tasks.c.due_at)  # a cancelled task was due when it was cancelled
        over = tasks.c.state.in_([TaskState.CLOSED, TaskState.CANCELLED])
        these = sa.and_(references.c.key.is_not(None), over, ~tasks.c.charged, ended < before)
        found = sa.select(references).join(tasks, tasks.c.id == references.c.task_id).where(these).limit(limit)
        async with self._database.read(long=True) as connection:
            return values(Reference, await connection.execute(found))

    async def forget_copy(self, copy: Reference | Picture) -> None:
        """Set the copy's key to NULL, after the file was deleted."""
        table = references if isinstance(copy, Reference) else pictures
        async with self._database.write() as connection:
            await connection.execute(sa.update(table).where(row_of(table, copy)).values(key=None))


def _kept_before(table: sa.Table, before: int, limit: int) -> sa.Select[Any]:
    age = sa.func.coalesce(tasks.c.closed_at, tasks.c.created_at)
    over = tasks.c.state.in_([TaskState.CLOSED, TaskState.CANCELLED])
    return (
        sa.select(table)
        .join(tasks, tasks.c.id == table.c.task_id)
        .where(table.c.key.is_not(None), over, age < before)
        .order_by(age, table.c.task_id, table.c.position)
        .limit(limit)
    )
