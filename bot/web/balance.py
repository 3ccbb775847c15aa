"""The credits left on the account, as the image API last reported; no reader waits for an answer of the API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from bot.engine.clock import system_clock
from bot.errors import ServiceError

EVERY_MS: Final = 60_000

log = structlog.get_logger(__name__)


class Balance:
    def __init__(self, ask: Callable[[], Awaitable[float]], clock: Callable[[], int] = system_clock) -> None:
        self._ask = ask
        self._clock = clock
        self._credits: float | None = None
        self._asked_at = 0
        self._asking: asyncio.Task[None] | None = None

    def last_known(self) -> float | None:
        """Return the credits as last reported, however old; None before the first answer. A call starts a new query in
        the background, once a minute at most, whose answer a later call returns."""
        now = self._clock()
        if now - self._asked_at >= EVERY_MS and (self._asking is None or self._asking.done()):
            self._asked_at = now
            self._asking = asyncio.create_task(self._learn())
        return self._credits

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _learn(self) -> None:
        try:
            self._credits = await self._ask()
        except ServiceError as error:
            log.debug("credit query for metrics failed: credits last reported stay, if any", error=str(error))
