"""
Store what is to happen to all messages of a result: they stay, become spoilers or are deleted. Each change makes the
messages of the task due for an update (`tasks.sync_at`), which is asked for now (`tasks.sync_asked_at`).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from storage.community import Repost, RepostKind
from storage.database import Database
from storage.models import ENDED_STATES, Task
from storage.outbox import Outbox
from storage.rows import values
from storage.schema import batches, found_in_state, reposts, tasks
from storage.transactions import Transaction


class CurationStore:
    """`outbox` has the closed and cancelled tasks whose messages are due for an update."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.outbox = Outbox(
            database,
            tasks.c.sync_at,
            key=lambda task: tasks.c.id == task.id,
            select=sa.select(tasks),
            read=Task,
            condition=found_in_state(*ENDED_STATES),
            guild=tasks.c.guild_id,
        )

    async def remove(self, task_id: str, *, by: int, now: int) -> Task | None:
        """Mark a task as removed, so that its messages are deleted. A moderator's removal replaces the asker's own and
        is never replaced. Return None if there is no such task."""
        own = tasks.c.removed_by == tasks.c.asker_id
        first = sa.or_(tasks.c.removed_at.is_(None), own)
        changes = {
            "removed_at": sa.func.coalesce(tasks.c.removed_at, now),
            "removed_by": sa.case((first, by), else_=tasks.c.removed_by),
        }
        return await self._curate(task_id, changes, now=now)

    async def hide(self, task_id: str, *, hidden: bool, now: int) -> Task | None:
        """Mark a task as hidden by moderators, so that its messages that others see become spoilers, or with
        `hidden=False` as no longer hidden. Return None if there is no such task."""
        return await self._curate(task_id, {"hidden_at": now if hidden else None}, now=now)

    async def curate_in(self, task_id: str, guild_id: int, *, now: int, **changes: int | None) -> None:
        """Set `hidden_at` or `removed_at` of the reposts in a server of a task that was made elsewhere; the task itself
        is neither hidden nor removed. `hidden_at=None`: the reposts are no longer hidden."""
        these = sa.and_(reposts.c.task_id == task_id, reposts.c.guild_id == guild_id)
        await self._curate_reposts(task_id, these, changes, now=now)

    async def remove_repost(self, repost: Repost, *, now: int) -> None:
        """Mark one repost for deletion."""
        await self._curate_reposts(repost.task_id, reposts.c.id == repost.id, {"removed_at": now}, now=now)

    async def remove_gallery_reposts(self, task_id: str, *, now: int) -> None:
        """Mark the copies of a result in galleries for deletion, because a person deleted its message in Discord."""
        these = sa.and_(
            reposts.c.task_id == task_id, reposts.c.kind == RepostKind.GALLERY, reposts.c.removed_at.is_(None)
        )
        await self._curate_reposts(task_id, these, {"removed_at": now}, now=now)

    async def _curate(self, task_id: str, changes: dict[str, Any], *, now: int) -> Task | None:
        async with self._database.write(priority=True) as connection:
            changed = sa.update(tasks).where(tasks.c.id == task_id).values(changes)
            if not (await connection.execute(changed)).rowcount:
                return None
            await sync_messages(connection, task_id, now=now)
            (task,) = values(Task, await connection.execute(sa.select(tasks).where(tasks.c.id == task_id)))
            return task

    async def _curate_reposts(
        self, task_id: str, these: sa.ColumnElement[bool], changes: dict[str, Any], *, now: int
    ) -> None:
        async with self._database.write(priority=True) as connection:
            if (await connection.execute(sa.update(reposts).where(these).values(changes))).rowcount:
                await sync_messages(connection, task_id, now=now)


def update_asked(now: int) -> dict[str, int]:
    """Return the columns of a task that make its messages due for an update."""
    return {"sync_at": now, "sync_asked_at": now}


async def sync_messages(connection: Transaction, task_id: str, *, now: int, only_touched: bool = False) -> None:
    """Make the messages of a task, and those of its batch, due for an update. `only_touched`: only if the task
    itself is hidden or removed."""
    this = tasks.c.id == task_id
    if only_touched:
        this = sa.and_(this, sa.or_(tasks.c.hidden_at.is_not(None), tasks.c.removed_at.is_not(None)))
    if not (await connection.execute(sa.update(tasks).where(this).values(update_asked(now)))).rowcount:
        return
    batch = sa.select(tasks.c.batch_id).where(tasks.c.id == task_id).scalar_subquery()
    await connection.execute(sa.update(batches).where(batches.c.id == batch).values(due_at=now))
