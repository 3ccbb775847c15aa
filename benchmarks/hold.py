"""
Measure many tasks in flight in one process: CPU, memory, lateness of polls, and resuming them after a restart.

Each case is its own process (`python -m benchmarks.hold`), with the real engine on a real SQLite file; the image API
and Discord are in-process stand-ins that answer after 100 ms, and tasks never finish.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

import sqlalchemy as sa

from benchmarks.results import Row, Table, percentile, resident_mib
from benchmarks.store import NO_LIMITS, bare_commits, new_task, now_ms
from bot.engine.engine import Engine
from bot.engine.policy import Policy
from bot.engine.ports import Card, CreateRequest, Record, RecordStatus
from bot.engine.timing.schedule import Durations, next_poll
from bot.engine.work.picture_work import PictureWork
from bot.imaging.processes import WorkerThreads
from storage.catalogue import DEFAULT, WireForm
from storage.database import Database
from storage.migrations import migrate
from storage.models import Reference, Task, TaskState, new_id
from storage.pictures import PictureStore
from storage.polls import PollStore
from storage.schema import tasks as table
from storage.stores import Stores
from storage.tasks import FRESH, ORIGIN, REQUEST
from tests.worlds.stand_in_discord import StandInDiscord

ANSWER_SECONDS: Final = 0.1
CREATE_EVERY_MS: Final = 550
"""The image API accepts 20 creates per 11 s, which gives the minimum age of the oldest of many tasks in flight."""
UNLEARNT: Final = Durations(prior_seconds=DEFAULT.usual_seconds[0])
RESUME_SECONDS: Final = 40.0
BARE_COMMITS: Final = 1000
SIZES: Final = (100, 1000, 10_000)
HISTORY: Final = 100_000
"""Closed tasks in the database of one more case."""


async def measure(quick: bool) -> list[Table]:
    sizes, seconds, resumed = ((20,), 0.5, 20) if quick else (SIZES, 15.0, 10_000)
    holding = [await _apart("steady", size, seconds) for size in sizes]
    holding.append(await _apart("steady", sizes[0], seconds, history=1000 if quick else HISTORY))
    resuming = await _apart("resume", resumed, 0.0)
    return [
        Table(name="hold", title="tasks in flight, as old as 20 creates in 11 s allow", rows=tuple(holding)),
        Table(name="hold", title="start-up with all of them due at once", rows=(resuming,)),
    ]


async def _apart(case: str, size: int, seconds: float, *, history: int = 0) -> Row:
    arguments = [sys.executable, "-m", "benchmarks.hold", case, str(size), str(seconds), str(history)]
    process = await asyncio.create_subprocess_exec(*arguments, stdout=PIPE, cwd=Path(__file__).parent.parent)
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments[1:])} ended with {process.returncode}")
    row: Row = json.loads(output)
    return row


class Observed(PollStore):
    """Records when each task is due."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.due: dict[str, int] = {}

    async def store(self, task: Task, **poll: Any) -> Task:
        stored = await super().store(task, **poll)
        self.due[stored.job_id or ""] = stored.due_at
        return stored


class Slow:
    """An image API whose tasks never finish."""

    def __init__(self, polls: Observed) -> None:
        self._polls = polls
        self.late_ms: list[int] = []
        self.asked = asyncio.Condition()

    async def record(self, job_id: str, form: str = WireForm.FOUR_O) -> Record:
        self.late_ms.append(now_ms() - self._polls.due[job_id])
        async with self.asked:
            self.asked.notify_all()
        await asyncio.sleep(ANSWER_SECONDS)
        return Record(status=RecordStatus.RUNNING)

    async def create(self, request: CreateRequest) -> str:
        raise AssertionError("everything is created already")

    async def upload(self, filename: str, content_type: str, data: bytes) -> str:
        raise AssertionError("there are no references")

    async def fetch(self, url: str) -> bytes:
        raise AssertionError("there are no results")

    async def direct_link(self, job_id: str, url: str, form: str = WireForm.FOUR_O) -> str:
        raise AssertionError("there are no results")

    async def credits(self) -> float:
        return 1000.0


class Blank(StandInDiscord):
    def posted(self, card: Card) -> None:
        pass

    def show(self, card: Card) -> None:
        """Do nothing: cards are not measured here."""


async def no_reference(reference: Reference) -> bytes:
    raise AssertionError("there are no references")


async def _fill(database: Database, polls: Observed, number: int, *, due_now: bool, history: int) -> None:
    """Insert `history` closed rows, then `number` rows in flight, the newest created just now."""
    before, over = now_ms(), {"state": TaskState.CLOSED, "settled_at": now_ms(), "closed_at": now_ms()}
    closed = [_row(number + index, before, due_now=False) | over for index in range(history)]
    async with database.write() as connection:
        if closed:
            await connection.execute(sa.insert(table), closed)
        now = now_ms()
        rows = [_row(index, now, due_now=due_now) for index in range(number)]
        polls.due = {row["job_id"]: row["due_at"] for row in rows}
        await connection.execute(sa.insert(table), rows)


def _row(index: int, now: int, *, due_now: bool) -> dict[str, Any]:
    begun = now - index * CREATE_EVERY_MS
    wait = next_poll((now - begun) / 1000, UNLEARNT) * 1000
    new = new_task(index + 1)
    return {
        **{name: getattr(new, name) for name in ORIGIN},
        **{name: getattr(new.request, name) for name in REQUEST},
        "id": new_id(),
        **FRESH,
        "state": TaskState.GENERATING,
        "created_at": begun,
        "prepared_at": begun,
        "generating_at": begun,
        "due_at": now if due_now else now + int(wait * (index * 0.618 % 1)),
        "job_id": f"kie{index}",
    }


async def _hold(case: str, number: int, seconds: float, history: int) -> Row:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = await stack.enter_async_context(Database.open(f"sqlite+aiosqlite:///{folder / 'atelier.db'}"))
        await migrate(database)
        polls = Observed(database)
        await _fill(database, polls, number, due_now=case == "resume", history=history)
        api = Slow(polls)
        engine = Engine(
            stores=replace(Stores.on(database), polls=polls),
            picture_store=PictureStore.open(str(folder / "pictures")),
            api=api,
            delivery=Blank(),
            fetch_reference=no_reference,
            picture_work=PictureWork(WorkerThreads()),
            policy=Policy(limits=NO_LIMITS, keep_pictures=timedelta(days=1), max_in_flight=max(number, 100)),
        )
        if case == "steady":
            return {"in flight": number, "closed before": history, **await _steady(engine, api, number, seconds)}
        return await _resumed(engine, api, number, folder)


async def _steady(engine: Engine, api: Slow, number: int, seconds: float) -> Row:
    before = resident_mib()
    await engine.start()
    began, spent = time.perf_counter(), _cpu_seconds()
    running = asyncio.create_task(engine.run())
    await asyncio.sleep(seconds)
    share = (_cpu_seconds() - spent) / (time.perf_counter() - began)
    held = resident_mib() - before
    late = list(api.late_ms) or [0]
    engine.stop()
    await running
    return {
        "polls per second": len(late) / seconds,
        "CPU of one core": share,
        "CPU ms per poll": share * seconds * 1000 / len(late),
        "KiB per task": held * 1024 / number,
        "late ms p50": median(late),
        "late ms p99": percentile(late, 99),
    }


async def _resumed(engine: Engine, api: Slow, number: int, folder: Path) -> Row:
    """Measure until every task was polled, or for `RESUME_SECONDS`."""
    began = time.perf_counter()
    await engine.start()
    running = asyncio.create_task(engine.run())
    after_first = await _asked(api, 1, began)
    after_all = await _asked(api, number, began)
    asked = len(api.late_ms)
    engine.stop()
    await running
    floor = await asyncio.to_thread(bare_commits, folder / "bare.db", min(number, BARE_COMMITS))
    bare, polled = min(number, BARE_COMMITS) / floor, asked / after_all
    return {
        "rows": number,
        "first asked s": after_first,
        "asked": asked,
        "in s": after_all,
        "per second": polled,
        "bare commits per second": bare,
        "ratio": bare / polled,
    }


async def _asked(api: Slow, number: int, began: float) -> float:
    """Return the seconds until `number` polls were made; at most `RESUME_SECONDS`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(RESUME_SECONDS), api.asked:
            await api.asked.wait_for(lambda: len(api.late_ms) >= number)
    return time.perf_counter() - began


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=["steady", "resume"])
    parser.add_argument("number", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("history", type=int)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(_hold(given.case, given.number, given.seconds, given.history))))
