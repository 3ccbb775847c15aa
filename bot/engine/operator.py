"""Telling whoever runs the bot what only they can put right, and not again and again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from bot.engine.ports import Delivery
from bot.errors import Reason, ServiceError
from storage.tasks import TaskStore

TOLD_FACT: Final = "operator_told"
TELL_AGAIN_AFTER: Final = timedelta(hours=24)
UNTOLD: Final = (
    "the operator could not be told: let OPERATOR_CHANNEL_ID name a channel that the bot may see and write in, "
    "or let the application's owner take direct messages from it"
)

log = structlog.get_logger(__name__)


class Operator:
    """Told of each reason once a day at most. What they were told is a stored fact: it outlives the process."""

    def __init__(self, *, tasks: TaskStore, delivery: Delivery, clock: Callable[[], int]) -> None:
        self._tasks = tasks
        self._delivery = delivery
        self._clock = clock
        self._telling = asyncio.Lock()

    async def check(self) -> None:
        """Tell them what stands in the way to people."""
        if reason := self._delivery.trouble():
            await self.tell(reason)

    async def tell(self, reason: Reason) -> None:
        """Never raises ServiceError: what did not get through is told the next time there is cause to."""
        async with self._telling:
            told = json.loads(await self._tasks.fact(TOLD_FACT) or "{}")
            now = self._clock()
            if now - told.get(reason.value, 0) < TELL_AGAIN_AFTER.total_seconds() * 1000:
                return
            try:
                await self._delivery.tell_operator(reason)
            except ServiceError as error:
                log.error(UNTOLD, reason=reason.value, error=str(error))  # noqa: TRY400  # one line says it all
                return
            await self._tasks.set_fact(TOLD_FACT, json.dumps({**told, reason.value: now}))
