"""
Measure from a result to its message, against a bare loop that downloads and posts the same bytes with the same
libraries.

This process is Discord and the result host; the measured code runs in another process (`benchmarks.telling`). This
process sees when a message is posted; both processes share one clock.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from statistics import median
from typing import Any, Final, TypedDict

from aiohttp import web
from PIL import Image

from benchmarks.line import Line
from benchmarks.results import MIB, Row, Table
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.messages import Doing
from tests.wire.places import Channel
from tests.wire.process import KEY, ROOT, TOKEN

SIZES: Final = (0.5, 2.0, 8.0)
ROUNDS: Final = 9
ROUNDS_BY_LINE: Final = 3
"""Rounds over the simulated line: fewer, because they are slow and vary little."""
WAITING: Final = (1, 10, 40)
CHANNELS: Final = tuple(range(70_000, 70_010))
ROUND_TRIP_SECONDS: Final = 0.030
BITS_PER_SECOND: Final = 100e6
LINE: Final = f"{1000 * ROUND_TRIP_SECONDS:g} ms and {BITS_PER_SECOND / 1e6:g} Mbit/s away"


class Times(TypedDict):
    """Start and end of each round, in seconds of `time.perf_counter`, which all processes share."""

    bare: list[tuple[float, float]]
    atelier: list[tuple[float, float]]


async def measure(quick: bool) -> list[Table]:
    sizes, numbers, waiting = ((0.1,), (1,), (1,)) if quick else (SIZES, (1, 4), WAITING)
    rounds, by_line = (1, 1) if quick else (ROUNDS, ROUNDS_BY_LINE)
    cases = [(number, size) for size in sizes for number in numbers]
    near = [await _compared(number, size, rounds, None) for number, size in cases]
    far = [await _compared(number, size, by_line, _line()) for number, size in cases]
    held = [await _held(number, max(sizes)) for number in waiting]
    title = "result known to message posted, against a bare download and post"
    return [
        Table(name="tell", title=f"{title}, on loopback", rows=tuple(near)),
        Table(name="tell", title=f"{title}, {LINE}", rows=tuple(far)),
        Table(name="tell", title=f"peak memory, results of {max(sizes):g} MiB each", rows=tuple(held)),
    ]


async def _compared(number: int, size: float, rounds: int, line: Line | None) -> Row:
    async with _servers(line) as (discord, settings):
        times: Times = await _apart(settings, "compare", number, size, rounds)
        bare = 1000 * median(_until_posted(discord, *each) for each in times["bare"])
        atelier = 1000 * median(_until_posted(discord, *each) for each in times["atelier"])
    figures = {"bare ms": bare, "atelier ms": atelier, "more ms": atelier - bare, "ratio": atelier / bare}
    done = 1000 * median(ended - began for began, ended in times["atelier"])
    return {"pictures": number, "MiB each": size, **figures, "card gone, closed ms": done}


def _until_posted(discord: LoopbackDiscord, began: float, ended: float) -> float:
    """Return the seconds until the last message of a round was posted in its channel."""
    return max(act.at for act in discord.acts if act.doing is Doing.POSTED and began < act.at < ended) - began


async def _held(waiting: int, size: float) -> Row:
    async with _servers(None) as (_, settings):
        row: Row = await _apart(settings, "memory", waiting, size, 1)
        return row


async def _apart(settings: dict[str, str], *given: object) -> Any:
    """Run `benchmarks.telling` with these arguments and return its result."""
    passed = {name: value for name, value in os.environ.items() if name in {"PATH", "TMPDIR"}}
    environment = {**passed, "PYTHONPATH": str(ROOT), **settings}
    arguments = ["-m", "benchmarks.telling", *map(str, given)]
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, cwd=folder, env=environment, stdout=PIPE
        )
        output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
    return json.loads(output.splitlines()[-1])  # the bot's log comes before the result


def _line() -> Line:
    return Line(round_trip=ROUND_TRIP_SECONDS, bits_per_second=BITS_PER_SECOND)


@asynccontextmanager
async def _servers(line: Line | None) -> AsyncIterator[tuple[LoopbackDiscord, dict[str, str]]]:
    """Yield Discord and the settings of a bot that uses these servers, over a simulated line if one is given."""
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(loopback_discord(TOKEN))
        places: dict[int, Any] = discord.places.channels
        for number in CHANNELS:
            places[number] = Channel(id=number, name=f"pictures-{number}", guild=discord.places.guild)
        rest, results = discord.url, await stack.enter_async_context(_results())
        if line is not None:
            rest, results = [await stack.enter_async_context(line.to(address)) for address in (rest, results)]
        yield (
            discord,
            {
                "DISCORD_TOKEN": TOKEN,
                "DISCORD_API_URL": rest,
                "DISCORD_GATEWAY_URL": discord.gateway.url,
                "KIE_API_KEY": KEY,
                "KIE_API_URL": results,
                "KIE_UPLOAD_URL": results,
            },
        )


@asynccontextmanager
async def _results() -> AsyncIterator[str]:
    application = web.Application()
    application.add_routes([web.get("/{size}/{name}", _result)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _result(request: web.Request) -> web.Response:
    return web.Response(body=noise(float(request.match_info["size"])), content_type="image/png")


@cache
def noise(mib: float) -> bytes:
    """Return a PNG of about `mib` MiB: noise, which does not compress."""
    edge = int((mib * MIB / 3) ** 0.5)
    data = io.BytesIO()
    Image.frombytes("RGB", (edge, edge), random.Random(0).randbytes(3 * edge * edge)).save(
        data, "PNG", compress_level=1
    )
    return data.getvalue()
