"""Measure whether callbacks arrive reliably. While they do, polls are rarer and serve only as the safety net."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bot.engine.timing.schedule import POLL_COST_SECONDS
from storage.stores import Stores

RELIED_POLL_COST_SECONDS: Final = 9 * POLL_COST_SECONDS
"""Intervals between polls grow with the square root of the poll cost, so they are three times as long."""
LAST: Final = 20
"""Number of recent creates that are examined; with fewer creates, callbacks are not relied on."""
LEAST_SHARE: Final = 0.9
"""Share of these creates that must have been called back in time."""
LATEST: Final = 2
"""If none of this many newest creates was called back in time, callbacks have stopped."""
GRACE_MS: Final = 60_000
"""A callback is in time if it arrives at most this long after its task was settled."""
LOOK_EVERY_MS: Final = 10_000


class CallbackReliability:
    def __init__(self, *, stores: Stores, expected: bool, clock: Callable[[], int]) -> None:
        """`expected`: creates carry a callback URL."""
        self._stores = stores
        self._expected = expected
        self._clock = clock
        self._reliable = False
        self._look_at = 0

    async def poll_cost(self) -> float:
        """Return the cost of one poll in seconds, for `schedule.next_poll`: `RELIED_POLL_COST_SECONDS`, so that polls
        are rare, while callbacks arrive reliably; else `POLL_COST_SECONDS`."""
        if self._expected and self._clock() >= self._look_at:
            self._look_at = self._clock() + LOOK_EVERY_MS
            self._reliable = await self._share(LATEST) > 0 and await self._share(LAST) >= LEAST_SHARE
        return RELIED_POLL_COST_SECONDS if self._reliable else POLL_COST_SECONDS

    async def _share(self, last: int) -> float:
        before = self._clock() - GRACE_MS
        return await self._stores.creates.callback_share(before=before, grace_ms=GRACE_MS, limit=last) or 0.0
