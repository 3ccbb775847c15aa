"""
Measure the import of the program, its start until it is connected to Discord, and its memory while idle: the real bot
against a bot that only responds, and the import against that of the libraries alone.

Each start is a new process (`acknowledge.py` has both), with its servers on loopback. Discord accepts one session after
the other without a delay.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from benchmarks.acknowledge import STARTS, Starts
from benchmarks.results import Row, Table, resident_mib
from sandbox.kie import Emulator
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.load import processor_seconds
from tests.wire.process import KEY, ROOT, TOKEN

ROUNDS: Final = 7
IDLE_SECONDS: Final = 5.0
"""Time after the connection at which the memory is read."""
LIBRARIES: Final = (
    "dotenv",
    "filelock",
    "aiohttp.web",
    "obstore.store",
    "discord.ext.commands",
    "prometheus_client",
    "structlog",
    "PIL.Image",
    "fluent.runtime",
    "pydantic",
    "sqlalchemy",
    "sqlalchemy.ext.asyncio",
)
"""What a bot on SQLite imports beside discord.py."""
IMPORTED: Final = {"bare": "benchmarks.bare", "atelier": "bot.app"}


async def measure(quick: bool) -> list[Table]:
    rounds, idle = (1, 0.1) if quick else (ROUNDS, IDLE_SECONDS)
    imports: dict[str, list[Took]] = {name: [] for name in IMPORTED}
    for _ in range(rounds):
        for name, module in IMPORTED.items():
            imports[name].append(await _imported(module))
    first: dict[str, list[Took]] = {name: [] for name in STARTS}
    again: dict[str, list[Took]] = {name: [] for name in STARTS}
    resident: dict[str, list[float]] = {name: [] for name in STARTS}
    for _ in range(rounds):
        for name, starts in STARTS.items():
            with tempfile.TemporaryDirectory() as folder:
                async with _servers() as (discord, image_api):
                    first[name].append(await _started(starts, Path(folder), discord, image_api))
                    again[name].append(await _started(starts, Path(folder), discord, image_api))
                    resident[name].append(await _idle_mib(starts, Path(folder), discord, image_api, idle))
    figures = {
        **_milliseconds("import", imports),
        **_milliseconds("first start", first),
        **_milliseconds("start", again),
        "idle MiB": {name: median(each) for name, each in resident.items()},
    }
    rows: list[Row] = [
        {"what": what, **of_bot, "ratio": of_bot["atelier"] / of_bot["bare"]} for what, of_bot in figures.items()
    ]
    return [
        Table(name="start", title="import, start to connected, and memory when idle", rows=tuple(rows)),
        Table(name="start", title="import of the bare bot with libraries", rows=tuple(await _libraries(rounds))),
    ]


class Took(NamedTuple):
    seconds: float
    processor_seconds: float


def _milliseconds(what: str, took: Mapping[str, Sequence[Took]]) -> dict[str, dict[str, float]]:
    return {
        f"{what} ms": {name: 1000 * median(each.seconds for each in all_) for name, all_ in took.items()},
        f"{what}, processor ms": {
            name: 1000 * median(each.processor_seconds for each in all_) for name, all_ in took.items()
        },
    }


async def _libraries(rounds: int) -> list[Row]:
    """Return the processor time to import the bare bot, then with one library more in each row."""
    bare, rows = IMPORTED["bare"], list[Row]()
    imported = [", ".join([bare, *LIBRARIES[:number]]) for number in range(len(LIBRARIES) + 1)]
    took: dict[str, list[float]] = {modules: [] for modules in imported}
    for _ in range(rounds):
        for modules, each in took.items():
            each.append((await _imported(modules)).processor_seconds)
    floor = median(took[bare])
    for library, each in zip(("discord", *LIBRARIES), took.values(), strict=True):
        rows.append({"with": library, "processor ms": 1000 * median(each), "ratio": median(each) / floor})
    return rows


async def _imported(modules: str) -> Took:
    """Return how long a new process takes to import modules, without the start of Python itself."""
    code = (
        "import time; began, used = time.perf_counter(), time.process_time(); "
        f"import {modules}; print(time.perf_counter() - began, time.process_time() - used)"
    )
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", code], cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return Took(*map(float, output.split()))


async def _started(starts: Starts, folder: Path, discord: LoopbackDiscord, image_api: Emulator) -> Took:
    """Return how long a bot takes from the start of its process until it is connected."""
    since, began = discord.gateway.begun, time.perf_counter()
    async with starts(folder, discord, image_api) as process_id:
        await discord.connected(since=since)
        return Took(time.perf_counter() - began, processor_seconds([process_id]))


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
