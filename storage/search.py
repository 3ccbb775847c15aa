"""Find tasks: a person's own by words and state, any task by a message that shows its outcome."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from storage.database import Database
from storage.fair_queue import AGE
from storage.models import OPEN_STATES, Task, TaskState
from storage.rows import values
from storage.schema import outcome_parts, reposts, tasks

ESCAPE: Final = "\\"


class TaskFilter(StrEnum):
    """Filter for a person's tasks."""

    ALL = "all"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SearchStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def own(
        self,
        asker_id: int,
        *,
        words: str = "",
        which: TaskFilter = TaskFilter.ALL,
        limit: int,
        offset: int = 0,
    ) -> tuple[Task, ...]:
        """Return a person's tasks with these words in their prompts, newest first. Upper and lower case are equal in
        ASCII (and in every script on PostgreSQL)."""
        newest = [column.desc() for column in AGE]
        statement = sa.select(tasks).where(_own(asker_id, words, which)).order_by(*newest).limit(limit).offset(offset)
        async with self._database.read() as connection:
            return values(Task, await connection.execute(statement))

    async def count_own(self, asker_id: int, *, words: str = "", which: TaskFilter = TaskFilter.ALL) -> int:
        statement = sa.select(sa.func.count()).select_from(tasks).where(_own(asker_id, words, which))
        async with self._database.read() as connection:
            return int((await connection.execute(statement)).scalar_one())

    async def task_of_message(self, message_id: int) -> Task | None:
        """Return the task whose outcome, or a part of it, this message delivers or reposts; None for any other message,
        also one of a batch."""
        part = sa.select(outcome_parts.c.task_id).where(outcome_parts.c.message_id == message_id)
        again = sa.select(reposts.c.task_id).where(reposts.c.message_id == message_id)
        this = sa.or_(tasks.c.id.in_(part), tasks.c.id.in_(again))
        async with self._database.read() as connection:
            found = values(Task, await connection.execute(sa.select(tasks).where(this).limit(1)))
        return found[0] if found else None


def _own(asker_id: int, words: str, which: TaskFilter) -> sa.ColumnElement[bool]:
    conditions = [tasks.c.asker_id == asker_id]
    match which:
        case TaskFilter.WAITING:
            conditions.append(tasks.c.state.in_(sorted(OPEN_STATES)))
        case TaskFilter.DONE:
            conditions += [tasks.c.state == TaskState.CLOSED, tasks.c.reason.is_(None)]
        case TaskFilter.FAILED:
            conditions += [tasks.c.state == TaskState.CLOSED, tasks.c.reason.is_not(None)]
        case TaskFilter.CANCELLED:
            conditions.append(tasks.c.state == TaskState.CANCELLED)
        case TaskFilter.ALL:
            pass
    if words:
        conditions.append(tasks.c.prompt.icontains(words, autoescape=True, escape=ESCAPE))
    return sa.and_(*conditions)
