"""One run of the matrix: ask, strike, restart, wait until every asker was informed, and judge."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
import traceback
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.crash.points import Blow, Case
from tests.crash.stage import Stage, stage
from tests.crash.verdict import Verdict, judge
from tests.wire.process import LOG
from tests.wire.traps import Trap
from tests.worlds.waiting import eventually

TERMINATED_SECONDS = 10.0
"""The process must end within this time after a SIGTERM."""
STRUCK_SECONDS = 90.0
"""Longest wait for the request to strike at, which one of fifty tasks makes."""
TOLD_BYTES = 8000
"""How much of the end of a log is reported; if a process ended late, its threads' stacks are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    case: Case
    verdict: Verdict
    seconds: float
    broke_before: str = ""
    """Why the run was repeated."""


async def play(case: Case, *, broke_before: str = "") -> Run:
    began = time.monotonic()
    verdict = await perform(case)
    return Run(case=case, verdict=verdict, seconds=time.monotonic() - began, broke_before=broke_before)


async def perform(case: Case) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="atelier-crash-") as name:
        folder = Path(name)
        try:
            async with stage(case, folder) as on:
                try:
                    await _play(on)
                except Exception:  # noqa: BLE001  # the outcome is still judged for doubled messages
                    on.broken = _report(folder)
                return judge(on.evidence())
        except Exception:  # noqa: BLE001  # a server failed, or nothing was stored yet
            return Verdict(broken=_report(folder))


def _report(folder: Path) -> str:
    """Return the current traceback and the end of the bot's log."""
    log = folder / LOG
    said = log.read_text(errors="replace")[-TOLD_BYTES:] if log.exists() else ""
    return f"{traceback.format_exc()}\n{said}"


async def _play(on: Stage) -> None:
    async with on.bot() as first:
        await first.connected()
        await eventually(on.published)
        trap = on.lay(first)
        await on.ask()
        if not await _struck(on, trap):
            return
        if on.case.blow is Blow.KILL:
            await first.ended()
        elif on.case.blow is Blow.TERMINATE:
            on.expect_exit(await first.ended(TERMINATED_SECONDS))
        else:
            await on.over()
            on.expect_exit(await first.stopped())
            return
    on.clear()
    if on.case.again:
        await _strike_again(on)
    await _recover(on)


async def _struck(on: Stage, trap: Trap) -> bool:
    """Wait for the blow. Without one, note the run as missed, because it proves nothing."""
    try:
        async with asyncio.timeout(STRUCK_SECONDS):
            await trap.sprung.wait()
    except TimeoutError:
        on.missed = f"not struck: {trap.met} of {trap.skip + 1} requests came within {STRUCK_SECONDS:g} s"
        return False
    return True


async def _strike_again(on: Stage) -> None:
    """
    Strike the second process during recovery; if the one task needs fewer requests than that, strike it at the end.
    """
    async with on.bot() as second:
        trap = on.lay_anywhere(second)
        over, ended = asyncio.create_task(on.over()), asyncio.create_task(second.process.wait())
        await asyncio.wait({over, ended}, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (over, ended):
            waiting.cancel()
        await asyncio.gather(over, ended, return_exceptions=True)
        if trap.sprung.is_set():
            on.again += 1
        else:
            on.strike(second)
            if on.case.tasks > 1:
                on.missed = f"not struck again: {trap.met} of {trap.skip + 1} requests came"
        with contextlib.suppress(TimeoutError):
            await second.ended()
    on.clear()


async def _recover(on: Stage) -> None:
    if on.case.discord_is_down:
        await on.discord.go_down()
    async with on.bot() as last:
        if on.case.discord_is_down:
            await eventually(partial(on.waits_for_discord, last))
            await on.discord.come_up()
        await last.connected()
        await on.over()
        on.expect_exit(await last.stopped())
