"""
Discord's limit of 50 requests a second: how close the bot comes to it when many people ask at about the same time.

The bot runs as in production, with its database on disk, between the tests' Discord and the image API's emulator, all
over real sockets. This Discord answers 429 above the limit, once with a fixed one-second window and once with a
sliding one: Discord does not document which it uses.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from aiohttp import web

from benchmarks.results import Row, Table, percentile
from sandbox.kie import Emulator
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.interactions import Interaction
from tests.wire.limits import most_in_a_second
from tests.wire.messages import Act, Doing, Way
from tests.wire.process import KEY, TOKEN, WEBHOOK_KEY, Bot, bot, called_back
from tests.worlds.engine_world import png
from tests.worlds.waiting import eventually

DISCORDS_LIMIT: Final = (50, 1.0)
PICTURE_SECONDS: Final = 40.0
NEVER_SECONDS: Final = 3600.0
AFTER_RESTART_SECONDS: Final = 10.0
QUIET_SECONDS: Final = 3.0
"""Wait after the last result, in which the remaining cards are removed."""
LONGEST_SECONDS: Final = 600.0
UNANSWERED_SECONDS: Final = 20.0
"""A command without a response after this time counts as this long."""
UNLIMITED: Final = {"MAX_OPEN_TASKS_PER_USER": "0", "MAX_PICTURES_PER_USER_PER_DAY": "0", "MAX_PICTURES_PER_DAY": "0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    commands: int
    over_seconds: float
    picture_seconds: float
    restart: bool = False
    """Kill the bot when all commands have their response, and measure only the next process."""


CASES: Final = (
    Case(name="200 in 20 s", commands=200, over_seconds=20.0, picture_seconds=PICTURE_SECONDS),
    Case(name="30 at once", commands=30, over_seconds=0.0, picture_seconds=PICTURE_SECONDS),
    Case(name="20 wait at a restart", commands=20, over_seconds=0.0, picture_seconds=NEVER_SECONDS, restart=True),
)
QUICK: Final = (
    Case(name="4 in 1 s", commands=4, over_seconds=1.0, picture_seconds=1.0),
    Case(name="2 wait at a restart", commands=2, over_seconds=0.0, picture_seconds=NEVER_SECONDS, restart=True),
)


async def measure(quick: bool) -> list[Table]:
    cases, ways = (QUICK, (True,)) if quick else (CASES, (False, True))
    rows = [await _row(case, slides=slides, quick=quick) for case in cases for slides in ways]
    return [Table(name="rush", title="requests to Discord, which allows 50 a second", rows=tuple(rows))]


async def _row(case: Case, *, slides: bool, quick: bool) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        watched, picture = _Creates(), png()
        async with (
            loopback_discord(TOKEN) as discord,
            Emulator(
                key=KEY,
                seconds=case.picture_seconds,
                brush=lambda _order, _position: picture,
                webhook_key=WEBHOOK_KEY,
                middlewares=[watched.middleware],
            ) as image_api,
        ):
            discord.limits.everywhere, discord.limits.slides = DISCORDS_LIMIT, slides
            run = _Run(case=case, discord=discord, image_api=image_api, creates=watched, folder=Path(folder))
            return await (run.restarted(1.0 if quick else AFTER_RESTART_SECONDS) if case.restart else run.finished())


class _Creates:
    """Records when each create was accepted, by prompt."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = {}

    @property
    def middleware(self) -> Any:
        @web.middleware
        async def seen(request: web.Request, handler: Any) -> web.StreamResponse:
            response: web.StreamResponse = await handler(request)
            if request.path.endswith("/generate") and isinstance(response, web.Response):
                said = json.loads(response.body if isinstance(response.body, bytes) else b"{}")
                if said.get("code") == 200:
                    self.taken[(await request.json())["prompt"]] = time.perf_counter()
            return response

        return seen


@dataclass(kw_only=True)
class _Run:
    case: Case
    discord: LoopbackDiscord
    image_api: Emulator
    creates: _Creates
    folder: Path

    async def finished(self) -> Row:
        """Measure until the last result is posted in its channel."""
        async with self._bot():
            asked = await self._asked()
            answered = sum(interaction.acknowledged_after is not None for interaction in asked)
            async with asyncio.timeout(LONGEST_SECONDS):
                while len(self._results()) < answered:  # noqa: ASYNC110  # there is no event to wait for
                    await asyncio.sleep(0.25)
            await asyncio.sleep(QUIET_SECONDS)
            ready = [self._ready_after(act) for act in self._results().values()]
            about = self._counted(since=0, acts=self.discord.acts)
            answers = [interaction.acknowledged_after or UNANSWERED_SECONDS for interaction in asked]
            return about | {
                "result s p50": median(ready),
                "p99": percentile(ready, 99),
                "most": max(ready),
                "answer ms p99": 1000 * percentile(answers, 99),
            }

    async def restarted(self, seconds: float) -> Row:
        async with self._bot() as first:
            await self._asked()
            await asyncio.sleep(seconds)
            await first.killed()
        before, acts = len(self.discord.limits.arrived), len(self.discord.acts)
        self.discord.limits.throttled = 0
        async with self._bot():
            await asyncio.sleep(seconds)
            return self._counted(since=before, acts=self.discord.acts[acts:])

    @asynccontextmanager
    async def _bot(self) -> AsyncIterator[Bot]:
        settings = {"LOG_LEVEL": "INFO", **UNLIMITED, **called_back()}
        async with bot(self.folder, self.discord, self.image_api, **settings) as running:
            await running.connected()
            await eventually(self._is_published)
            yield running

    async def _is_published(self) -> int:
        return self.discord.published

    async def _asked(self) -> list[Interaction]:
        """
        Send commands at a fixed rate without waiting for responses, each by a different person in a different
        channel.
        """
        loop = asyncio.get_running_loop()
        channels = [self.discord.places.add_channel(name=f"c{number}") for number in range(self.case.commands)]
        began, asked = loop.time(), []
        for number, channel in enumerate(channels):
            await asyncio.sleep(began + number * self.case.over_seconds / len(channels) - loop.time())
            person = self.discord.places.add_person(f"person {number}")
            asked.append(await self.discord.imagine(_prompt(number), person=person, channel=channel))
        await asyncio.wait(
            [asyncio.ensure_future(interaction.acknowledgement()) for interaction in asked], timeout=UNANSWERED_SECONDS
        )
        return asked

    def _results(self) -> dict[str, Act]:
        """Return the posts with results, by message id."""
        posted = [act for act in self.discord.acts if act.doing is Doing.POSTED and act.way is Way.CHANNEL]
        return {act.message_id: act for act in posted if act.files}

    def _ready_after(self, act: Act) -> float:
        """Return the seconds from done at the image API to the result in its channel."""
        said = json.dumps(act.payload)
        (begun,) = [taken for prompt, taken in self.creates.taken.items() if prompt in said]
        return act.at - begun - self.case.picture_seconds

    def _counted(self, *, since: int, acts: Iterable[Act]) -> dict[str, str | float]:
        times = self.discord.limits.arrived[since:]
        edits = sum(act.doing is Doing.EDITED for act in acts)
        return {
            "case": self.case.name,
            "window": "sliding" if self.discord.limits.slides else "fixed",
            "requests": len(times),
            "worst second": most_in_a_second(times),
            "429": self.discord.limits.throttled,
            "edits per card": edits / self.case.commands,
        }


def _prompt(number: int) -> str:
    return f"door number {number} in a white wall"
