"""Do a job again and again, with a pause after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple, TypeAlias

import structlog

Job: TypeAlias = Callable[[], Awaitable[object]]

log = structlog.get_logger(__name__)


class PeriodicJob(NamedTuple):
    job: Job
    pause: float | Callable[[], float]
    """Seconds after the job has ended or failed."""
    sooner: asyncio.Event | None = None
    """Ends the pause."""

    async def run(self) -> None:
        """Do the job until cancelled. An error of the job is logged."""
        while True:
            try:
                await self.job()
            except Exception:
                log.exception("periodic job failed, runs again after its usual pause", job=self.job.__qualname__)
            seconds = self.pause if isinstance(self.pause, float | int) else self.pause()
            if self.sooner is None:
                await asyncio.sleep(seconds)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.sooner.wait()
            self.sooner.clear()
