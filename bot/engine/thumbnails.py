"""Small pictures of our copies: each is made once, when it is first needed, and kept beside its copy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

import structlog

from bot.engine.picture_work import PictureWork, Whose
from bot.errors import Unavailable
from bot.imaging.looks import Unreadable
from storage.pictures import MissingCopy, PictureStore

HOPELESS: Final = 10_000
"""So many pictures of which none can be made are remembered."""

log = structlog.get_logger(__name__)


class Copy(NamedTuple):
    """One of ours, and how large its file is."""

    key: str
    bytes: int | None


class Thumbnails:
    def __init__(self, copies: PictureStore, work: PictureWork) -> None:
        self._copies = copies
        self._work = work
        self._making: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._hopeless: dict[str, None] = {}

    async def small(self, copy: Copy, whose: Whose) -> bytes | None:
        """A JPEG, at most 320 pixels long; None where the copy is gone or spoilt."""
        if copy.key in self._hopeless:
            return None
        async with self._making.setdefault(copy.key, asyncio.Lock()):
            return await self._copies.thumbnail(copy.key) or await self._made(copy, whose)

    async def strip(self, copies: Sequence[Copy], whose: Whose) -> bytes | None:
        """A PNG of square tiles; a copy that is gone or spoilt is left out. None when nothing is left."""
        tiles = [await self.small(copy, whose) for copy in copies]
        made = [tile for tile in tiles if tile is not None]
        return await self._work.strip(made, whose) if made else None

    async def _made(self, copy: Copy, whose: Whose) -> bytes | None:
        if copy.key in self._hopeless:  # others waited for the same
            return None
        try:
            async with self._work.holding(copy.bytes, whose):
                made = await self._work.thumbnail(await self._copies.get(copy.key), whose)
        except (MissingCopy, Unavailable) as error:
            log.debug("no thumbnail", key=copy.key, error=type(error).__name__)
            return None
        except Unreadable as error:
            log.info("no thumbnail can be made", key=copy.key, reason=error.reason.value)
            self._give_up(copy.key)
            return None
        await self._keep(copy.key, made)
        return made

    def _give_up(self, key: str) -> None:
        if len(self._hopeless) >= HOPELESS:
            del self._hopeless[next(iter(self._hopeless))]
        self._hopeless[key] = None

    async def _keep(self, key: str, made: bytes) -> None:
        """Where the store has no room for it, it is made again next time."""
        try:
            await self._copies.put_thumbnail(key, made)
        except Exception as error:  # noqa: BLE001  # whatever a bucket or a full disk may raise
            log.warning("thumbnail not kept", key=key, error=str(error))
