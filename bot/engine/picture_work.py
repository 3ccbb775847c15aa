"""
Picture work, shared fairly: what it will cost, whose it is and how urgent it is decide when it is done.

* Memory and time are known from the header before anything is decoded; what would cost too much is refused at once.
* One large picture is decoded at a time, and beside it a small one: somebody's photo waits for no large picture. The
  two together are the budget of decoded bytes, `MOST_MEMORY` and `SMALL_BYTES`.
* The bytes of files that wait for it are a budget of their own.
* Next is the most urgent; among these the person who has least under way; nobody has two turns while others wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from bot.engine.room import Room
from bot.errors import BadReference
from bot.imaging import cost
from bot.imaging.children import AT_ONCE, Decoders
from bot.imaging.cost import MIB, Cost
from bot.imaging.decoding import MAX_BYTES, Estimate, bearable
from bot.imaging.fitting import Fitted
from bot.imaging.inspection import check_file
from bot.imaging.jobs import Job, Made
from bot.imaging.looks import Look, Unreadable

SMALL_BYTES: Final = 24 * MIB
SMALL_SECONDS: Final = 0.25
"""Up to here a picture is small: any of 12 megapixels that a phone takes, and every result as they are today."""
FILE_BYTES: Final = 60 * MIB
"""Of all large files that wait in memory to be looked into, uploaded or made small."""
SMALL_FILE: Final = 1 * MIB
"""Files up to here have room of their own: they wait for no large one."""
SMALL_FILE_BYTES: Final = 8 * MIB
READ_AT_ONCE: Final = 256 * 1024
"""The header of a file of so many bytes is read in a millisecond; of a larger one, in a thread."""
STRIP_COST: Final = Cost(8 * MIB, 0.05)
"""Of five thumbnails of ours."""

M = TypeVar("M", bound=Made)


class Rank(IntEnum):
    """How urgent it is."""

    DELIVERY = 0  # a result that is paid
    REQUEST = 1  # what somebody asks with
    BROWSING = 2  # small pictures for lists and cards


@dataclass(frozen=True, slots=True)
class Whose:
    """For whom work is done, and how urgent it is."""

    person: int | None
    rank: Rank


DELIVERY: Final = Whose(None, Rank.DELIVERY)
"""Of whoever's result: it is paid, and they have no second turn to wait for."""


class PictureWork:
    """What the rest of the bot asks of `bot.imaging`. Raises what the functions of the same names raise, and
    Unavailable when no process can be had for it."""

    def __init__(self, decoders: Decoders) -> None:
        self._decoders = decoders
        self._places = Room(AT_ONCE, caps=(1,))
        self._large = Room(1, caps=(1,))
        self._files = Room(FILE_BYTES, caps=(MAX_BYTES, MAX_BYTES))
        self._small_files = Room(SMALL_FILE_BYTES, caps=(SMALL_FILE_BYTES // 2, SMALL_FILE_BYTES // 2))
        self._asking: WeakValueDictionary[Whose, asyncio.Lock] = WeakValueDictionary()
        self._headers = ThreadPoolExecutor(1, thread_name_prefix="picture-headers")

    @asynccontextmanager
    async def holding(self, size: int | None, whose: Whose, *, host: str | None = None) -> AsyncIterator[None]:
        """Room for a file of so many bytes, or of as many as are allowed, for as long as the block has it in memory.
        `host`: where it is fetched from, if that is one that may be slow."""
        wanted = MAX_BYTES if size is None else size
        room = self._small_files if wanted <= SMALL_FILE else self._files
        async with room.taken(wanted, holders=(whose.person, host), rank=whose.rank):
            yield

    async def inspect(self, data: bytes, filename: str, whose: Whose) -> Look:
        """Look into what somebody attached."""
        expected = await self._expected_of_reference(data, filename, cost.of_look)
        return await self._do(Look, Job("inspect", [data], {"filename": filename}), expected, whose)

    async def inspect_mask(self, data: bytes, filename: str, image: Look, whose: Whose) -> Look:
        """Look into a mask of `image`."""
        expected = await self._expected_of_reference(data, filename, cost.of_mask)
        given = {"filename": filename, "image": asdict(image)}
        return await self._do(Look, Job("inspect_mask", [data], given), expected, whose)

    async def as_png(self, data: bytes, whose: Whose) -> bytes:
        """A PNG of it."""
        expected = await self._expected(data, cost.of_conversion)
        return await self._do(bytes, Job("as_png", [data]), expected, whose)

    async def mask_as_png(self, data: bytes, whose: Whose) -> bytes:
        """A PNG of a mask."""
        expected = await self._expected(data, cost.of_conversion)
        return await self._do(bytes, Job("mask_as_png", [data]), expected, whose)

    async def thumbnail(self, data: bytes, whose: Whose) -> bytes:
        """A small JPEG of it."""
        expected = await self._expected(data, cost.of_thumbnail)
        return await self._do(bytes, Job("thumbnail", [data]), expected, whose)

    async def without_metadata(self, data: bytes, filename: str, whose: Whose) -> bytes:
        """What somebody attached, without what its file says besides the picture. Raises BadReference."""
        expected = await self._expected_of_reference(data, filename, cost.of_copying)
        try:
            return await self._do(bytes, Job("without_metadata", [data]), expected, whose)
        except Unreadable as error:
            raise BadReference(error.reason, filename=filename, **error.parameters) from error

    async def strip(self, tiles: Sequence[bytes], whose: Whose) -> bytes:
        """Thumbnails side by side."""
        return await self._do(bytes, Job("strip", tiles), STRIP_COST, whose)

    async def look_at_result(self, data: bytes) -> Look:
        """Look into a picture of the image API."""
        expected = await self._expected(data, cost.of_look)
        return await self._do(Look, Job("look_at_result", [data]), expected, DELIVERY)

    async def fit(self, data: bytes, limit: int) -> Fitted:
        """A result, at most `limit` bytes large."""
        expected = await self._expected(data, cost.of_fitting)
        return await self._do(Fitted, Job("fit", [data], {"limit": limit}), expected, DELIVERY)

    async def _expected_of_reference(self, data: bytes, filename: str, estimate: Estimate) -> Cost:
        try:
            check_file(data, filename)
            return await self._expected(data, estimate)
        except Unreadable as error:
            raise BadReference(error.reason, filename=filename, **error.parameters) from error

    async def _expected(self, data: bytes, estimate: Estimate) -> Cost:
        """What it will cost. Raises Unreadable for what is no picture, or too costly a one."""
        if len(data) <= READ_AT_ONCE:
            header = bearable(data, estimate)
        else:
            loop = asyncio.get_running_loop()
            header = await loop.run_in_executor(self._headers, bearable, data, estimate)
        return estimate(header, len(data))

    async def _do(self, kind: type[M], job: Job, expected: Cost, whose: Whose) -> M:
        turn: dict[str, Any] = {"holders": (whose.person,), "rank": whose.rank}
        async with AsyncExitStack() as held:
            if whose.person is not None:  # who asks for much stands in the queue once, not in front of everybody
                await held.enter_async_context(self._asking.setdefault(whose, asyncio.Lock()))
            if expected.bytes > SMALL_BYTES or expected.seconds > SMALL_SECONDS:
                await held.enter_async_context(self._large.taken(1, **turn))
            await held.enter_async_context(self._places.taken(1, **turn))
            made = await self._decoders.do(job, expected)
        if not isinstance(made, kind):
            raise TypeError(f"{job.work} made {type(made).__name__}")
        return made
