"""
Store reposts of results, and what is to happen to all messages of a task: they stay, become spoilers or are deleted.

A worker claims a due row by moving its due time into the future, if that time is still as read. A second worker then
leaves the row alone; after a crash the row becomes due again.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Any, Final

import sqlalchemy as sa

from storage.community import NewRepost, Repost, RepostKind
from storage.database import Database
from storage.models import Task, TaskState, new_task_id
from storage.rows import values
from storage.schema import batches, reposts, tasks
from storage.transactions import Transaction

NONCE_BYTES: Final = 9
_POSTING: Final = [column for column in reposts.c if column is not reposts.c.once]
_OVER: Final = (TaskState.CLOSED, TaskState.CANCELLED)


class RepostStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    # -- posting -------------------------------------------------------------------------------------------------
    async def add(self, new: NewRepost, *, now: int) -> tuple[Repost, bool]:
        """Store a posting that is due now. If a posting has the same `once`, return that one and False."""
        async with self._database.write(priority=True) as connection:
            await self._database.serialize(connection, f"postings of {new.task_id}")
            if found := await _where(connection, reposts.c.once == new.once):
                return found[0], False
            fresh = {
                "id": new_task_id(),
                "asked_at": now,
                "due_at": now,
                "failures": 0,
                "nonce": secrets.token_hex(NONCE_BYTES),
            }
            await connection.execute(sa.insert(reposts).values({**asdict(new), **fresh}))
            return (await _where(connection, reposts.c.id == fresh["id"]))[0], True

    async def due(self, *, now: int, limit: int) -> tuple[Repost, ...]:
        """Return the postings that are due, oldest first."""
        wanted = sa.and_(reposts.c.due_at <= now, reposts.c.removed_at.is_(None))
        async with self._database.read() as connection:
            found = await connection.execute(sa.select(*_POSTING).where(wanted).order_by(reposts.c.due_at).limit(limit))
            return values(Repost, found)

    async def begin(self, repost: Repost, *, now: int, until: int) -> bool:
        """Claim the posting until `until` (ms) and store the attempt, before it is posted. Return False if another
        worker has claimed the posting, or if it is no longer wanted or not due: a slower worker may have read the due
        time that the faster one wrote."""
        as_read = sa.and_(
            reposts.c.id == repost.id,
            reposts.c.due_at == repost.due_at,
            reposts.c.due_at <= now,
            reposts.c.removed_at.is_(None),
        )
        changes = {"due_at": until, "attempted_at": sa.func.coalesce(reposts.c.attempted_at, now)}
        async with self._database.write() as connection:
            return bool((await connection.execute(sa.update(reposts).where(as_read).values(changes))).rowcount)

    async def later(self, repost: Repost, *, due: int) -> None:
        changes = {"due_at": due, "failures": reposts.c.failures + 1}
        await self._change(repost, changes)

    async def posted(self, repost: Repost, *, message_id: int, now: int) -> None:
        """Store the message of the posting. A published result is no longer private. If the result was hidden or
        removed since, its messages become due for an update."""
        async with self._database.write() as connection:
            this = sa.update(reposts).where(reposts.c.id == repost.id)
            changed = this.values(message_id=message_id, due_at=None, failures=0).returning(*_POSTING)
            row = values(Repost, await connection.execute(changed))
            if repost.kind is RepostKind.PUBLISHED:
                public = sa.update(tasks).where(tasks.c.id == repost.task_id).values(private=False)
                await connection.execute(public)
            touched = any(one.hidden_at is not None or one.removed_at is not None for one in row)
            await _look_after(connection, repost.task_id, now=now, only_touched=not touched)

    async def drop(self, repost: Repost) -> None:
        """Delete a posting that cannot be posted; it may be asked for again."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(reposts).where(reposts.c.id == repost.id))

    async def of_task(self, task_id: str) -> tuple[Repost, ...]:
        """Return the postings of a task, oldest first, including those not posted yet and those removed."""
        async with self._database.read() as connection:
            return await _where(connection, reposts.c.task_id == task_id)

    async def get(self, repost_id: str) -> Repost | None:
        async with self._database.read() as connection:
            found = await _where(connection, reposts.c.id == repost_id)
        return found[0] if found else None

    async def in_message(self, message_id: int) -> Repost | None:
        async with self._database.read() as connection:
            found = await _where(connection, reposts.c.message_id == message_id)
        return found[0] if found else None

    # -- hiding and removing -------------------------------------------------------------------------------------
    async def remove(self, task_id: str, *, by: int, now: int) -> Task | None:
        """Mark all messages of a task for deletion. A moderator's removal replaces the asker's own and is never
        replaced. Return None if there is no such task."""
        own = tasks.c.removed_by == tasks.c.asker_id
        first = sa.or_(tasks.c.removed_at.is_(None), own)
        changes = {
            "removed_at": sa.func.coalesce(tasks.c.removed_at, now),
            "removed_by": sa.case((first, by), else_=tasks.c.removed_by),
        }
        return await self._curate(task_id, changes, now=now)

    async def hide(self, task_id: str, *, hidden: bool, now: int) -> Task | None:
        """Make all messages of a task spoilers, or no longer. Return None if there is no such task."""
        return await self._curate(task_id, {"hidden_at": now if hidden else None}, now=now)

    async def curate_in(self, task_id: str, guild_id: int, *, now: int, **changes: int | None) -> None:
        """Set `hidden_at` or `removed_at` of the postings in a server of a task that was made elsewhere."""
        these = sa.and_(reposts.c.task_id == task_id, reposts.c.guild_id == guild_id)
        await self._curate_reposts(task_id, these, changes, now=now)

    async def remove_repost(self, repost: Repost, *, now: int) -> None:
        """Mark one posting for deletion."""
        await self._curate_reposts(repost.task_id, reposts.c.id == repost.id, {"removed_at": now}, now=now)

    async def remove_copies(self, task_id: str, *, now: int) -> None:
        """Mark the copies of a task in galleries for deletion: the original is gone."""
        these = sa.and_(
            reposts.c.task_id == task_id, reposts.c.kind == RepostKind.GALLERY, reposts.c.removed_at.is_(None)
        )
        await self._curate_reposts(task_id, these, {"removed_at": now}, now=now)

    async def to_look_after(self, *, now: int, limit: int) -> tuple[Task, ...]:
        """Return finished tasks whose messages are due for an update, oldest first."""
        wanted = sa.and_(tasks.c.sync_at <= now, tasks.c.state.in_(_OVER))
        async with self._database.read() as connection:
            found = sa.select(tasks).where(wanted).order_by(tasks.c.sync_at).limit(limit)
            return values(Task, await connection.execute(found))

    async def look_after(self, task: Task, *, until: int | None) -> bool:
        """Claim the update until `until` (ms), or mark it as done with None. Return False if `sync_at` changed since
        the task was read."""
        as_read = sa.and_(tasks.c.id == task.id, tasks.c.sync_at == task.sync_at)
        async with self._database.write() as connection:
            changed = await connection.execute(sa.update(tasks).where(as_read).values(sync_at=until))
            return bool(changed.rowcount)

    async def resume(self, *, now: int) -> None:
        """Make every postponed posting and update due now, at start. Does nothing if other processes may share the
        database."""
        if not self._database.alone:
            return
        async with self._database.write() as connection:
            for column in (reposts.c.due_at, tasks.c.sync_at):
                late = sa.update(column.table).where(column > now).values({column.name: now})
                await connection.execute(late)

    async def _curate(self, task_id: str, changes: dict[str, Any], *, now: int) -> Task | None:
        async with self._database.write(priority=True) as connection:
            changed = sa.update(tasks).where(tasks.c.id == task_id).values(changes)
            if not (await connection.execute(changed)).rowcount:
                return None
            await _look_after(connection, task_id, now=now)
            (task,) = values(Task, await connection.execute(sa.select(tasks).where(tasks.c.id == task_id)))
            return task

    async def _curate_reposts(
        self, task_id: str, these: sa.ColumnElement[bool], changes: dict[str, Any], *, now: int
    ) -> None:
        async with self._database.write(priority=True) as connection:
            if (await connection.execute(sa.update(reposts).where(these).values(changes))).rowcount:
                await _look_after(connection, task_id, now=now)

    async def _change(self, repost: Repost, changes: dict[str, Any]) -> None:
        async with self._database.write() as connection:
            await connection.execute(sa.update(reposts).where(reposts.c.id == repost.id).values(changes))


async def _where(connection: Transaction, these: sa.ColumnElement[bool]) -> tuple[Repost, ...]:
    statement = sa.select(*_POSTING).where(these).order_by(reposts.c.asked_at, reposts.c.id)
    return values(Repost, await connection.execute(statement))


async def _look_after(connection: Transaction, task_id: str, *, now: int, only_touched: bool = False) -> None:
    """Make the messages of a task, and the shared message of its batch, due for an update. `only_touched`: only if the
    task itself is hidden or removed."""
    this = tasks.c.id == task_id
    if only_touched:
        this = sa.and_(this, sa.or_(tasks.c.hidden_at.is_not(None), tasks.c.removed_at.is_not(None)))
    if not (await connection.execute(sa.update(tasks).where(this).values(sync_at=now))).rowcount:
        return
    batch = sa.select(tasks.c.batch_id).where(tasks.c.id == task_id).scalar_subquery()
    await connection.execute(sa.update(batches).where(batches.c.id == batch).values(due_at=now))
