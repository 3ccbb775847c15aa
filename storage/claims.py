"""Claim due tasks for a worker, under a lease in the row of the task."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from storage import fair_queue
from storage.database import Database
from storage.models import Task, TaskState
from storage.rows import values
from storage.schema import tasks
from storage.shards import Shards


class ClaimStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self,
        owner: str,
        *,
        now: int,
        lease_ms: int,
        limit: int,
        except_ids: Collection[str] = (),
        risky: bool = True,
        shards: Shards | None = None,
    ) -> tuple[Task, ...]:
        """
        Claim due tasks of these shards (None: of all) that no worker holds, oldest due time first: queued and
        unprepared, submitting, generating, settled, and closed ones whose create was accepted according to a callback.
        Skip the tasks in `except_ids`, on which this process still works although their rows are released.

        Queued and prepared tasks are claimed by `CreateStore.begin` alone. For work that may kill the process
        (unprepared and settled tasks), an attempt is counted with the claim, before the work begins; without `risky`,
        such work is not claimed. If another process died during it, only `claim_suspects` claims it.
        """
        claimable = fair_queue.claimable(now, owner, risky=risky, shards=shards)
        due = claimable.limit(limit).with_for_update(skip_locked=True)
        if except_ids:
            due = due.where(tasks.c.id.not_in(except_ids))
        async with self._database.write() as connection:
            ids = (await connection.execute(due)).scalars().all()
            taken = sa.update(tasks).where(tasks.c.id.in_(ids)).values(_taken(owner, now + lease_ms))
            claimed = values(Task, await connection.execute(taken.returning(tasks))) if ids else ()
        return tuple(sorted(claimed, key=lambda task: (task.due_at, task.id)))

    async def suspects(self, *, now: int) -> tuple[tuple[str, int], ...]:
        """Return the ids of unprepared and settled tasks during whose work a process died or ran out of memory, or
        whose lease expired during it, and how often that happened, fewest first. They need not be due."""
        order = (tasks.c.attempts, tasks.c.due_at, tasks.c.id)
        found = sa.select(tasks.c.id, tasks.c.attempts).where(fair_queue.suspects(now)).order_by(*order)
        async with self._database.read() as connection:
            return tuple((row.id, row.attempts) for row in await connection.execute(found))

    async def claim_suspects(
        self, owner: str, task_ids: Collection[str], *, now: int, lease_ms: int
    ) -> tuple[Task, ...]:
        """Claim those of these tasks that `suspects` would still return, and count the attempt."""
        these = sa.and_(tasks.c.id.in_(task_ids), fair_queue.suspects(now))
        taken = sa.update(tasks).where(these).values(_taken(owner, now + lease_ms))
        async with self._database.write() as connection:
            return values(Task, await connection.execute(taken.returning(tasks)))

    async def uncount_attempts(self, owner: str) -> None:
        """Uncount the current attempts of this owner, whose process stops in order: interrupted work must not look like
        the cause of a crash."""
        own = sa.and_(tasks.c.owner == owner, tasks.c.attempts > 0)
        async with self._database.write() as connection:
            await connection.execute(sa.update(tasks).where(own).values(attempts=tasks.c.attempts - 1))

    async def release(self, owner: str) -> None:
        """End the leases of this owner, whose process stops, so that other processes need not wait for their end. Does
        nothing if no other process can be working: the next start does it (`void_leases`)."""
        if self._database.alone:
            return
        async with self._database.write() as connection:
            own = sa.update(tasks).where(tasks.c.owner == owner)
            await connection.execute(own.values(owner=None, lease_until=0))

    async def expedite(self, state: TaskState, *, now: int) -> int:
        """Make the tasks of a state that are due later due at once, claimed or not, also for a further create. Return
        how many. A queued task that waits without a failure is left out: its asker looks at the preview of a mask."""
        failed = sa.or_(tasks.c.state != TaskState.QUEUED, tasks.c.failures > 0, tasks.c.faults > 0)
        later = sa.or_(tasks.c.due_at > now, tasks.c.next_create_at > now)
        sooner = {
            column: sa.case((column > now, now), else_=column) for column in (tasks.c.due_at, tasks.c.next_create_at)
        }
        statement = sa.update(tasks).where(tasks.c.state == state, later, failed).values(sooner)
        async with self._database.write() as connection:
            return (await connection.execute(statement)).rowcount

    async def renew(self, owner: str, task_ids: Sequence[str], *, until: int) -> frozenset[str]:
        """Extend the owner's leases of these tasks to `until` (ms). Return the ids of those that the owner still
        holds."""
        held = sa.and_(tasks.c.owner == owner, tasks.c.id.in_(task_ids))
        statement = sa.update(tasks).where(held).values(lease_until=until).returning(tasks.c.id)
        async with self._database.write() as connection:
            return frozenset((await connection.execute(statement)).scalars())

    async def void_leases(self) -> int:
        """Void all leases at start, and return how many: if one process has the file, no other process can be working.
        Do nothing and return 0 if the database may be shared (PostgreSQL)."""
        if not self._database.alone:
            return 0
        statement = sa.update(tasks).where(tasks.c.owner.is_not(None)).values(owner=None, lease_until=0)
        async with self._database.write() as connection:
            return (await connection.execute(statement)).rowcount


def _taken(owner: str, lease_until: int) -> dict[str, Any]:
    """Return the columns of a claim. Only work that may kill the process (`RISKY`) counts as an attempt. A second claim
    by the same owner, which could not release the task, is not counted again."""
    counted = sa.and_(fair_queue.RISKY, tasks.c.owner.is_distinct_from(owner))
    attempts = sa.case((counted, tasks.c.attempts + 1), else_=tasks.c.attempts)
    return {"owner": owner, "lease_until": lease_until, "attempts": attempts}
