"""
Outcomes that nobody could be told: kept, tried again now and then, and handed over when their asker comes.

They are told of it at their next command. Coming for it is written down before it is acknowledged, so that a process
that dies in between either brings it by that very interaction or keeps it on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from bot.engine.operator import Operator
from bot.errors import NotYours, Reason, TooLate
from storage.models import Task, TaskState
from storage.tasks import TaskStore

TRY_EVERY: Final = timedelta(hours=3)
"""Whoever moderates may let us in again, and direct messages may be opened."""
ACKNOWLEDGED_WITHIN: Final = timedelta(seconds=10)
"""After this it is brought whether or not we were told that the interaction was acknowledged; Discord allows 3 s."""
LAPSES_AFTER: Final = timedelta(minutes=15)
"""Discord takes no answer by an older interaction."""

log = structlog.get_logger(__name__)


class Keeping:
    def __init__(
        self, *, tasks: TaskStore, operator: Operator, wake: Callable[[], None], clock: Callable[[], int]
    ) -> None:
        self._tasks = tasks
        self._operator = operator
        self._wake = wake
        self._clock = clock

    async def keep(self, task: Task) -> Task:
        """Nobody could be told. Raises StaleTask."""
        now = self._clock()
        kept = await self._tasks.keep(task, now=now, due=now + _ms(TRY_EVERY))
        if task.kept_at is None:
            log.error("nobody could be told; kept for the asker", task=task.id)
            await self._operator.tell(Reason.NOBODY_TOLD)
        return kept

    async def collect(self, task_id: str, user_id: int, token: str) -> None:
        """
        The asker has come for it, by the interaction with this token; `bring` follows once that is acknowledged.

        Raises NotYours, and TooLate when it is not kept any more or on its way already, or private and somebody else's.
        """
        task = await self._tasks.get(task_id)
        if task is None or (task.private and task.asker_id != user_id):
            raise TooLate(Reason.TASK_UNKNOWN)
        if task.asker_id != user_id:
            raise NotYours
        now = self._clock()
        due, lapsed = now + _ms(ACKNOWLEDGED_WITHIN), now - _ms(LAPSES_AFTER)
        if not await self._tasks.collect(task_id, token, now=now, due=due, lapsed=lapsed):
            on_its_way = task.state is TaskState.SETTLED and task.kept_at is not None
            raise TooLate(Reason.COLLECTED_ALREADY if on_its_way else Reason.NO_LONGER_KEPT)

    async def bring(self, task_id: str, token: str) -> None:
        """The interaction was acknowledged, so it can be brought now. It may have been already; that is fine."""
        now = self._clock()
        await self._tasks.collect(task_id, token, now=now, due=now, lapsed=now - _ms(LAPSES_AFTER))
        self._wake()


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
