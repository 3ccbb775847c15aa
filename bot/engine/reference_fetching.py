"""
What people attached, fetched so that nobody waits for somebody else's slow file.

Places to fetch and bytes in memory are shared fairly: a person's second file waits behind everybody's first, and one
person, or one host that hangs, holds only a part of either.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Final
from urllib.parse import urlsplit

from bot.engine.picture_work import PictureWork, Rank, Whose
from bot.engine.ports import FetchReference
from bot.engine.room import Room
from bot.imaging.decoding import MAX_BYTES
from storage.models import Reference

FETCHES_AT_ONCE: Final = 24
FETCHES_PER_PERSON: Final = 2
FETCHES_PER_HOST: Final = 4
PROXIES: Final = ".discordapp.net"
"""Discord's hosts that bring pictures from elsewhere, as slowly as those come. Nearly everything that people attach is
at cdn.discordapp.com instead, which has no cap of its own: they would wait for each other."""


class ReferenceFetching:
    def __init__(self, fetch: FetchReference, picture_work: PictureWork) -> None:
        self._fetch = fetch
        self._picture_work = picture_work
        self._places = Room(FETCHES_AT_ONCE, caps=(FETCHES_PER_PERSON, FETCHES_PER_HOST))

    async def fetched(
        self, reference: Reference, *, by: int, held: AsyncExitStack, seconds: float | None = None
    ) -> bytes:
        """
        The bytes of an attachment that a person (`by`) gave. They count as in memory until `held` is closed.

        `seconds`: how long the fetch may take, once it is its turn. Raises what the port does, and TimeoutError.
        """
        host, whose = _host(reference), Whose(by, Rank.REQUEST)
        async with self._places.taken(1, holders=(by, host)):
            size = min(reference.declared_bytes or MAX_BYTES, MAX_BYTES)
            await held.enter_async_context(self._picture_work.holding(size, whose, host=host))
            async with asyncio.timeout(seconds):
                return await self._fetch(reference)


def _host(reference: Reference) -> str | None:
    try:
        host = urlsplit(reference.url).hostname
    except ValueError:  # no address: it is refused before anything is sent
        return None
    return host if host is not None and host.endswith(PROXIES) else None
