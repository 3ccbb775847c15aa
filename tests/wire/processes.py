"""Run several processes of the bot on one PostgreSQL database, between the servers of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp.test_utils import unused_port

from sandbox.kie import Emulator
from tests.wire.discord import LoopbackDiscord
from tests.wire.process import WEBHOOK_KEY, Bot, bot
from tests.wire.relay import Relay
from tests.worlds.waiting import eventually


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Processes of one bot, the n-th of `count` with the shards n, n + count, …"""

    discord: LoopbackDiscord
    bots: Sequence[Bot]
    shards: int
    begun: int
    """Gateway sessions that began before these processes."""

    async def connected(self) -> None:
        """Wait until every shard is connected and the commands are published."""
        await self.discord.connected(since=self.begun, shards=self.shards)
        await eventually(self._published)

    def shards_of(self, number: int) -> range:
        return range(number, self.shards, len(self.bots))

    def said(self) -> str:
        return "\n".join(running.said() for running in self.bots)

    async def _published(self) -> int:
        return self.discord.published


@asynccontextmanager
async def fleet(
    folder: Path, discord: LoopbackDiscord, image_api: Emulator, *, count: int, shards: int = 4, **settings: str
) -> AsyncIterator[Fleet]:
    """
    Start `count` processes at the same moment, with one folder of pictures and one public address, which leads to each
    of them in turn. Kill those that still run at the end.
    """
    begun, ports = discord.gateway.begun, [unused_port() for _ in range(count)]
    async with AsyncExitStack() as stack:
        balancer = await stack.enter_async_context(Relay(ports).open())
        shared = {
            "PICTURES_URL": str(folder / "pictures"),
            "PUBLIC_URL": f"http://127.0.0.1:{balancer.port}",
            "KIE_WEBHOOK_KEY": WEBHOOK_KEY,
            "SHARD_COUNT": str(shards),
        }
        bots = []
        for number, port in enumerate(ports):
            own = {"HTTP_PORT": str(port)}
            if count > 1:
                own["SHARD_IDS"] = ",".join(map(str, range(number, shards, count)))
            (place := folder / f"process-{number}").mkdir()
            running = bot(place, discord, image_api, **shared, **own, **settings)
            bots.append(await stack.enter_async_context(running))
        yield Fleet(discord=discord, bots=bots, shards=shards, begun=begun)
