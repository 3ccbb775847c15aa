"""Claim due tasks for a worker, under a lease in the row of the task."""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql.dml import ReturningUpdate

from storage import fair_queue
from storage.database import Database
from storage.models import Task, TaskState
from storage.prepared import Prepared
from storage.rows import values
from storage.schema import tasks
from storage.shards import KEPT_STATEMENTS, Shards


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
        due = {"now": now, "owner": owner, "most": limit, "except": dict.fromkeys(except_ids)}
        async with self._database.write() as connection:
            ids = {task_id: None for (task_id,) in await _due(shards, risky=risky).rows(connection, due)}
            taken = {"ids": ids, "by": owner, "until": now + lease_ms}
            claimed = await TAKE.values(Task, connection, taken) if ids else ()
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
        async with self._database.write() as connection:
            taken = await connection.execute(_take(these), {"by": owner, "until": now + lease_ms})
            return values(Task, taken)

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


@functools.lru_cache(maxsize=KEPT_STATEMENTS)
def _due(shards: Shards | None, *, risky: bool) -> Prepared:
    now, owner = sa.bindparam("now", type_=sa.BigInteger), sa.bindparam("owner", type_=sa.Text)
    due = fair_queue.claimable(now, owner, risky=risky, shards=shards).where(tasks.c.id.not_in(_keys("except")))
    return Prepared(due.limit(sa.bindparam("most", type_=sa.Integer)).with_for_update(skip_locked=True))


def _keys(name: str) -> sa.Select[str]:
    """Select the keys of the parameter: a statement with a list of values would have to be compiled for each length."""
    return sa.select(sa.func.json_each(sa.bindparam(name, type_=sa.JSON)).table_valued("key").c.key)


def _take(which: sa.ColumnElement[bool]) -> ReturningUpdate[Any]:
    """Claim these tasks. Only work that may kill the process (`RISKY`) counts as an attempt. A second claim by the same
    owner, which could not release the task, is not counted again."""
    owner, until = sa.bindparam("by", type_=sa.Text), sa.bindparam("until", type_=sa.BigInteger)
    counted = sa.and_(fair_queue.RISKY, tasks.c.owner.is_distinct_from(owner))
    attempts = sa.case((counted, tasks.c.attempts + 1), else_=tasks.c.attempts)
    return sa.update(tasks).where(which).values(owner=owner, lease_until=until, attempts=attempts).returning(tasks)


TAKE: Final = Prepared(_take(tasks.c.id.in_(_keys("ids"))))
