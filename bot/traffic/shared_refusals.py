"""
Share the count of Discord's refusals between the processes on one database, so that all of them stop the edits of cards
before Discord bans their address.

Each process stores its own count while it is not zero, and reads those of the others. The counts of processes on other
machines are included, which have addresses of their own: the edits stop a little early then. What a process that died
has counted stays for as long as Discord counts it.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Final

import structlog

from bot.discord_limits import REFUSALS_SECONDS
from bot.traffic.refusals import Refusals
from storage.key_values import KeyValueStore

FACT: Final = "discord_refusals "
"""Followed by the id of a process."""
LOOK_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class SharedRefusals:
    """`clock` returns milliseconds, the same for all processes. Does nothing if this process is alone on the
    database."""

    def __init__(self, refusals: Refusals, key_values: KeyValueStore, *, clock: Callable[[], int]) -> None:
        self._refusals = refusals
        self._key_values = key_values
        self._clock = clock
        self._name = f"{FACT}{uuid.uuid4().hex}"
        self._stored = 0

    async def run(self) -> None:
        """Run `step` every `LOOK_SECONDS` until cancelled."""
        while not self._key_values.alone:
            try:
                await self.step()
            except Exception as error:  # noqa: BLE001  # only the counts of others are older
                log.debug("counts of refusals not exchanged, will retry", error=str(error) or type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def step(self) -> None:
        """Store this process's count if it is not zero, and take over those of the others."""
        if self._key_values.alone:
            return
        own, now = self._refusals.own, self._clock()
        if own or self._stored:
            await self._key_values.set(self._name, json.dumps([own, now]) if own else None)
            self._stored = own
        others = 0
        for name, value in (await self._key_values.beginning_with(FACT)).items():
            refused, counted_at = json.loads(value)
            if now - counted_at > REFUSALS_SECONDS * 1000:
                await self._key_values.set(name, None)
            elif name != self._name:
                others += refused
        self._refusals.of_others(others)
