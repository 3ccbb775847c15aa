"""Measure `/imagine` to its first response over real sockets: the real bot against a bot that only responds."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.results import Row, Table, percentile
from sandbox.kie import Emulator
from sandbox.paint.painter import Order
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.process import KEY, ROOT, TOKEN, bot
from tests.worlds.waiting import eventually

PER_SECOND: Final = 50
ROUNDS: Final = 3
FIRST: Final = 20
"""Responses before the measurement starts, so that one-time setup is done."""
LONGEST_SECONDS: Final = 20.0
"""A command without a response after this time counts as this long."""
FIRST_ANSWER_SECONDS: Final = 3.0
LONGER_THAN_MEASURED: Final = 600.0
"""Seconds that a picture takes, so that none is delivered during the measurement."""
Starts = Callable[[Path, LoopbackDiscord, Emulator], AbstractAsyncContextManager[int]]
"""Starts a bot and yields the id of its process."""


async def measure(quick: bool) -> list[Table]:
    number, rounds = (4, 1) if quick else (5 * PER_SECOND, ROUNDS)
    took: dict[str, list[list[float]]] = {"bare": [], "atelier": []}
    for _ in range(rounds):
        for name, starts in STARTS.items():
            took[name].append(await _round(starts, number, quick))
    figures = {name: _figures(each) for name, each in took.items()}
    rows: list[Row] = []
    for name, (half, most) in figures.items():
        ratios = half / figures["bare"][0], most / figures["bare"][1]
        late = sum(seconds > FIRST_ANSWER_SECONDS for each in took[name] for seconds in each)
        about: Row = {"bot": name, "commands": number * rounds, "p50 ms": half, "p99 ms": most, "over 3 s": late}
        rows.append({**about, "p50 ratio": ratios[0], "p99 ratio": ratios[1]})
    return [Table(name="acknowledge", title=f"/imagine to first answer, {PER_SECOND} a second", rows=tuple(rows))]


def _figures(rounds: list[list[float]]) -> tuple[float, float]:
    """Return p50 and p99 in ms, each the median of all rounds."""
    return (
        1000 * median(median(each) for each in rounds),
        1000 * median(percentile(each, 99) for each in rounds),
    )


async def _round(starts: Starts, number: int, quick: bool) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            loopback_discord(TOKEN) as discord,
            Emulator(key=KEY, seconds=LONGER_THAN_MEASURED, brush=_blank) as image_api,
            starts(Path(folder), discord, image_api),
        ):
            await discord.connected()
            await eventually(lambda: _published(discord))
            if not quick:
                await _asked(discord, FIRST)
            return await _asked(discord, number)


def _blank(_order: Order, _position: int) -> bytes:
    """Paint nothing: the emulator paints in threads of the process that measures, and would delay its commands and
    the reading of the answers by as much as 50 ms."""
    return b""


async def _published(discord: LoopbackDiscord) -> int:
    return discord.published


async def _asked(discord: LoopbackDiscord, number: int) -> list[float]:
    """Send commands at a fixed rate without waiting for responses; return the seconds that each response took."""
    loop = asyncio.get_running_loop()
    began, asked = loop.time(), []
    for count in range(number):
        await asyncio.sleep(began + count / PER_SECOND - loop.time())
        asked.append(await discord.imagine("a red door in a white wall"))
    await asyncio.wait(
        [asyncio.ensure_future(interaction.acknowledgement()) for interaction in asked], timeout=LONGEST_SECONDS
    )
    return [
        LONGEST_SECONDS if interaction.acknowledged_after is None else interaction.acknowledged_after
        for interaction in asked
    ]


@asynccontextmanager
async def _atelier(folder: Path, discord: LoopbackDiscord, image_api: Emulator) -> AsyncIterator[int]:
    unlimited = {"MAX_OPEN_TASKS_PER_USER": "0", "MAX_PICTURES_PER_USER_PER_DAY": "0", "MAX_PICTURES_PER_DAY": "0"}
    async with bot(folder, discord, image_api, LOG_LEVEL="INFO", **unlimited) as running:
        yield running.process.pid


@asynccontextmanager
async def _bare(folder: Path, discord: LoopbackDiscord, image_api: Emulator) -> AsyncIterator[int]:
    environment = {
        "PYTHONPATH": str(ROOT),
        "DISCORD_TOKEN": TOKEN,
        "DISCORD_API_URL": discord.url,
        "DISCORD_GATEWAY_URL": discord.gateway.url,
    }
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "benchmarks.bare"], cwd=folder, env=environment
    )
    try:
        yield process.pid
    finally:
        process.kill()
        await process.wait()


STARTS: Final[dict[str, Starts]] = {"bare": _bare, "atelier": _atelier}
