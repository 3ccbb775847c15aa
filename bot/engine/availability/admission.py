"""
Decide whether creates may begin: not while the account needs the operator, not while the image API is unreachable, and
only one at a time after such a pause, until one is accepted.

Several processes on one database tell each other at their checks, every few seconds, that the image API is unreachable,
and that it is back.
"""

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

PREFIX: Final = "creates_"
"""What the names of all facts about creates begin with, so that one read finds them."""
OUTAGE_FACT: Final = "creates_unanswered"
LOOK_MS: Final = 9_000
"""ms. Shortest interval between two looks at what other processes have stored, while nothing is wrong."""
LEAVES_CREATES: Final = "creates"
SILENT: Final = "questions"
"""What got no answer; the first word of the fact. The second is when (ms)."""
OVER: Final = "over"
"""The value for an outage that another process no longer sees, while this one does."""
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
        self._shared = not stores.key_values.alone
        """Whether other processes work on the database."""
        self._looked_at = 0
        self._known: str | None = None
        """The last outage that was stored, by this process or another."""
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
        if self._shared and (self.paused() or self._clock() - self._looked_at >= LOOK_MS):
            self._looked_at = self._clock()
            stored = await self._stores.key_values.beginning_with(PREFIX)
            await self._share_outage(stored.get(OUTAGE_FACT))
            await self.account.learn(stored)
        await self.api.check()
        await self.account.check()
        if (reason := self.paused()) and not is_doubtful(self._clock):
            await self._give_up(reason)

    async def _share_outage(self, stored: str | None) -> None:
        """Tell the other processes that the image API is unreachable, or hear of it from them, or that it is back. An
        outage that is not seen from here is left to the process that stored it."""
        if not self.api.open:
            if stored is not None and stored != self._known:
                await self.api.hear(leaves_creates=stored.startswith(LEAVES_CREATES))
        elif stored is None and self._known is None:
            stored = f"{LEAVES_CREATES if self.api.leaves_creates else SILENT} {self._clock()}"
            await self._stores.key_values.set(OUTAGE_FACT, stored)
        elif stored is None:
            if self._known != OVER:
                self.api.check_soon()
            stored = OVER
        self._known = stored

    async def _go_on(self) -> None:
        """Resume after an outage: send a single create first, and make the postponed tasks that are queued or
        generating due now."""
        await self.account.probe()
        if self._shared:
            self._known = None
            await self._stores.key_values.set(OUTAGE_FACT, None)
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
