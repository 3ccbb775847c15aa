"""Copies for styles and sets that no row names: the process died between the file and its row, or a store did not let
go of it. They go too. A task's own copies are named by where they lie, and go with it (`retention`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Final

import structlog

from storage.named_copies import NamedCopies
from storage.pictures import PictureStore

FOLDERS: Final = ("styles", "sets")
YOUNGEST: Final = timedelta(hours=1)
"""A file is there before its row, by less than a minute; the rest is for clocks that disagree."""
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
        async with aclosing(self._orphans()) as orphans:
            async for key in orphans:
                swept += await self._remove(key)
                tried += 1
                if tried == MOST:
                    break
        if swept:
            log.info("copies that no row names removed", copies=swept)
        return swept

    async def _orphans(self) -> AsyncGenerator[str, None]:
        before = self._clock() - int(YOUNGEST.total_seconds() * 1000)
        for folder in FOLDERS:
            async for keys in self._pictures.older(folder, before):
                named = await self._named.among(keys)
                for key in keys:
                    if key not in named:
                        yield key

    async def _remove(self, key: str) -> bool:
        """One that cannot be removed does not keep the others."""
        try:
            await self._pictures.delete(key)
        except Exception:
            log.exception("a copy could not be removed", key=key)
            return False
        return True
