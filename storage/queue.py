"""Read which tasks wait, in which order creates begin, and how long pictures take."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from storage import fair_queue
from storage.database import Database
from storage.models import Task, TaskState
from storage.rows import values
from storage.schema import tasks


class QueueStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self, *, limit: int = 1000) -> tuple[Task, ...]:
        """Return the prepared tasks that wait for a create, in the order in which `CreateStore.begin` takes them while
        nothing else happens. Postponed tasks are included as if they were due."""
        return await self._tasks(fair_queue.queue().limit(limit))

    async def waiting_since(self, before: int, *, limit: int) -> tuple[Task, ...]:
        """Return the prepared tasks that wait for a create and were stored no later than `before` (ms), oldest
        first."""
        old = sa.and_(fair_queue.QUEUED, fair_queue.PREPARED, tasks.c.created_at <= before)
        return await self._tasks(sa.select(tasks).where(old).order_by(*fair_queue.AGE).limit(limit))

    async def with_cards(self, *, limit: int) -> tuple[Task, ...]:
        """Return the tasks that have a card and whose outcome is not known yet, oldest first."""
        states = [TaskState.QUEUED, TaskState.SUBMITTING, TaskState.GENERATING]
        carded = sa.and_(tasks.c.state.in_(states), tasks.c.card_message_id.is_not(None))
        return await self._tasks(sa.select(tasks).where(carded).order_by(*fair_queue.AGE).limit(limit))

    async def generating(self, *, limit: int) -> tuple[Task, ...]:
        """Return the tasks that are `generating` and not overdue, oldest first."""
        at_work = sa.and_(tasks.c.state == TaskState.GENERATING, tasks.c.overdue_notified_at.is_(None))
        return await self._tasks(sa.select(tasks).where(at_work).order_by(tasks.c.generating_at).limit(limit))

    async def place_of(self, task: Task) -> int | None:
        """Return the place of the task, from 1, among the tasks that wait for a create, as if the task were prepared;
        None if it is no longer queued."""
        async with self._database.read() as connection:
            place: int | None = (await connection.execute(fair_queue.PLACE, {"of": task.id})).scalar_one_or_none()
            return place

    async def recent_seconds(self, model: str, *, limit: int = 200) -> tuple[float, ...]:
        """Return how long (s) the last successful tasks of a model took from create to outcome (settled_at -
        generating_at), newest first."""
        succeeded = sa.and_(
            tasks.c.model == model,
            tasks.c.settled_at.is_not(None),
            tasks.c.generating_at.is_not(None),
            tasks.c.reason.is_(None),
        )
        took = sa.select(tasks.c.settled_at - tasks.c.generating_at).where(succeeded)
        newest = took.order_by(tasks.c.settled_at.desc()).limit(limit)
        async with self._database.read() as connection:
            return tuple(milliseconds / 1000 for milliseconds in (await connection.execute(newest)).scalars())

    async def _tasks(self, statement: sa.Select[Any]) -> tuple[Task, ...]:
        async with self._database.read() as connection:
            return values(Task, await connection.execute(statement))
