"""Make thumbnails of stored copies. Each thumbnail is made once, when it is first needed, and stored with its copy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

import structlog

from bot.engine.work.picture_work import PictureWork, Requester
from bot.errors import Unavailable
from bot.imaging.picture_info import Unreadable
from storage.pictures import MissingCopy, PictureStore

HOPELESS: Final = 10_000
"""Number of remembered pictures of which no thumbnail can be made."""

log = structlog.get_logger(__name__)


class StoredCopy(NamedTuple):
    """A stored copy: its key and the size of its file."""

    key: str
    bytes: int | None


class Thumbnails:
    def __init__(self, picture_store: PictureStore, work: PictureWork) -> None:
        self._picture_store = picture_store
        self._work = work
        self._making: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._hopeless: dict[str, None] = {}

    async def small(self, copy: StoredCopy, requester: Requester) -> bytes | None:
        """Return a JPEG with a longer side of at most 320 pixels; None if the copy is gone or damaged, or cannot be
        decoded now."""
        if copy.key in self._hopeless:
            return None
        async with self._making.setdefault(copy.key, asyncio.Lock()):
            return await self._picture_store.thumbnail(copy.key) or await self._made(copy, requester)

    async def strip(self, copies: Sequence[StoredCopy], requester: Requester) -> bytes | None:
        """Return a PNG of square tiles. Copies without a thumbnail are left out; None if no copy is left."""
        tiles = [await self.small(copy, requester) for copy in copies]
        made = [tile for tile in tiles if tile is not None]
        return await self._work.strip(made, requester) if made else None

    async def _made(self, copy: StoredCopy, requester: Requester) -> bytes | None:
        if copy.key in self._hopeless:  # another call failed while this call waited for the lock
            return None
        try:
            async with self._work.holding(copy.bytes, requester):
                made = await self._work.thumbnail(await self._picture_store.get(copy.key), requester)
        except (MissingCopy, Unavailable) as error:
            log.debug("thumbnail not made: copy gone or decoder unavailable", key=copy.key, error=type(error).__name__)
            return None
        except Unreadable as error:
            log.info("thumbnail not made: picture unreadable, not tried again", key=copy.key, reason=error.reason.value)
            self._give_up(copy.key)
            return None
        await self._keep(copy.key, made)
        return made

    def _give_up(self, key: str) -> None:
        if len(self._hopeless) >= HOPELESS:
            del self._hopeless[next(iter(self._hopeless))]
        self._hopeless[key] = None

    async def _keep(self, key: str, made: bytes) -> None:
        """Store a thumbnail. If that fails, the thumbnail is made again the next time it is needed."""
        try:
            await self._picture_store.put_thumbnail(key, made)
        except Exception as error:  # noqa: BLE001  # any error of a bucket or a full disk
            log.warning("thumbnail not stored: write failed, it is made again when needed", key=key, error=str(error))
