"""
Measure submits and state changes of several processes on one PostgreSQL database, each one transaction.

Each process is its own Python process (`python -m benchmarks.shared_store`), which does one after the other. If more
processes run than the machine has cores, their rates say nothing: then the processor time of an operation shows what
the processes cost each other, and what the server needs for it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Final

from benchmarks.results import Row, Table
from benchmarks.store import NO_LIMITS, new_task, now_ms
from storage.database import Database
from storage.models import Task, TaskState
from storage.stores import Stores
from tests.wire.load import processor_seconds
from tests.worlds.postgres import installed_postgres

COUNTS: Final = (1, 2, 4)
WARM_UP: Final = 20
"""Operations of each process that are not counted: statements are compiled and prepared in them."""
NUMBERS_EACH: Final = 1_000_000
"""Interaction ids that are left to each process."""
READY: Final = b"ready\n"


async def measure(quick: bool) -> list[Table]:
    number, counts = (5, (1, 2)) if quick else (400, COUNTS)
    rows: list[Row] = []
    floor: Row | None = None
    with installed_postgres() as server, server.running() as program:
        await server.prepare()
        for processes in counts:
            async with server.database() as url:
                row = await _measured(url, processes, number, server=program.pid)
            floor = floor or row
            what = ("submit ms", "move ms", "server ms")
            rows.append({**row, **{f"{name} ratio": float(row[name]) / float(floor[name]) for name in what}})
    title = f"{number} submits, then as many moves, of each process; ms of processor time for each operation"
    return [Table(name="shared-store", title=title, rows=tuple(rows))]


async def _measured(url: str, processes: int, number: int, *, server: int) -> Row:
    workers = [await _started(url, worker, number) for worker in range(processes)]
    before = processor_seconds([server])
    found = await asyncio.gather(*[_ended(worker) for worker in workers])
    used = processor_seconds([server]) - before
    rates = {what: sum(number / each[what][0] for each in found) for what in ("submit", "move")}
    costs = {what: sum(each[what][1] for each in found) / len(found) / number for what in ("submit", "move")}
    return {
        "processes": processes,
        "submits a second": rates["submit"],
        "moves a second": rates["move"],
        "submit ms": 1000 * costs["submit"],
        "move ms": 1000 * costs["move"],
        "server ms": 1000 * used / (2 * number * processes),
    }


async def _started(url: str, worker: int, number: int) -> Process:
    arguments = [sys.executable, "-m", "benchmarks.shared_store", url, str(worker), str(number)]
    process = await asyncio.create_subprocess_exec(*arguments, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    if await process.stdout.readline() != READY:
        raise RuntimeError(f"{' '.join(arguments[1:3])} did not begin")
    return process


async def _ended(process: Process) -> dict[str, tuple[float, float]]:
    """Let a process begin, and return the seconds and the processor seconds of each kind of operation."""
    output, _ = await process.communicate(b"go\n")
    found: dict[str, tuple[float, float]] = json.loads(output)
    return found


async def work(url: str, worker: int, number: int) -> None:
    """Submit and move tasks, and print how long it took."""
    numbers = count(worker * NUMBERS_EACH + 1)
    async with Database.open(url) as database:
        stores = Stores.on(database)

        async def submit(_: int) -> Task:
            return (await stores.tasks.add(new_task(next(numbers)), NO_LIMITS, now=now_ms())).task

        async def move(at: int) -> Task:
            return await stores.tasks.move(made[at], TaskState.CANCELLED, now=now_ms(), why="by the asker")

        made = [await submit(at) for at in range(WARM_UP)]
        for at in range(WARM_UP):
            await move(at)
        sys.stdout.buffer.write(READY)
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        made, *submits = await _timed(submit, number)
        _, *moves = await _timed(move, number)
        print(json.dumps({"submit": submits, "move": moves}), flush=True)


async def _timed(operation: Callable[[int], Awaitable[Task]], number: int) -> tuple[list[Task], float, float]:
    began, used = time.perf_counter(), time.process_time()
    done = [await operation(at) for at in range(number)]
    return done, time.perf_counter() - began, time.process_time() - used


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
