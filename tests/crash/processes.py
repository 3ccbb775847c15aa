"""One run with several processes: ask, let an outage happen, wait until every asker was informed, and judge."""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from tests.crash.observed import stored_rows
from tests.crash.outages import EXIT_SECONDS, STALL_SECONDS, DatabaseSite, Outage, database_site, strike
from tests.crash.scene import Scene, scene
from tests.crash.verdict import Verdict
from tests.wire.messages import Doing
from tests.wire.processes import Fleet
from tests.wire.traps import Moment, Trap

COMMANDS: Final = 30
OVER_SECONDS: Final = 8.0
PICTURE_SECONDS: Final = 3.0
REQUESTS: Final = 3 * COMMANDS
"""The outage begins at one of the first so many requests to Discord and to the image API."""
BEGINS_SECONDS: Final = 60.0
"""The outage begins then at the latest: on a busy machine, where commands are turned away, fewer requests come."""
LONGEST_SECONDS: Final = 720.0
"""With callbacks, a create that was not answered waits for its callback for ten minutes."""
NO_CALLBACKS: Final = {"PUBLIC_URL": "", "KIE_WEBHOOK_KEY": ""}
QUIET_SECONDS: Final = 2.0
"""Wait after the last task is closed, in which the remaining cards are removed."""
WITNESS_SECONDS: Final = 0.5
TOLD_BYTES: Final = 8000
COLUMNS: Final = (
    *("runs", "commands", "turned away", "unanswered", "creates in 10 s", "broken", "lost", "doubled"),
    *("unconfirmed", "last result, s"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessesCase:
    outage: Outage
    processes: int
    seed: int
    stall_seconds: float = STALL_SECONDS

    @property
    def callbacks(self) -> bool:
        """Whether the image API sends callbacks: every other seed."""
        return self.seed % 2 == 1


@dataclass(kw_only=True)
class ProcessesRun:
    case: ProcessesCase
    verdict: Verdict = field(default_factory=Verdict)
    turned_away: int = 0
    """Commands that were answered with a sentence instead of a card."""
    unanswered: int = 0
    """Commands without any response."""
    creates_in_a_window: int = 0
    last_result_seconds: float = 0.0
    """From the end of the outage until the last outcome was posted."""

    @property
    def says(self) -> tuple[str, ...]:
        """Everything found against the run."""
        many = self.creates_in_a_window
        return (*self.verdict.says, *([f"{many} creates in 10 s"] if many > 20 else []))


async def perform(case: ProcessesCase) -> ProcessesRun:
    """Play a run. One that broke says why in its verdict."""
    run, said = ProcessesRun(case=case), ""
    try:
        async with (
            database_site(case.processes) as site,
            scene(picture_seconds=PICTURE_SECONDS, shards=case.processes) as on,
            on.fleet(site.urls, **({} if case.callbacks else NO_CALLBACKS)) as running,
        ):
            try:
                await _play(run, on, running, site)
            finally:
                said = running.said()[-TOLD_BYTES:]
    except Exception:  # noqa: BLE001  # reported in the table
        run.verdict = Verdict(broken=f"{traceback.format_exc()}\n{said}")
    return run


async def _play(run: ProcessesRun, on: Scene, running: Fleet, site: DatabaseSite) -> None:
    case = run.case
    dice = random.Random(f"{case.outage} {case.processes} {case.seed}")
    number = dice.randrange(case.processes)
    await running.connected()
    begins = _at_a_request(on, dice)
    asking = asyncio.create_task(on.load.ask(COMMANDS, seconds=OVER_SECONDS))
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(BEGINS_SECONDS):
                await begins.wait()
        began = time.monotonic()
        faults = await strike(case.outage, running, site, number=number, stall_seconds=case.stall_seconds)
        ended = time.monotonic()
        await asking
        await on.load.answered(within_seconds=OVER_SECONDS)
        broken = await _until_closed(on, site)
        await asyncio.sleep(QUIET_SECONDS)
        faults += await _stopped(running, case, number)
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        run.creates_in_a_window = on.creates.most_in_a_window()
    doubtful = [] if case.outage is Outage.UPGRADED else _moments(began, ended)
    late = case.outage is Outage.ONE_STALLED
    run.verdict = await on.verdict(site.url, struck_at=doubtful, faults=faults, corrections=late, broken=broken)
    stored = {row.prompt for row in await stored_rows(site.url)}
    run.unanswered = len(on.load.asked) - len(on.load.acknowledged())
    run.turned_away = len(on.load.acknowledged() - on.promised() - stored)
    posted = [act.at for act in on.discord.acts if act.doing is Doing.POSTED and act.files]
    run.last_result_seconds = max(0.0, max(posted) - time.perf_counter() + time.monotonic() - ended)


async def _until_closed(on: Scene, site: DatabaseSite) -> str:
    """Wait until every task is closed; return why not. What a run doubled counts although it did not reach its end."""
    try:
        await on.all_closed(site.url, within_seconds=LONGEST_SECONDS)
    except TimeoutError as error:
        return str(error)
    return ""


def _at_a_request(on: Scene, dice: random.Random) -> asyncio.Event:
    """Return an event that is set at a random request to Discord or to the image API."""

    async def nothing(_: web.Request) -> None:
        return None

    trap = Trap(
        route="*",
        moment=dice.choice((Moment.RECEIVED, Moment.DONE)),
        action=nothing,
        skip=dice.randrange(REQUESTS),
        when=lambda request: "Sec-WebSocket-Key" not in request.headers,
    )
    on.discord.traps.laid.append(trap)
    on.image_traps.laid.append(trap)
    return trap.sprung


def _moments(began: float, ended: float) -> list[float]:
    """Return moments all over an outage, during which the answer to a create may not have been stored."""
    return [began + WITNESS_SECONDS * number for number in range(int((ended - began) / WITNESS_SECONDS) + 1)]


async def _stopped(running: Fleet, case: ProcessesCase, number: int) -> list[str]:
    """Stop the processes that should be alive; return what they did wrong."""
    faults = []
    for which, bot in enumerate(running.bots):
        if case.outage is Outage.KILLED and which == number:
            continue
        if bot.process.returncode is None:
            bot.process.terminate()
        code = await bot.ended(EXIT_SECONDS)
        faults += [f"process {which} ended with {code}"] if code != 0 else []
    return faults


def head() -> str:
    return f"{'outage':<{WIDE}}  processes  {'  '.join(COLUMNS)}"


WIDE: Final = max(map(len, Outage))


def line(row: list[ProcessesRun]) -> str:
    """Return the table's line for runs that differ only in their seed."""
    verdicts = [run.verdict for run in row]
    counted = (
        len(row),
        COMMANDS * len(row),
        sum(run.turned_away for run in row),
        sum(run.unanswered for run in row),
        max(run.creates_in_a_window for run in row),
        sum(bool(verdict.broken) for verdict in verdicts),
        sum(len(verdict.lost) for verdict in verdicts),
        sum(len(verdict.doubled) for verdict in verdicts),
        sum(verdict.unconfirmed for verdict in verdicts),
        round(max(run.last_result_seconds for run in row)),
    )
    cells = "  ".join(f"{number:>{len(title)}}" for title, number in zip(COLUMNS, counted, strict=True))
    return f"{row[0].case.outage:<{WIDE}}  {row[0].case.processes:>9}  {cells}"
