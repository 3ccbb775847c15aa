"""
Several processes on one PostgreSQL database, beside one process on SQLite: what a request costs, and how soon it is
answered.

The processes run as in production, between the tests' Discord and the image API's emulator, over real sockets. Both
have the limits of the real ones: 50 requests and 20 creates.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.results import Row, Table, percentile
from tests.crash.scene import Scene, scene
from tests.wire.limits import most_in_a_second
from tests.wire.load import processor_seconds
from tests.wire.processes import Fleet
from tests.worlds.postgres import PostgresServer, installed_postgres

QUIET_SECONDS: Final = 3.0
"""Wait after the last result, in which the remaining cards are removed."""
LONGEST_SECONDS: Final = 300.0
UNANSWERED_SECONDS: Final = 20.0
"""A command without a response after this time counts as this long."""
FIRST_ANSWER_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    commands: int = 80
    over_seconds: float = 8.0
    picture_seconds: float = 10.0
    idle_seconds: float = 10.0
    warm_up: int = 16
    """Commands that are not counted: each process builds most of its statements and texts at its first requests."""
    shards: int = 4
    counts: tuple[int, ...] = (1, 2, 4)
    """Processes on PostgreSQL."""


QUICK: Final = Size(
    commands=4, over_seconds=0.5, picture_seconds=1.0, idle_seconds=0.5, warm_up=2, shards=2, counts=(1, 2)
)


async def measure(quick: bool) -> list[Table]:
    size = QUICK if quick else Size()
    with installed_postgres() as server, server.running() as program:
        await server.prepare()
        postgres = Postgres(server=server, process=program.pid)
        rows = [await _measured(size, None, count=1)]
        rows += [await _measured(size, postgres, count=count) for count in size.counts]
    alone, one = rows[0]["processor ms"], rows[1]["processor ms"]
    compared = [{**row, "processor ratio": _ratio(row, alone), "growth ratio": _ratio(row, one)} for row in rows]
    title = f"{size.commands} requests over {size.shards} shards; sums of all processes, for each request"
    return [Table(name="processes", title=title, rows=tuple(compared))]


def _ratio(row: Row, floor: str | float) -> float:
    return float(row["processor ms"]) / float(floor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    server: PostgresServer
    process: int
    """Its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What was used so far."""

    processor_seconds: float
    database_seconds: float
    transactions: int


async def _measured(size: Size, postgres: Postgres | None, *, count: int) -> Row:
    async with AsyncExitStack() as stack:
        on = await stack.enter_async_context(scene(picture_seconds=size.picture_seconds, shards=size.shards))
        if postgres is None:
            url = f"sqlite+aiosqlite:///{on.folder / 'atelier.db'}"
        else:
            url = await stack.enter_async_context(postgres.server.database())
        running = await stack.enter_async_context(on.fleet([url] * count))
        await running.connected()
        await on.load.ask(size.warm_up, seconds=size.over_seconds * size.warm_up / size.commands)
        await on.all_closed(url, within_seconds=LONGEST_SECONDS)
        warm, warm_edits = frozenset(on.load.asked), on.load.card_edits()
        await asyncio.sleep(QUIET_SECONDS)
        started = await _used(running, postgres, url)
        await asyncio.sleep(size.idle_seconds)
        before = await _used(running, postgres, url)
        await on.load.ask(size.commands, seconds=size.over_seconds)
        await on.load.answered(within_seconds=UNANSWERED_SECONDS)
        await on.all_closed(url, within_seconds=LONGEST_SECONDS)
        await asyncio.sleep(QUIET_SECONDS)
        after = await _used(running, postgres, url)
        verdict = await on.verdict(url)
        transactions = (after.transactions - before.transactions) / size.commands
        idle = (before.transactions - started.transactions) / size.idle_seconds
        database_ms = 1000 * (after.database_seconds - before.database_seconds) / size.commands
        return {
            "database": "PostgreSQL" if postgres else "SQLite",
            "processes": count,
            "lost": len(verdict.lost),
            "doubled": len(verdict.doubled),
            "creates in 10 s": on.creates.most_in_a_window(),
            "transactions": transactions if postgres else "-",
            "idle, a second": idle if postgres else "-",
            "idle processor ms, a second": 1000
            * (before.processor_seconds - started.processor_seconds)
            / size.idle_seconds,
            "database ms": database_ms if postgres else "-",
            "processor ms": 1000 * (after.processor_seconds - before.processor_seconds) / size.commands,
            **_seen_by_people(on, warm),
            "card edits": (on.load.card_edits() - warm_edits) / size.commands,
        }


def _seen_by_people(on: Scene, warm: frozenset[str]) -> Row:
    measured = [each for prompt, each in on.load.asked.items() if prompt not in warm]
    answers = [each.acknowledged_after or UNANSWERED_SECONDS for each in measured]
    limits = on.discord.limits
    return {
        "answer ms p50": 1000 * median(answers),
        "p99": 1000 * percentile(answers, 99),
        "over 3 s": sum(answer > FIRST_ANSWER_SECONDS for answer in answers),
        "worst second": most_in_a_second(limits.arrived),
        "with tokens": most_in_a_second([arrival.at for arrival in limits.arrivals]),
        "429": limits.throttled,
    }


async def _used(running: Fleet, postgres: Postgres | None, url: str) -> Used:
    return Used(
        processor_seconds=processor_seconds([bot.process.pid for bot in running.bots]),
        database_seconds=processor_seconds([postgres.process]) if postgres else 0.0,
        transactions=await postgres.server.transactions(url) if postgres else 0,
    )
