"""Measure submits and state changes on SQLite, one transaction each, against bare sqlite3 commits on the same disk."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks.results import Row, Table
from storage.database import PRAGMAS, Database
from storage.migrations import migrate
from storage.models import Limits, NewTask, PictureRequest, Task, TaskState
from storage.stores import Stores

NO_LIMITS = Limits(open_tasks_per_user=0, pictures_per_user_per_day=0, pictures_per_day=0)
ROUNDS = 5
AT_ONCE = 50
_numbers = count(1)


async def measure(quick: bool) -> list[Table]:
    number, rounds = (5, 2) if quick else (200, ROUNDS)
    seconds: dict[str, list[float]] = {"bare": [], "submit": [], "submit, 50 at once": [], "move": []}
    with tempfile.TemporaryDirectory() as folder:
        async with open_store(Path(folder)) as stores:
            for _ in range(rounds):
                seconds["bare"].append(await asyncio.to_thread(bare_commits, Path(folder) / "bare.db", number))
                began = time.perf_counter()
                made = [await _submit(stores) for _ in range(number)]
                seconds["submit"].append(time.perf_counter() - began)
                seconds["move"].append(await _moved(stores, made))
                seconds["submit, 50 at once"].append(await _at_once(stores, number))
    floor = median(seconds.pop("bare"))
    rows: list[Row] = [{"what": "bare commit", "per second": number / floor, "ratio": 1.0}]
    for what, each in seconds.items():
        rows.append({"what": what, "per second": number / median(each), "ratio": median(each) / floor})
    return [Table(name="store", title="transactions on SQLite, synchronous=FULL", rows=tuple(rows))]


@asynccontextmanager
async def open_store(folder: Path) -> AsyncIterator[Stores]:
    async with Database.open(f"sqlite+aiosqlite:///{folder / 'atelier.db'}") as database:
        await migrate(database)
        yield Stores.on(database)


def new_task(number: int, channel_id: int | None = None) -> NewTask:
    return NewTask(
        request=PictureRequest(prompt="a red door " * 12),
        interaction_id=number,
        interaction_token="t" * 180,
        arrived_at=now_ms(),
        asker_id=number % 50,
        channel_id=channel_id or number % 20,
    )


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def bare_commits(path: Path, number: int) -> float:
    """Return the seconds that `number` inserts take, each committed."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in PRAGMAS:
            connection.execute(pragma)
        connection.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, words TEXT)")
        began = time.perf_counter()
        for _ in range(number):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO rows (words) VALUES (?)", ("a red door " * 40,))
            connection.execute("COMMIT")
        return time.perf_counter() - began


async def _submit(stores: Stores) -> Task:
    task, *_ = await stores.tasks.add(new_task(next(_numbers)), NO_LIMITS, now=now_ms())
    return task


async def _at_once(stores: Stores, number: int) -> float:
    began = time.perf_counter()
    for _ in range(0, number, AT_ONCE):
        await asyncio.gather(*[_submit(stores) for _ in range(min(AT_ONCE, number))])
    return time.perf_counter() - began


async def _moved(stores: Stores, made: list[Task]) -> float:
    began = time.perf_counter()
    for task in made:
        await stores.tasks.move(task, TaskState.CANCELLED, now=now_ms(), why="by the asker")
    return time.perf_counter() - began
