"""
Download attachments so that one person's slow file does not delay other people.

Download slots and memory are shared fairly: a person's second file waits behind the first file of every other person,
and no person, and none of Discord's proxy hosts, which may hang, can use all slots or all of the memory.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Final
from urllib.parse import urlsplit

from bot.engine.ports import FetchReference
from bot.engine.work.byte_budget import ByteBudget
from bot.engine.work.picture_work import PictureWork, Requester, WorkPriority
from bot.imaging.decoding import MAX_BYTES
from storage.models import Reference

FETCHES_AT_ONCE: Final = 24
FETCHES_PER_PERSON: Final = 2
FETCHES_PER_HOST: Final = 4
PROXIES: Final = ".discordapp.net"
"""End of the names of Discord's proxy hosts, which are as slow as the external hosts behind them. Nearly all
attachments are at cdn.discordapp.com instead; this host has no cap, because a cap would make people wait for each
other."""


class ReferenceFetching:
    def __init__(self, fetch: FetchReference, picture_work: PictureWork) -> None:
        self._fetch = fetch
        self._picture_work = picture_work
        self._places = ByteBudget(FETCHES_AT_ONCE, caps=(FETCHES_PER_PERSON, FETCHES_PER_HOST))

    async def fetched(
        self, reference: Reference, *, by: int, held: AsyncExitStack, seconds: float | None = None
    ) -> bytes:
        """
        Return the bytes of an attachment, for the person `by`. The memory reserved for them is released when `held` is
        closed.

        `seconds` limits the download itself, without the wait for a slot and for memory; None adds no limit to that of
        `FetchReference`. Raises what `FetchReference` raises, and TimeoutError after `seconds`.
        """
        host, requester = _host(reference), Requester(by, WorkPriority.REQUEST)
        async with self._places.taken(1, holders=(by, host)):
            size = min(reference.declared_bytes or MAX_BYTES, MAX_BYTES)
            await held.enter_async_context(self._picture_work.holding(size, requester, host=host))
            async with asyncio.timeout(seconds):
                return await self._fetch(reference)


def _host(reference: Reference) -> str | None:
    """Return the host of the attachment if it is one of Discord's proxies, which have a cap; else None."""
    try:
        host = urlsplit(reference.url).hostname
    except ValueError:  # not a URL: the download refuses it before anything is sent
        return None
    return host if host is not None and host.endswith(PROXIES) else None
