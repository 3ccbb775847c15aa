"""
Measure whether the memory of a process grows with the number of tasks that have ended.

The engine runs in a process of its own (`python -m benchmarks.memory`) on a real SQLite file, with a clock that this
module turns. The image API and Discord are stand-ins that answer at once and keep nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from contextlib import AsyncExitStack
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from benchmarks.hold import Slow, no_reference
from benchmarks.results import Row, Table, resident_mib
from benchmarks.store import NO_LIMITS, new_task
from bot.engine.engine import Engine
from bot.engine.policy import Policy
from bot.engine.ports import CreateRequest, Record, RecordStatus
from bot.engine.work.picture_work import PictureWork
from bot.imaging.processes import WorkerThreads
from storage.catalogue import WireForm
from storage.database import Database
from storage.migrations import migrate
from storage.models import TaskState
from storage.pictures import PictureStore
from storage.stores import Stores
from tests.worlds.engine_world import Clock, png
from tests.worlds.stand_in_discord import StandInDiscord

TASKS: Final = (1_000, 2_000, 5_000, 10_000)
"""Numbers of ended tasks at which the memory is read. The first fills the caches."""
AT_ONCE: Final = 100
STEP_SECONDS: Final = 30.0


async def measure(quick: bool) -> list[Table]:
    numbers = (20, 40) if quick else TASKS
    arguments = [sys.executable, "-m", "benchmarks.memory", *map(str, numbers)]
    process = await asyncio.create_subprocess_exec(*arguments, stdout=PIPE, cwd=Path(__file__).parent.parent)
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments[1:])} ended with {process.returncode}")
    rows: list[Row] = json.loads(output.splitlines()[-1])
    return [Table(name="memory", title="resident memory of a process after this many tasks", rows=tuple(rows))]


class Quick(Slow):
    """An image API whose tasks end at once."""

    def __init__(self) -> None:
        self._created = 0
        self._picture = png()

    async def create(self, request: CreateRequest) -> str:
        self._created += 1
        return f"kie{self._created}"

    async def record(self, job_id: str, form: str = WireForm.FOUR_O) -> Record:
        urls = (f"https://results.test/{job_id}.png",)
        return Record(status=RecordStatus.SUCCEEDED, progress=1.0, urls=urls, credits=6.0)

    async def fetch(self, url: str) -> bytes:
        return self._picture


async def _run(numbers: list[int]) -> list[Row]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = await stack.enter_async_context(Database.open(f"sqlite+aiosqlite:///{folder / 'atelier.db'}"))
        await migrate(database)
        clock, discord, stores = Clock(), StandInDiscord(), Stores.on(database)
        engine = Engine(
            stores=stores,
            picture_store=PictureStore.open(str(folder / "pictures")),
            api=Quick(),
            delivery=discord,
            fetch_reference=no_reference,
            picture_work=PictureWork(WorkerThreads()),
            policy=Policy(limits=NO_LIMITS, keep_pictures=timedelta(days=1), max_in_flight=AT_ONCE),
            clock=clock,
        )
        await engine.start()
        rows: list[Row] = []
        made, began = 0, time.perf_counter()
        for number in numbers:
            while made < number:
                more = min(AT_ONCE, number - made)
                await _finish(engine, stores, clock, range(made + 1, made + more + 1))
                made += more
                _forget(discord)
            gc.collect()
            resident = resident_mib()
            growth = (resident - float(rows[0]["MiB"])) * 1024 / (made - float(rows[0]["tasks"])) if rows else 0.0
            seconds = time.perf_counter() - began
            rows.append({"tasks": made, "MiB": resident, "more KiB per task": growth, "in s": seconds})
        return rows


async def _finish(engine: Engine, stores: Stores, clock: Clock, numbers: range) -> None:
    for number in numbers:
        await engine.requests.accept(new_task(number))
    while (await stores.tasks.count_by_state())[TaskState.CLOSED] < numbers.stop - 1:
        await engine.step()
        clock.turn(STEP_SECONDS)


def _forget(discord: StandInDiscord) -> None:
    for field in fields(discord):
        if isinstance(kept := getattr(discord, field.name), list | dict):
            kept.clear()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    parser = argparse.ArgumentParser()
    parser.add_argument("numbers", type=int, nargs="+")
    print(json.dumps(asyncio.run(_run(parser.parse_args().numbers))))
