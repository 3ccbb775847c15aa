"""One run of the matrix: ask, strike, start again, wait until everybody was told, and judge."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import traceback
from functools import partial
from pathlib import Path

from tests.crash.points import Blow, Case
from tests.crash.stage import Stage, stage
from tests.crash.verdict import Verdict, judge
from tests.waiting import eventually
from tests.wire.process import Bot
from tests.wire.traps import Trap

TERMINATED_SECONDS = 10.0
"""A SIGTERM is obeyed within this."""
STRUCK_SECONDS = 90.0
"""Until a request that one of fifty tasks makes has come."""


async def perform(case: Case) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="atelier-crash-") as folder:
        try:
            async with stage(case, Path(folder)) as on:
                await _play(on)
                return judge(on.evidence())
        except Exception:  # noqa: BLE001  # a run that broke is told like one that lost something
            log = Path(folder) / "bot.log"
            said = log.read_text()[-2000:] if log.exists() else ""
            return Verdict(faults=(f"{traceback.format_exc()}\n{said}",))


async def _play(on: Stage) -> None:
    async with on.bot() as first:
        await first.connected()
        await eventually(on.published)
        trap = on.lay(first)
        await on.ask()
        await _until_struck(on, first, trap)
        if on.case.blow is Blow.TERMINATE:
            on.expect_exit(await first.ended(TERMINATED_SECONDS))
        elif on.case.blow is not Blow.KILL:
            await on.over()
            on.expect_exit(await first.stopped())
            return
    on.clear()
    if on.case.again:
        await _strike_again(on)
    if on.case.discord_is_down:
        await on.discord.go_down()
    async with on.bot() as last:
        if on.case.discord_is_down:
            await eventually(partial(on.waits_for_discord, last))
            await on.discord.come_up()
        await last.connected()
        await on.over()
        on.expect_exit(await last.stopped())


async def _until_struck(on: Stage, running: Bot, trap: Trap) -> None:
    """A run in which it never came to the blow shows nothing."""
    try:
        async with asyncio.timeout(STRUCK_SECONDS):
            await trap.sprung.wait()
    except TimeoutError:
        on.faults.append("it never came to this point")
        return
    if on.case.blow is Blow.KILL:
        await running.ended()


async def _strike_again(on: Stage) -> None:
    """While it recovers, or, where that takes fewer requests, when all is done."""
    async with on.bot() as second:
        trap = on.lay_anywhere(second)
        over, ended = asyncio.create_task(on.over()), asyncio.create_task(second.process.wait())
        await asyncio.wait({over, ended}, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (over, ended):
            waiting.cancel()
        await asyncio.gather(over, ended, return_exceptions=True)
        if not trap.sprung.is_set():
            on.strike(second)
        with contextlib.suppress(TimeoutError):
            await second.ended()
    on.clear()
