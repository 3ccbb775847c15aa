"""Make thumbnails of stored copies, and previews of what masks change. Each is made once, when it is first needed, and
stored with its copy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

import structlog

from bot.engine.work.picture_work import PictureWork, Requester
from bot.errors import Unavailable
from bot.imaging.decoding import MAX_BYTES
from bot.imaging.picture_info import Unreadable
from storage.pictures import MASK_PREVIEW, THUMBNAIL, MissingCopy, PictureStore

HOPELESS: Final = 10_000
"""Number of remembered keys under which no thumbnail or preview can be made. The oldest is forgotten first, and all at
the end of the process."""

log = structlog.get_logger(__name__)


class StoredCopy(NamedTuple):
    """A stored copy: its key and the bytes of its file (None: unknown)."""

    key: str
    bytes: int | None


class Thumbnails:
    def __init__(self, picture_store: PictureStore, work: PictureWork) -> None:
        self._picture_store = picture_store
        self._work = work
        self._making: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._hopeless: dict[str, None] = {}

    async def small(self, copy: StoredCopy, requester: Requester) -> bytes | None:
        """Return a JPEG with a longer side of at most 320 pixels; None if the copy is gone, or cannot be decoded: not
        now, or, if it is damaged or too complex or its decoder failed, not again in this process."""

        async def make() -> bytes:
            async with self._work.holding(copy.bytes, requester):
                return await self._work.thumbnail(await self._picture_store.get(copy.key), requester)

        return await self._kept(copy.key, THUMBNAIL, make)

    async def mask_preview(self, picture: StoredCopy, mask: StoredCopy, requester: Requester) -> bytes | None:
        """Return a JPEG of the picture with the part tinted that the plain mask changes, with a longer side of at most
        640 pixels; None in the cases of `small`, for either copy. It is stored with the picture's copy."""

        async def make() -> bytes:
            async with self._work.holding(_together(picture, mask), requester):
                below, above = [await self._picture_store.get(copy.key) for copy in (picture, mask)]
                return await self._work.mask_preview(below, above, requester)

        return await self._kept(picture.key, MASK_PREVIEW, make)

    async def strip(self, copies: Sequence[StoredCopy], requester: Requester) -> bytes | None:
        """Return a PNG of square tiles. Copies without a thumbnail are left out; None if no copy is left, or if the
        strip cannot be made now."""
        tiles = [await self.small(copy, requester) for copy in copies]
        made = [tile for tile in tiles if tile is not None]
        try:
            return await self._work.strip(made, requester) if made else None
        except (Unavailable, Unreadable) as error:
            log.info("strip of thumbnails left out: decoder failed or is unavailable", error=str(error))
            return None

    async def _kept(self, key: str, suffix: str, make: Callable[[], Awaitable[bytes]]) -> bytes | None:
        """Return the stored file, or make it and store it; None if it cannot be made now or could not be made before.
        Concurrent calls make it once."""
        if key + suffix in self._hopeless:
            return None
        async with self._making.setdefault(key + suffix, asyncio.Lock()):
            return await self._picture_store.small(key, suffix) or await self._made(key, suffix, make)

    async def _made(self, key: str, suffix: str, make: Callable[[], Awaitable[bytes]]) -> bytes | None:
        if key + suffix in self._hopeless:  # another call failed while this call waited for the lock
            return None
        try:
            made = await make()
        except (MissingCopy, Unavailable) as error:
            log.debug(
                "thumbnail or preview not made: copy gone or decoder unavailable", key=key, error=type(error).__name__
            )
            return None
        except Unreadable as error:
            log.info(
                "thumbnail or preview not made: picture unreadable or decoder failed, not tried again in this process",
                key=key,
                reason=error.reason.value,
            )
            self._give_up(key + suffix)
            return None
        await self._keep(key, suffix, made)
        return made

    def _give_up(self, path: str) -> None:
        if len(self._hopeless) >= HOPELESS:
            del self._hopeless[next(iter(self._hopeless))]
        self._hopeless[path] = None

    async def _keep(self, key: str, suffix: str, made: bytes) -> None:
        """Store a thumbnail. If that fails, the thumbnail is made again the next time it is needed."""
        try:
            await self._picture_store.put_small(key, suffix, made)
        except Exception as error:  # noqa: BLE001  # any error of a bucket or a full disk
            log.warning(
                "thumbnail or preview not stored: write failed, it is made again when needed", key=key, error=str(error)
            )


def _together(picture: StoredCopy, mask: StoredCopy) -> int | None:
    """Return the bytes of both files, at most those of the largest file allowed; None if unknown."""
    if picture.bytes is None or mask.bytes is None:
        return None
    return min(picture.bytes + mask.bytes, MAX_BYTES)
