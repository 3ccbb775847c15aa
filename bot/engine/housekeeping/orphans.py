"""
Delete files in the picture store that no row names.

Such files are left if the process died while it wrote a file or before it wrote the row, if the row was erased while
the file was being written, or if the store failed to delete a file.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Final

import structlog

from bot.engine.clock import earliest
from storage.pictures import FOLDERS, ListingRefused, PictureStore
from storage.referenced_pictures import ReferencedPictures

YOUNGEST: Final = timedelta(hours=1)
"""Files younger than this are kept. A file exists for a few minutes at most before its row names it; the rest is a
margin for clocks that disagree."""
MOST: Final = 1000
"""Most deletions tried per sweep, unfinished files not counted. The rest follows in the next sweeps."""

log = structlog.get_logger(__name__)


class Orphans:
    def __init__(self, *, named: ReferencedPictures, picture_store: PictureStore, clock: Callable[[], int]) -> None:
        self._named = named
        self._picture_store = picture_store
        self._clock = clock

    async def sweep_orphans(self) -> int:
        """Delete orphaned files, at most `MOST`, and files that were never completed, if older than `YOUNGEST`; return
        how many were deleted. A refused listing and a failed deletion are only logged. Raises what else the stores
        raise."""
        tried = swept = 0
        try:
            async with aclosing(self._orphans()) as orphans:
                async for key in orphans:
                    swept += await self._remove(key)
                    tried += 1
                    if tried == MOST:
                        break
        except ListingRefused as refused:
            log.warning("orphan search failed: picture store refuses listing, orphaned copies stay", error=str(refused))
        swept += await self._picture_store.drop_unfinished(self._before())
        if swept:
            log.info("orphaned or unfinished copies deleted", copies=swept)
        return swept

    async def _orphans(self) -> AsyncGenerator[str, None]:
        for folder in FOLDERS:
            async for keys in self._picture_store.older(folder, self._before()):
                named = await self._named.among(keys)
                for key in keys:
                    if key not in named:
                        yield key

    def _before(self) -> int:
        return earliest(self._clock) - int(YOUNGEST.total_seconds() * 1000)

    async def _remove(self, key: str) -> bool:
        """Delete a file and return whether that succeeded. A failure does not stop the sweep."""
        try:
            await self._picture_store.delete(key)
        except Exception:
            log.exception("deleting orphaned copy failed, the next sweep tries again", key=key)
            return False
        return True
