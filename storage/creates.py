"""Store creates before they are sent, and the callbacks that the image API sends for them."""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa

from storage import fair_queue
from storage.database import Database
from storage.models import Create, CreateLimits, Task, TaskState
from storage.rows import values
from storage.schema import creates, tasks
from storage.transactions import Transaction
from storage.transitions import move


class CreateStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self, owner: str, limits: CreateLimits, *, now: int, lease_ms: int, token: str | None = None
    ) -> Task | None:
        """
        Store the next create and return its task, now `submitting` under the owner's lease. `token` is what the
        callback of the create will carry; only a digest of the token is stored.

        In one transaction: count the creates of the window and the tasks in flight; select the next prepared, due,
        unowned queued task in fair order (the asker with the fewest in flight first, then the oldest); insert a row in
        `creates` and move the task. Return None if there is no such task or a limit is reached.
        """
        async with self._database.read() as connection:
            if (await connection.execute(fair_queue.any_waiting(now))).first() is None:
                return None  # without a write, for which other writes would wait
        async with self._database.write() as connection:
            await self._database.serialize(connection, "creates")
            if not await _may_create(connection, limits, now):
                return None
            found = values(Task, await connection.execute(fair_queue.next_create(now)))
            if not found:
                return None
            written = {"task_id": found[0].id, "at": now, "token_digest": digest(token) if token else None}
            await connection.execute(sa.insert(creates).values(written))
            lease: dict[str, Any] = {"owner": owner, "lease_until": now + lease_ms}
            return await move(connection, found[0], TaskState.SUBMITTING, now=now, why="create", changes=lease)

    async def of_token(self, token: str) -> Create | None:
        """Return the create whose callback carries this token; None if there is none."""
        found = await self._creates(creates.c.token_digest == digest(token))
        return found[0] if found else None

    async def last_of(self, task_id: str) -> Create | None:
        found = await self._creates(creates.c.task_id == task_id)
        return found[0] if found else None

    async def called_back(self, create: Create, *, now: int) -> None:
        """Store when the first callback for the create came; later callbacks do not change the time."""
        statement = sa.update(creates).where(creates.c.id == create.id, creates.c.called_back_at.is_(None))
        async with self._database.write() as connection:
            await connection.execute(statement.values(called_back_at=now))

    async def callback_share(self, *, before: int, grace_ms: int, limit: int) -> float | None:
        """Return which share (0 to 1) of the last `limit` creates was called back before its task settled or at most
        `grace_ms` after. Only creates with a token count, whose job is that of the task, and only if the task settled
        before `before` (ms). Return None if there are fewer than `limit`."""
        in_time = creates.c.called_back_at <= tasks.c.settled_at + grace_ms
        ended = sa.select(sa.func.coalesce(in_time, sa.false())).join(tasks, tasks.c.job_id == creates.c.job_id)
        expected = ended.where(creates.c.token_digest.is_not(None), tasks.c.settled_at < before)
        async with self._database.read() as connection:
            last = (await connection.execute(expected.order_by(creates.c.id.desc()).limit(limit))).scalars().all()
        return sum(last) / limit if len(last) == limit else None

    async def news(self, job_id: str, *, now: int) -> bool:
        """Make a generating task due at once, because the image API sent news of the task. A worker that is polling
        the task right now polls the task again afterwards (`sooner`). Return False if no task is generating as
        `job_id`."""
        these = sa.and_(tasks.c.job_id == job_id, tasks.c.state == TaskState.GENERATING)
        async with self._database.write() as connection:
            return bool((await connection.execute(sa.update(tasks).where(these).values(due_at=sooner(now)))).rowcount)

    async def put_in_question(self, create: Create, *, job_id: str, reason: str, now: int) -> bool:
        """
        Record that the image API may have accepted a create as `job_id`, and make its task due at once, so that a
        worker looks at the job.

        Do nothing and return False unless the create is the last one of a task that is `submitting` or whose outcome is
        `reason`. A `claimed_job_id` that is set already is kept.
        """
        last = sa.select(sa.func.max(creates.c.id)).where(creates.c.task_id == create.task_id).scalar_subquery()
        ended = sa.and_(tasks.c.state.in_([TaskState.SETTLED, TaskState.CLOSED]), tasks.c.reason == reason)
        doubtful = sa.or_(tasks.c.state == TaskState.SUBMITTING, ended)
        these = sa.and_(tasks.c.id == create.task_id, last == create.id, doubtful)
        claimed = sa.func.coalesce(tasks.c.claimed_job_id, job_id)
        statement = sa.update(tasks).where(these).values(claimed_job_id=claimed, due_at=sooner(now))
        async with self._database.write() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def _creates(self, which: sa.ColumnElement[bool]) -> tuple[Create, ...]:
        """Return the matching creates, newest first."""
        columns = [column for column in creates.c if column is not creates.c.token_digest]
        statement = sa.select(*columns).where(which).order_by(creates.c.id.desc())
        async with self._database.read() as connection:
            return values(Create, await connection.execute(statement))


async def _may_create(connection: Transaction, limits: CreateLimits, now: int) -> bool:
    recent = sa.select(sa.func.count()).where(creates.c.at > now - limits.window_ms)
    in_flight = sa.select(sa.func.count()).select_from(tasks).where(fair_queue.IN_FLIGHT)
    begun: int = (await connection.execute(recent)).scalar_one()
    if begun >= limits.per_window:
        return False
    flying: int = (await connection.execute(in_flight)).scalar_one()
    return flying < limits.in_flight


def sooner(now: int) -> sa.ColumnElement[int]:
    """Return a due time that is not in the future and differs from the stored one. A worker that holds the task leaves
    a changed due time as it is (`compare_and_set`)."""
    return sa.case((tasks.c.due_at > now, now), else_=tasks.c.due_at - 1)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
