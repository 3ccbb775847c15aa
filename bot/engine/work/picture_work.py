"""
Schedule the decoding of pictures in child processes, within budgets of memory and time that people share fairly.

* The header gives the memory and time that a job needs before anything is decoded. A job that needs too much is refused
  at once.
* Two pictures are decoded at a time, at most one of them large, so a phone's photo never waits for a large picture.
  Together they take at most what one large picture may take (`bot.imaging.decoding`) and `SMALL_BYTES`.
* Files that wait in memory for their turn have a separate budget of bytes.
* The most urgent job is next; among equally urgent jobs, the job of the person with the fewest running jobs. A person
  never has two running jobs, except for the person's results, which are paid.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from bot.engine.work.byte_budget import ByteBudget
from bot.errors import BadReference
from bot.imaging import cost
from bot.imaging.cost import MIB, Cost, SentLimit
from bot.imaging.decoding import MAX_BYTES, Estimate, bearable
from bot.imaging.fitting import Fitted
from bot.imaging.inspection import check_file
from bot.imaging.jobs import Job, Made
from bot.imaging.mask import PlainMask
from bot.imaging.picture_info import PictureInfo, PlainCopy, Unreadable
from bot.imaging.processes import AT_ONCE, Decoders

SMALL_BYTES: Final = 24 * MIB
SMALL_SECONDS: Final = 0.25
"""A picture that costs at most `SMALL_BYTES` and `SMALL_SECONDS` is small: a phone's photo of 12 megapixels, and every
result of the image API as of today."""
FILE_BYTES: Final = 110 * MIB
"""Limit in bytes of all files above `SMALL_FILE` that wait in memory to be inspected, uploaded or made into
thumbnails."""
SMALL_FILE: Final = 1 * MIB
"""Files of at most this many bytes have their own budget, so they never wait for large files."""
SMALL_FILE_BYTES: Final = 8 * MIB
READ_AT_ONCE: Final = 256 * 1024
"""Bytes. The header of a file up to this size is read on the event loop, within a millisecond; larger files go to a
thread."""
STRIP_COST: Final = Cost(8 * MIB, 0.05)
"""Cost of a strip of five thumbnails."""
PREVIEW_BYTES: Final = 8 * MIB
"""Memory (bytes) for the small pictures of a preview, beside the picture or the mask that is decoded."""

M = TypeVar("M", bound=Made)


class WorkPriority(IntEnum):
    """Priority of picture work; the lowest number is the most urgent."""

    DELIVERY = 0  # a paid result
    REQUEST = 1  # an attachment of a request
    BROWSING = 2  # thumbnails for lists and cards


@dataclass(frozen=True, slots=True)
class Requester:
    """The person for whom picture work is done (None: counted for no person), and its priority."""

    person: int | None
    rank: WorkPriority


DELIVERY: Final = Requester(None, WorkPriority.DELIVERY)
"""For every result, without a person: results are paid, so several results of one person do not wait for each other."""


class PictureWork:
    """Run the functions of `bot.imaging` for the rest of the bot. The methods raise what the functions of the same
    names raise, Unreadable also if the child process fails or exceeds its limits, and Unavailable if none can be
    started."""

    def __init__(self, decoders: Decoders) -> None:
        self._decoders = decoders
        self._places = ByteBudget(AT_ONCE, caps=(1,))
        self._large = ByteBudget(1, caps=(1,))
        self._files = ByteBudget(FILE_BYTES, caps=(MAX_BYTES, MAX_BYTES))
        self._small_files = ByteBudget(SMALL_FILE_BYTES, caps=(SMALL_FILE_BYTES // 2, SMALL_FILE_BYTES // 2))
        self._asking: WeakValueDictionary[Requester, asyncio.Lock] = WeakValueDictionary()
        self._headers = ThreadPoolExecutor(1, thread_name_prefix="picture-headers")

    @asynccontextmanager
    async def holding(self, size: int | None, requester: Requester, *, host: str | None = None) -> AsyncIterator[None]:
        """Wait for memory for a file of `size` bytes (None: the largest size allowed), and reserve it until the block
        ends. `host` is the host from which the file is downloaded, if that host may be slow."""
        amount = MAX_BYTES if size is None else size
        room = self._small_files if amount <= SMALL_FILE else self._files
        async with room.taken(amount, holders=(requester.person, host), rank=requester.rank):
            yield

    async def plain_copy(
        self, data: bytes, filename: str, requester: Requester, *, limit: SentLimit | None = None
    ) -> PlainCopy:
        """Check an attachment and make the copy that the image API gets, within `limit` if it is given. Raises
        BadReference in place of Unreadable."""
        given = {"filename": filename, "limit": limit}
        with _named(filename):
            check_file(data)
            expected = await self._expected(data, partial(cost.of_plain_copy, limit=limit))
            return await self._do(PlainCopy, Job("plain_copy", [data], given), expected, requester)

    async def plain_mask(
        self, data: bytes, filename: str, size: tuple[int, int] | None, requester: Requester
    ) -> PlainMask:
        """Make the mask that the image API gets from an attached mask, for a picture of `size` (width, height; None:
        unknown, the mask keeps its own size). Raises BadReference in place of Unreadable."""
        given = {"filename": filename, "size": size}
        with _named(filename):
            check_file(data)
            expected = await self._expected(data, cost.of_mask(size))
            return await self._do(PlainMask, Job("plain_mask", [data], given), expected, requester)

    async def inverted_mask(self, mask: bytes, requester: Requester) -> bytes:
        """Make the opposite of a plain mask, in which white changes."""
        expected = await self._expected(mask, cost.of_inversion)
        return await self._do(bytes, Job("inverted_mask", [mask]), expected, requester)

    async def mask_preview(self, picture: bytes, mask: bytes, requester: Requester) -> bytes:
        """Make a small JPEG of a picture, with the part tinted that a plain mask changes."""
        costs = [await self._expected(data, cost.of_thumbnail) for data in (picture, mask)]
        expected = Cost(max(each.bytes for each in costs) + PREVIEW_BYTES, sum(each.seconds for each in costs))
        return await self._do(bytes, Job("mask_preview", [picture, mask]), expected, requester)

    async def as_png(self, data: bytes, requester: Requester) -> bytes:
        """Convert the first frame of a picture to an upright PNG."""
        expected = await self._expected(data, cost.of_conversion)
        return await self._do(bytes, Job("as_png", [data]), expected, requester)

    async def thumbnail(self, data: bytes, requester: Requester) -> bytes:
        """Make a small JPEG of a picture."""
        expected = await self._expected(data, cost.of_thumbnail)
        return await self._do(bytes, Job("thumbnail", [data]), expected, requester)

    async def strip(self, tiles: Sequence[bytes], requester: Requester) -> bytes:
        """Put thumbnails side by side into one picture."""
        return await self._do(bytes, Job("strip", tiles), STRIP_COST, requester)

    async def look_at_result(self, data: bytes) -> PictureInfo:
        """Inspect a result of the image API."""
        expected = await self._expected(data, cost.of_look)
        return await self._do(PictureInfo, Job("look_at_result", [data]), expected, DELIVERY)

    async def fit(self, data: bytes, limit: int) -> Fitted:
        """Reduce a result to at most `limit` bytes."""
        expected = await self._expected(data, cost.of_fitting)
        return await self._do(Fitted, Job("fit", [data], {"limit": limit}), expected, DELIVERY)

    async def _expected(self, data: bytes, estimate: Estimate) -> Cost:
        """Return the expected cost of a job. Raises Unreadable if `data` is not a picture or would cost too much."""
        if len(data) <= READ_AT_ONCE:
            header = bearable(data, estimate)
        else:
            loop = asyncio.get_running_loop()
            header = await loop.run_in_executor(self._headers, bearable, data, estimate)
        return estimate(header, len(data))

    async def _do(self, kind: type[M], job: Job, expected: Cost, requester: Requester) -> M:
        turn: dict[str, Any] = {"holders": (requester.person,), "rank": requester.rank}
        async with AsyncExitStack() as held:
            if requester.person is not None:  # one job per person and rank in the queue, however many they ask for
                await held.enter_async_context(self._asking.setdefault(requester, asyncio.Lock()))
            if expected.bytes > SMALL_BYTES or expected.seconds > SMALL_SECONDS:
                await held.enter_async_context(self._large.taken(1, **turn))
            await held.enter_async_context(self._places.taken(1, **turn))
            made = await self._decoders.do(job, expected)
        if not isinstance(made, kind):
            raise TypeError(f"{job.work} made {type(made).__name__}")
        return made


@contextmanager
def _named(filename: str) -> Iterator[None]:
    """Translate Unreadable into BadReference, which names the attached file."""
    try:
        yield
    except Unreadable as error:
        raise BadReference(error.reason, filename=filename, **error.parameters) from error
