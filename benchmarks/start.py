"""
Measure the import of the program, its start until it is connected to Discord, and its memory while idle: the real bot
against a bot that only responds.

Each start is a new process (`acknowledge.py` has both), with its servers on loopback. Discord accepts one session after
the other without a delay.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.acknowledge import STARTS, Starts
from benchmarks.results import Row, Table, resident_mib
from sandbox.kie import Emulator
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.process import KEY, ROOT, TOKEN

ROUNDS: Final = 7
IDLE_SECONDS: Final = 5.0
"""Time after the connection at which the memory is read."""
IMPORTED: Final = {"bare": "benchmarks.bare", "atelier": "bot.app"}


async def measure(quick: bool) -> list[Table]:
    rounds, idle = (1, 0.1) if quick else (ROUNDS, IDLE_SECONDS)
    imports: dict[str, list[float]] = {name: [] for name in IMPORTED}
    for _ in range(rounds):
        for name, module in IMPORTED.items():
            imports[name].append(await _import_seconds(module))
    first: dict[str, list[float]] = {name: [] for name in STARTS}
    again: dict[str, list[float]] = {name: [] for name in STARTS}
    resident: dict[str, list[float]] = {name: [] for name in STARTS}
    for _ in range(rounds):
        for name, starts in STARTS.items():
            with tempfile.TemporaryDirectory() as folder:
                async with _servers() as (discord, image_api):
                    first[name].append(await _start_seconds(starts, Path(folder), discord, image_api))
                    again[name].append(await _start_seconds(starts, Path(folder), discord, image_api))
                    resident[name].append(await _idle_mib(starts, Path(folder), discord, image_api, idle))
    figures = {
        "import ms": {name: 1000 * median(each) for name, each in imports.items()},
        "first start ms": {name: 1000 * median(each) for name, each in first.items()},
        "start ms": {name: 1000 * median(each) for name, each in again.items()},
        "idle MiB": {name: median(each) for name, each in resident.items()},
    }
    rows: list[Row] = [
        {"what": what, **of_bot, "ratio": of_bot["atelier"] / of_bot["bare"]} for what, of_bot in figures.items()
    ]
    return [Table(name="start", title="import, start to connected, and memory when idle", rows=tuple(rows))]


async def _import_seconds(module: str) -> float:
    """Return how long a new process takes to import a module, without the start of Python itself."""
    code = f"import time; began = time.perf_counter(); import {module}; print(time.perf_counter() - began)"
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", code], cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return float(output)


async def _start_seconds(starts: Starts, folder: Path, discord: LoopbackDiscord, image_api: Emulator) -> float:
    """Return how long a bot takes from the start of its process until it is connected."""
    since, began = discord.gateway.begun, time.perf_counter()
    async with starts(folder, discord, image_api):
        await discord.connected(since=since)
        return time.perf_counter() - began


async def _idle_mib(
    starts: Starts, folder: Path, discord: LoopbackDiscord, image_api: Emulator, idle_seconds: float
) -> float:
    since = discord.gateway.begun
    async with starts(folder, discord, image_api) as process_id:
        await discord.connected(since=since)
        await asyncio.sleep(idle_seconds)
        return resident_mib(process_id=process_id)


@asynccontextmanager
async def _servers() -> AsyncIterator[tuple[LoopbackDiscord, Emulator]]:
    async with loopback_discord(TOKEN) as discord, Emulator(key=KEY, seconds=600, shrink=64) as image_api:
        yield discord, image_api
