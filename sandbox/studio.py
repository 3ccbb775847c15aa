"""Do a task: fetch its inputs over HTTP, as the real API does, check them, and paint."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import aiohttp
from PIL import Image

from sandbox.jobs import (
    DOWNLOAD_FAILED,
    FETCH_REFUSED,
    NO_IMAGE,
    NOT_EDITED,
    PLANNED,
    TOO_MANY_PIXELS,
    Failure,
    Job,
    too_large,
)
from sandbox.magic import Magic
from sandbox.paint.painter import Order, paint

FETCH_SECONDS: Final = 30.0
MAX_AT_ONCE: Final = 2
"""Paintings at a time, because painting uses the CPU."""
BIG_EDGE: Final = 2048
FORMATS: Final = ("JPEG", "PNG", "WEBP")


class CannotUse(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """`shrink` divides the size of the paintings, and `brush` replaces the painter, both for fast tests."""

    session: aiohttp.ClientSession
    turns: asyncio.Semaphore
    shrink: int = 1
    brush: Callable[[Order, int], bytes] = paint

    async def work(self, job: Job) -> None:
        """Set the job's pictures or its failure."""
        job.failure = next((PLANNED[word] for word in PLANNED if word in job.magic), None)
        if job.failure is not None:
            return
        try:
            references, mask = await self._inputs(job)
            for variant in range(job.asked.pictures):
                job.pictures.append(await self._paint(job, references, mask, job.first_variant + variant))
        except CannotUse as cannot:
            job.failure = cannot.failure

    async def _inputs(self, job: Job) -> tuple[tuple[bytes, ...], bytes | None]:
        most = job.asked.most_megabytes
        references = tuple([await self._fetch(address, most) for address in job.asked.references])
        looks = [look(data) for data in references]
        for _, (width, height) in looks:
            if job.asked.most_megapixels is not None and width * height > job.asked.most_megapixels * 1_000_000:
                raise CannotUse(TOO_MANY_PIXELS)
        if not job.asked.mask or len(references) != 1:
            return references, None
        mask = await self._fetch(job.asked.mask, most)
        if look(mask) != looks[0]:
            raise CannotUse(NOT_EDITED)
        return references, mask

    async def _fetch(self, address: str, most_megabytes: int) -> bytes:
        """
        Download an input. Raises CannotUse: FETCH_REFUSED for an address that is not http(s), cannot be reached or
        does not answer 200; DOWNLOAD_FAILED for a broken transfer; `too_large`.
        """
        if not address.startswith(("http://", "https://")):
            raise CannotUse(FETCH_REFUSED)
        try:
            async with self.session.get(address, timeout=aiohttp.ClientTimeout(total=FETCH_SECONDS)) as response:
                if response.status != 200:
                    raise CannotUse(FETCH_REFUSED)
                return await _bounded(response, most_megabytes)
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            raise CannotUse(FETCH_REFUSED) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CannotUse(DOWNLOAD_FAILED) from error

    async def _paint(self, job: Job, references: tuple[bytes, ...], mask: bytes | None, variant: int) -> bytes:
        if Magic.NO_PICTURE in job.magic:
            return b"<html><body>Not a picture</body></html>"
        if Magic.BIG in job.magic:
            return await asyncio.to_thread(_big, job.id, variant)
        order = Order(
            prompt=job.asked.prompt,
            size=job.asked.ratio or _ratio_of(references[0]),
            manner=job.asked.manner,
            resolution=job.asked.size,
            transparent=job.asked.transparent,
            kind=job.asked.kind,
            references=references,
            mask=mask,
            mask_changes=job.asked.mask_changes,
            shrink=self.shrink,
        )
        async with self.turns:
            return await asyncio.to_thread(self.brush, order, variant)


def look(data: bytes) -> tuple[str | None, tuple[int, int]]:
    """Decode a picture and return its format and size. Raises CannotUse."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            picture.load()
            return picture.format, picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise CannotUse(NO_IMAGE) from error


def _ratio_of(reference: bytes) -> str:
    width, height = look(reference)[1]
    return f"{width}:{height}"


async def _bounded(response: aiohttp.ClientResponse, most_megabytes: int) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        data += chunk
        if len(data) > most_megabytes * 2**20:
            raise CannotUse(too_large(most_megabytes))
    return bytes(data)


def _big(seed: str, variant: int) -> bytes:
    """Return a PNG of noise, which does not compress: more than 12 MiB."""
    noise = random.Random(f"{seed}{variant}").randbytes(BIG_EDGE * BIG_EDGE * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", (BIG_EDGE, BIG_EDGE), noise).save(out, "PNG", compress_level=1)
    return out.getvalue()
