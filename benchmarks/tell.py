"""
A result until its message, against a bare loop that downloads and posts the same bytes with the same libraries.

This process is Discord and the host of the results; what is measured runs in one of its own (`benchmarks.telling`).
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
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final

from aiohttp import web
from PIL import Image

from benchmarks.results import MIB, Row, Table
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.places import Channel
from tests.wire.process import KEY, ROOT, TOKEN

SIZES: Final = (0.5, 2.0, 8.0)
ROUNDS: Final = 5
WAITING: Final = (1, 10, 40)
CHANNELS: Final = tuple(range(70_000, 70_010))


async def measure(quick: bool) -> list[Table]:
    sizes, numbers, rounds, waiting = ((0.1,), (1,), 1, (1,)) if quick else (SIZES, (1, 4), ROUNDS, WAITING)
    told = [await _apart("compare", number, size, rounds) for size in sizes for number in numbers]
    held = [await _apart("memory", number, max(sizes), 1) for number in waiting]
    return [
        Table(name="tell", title="result known to told, against a bare download and post", rows=tuple(told)),
        Table(name="tell", title=f"peak memory, results of {max(sizes):g} MiB each", rows=tuple(held)),
    ]


async def _apart(case: str, number: int, size: float, rounds: int) -> Row:
    async with _servers() as (discord, results):
        environment = {
            **{name: value for name, value in os.environ.items() if name in {"PATH", "TMPDIR"}},
            "PYTHONPATH": str(ROOT),
            "DISCORD_TOKEN": TOKEN,
            "DISCORD_API_URL": discord.url,
            "DISCORD_GATEWAY_URL": discord.gateway.url,
            "KIE_API_KEY": KEY,
            "KIE_API_URL": results,
            "KIE_UPLOAD_URL": results,
        }
        arguments = ["-m", "benchmarks.telling", case, str(number), str(size), str(rounds)]
        with tempfile.TemporaryDirectory() as folder:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, cwd=folder, env=environment, stdout=PIPE
            )
            told, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
        row: Row = json.loads(told.splitlines()[-1])  # the bot's log goes before it
        return row


@asynccontextmanager
async def _servers() -> AsyncIterator[tuple[LoopbackDiscord, str]]:
    async with loopback_discord(TOKEN) as discord:
        places: dict[int, Any] = discord.places.channels
        for number in CHANNELS:
            places[number] = Channel(id=number, name=f"pictures-{number}", guild=discord.places.guild)
        application = web.Application()
        application.add_routes([web.get("/{size}/{name}", _result)])
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield discord, f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def _result(request: web.Request) -> web.Response:
    return web.Response(body=noise(float(request.match_info["size"])), content_type="image/png")


@cache
def noise(mib: float) -> bytes:
    """A PNG of about so many MiB: noise, which nothing makes smaller."""
    edge = int((mib * MIB / 3) ** 0.5)
    data = io.BytesIO()
    Image.frombytes("RGB", (edge, edge), random.Random(0).randbytes(3 * edge * edge)).save(
        data, "PNG", compress_level=1
    )
    return data.getvalue()
