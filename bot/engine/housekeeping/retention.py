"""
Delete old copies of references and pictures; the rows stay.

Copies of the references of tasks that ended uncharged (refused, cancelled) are deleted within an hour: such tasks cost
nothing, so the limits of pictures do not limit how many copies they leave. Until then *Ask again* uses the copies;
afterwards the attachments are downloaded from Discord again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final, Protocol

import structlog

from bot.engine.clock import is_doubtful
from storage.models import Picture, Reference
from storage.pictures import PictureStore
from storage.stores import Stores

KEEP_UNCHARGED: Final = timedelta(minutes=40)
"""Together with the ten minutes between two sweeps, this is less than an hour."""
AT_ONCE: Final = 100
"""Copies that are read at a time."""

log = structlog.get_logger(__name__)


class OldCopies(Protocol):
    async def __call__(self, before: int, *, limit: int) -> tuple[Reference | Picture, ...]: ...


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
        were deleted; 0 while the clock is doubtful. A copy that cannot be deleted is tried once per sweep.

        The file is deleted before the row is changed: after a crash between these steps a row names a missing file, and
        the next sweep corrects the row.
        """
        return await self._sweep(self._stores.retention.stored_before, self._keep)

    async def sweep_uncharged(self) -> int:
        """Delete copies of the references of tasks that ended uncharged, `KEEP_UNCHARGED` after their end. Return how
        many were deleted; 0 while the clock is doubtful."""
        return await self._sweep(self._stores.retention.uncharged_before, KEEP_UNCHARGED)

    async def _sweep(self, kept_before: OldCopies, keep: timedelta) -> int:
        if is_doubtful(self._clock):
            return 0
        before = self._clock() - int(keep.total_seconds() * 1000)
        swept, failed = 0, dict[str | None, Exception]()
        while untried := [
            copy for copy in await kept_before(before, limit=AT_ONCE + len(failed)) if copy.key not in failed
        ]:
            for copy in untried:
                if error := await self._remove(copy):
                    failed[copy.key] = error
                else:
                    swept += 1
        if swept:
            log.info("old copies deleted", copies=swept)
        if failed:
            first = next(iter(failed.values()))
            log.error("old copies not deleted, the next sweep tries again", copies=len(failed), exc_info=first)
        return swept

    async def _remove(self, copy: Reference | Picture) -> Exception | None:
        """Delete one copy. Return the error if that failed, so that the sweep can continue with the others."""
        try:
            if copy.key is not None:
                await self._picture_store.delete(copy.key)
        except Exception as error:  # noqa: BLE001  # logged by the sweep
            return error
        await self._stores.retention.forget_copy(copy)
        return None
