"""
Keep outcomes that could not be delivered: retry the delivery from time to time, and hand the outcome over when the
asker comes for it.

The asker learns of a kept outcome at their next command. The interaction with which the asker comes is stored before it
is acknowledged. If the process dies in between, the outcome is either delivered by that interaction or stays kept.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from bot.discord_limits import INTERACTION_LIFE
from bot.engine.availability.alerts import OperatorAlerts
from bot.errors import Conflict, Gone, NotFound, NotYours, Reason
from storage.models import Task, TaskState
from storage.stores import Stores

TRY_EVERY: Final = timedelta(hours=3)
"""Interval of retries. Moderators may give the bot access again, and the asker may open their direct messages."""
ACKNOWLEDGED_WITHIN: Final = timedelta(seconds=10)
"""After this, the outcome is delivered even if the engine got no notice that the interaction was acknowledged. Discord
allows 3 s for the acknowledgement."""

log = structlog.get_logger(__name__)


class Undelivered:
    def __init__(
        self, *, stores: Stores, operator: OperatorAlerts, wake: Callable[[], None], clock: Callable[[], int]
    ) -> None:
        self._stores = stores
        self._operator = operator
        self._wake = wake
        self._clock = clock

    async def keep(self, task: Task) -> Task:
        """Keep an outcome that could not be delivered by any route. The first time, alert the operator, unless the same
        alert was sent within a day. Raises StaleTask."""
        now = self._clock()
        kept = await self._stores.undelivered.keep(task, now=now, due=now + _ms(TRY_EVERY))
        if task.undelivered_at is None:
            log.error(
                "outcome not delivered: kept for the asker and retried every three hours, the operator is alerted at "
                "most once a day",
                task=task.id,
            )
            await self._operator.alert(Reason.NOBODY_TOLD)
        return kept

    async def collect(self, task_id: str, user_id: int, token: str) -> None:
        """
        Store that the asker came for a kept outcome, by the interaction with this token. Call `acknowledged` once the
        interaction is acknowledged.

        Raises NotFound if the task is unknown or another person's private one, NotYours if it is another person's
        public one, Gone if its outcome is not kept (any longer), and Conflict if the asker came for it within the last
        15 minutes by another interaction, through which the delivery has not failed yet.
        """
        task = await self._stores.tasks.get(task_id)
        if task is None or (task.private and task.asker_id != user_id):
            raise NotFound(Reason.TASK_UNKNOWN)
        if task.asker_id != user_id:
            raise NotYours
        now = self._clock()
        due, lapsed = now + _ms(ACKNOWLEDGED_WITHIN), now - _ms(INTERACTION_LIFE)
        if not await self._stores.undelivered.collect(task_id, token, now=now, due=due, lapsed=lapsed):
            on_its_way = task.state is TaskState.SETTLED and task.undelivered_at is not None
            if on_its_way:
                raise Conflict(Reason.COLLECTED_ALREADY)
            raise Gone(Reason.NO_LONGER_KEPT)

    async def acknowledged(self, task_id: str, token: str) -> None:
        """Make a kept outcome due now, because the interaction with this token was acknowledged. Idempotent; changes
        nothing if the outcome was delivered already."""
        now = self._clock()
        await self._stores.undelivered.collect(task_id, token, now=now, due=now, lapsed=now - _ms(INTERACTION_LIFE))
        self._wake()


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
