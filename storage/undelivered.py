"""Store outcomes that could not be delivered and wait for their asker."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from storage.card_facts import KEPT_TASK
from storage.database import Database
from storage.models import Task
from storage.schema import tasks
from storage.transitions import compare_and_set


class UndeliveredStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, task: Task, *, now: int, due: int) -> Task:
        """
        Keep the outcome for its asker, release the task, and make the task due again at `due` (ms).

        Keep the first `undelivered_at`. Forget the interaction with which the asker came for the outcome: the delivery
        through that interaction failed too. If the asker came by another interaction since the task was read, keep that
        interaction and the due time that it set. Raises StaleTask.
        """
        came = sa.and_(tasks.c.collect_token.is_not(None), tasks.c.collect_token.is_distinct_from(task.collect_token))
        first_and_coming: dict[str, sa.ColumnElement[Any]] = {
            "undelivered_at": sa.func.coalesce(tasks.c.undelivered_at, now),
            "collect_token": sa.case((came, tasks.c.collect_token), else_=sa.null()),
        }
        free = {"due_at": due, "owner": None, "lease_until": 0, "failures": 0, "attempts": 0}
        async with self._database.write() as connection:
            return await compare_and_set(connection, task, free, first_and_coming)

    async def collect(self, task_id: str, token: str, *, now: int, due: int, lapsed: int) -> bool:
        """
        Store the token of the interaction with which the asker came for a kept outcome, whatever worker owns the task.
        The task is due at `due` (ms).

        Do nothing and return False if the outcome is not kept, or if the asker came by another interaction after
        `lapsed` (ms).
        """
        free = sa.or_(tasks.c.collect_token.is_(None), tasks.c.collect_token == token, tasks.c.collect_at <= lapsed)
        coming = {"collect_token": token, "collect_at": now, "due_at": due}
        async with self._database.write() as connection:
            statement = sa.update(tasks).where(tasks.c.id == task_id, KEPT_TASK, free).values(coming)
            return bool((await connection.execute(statement)).rowcount)
