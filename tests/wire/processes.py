"""Run several processes of the bot on one PostgreSQL database, between the servers of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp.test_utils import unused_port

from sandbox.kie import Emulator
from tests.wire.discord import LoopbackDiscord
from tests.wire.process import WEBHOOK_KEY, Bot, bot
from tests.wire.relay import Relay
from tests.worlds.waiting import eventually

START_SECONDS = 180.0
"""Longest time in which all processes are ready on a busy machine."""


@dataclass(kw_only=True)
class Fleet:
    """Processes of one bot, the n-th of `count` with the shards n, n + count, …"""

    folder: Path
    discord: LoopbackDiscord
    image_api: Emulator
    shards: int
    urls: Sequence[str]
    """The database, as each process reaches it."""
    ports: Sequence[int]
    settings: dict[str, str]
    stack: AsyncExitStack
    bots: list[Bot] = field(default_factory=list)
    """The processes that run, by number."""

    async def connected(self) -> None:
        """Wait until every shard is connected, one in 5 s, and the commands are published."""
        async with asyncio.timeout(START_SECONDS), self.discord.changed:
            await self.discord.changed.wait_for(lambda: len(self.discord.gateway.connected()) >= self.shards)
        await eventually(self._published)

    async def start(self, number: int, **more: str) -> Bot:
        """Start a process in a folder of its own, which is that of its predecessor if it has one."""
        own = {"HTTP_PORT": str(self.ports[number]), "DATABASE_URL": self.urls[number]}
        if len(self.ports) > 1:
            own["SHARD_IDS"] = ",".join(map(str, self.shards_of(number)))
        place = self.folder / f"process-{number}"
        place.mkdir(exist_ok=True)
        running = bot(place, self.discord, self.image_api, **(self.settings | own | more))
        self.bots[number : number + 1] = [await self.stack.enter_async_context(running)]
        return self.bots[number]

    def shards_of(self, number: int) -> range:
        return range(number, self.shards, len(self.ports))

    def said(self) -> str:
        return "\n".join(running.said() for running in self.bots)

    async def _published(self) -> int:
        return self.discord.published


@asynccontextmanager
async def fleet(
    folder: Path, discord: LoopbackDiscord, image_api: Emulator, *, urls: Sequence[str], shards: int, **settings: str
) -> AsyncIterator[Fleet]:
    """
    Start a process for each URL of the database at the same moment, with one folder of pictures and one public address,
    which leads to each of them in turn. Kill those that still run at the end.
    """
    ports = [unused_port() for _ in urls]
    async with Relay(ports).open() as balancer, AsyncExitStack() as stack:
        shared = {
            "PICTURES_URL": str(folder / "pictures"),
            "PUBLIC_URL": f"http://127.0.0.1:{balancer.port}",
            "KIE_WEBHOOK_KEY": WEBHOOK_KEY,
            "SHARD_COUNT": str(shards),
            **settings,
        }
        running = Fleet(
            folder=folder,
            discord=discord,
            image_api=image_api,
            shards=shards,
            urls=urls,
            ports=ports,
            settings=shared,
            stack=stack,
        )
        for number in range(len(urls)):
            await running.start(number)
        yield running
