"""
Delete old copies of references and pictures; the rows stay.

Copies of the references of tasks that ended uncharged (refused, cancelled) are deleted within an hour: such tasks cost
nothing, so the limits of pictures do not limit how many copies they leave. Until then *Ask again* uses the copies;
afterwards the attachments are downloaded from Discord again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

import structlog

from bot.engine.clock import is_doubtful
from storage.models import Picture, Reference
from storage.pictures import PictureStore
from storage.stores import Stores

KEEP_UNCHARGED: Final = timedelta(minutes=40)
"""Together with the ten minutes between two sweeps, this is less than an hour."""

log = structlog.get_logger(__name__)


class Retention:
    def __init__(
        self, *, stores: Stores, picture_store: PictureStore, keep: timedelta, clock: Callable[[], int]
    ) -> None:
        self._stores = stores
        self._picture_store = picture_store
        self._keep = keep
        self._clock = clock

    async def sweep(self) -> int:
        """
        Delete every copy whose task was closed (if cancelled: stored) longer ago than copies are kept. Return how many
        were deleted; 0 while the clock is doubtful.

        The file is deleted before the row is changed: after a crash between these steps a row names a missing file, and
        the next sweep corrects the row.
        """
        return await self._sweep(self._stores.retention.stored_before, self._keep)

    async def sweep_uncharged(self) -> int:
        """Delete copies of the references of tasks that ended uncharged, `KEEP_UNCHARGED` after their end. Return how
        many were deleted; 0 while the clock is doubtful."""
        return await self._sweep(self._stores.retention.uncharged_before, KEEP_UNCHARGED)

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
            log.info("old copies deleted", copies=swept)
        return swept

    async def _remove(self, copy: Reference | Picture) -> bool:
        """Delete one copy. Return False if that failed, so that the sweep can continue with the others."""
        try:
            if copy.key is not None:
                await self._picture_store.delete(copy.key)
        except Exception:
            log.exception("old copy not deleted, this sweep or the next tries again", task=copy.task_id)
            return False
        await self._stores.retention.forget_copy(copy)
        return True
