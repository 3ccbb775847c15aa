"""Check whether the bot can work: all shards of this process are connected to Discord and ready, and the database can
be written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from bot.client import Atelier
from bot.engine.clock import system_clock
from storage.availability import DatabaseAway
from storage.stores import Stores

WRITE_SECONDS: Final = 2.0
GOOD_FOR_MS: Final = 1000
"""How long the result of a write is reused, so that a row is written once a second at most."""
WRITTEN_FACT: Final = "last_readiness_check"

log = structlog.get_logger(__name__)


class Readiness:
    """Whether the bot can work, for `/readyz`. The code that stops the bot sets `stopping`: from then on it cannot,
    and nothing else is checked."""

    def __init__(self, client: Atelier, stores: Stores, clock: Callable[[], int] = system_clock) -> None:
        self.stopping = False
        self._client = client
        self._stores = stores
        self._clock = clock
        self._asking = asyncio.Lock()
        self._unwritable = ""
        self._tried_at = 0

    async def missing(self) -> list[str]:
        """Return the problems of Discord's connection and the database that keep the bot from working, in words; empty
        if there are none."""
        if self.stopping:
            return ["the bot is stopping"]
        connected, expected = len(connected_shards(self._client)), len(expected_shards(self._client))
        words = []
        if not expected or connected < expected:
            words.append(f"Discord's gateway is not connected ({connected} of {expected or 'so far unknown'} shards)")
        elif not self._client.is_ready():
            words.append("Discord's gateway is connected but not ready yet")
        words += await self._problems_of_writing()
        return words

    async def _problems_of_writing(self) -> list[str]:
        async with self._asking:
            if self._clock() - self._tried_at >= GOOD_FOR_MS:
                self._unwritable = await self._write()
                self._tried_at = self._clock()
            return [self._unwritable] if self._unwritable else []

    async def _write(self) -> str:
        """Write a real row: nothing less detects a full or read-only disk. Return what is wrong; empty if nothing
        is."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._stores.key_values.set(WRITTEN_FACT, str(self._clock()))
        except DatabaseAway as away:
            return f"the database is away: {away}"
        except Exception as error:  # noqa: BLE001  # after any error, the database counts as not writable
            log.warning(
                "readiness check failed: database not writable or too slow, `/readyz` answers 503",
                error=str(error) or type(error).__name__,
            )
            return f"the database could not be written to within {WRITE_SECONDS:g} seconds"
        return ""


def expected_shards(client: Atelier) -> Sequence[int]:
    """Return the shards of this process; none until their number is set (SHARD_COUNT) or Discord has reported it."""
    return client.shard_ids or range(client.shard_count or 0)


def connected_shards(client: Atelier) -> list[int]:
    return [number for number, shard in client.shards.items() if not shard.is_closed()]
