"""
Our copies of references and pictures go when they are old; the rows stay.

Of what ended uncharged (refused, cancelled) they go within the hour: it cost nothing, so the limits of pictures do not
bound how much of it there is. Until then *Ask again* takes them; afterwards what was attached is fetched from Discord
once more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

import structlog

from bot.engine.clock import is_doubtful
from storage.models import Picture, Reference
from storage.pictures import PictureStore
from storage.tasks import TaskStore

KEEP_UNCHARGED: Final = timedelta(minutes=40)
"""With the ten minutes between two sweeps that is less than an hour."""

log = structlog.get_logger(__name__)


class Retention:
    def __init__(self, *, tasks: TaskStore, pictures: PictureStore, keep: timedelta, clock: Callable[[], int]) -> None:
        self._tasks = tasks
        self._pictures = pictures
        self._keep = keep
        self._clock = clock

    async def sweep(self) -> int:
        """Remove every copy whose task ended longer ago than we keep copies; how many went.

        The file goes first: a crash in between leaves a row whose file is gone, which the next sweep sets right.
        """
        return await self._sweep(self._tasks.kept_before, self._keep)

    async def sweep_uncharged(self) -> int:
        """The same of what ended without costing anything, soon after that."""
        return await self._sweep(self._tasks.uncharged_before, KEEP_UNCHARGED)

    async def _sweep(
        self, kept_before: Callable[[int], Awaitable[Sequence[Reference | Picture]]], keep: timedelta
    ) -> int:
        if is_doubtful(self._clock):
            return 0
        before = self._clock() - int(keep.total_seconds() * 1000)
        swept = 0
        while copies := await kept_before(before):
            gone = [copy for copy in copies if await self._remove(copy)]
            swept += len(gone)
            if not gone:
                break
        if swept:
            log.info("old copies removed", copies=swept)
        return swept

    async def _remove(self, copy: Reference | Picture) -> bool:
        """One that cannot be removed does not keep the others."""
        try:
            if copy.key is not None:
                await self._pictures.delete(copy.key)
        except Exception:
            log.exception("a copy could not be removed", task=copy.task_id)
            return False
        await self._tasks.forget_copy(copy)
        return True
