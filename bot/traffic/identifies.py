"""
Let the processes with one token identify in turn. Discord allows `max_concurrency` identifies in five seconds, one for
each remainder of the shard's number, and ends a session that begins too soon. discord.py counts only those of its own
process.

An identify takes a turn in the database. While it is another's turn, the shard waits and asks again, so a process that
dies in its turn delays the others by at most five seconds. A database that does not answer is asked again for a while,
because an identify without a turn may be refused, and each one counts against those of the day. Once Discord allows no
further identify today, which would void the token, all wait until it does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from storage.availability import DatabaseAway
from storage.key_values import KeyValueStore

GAP_SECONDS: Final = 6.0
"""Discord: 5 s. The rest is for the way from the turn to Discord."""
AWAY_SECONDS: Final = 20.0
"""How long a database that is away is asked for a turn. discord.py gives a shard up to 60 s to connect again."""
PAUSE_SECONDS: Final = 1.0
"""Between two attempts to ask it."""
FACT: Final = "identify "
"""Followed by the remainder of the shard's number."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartLimits:
    """What Discord allows now, of all shards together."""

    max_concurrency: int = 1
    remaining: int = 1
    """Identifies that are left for today."""
    reset_after_seconds: float = 0.0
    """Until when none is left, if `remaining` is 0."""


class Identifies:
    """`clock` returns milliseconds, the same for all processes."""

    def __init__(
        self,
        key_values: KeyValueStore,
        *,
        clock: Callable[[], int],
        gap_seconds: float = GAP_SECONDS,
        away_seconds: float = AWAY_SECONDS,
    ) -> None:
        self._key_values = key_values
        self._clock = clock
        self._gap_ms = int(gap_seconds * 1000)
        self._away_seconds = away_seconds

    async def turn(self, shard_id: int, limits: Callable[[], Awaitable[StartLimits]]) -> None:
        """Wait until the shard may identify, which it must do at once then. Raises DatabaseAway if the database is away
        for longer than `away_seconds`, and what `limits` raises."""
        known = await limits()
        while known.remaining <= 0:
            log.warning(
                "identify waits: the application has used up its sessions of today; a process may be restarting again "
                "and again",
                shard=shard_id,
                seconds=round(known.reset_after_seconds),
            )
            await asyncio.sleep(max(known.reset_after_seconds, 1.0))
            known = await limits()
        name = f"{FACT}{shard_id % max(known.max_concurrency, 1)}"
        while True:
            wait_ms = await self._asked_patiently(name)
            if not wait_ms:
                return
            await asyncio.sleep(wait_ms / 1000)

    async def _asked_patiently(self, name: str) -> int:
        """Take a turn, as `take_turn` does, and ask a database that is away again."""
        until = time.monotonic() + self._away_seconds
        while True:
            try:
                return await self._key_values.take_turn(name, clock=self._clock, every_ms=self._gap_ms)
            except DatabaseAway as away:
                if away.lasting or time.monotonic() >= until:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)
