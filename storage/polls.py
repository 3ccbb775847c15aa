"""Store polls without an outcome. Polls whose answers arrive at the same moment are stored by one statement, which
takes a fraction of the time of a transaction for each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from storage.database import Database
from storage.models import Task, TaskState, released
from storage.prepared import Prepared
from storage.schema import found_in_state, tasks
from storage.transitions import compare_and_set

MOST_TOGETHER: Final = 200
"""Polls of one statement, which blocks the event loop on SQLite: about 10 ms."""


@dataclass(frozen=True, slots=True)
class _Poll:
    task: Task
    failures: int
    progress: float
    overdue_notified_at: int | None
    due_at: int
    stored: asyncio.Future[Task | None]
    """The task as stored; None if its row is no longer as it was read, or if another transaction holds the row."""

    def columns(self) -> dict[str, Any]:
        return {
            "owner": self.task.owner,
            "as_due": self.task.due_at,
            "due_at": self.due_at,
            "failures": self.failures,
            "progress": self.progress,
            "overdue_notified_at": self.overdue_notified_at,
        }


class PollStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Poll] = []
        self._storing: asyncio.Task[None] | None = None

    async def store(
        self, task: Task, *, failures: int, progress: float, overdue_notified_at: int | None, due_at: int
    ) -> Task:
        """Store the poll of a generating task, and release the task until `due_at`, which is set only as
        `compare_and_set` says. Return the task as it is now. Raises StaleTask."""
        stored: asyncio.Future[Task | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Poll(task, failures, progress, overdue_notified_at, due_at, stored))
        if self._storing is None:
            self._storing = asyncio.create_task(self._store_waiting(), context=Context())  # it is work of many tasks
        if (changed := await stored) is not None:
            return changed
        changes = {"failures": failures, "progress": progress, "overdue_notified_at": overdue_notified_at}
        async with self._database.write() as connection:
            return await compare_and_set(connection, task, {**changes, **released(due_at)})

    async def _store_waiting(self) -> None:
        try:
            while self._waiting:
                polls, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                if awaited := [poll for poll in polls if not poll.stored.cancelled()]:
                    await self._store_together(awaited)
        finally:
            self._storing = None

    async def _store_together(self, polls: Sequence[_Poll]) -> None:
        try:
            async with self._database.write() as connection:
                given = {poll.task.id: poll.columns() for poll in polls}
                found = {task.id: task for task in await STORE.values(Task, connection, {"polls": given})}
        except Exception as error:  # noqa: BLE001  # each caller raises it
            for poll in polls:
                if not poll.stored.done():
                    poll.stored.set_exception(error)
            return
        for poll in polls:
            if not poll.stored.done():
                poll.stored.set_result(found.get(poll.task.id))


def _store() -> Prepared:
    """Update each of the `polls`, by the id of its task, whose row has the state and the owner it was read with. Rows
    that another transaction has locked are left out, so that two such statements cannot wait for each other."""
    given_polls = sa.func.json_each(sa.bindparam("polls", type_=sa.JSON))
    poll = given_polls.table_valued("key", sa.column("value", sa.JSON)).alias("poll")

    def given(name: str, kind: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
        return sa.cast(poll.c.value[name].as_string(), kind)

    unmoved = tasks.c.due_at == given("as_due", sa.BigInteger())
    changed = {
        "due_at": sa.case((unmoved, given("due_at", sa.BigInteger())), else_=tasks.c.due_at),
        "failures": given("failures", sa.Integer()),
        "progress": poll.c.value["progress"].as_float(),
        "overdue_notified_at": given("overdue_notified_at", sa.BigInteger()),
    }
    as_read = (
        sa.select(tasks.c.id, *[value.label(name) for name, value in changed.items()])
        .join_from(poll, tasks, tasks.c.id == poll.c.key)
        .where(found_in_state(TaskState.GENERATING), tasks.c.owner.is_not_distinct_from(given("owner", sa.Text())))
        .with_for_update(skip_locked=True, of=tasks)
        .cte("as_read")
    )
    columns = {"owner": None, "lease_until": 0, "attempts": 0, **{name: as_read.c[name] for name in changed}}
    return Prepared(sa.update(tasks).where(tasks.c.id == as_read.c.id).values(columns).returning(tasks))


STORE: Final = _store()
