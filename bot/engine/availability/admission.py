"""Decide whether creates may begin: not while the account needs the operator, not while the image API is unreachable,
and only one at a time after such a pause, until one is accepted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

from bot.engine.availability.account import AccountMonitor
from bot.engine.availability.alerts import OperatorAlerts
from bot.engine.availability.circuit_breaker import CircuitBreaker
from bot.engine.clock import is_doubtful
from bot.engine.policy import GIVE_UP_AFTER
from bot.engine.ports import ImageAPI
from bot.errors import Reason
from storage.models import TaskState, released
from storage.stores import Stores
from storage.transitions import StaleTask

GIVEN_UP_AT_ONCE: Final = 100
"""Number of tasks settled in one check because they have waited for a day. The others follow at the next check, within
seconds."""


class Admission:
    """Decide whether creates may begin and, during a pause, settle the prepared tasks that are a day old. `api` is the
    image API behind the circuit breaker; the whole engine must use this object."""

    def __init__(
        self,
        *,
        stores: Stores,
        api: ImageAPI,
        operator: OperatorAlerts,
        probe_after: timedelta,
        wake: Callable[[], None],
        clock: Callable[[], int],
    ) -> None:
        self._stores = stores
        self._wake = wake
        self._clock = clock
        self.api = CircuitBreaker(api, clock=clock, recovered=self._go_on)
        self.account = AccountMonitor(
            stores=stores, api=self.api, operator=operator, clock=clock, probe_after=probe_after
        )

    @property
    def takes_creates(self) -> bool:
        return self.account.takes_creates and not self.api.open

    def paused(self) -> Reason | None:
        """Return why creates are paused, or None if they are not."""
        return self.account.paused or (Reason.SERVICE_UNREACHABLE if self.api.open else None)

    async def check(self) -> None:
        """Check whether the cause of a pause is over. During a pause, settle the prepared tasks that were stored a day
        ago as failed, without a charge, unless the clock is doubtful."""
        await self.api.check()
        await self.account.check()
        if (reason := self.paused()) and not is_doubtful(self._clock):
            await self._give_up(reason)

    async def _go_on(self) -> None:
        """Resume after an outage: send a single create first, and make the postponed tasks that are queued or
        generating due now."""
        self.account.probe()
        for state in (TaskState.QUEUED, TaskState.GENERATING):
            await self._stores.claims.expedite(state, now=self._clock())
        self._wake()

    async def _give_up(self, reason: Reason) -> None:
        now = self._clock()
        before = now - int(GIVE_UP_AFTER.total_seconds() * 1000)
        for task in await self._stores.queue.waiting_since(before, limit=GIVEN_UP_AT_ONCE):
            with suppress(StaleTask):
                await self._stores.tasks.settle(
                    task,
                    now=now,
                    why="creates were stopped for 24 hours",
                    reason=reason,
                    charged=False,
                    failures=0,
                    **released(now),
                )
