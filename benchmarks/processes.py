"""
Several processes on one PostgreSQL database, beside one process on SQLite: what a request costs, and how soon it is
answered.

The processes run as in production, between the tests' Discord and the image API's emulator, over real sockets. Both
have the limits of the real ones: 50 requests and 20 creates.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.results import Row, Table, percentile
from sandbox.kie import Emulator
from tests.crash.observed import cards_left, posts, stored_rows
from tests.crash.verdict import Evidence, Verdict, judge
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.limits import most_in_a_second
from tests.wire.load import UNLIMITED, Creates, Load, processor_seconds
from tests.wire.process import KEY, TOKEN, WEBHOOK_KEY
from tests.wire.processes import Fleet, fleet
from tests.worlds.engine_world import png
from tests.worlds.postgres import PostgresServer, installed_postgres

COMMANDS: Final = 80
OVER_SECONDS: Final = 8.0
SHARDS: Final = 4
PICTURE_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 10.0
QUIET_SECONDS: Final = 3.0
"""Wait after the last result, in which the remaining cards are removed."""
LONGEST_SECONDS: Final = 300.0
UNANSWERED_SECONDS: Final = 20.0
"""A command without a response after this time counts as this long."""
FIRST_ANSWER_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    commands: int = COMMANDS
    over_seconds: float = OVER_SECONDS
    picture_seconds: float = PICTURE_SECONDS
    idle_seconds: float = IDLE_SECONDS
    shards: int = SHARDS
    counts: tuple[int, ...] = (1, 2, 4)
    """Processes on PostgreSQL."""


QUICK: Final = Size(commands=4, over_seconds=0.5, picture_seconds=1.0, idle_seconds=0.5, shards=2, counts=(1, 2))


async def measure(quick: bool) -> list[Table]:
    size = QUICK if quick else Size()
    with installed_postgres() as server, server.running() as program:
        await server.prepare()
        rows = [await _measured(size, None, count=1)]
        postgres = Postgres(server=server, process=program.pid)
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


@dataclass(kw_only=True)
class _Run:
    size: Size
    discord: LoopbackDiscord
    creates: Creates
    load: Load
    fleet: Fleet
    url: str
    postgres: Postgres | None

    async def row(self, count: int) -> Row:
        await self.fleet.connected()
        started = await self._used()
        await asyncio.sleep(self.size.idle_seconds)
        before = await self._used()
        await self.load.ask(self.size.commands, seconds=self.size.over_seconds)
        await self.load.answered(within_seconds=UNANSWERED_SECONDS)
        await self._all_closed()
        await asyncio.sleep(QUIET_SECONDS)
        after = await self._used()
        verdict = await self._verdict()
        answers = [each.acknowledged_after or UNANSWERED_SECONDS for each in self.load.asked.values()]
        arrivals = self.discord.limits.arrivals
        commands = self.size.commands
        database: Row = {
            "transactions": (after.transactions - before.transactions) / commands,
            "idle, a second": (before.transactions - started.transactions) / self.size.idle_seconds,
            "database ms": 1000 * (after.database_seconds - before.database_seconds) / commands,
        }
        return {
            "database": "PostgreSQL" if self.postgres else "SQLite",
            "processes": count,
            "lost": len(verdict.lost),
            "doubled": len(verdict.doubled),
            "creates in 10 s": self.creates.most_in_a_window(),
            **(database if self.postgres else dict.fromkeys(database, "-")),
            "processor ms": 1000 * (after.processor_seconds - before.processor_seconds) / commands,
            "answer ms p50": 1000 * median(answers),
            "p99": 1000 * percentile(answers, 99),
            "over 3 s": sum(answer > FIRST_ANSWER_SECONDS for answer in answers),
            "card edits": self.load.card_edits() / commands,
            "worst second": most_in_a_second(self.discord.limits.arrived),
            "with tokens": most_in_a_second([arrival.at for arrival in arrivals]),
            "429": self.discord.limits.throttled,
        }

    async def _used(self) -> Used:
        bots = processor_seconds([running.process.pid for running in self.fleet.bots])
        if self.postgres is None:
            return Used(processor_seconds=bots, database_seconds=0.0, transactions=0)
        return Used(
            processor_seconds=bots,
            database_seconds=processor_seconds([self.postgres.process]),
            transactions=await self.postgres.server.transactions(self.url),
        )

    async def _all_closed(self) -> None:
        """Wait until every task that was stored is closed. Raises TimeoutError."""
        async with asyncio.timeout(LONGEST_SECONDS):
            while not all(row.state == "closed" for row in await stored_rows(self.url)):  # noqa: ASYNC110  # another process writes the rows
                await asyncio.sleep(1.0)

    async def _verdict(self) -> Verdict:
        return judge(
            Evidence(
                acknowledged=self.load.acknowledged(),
                rows=await stored_rows(self.url),
                posts=posts(self.discord),
                creates=self.creates.accepted(),
                struck_at=(),
                struck=1,
                cards_left=cards_left(self.discord),
            )
        )


async def _measured(size: Size, postgres: Postgres | None, *, count: int) -> Row:
    async with _opened(size, postgres, count) as run:
        return await run.row(count)


@asynccontextmanager
async def _opened(size: Size, postgres: Postgres | None, count: int) -> AsyncIterator[_Run]:
    creates, picture = Creates(), png()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        discord = await stack.enter_async_context(loopback_discord(TOKEN))
        discord.limits.everywhere, discord.limits.slides, discord.gateway.max_concurrency = (50, 1.0), True, 1
        image_api = await stack.enter_async_context(
            Emulator(
                key=KEY,
                seconds=size.picture_seconds,
                brush=lambda _order, _position: picture,
                webhook_key=WEBHOOK_KEY,
                middlewares=[creates.middleware],
            )
        )
        if postgres is None:
            url = f"sqlite+aiosqlite:///{folder / 'atelier.db'}"
        else:
            url = await stack.enter_async_context(postgres.server.database())
        settings = {"DATABASE_URL": url, "LOG_LEVEL": "INFO", **UNLIMITED}
        running = await stack.enter_async_context(
            fleet(folder, discord, image_api, count=count, shards=size.shards, **settings)
        )
        yield _Run(
            size=size,
            discord=discord,
            creates=creates,
            load=Load(discord, size.shards),
            fleet=running,
            url=url,
            postgres=postgres,
        )
