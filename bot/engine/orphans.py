"""
Remove files of the picture store that no row names.

They are left where the process died while it wrote a file, or between the file and its row, where somebody erased the
row meanwhile, or where the store refused to delete.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Final

import structlog

from bot.engine.clock import earliest
from storage.named_copies import NamedCopies
from storage.pictures import FOLDERS, ListingRefused, PictureStore

YOUNGEST: Final = timedelta(hours=1)
"""A file is there before its row names it, by a few minutes at most; the rest is for clocks that disagree."""
MOST: Final = 1000
"""Removed at a time; what is left goes with the next sweeps."""

log = structlog.get_logger(__name__)


class Orphans:
    def __init__(self, *, named: NamedCopies, pictures: PictureStore, clock: Callable[[], int]) -> None:
        self._named = named
        self._pictures = pictures
        self._clock = clock

    async def sweep_orphans(self) -> int:
        """How many went. Raises what the stores do."""
        tried = swept = 0
        try:
            async with aclosing(self._orphans()) as orphans:
                async for key in orphans:
                    swept += await self._remove(key)
                    tried += 1
                    if tried == MOST:
                        break
        except ListingRefused as refused:
            log.warning("copies that no row names cannot be looked for", error=str(refused))
        swept += await self._pictures.drop_unfinished(self._before())
        if swept:
            log.info("copies that no row names removed", copies=swept)
        return swept

    async def _orphans(self) -> AsyncGenerator[str, None]:
        for folder in FOLDERS:
            async for keys in self._pictures.older(folder, self._before()):
                named = await self._named.among(keys)
                for key in keys:
                    if key not in named:
                        yield key

    def _before(self) -> int:
        return earliest(self._clock) - int(YOUNGEST.total_seconds() * 1000)

    async def _remove(self, key: str) -> bool:
        """One that cannot be removed does not keep the others."""
        try:
            await self._pictures.delete(key)
        except Exception:
            log.exception("a copy could not be removed", key=key)
            return False
        return True
