"""The stage of one run: the servers, the bot as a process, the people, the blow, and the evidence."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import unused_port
from aiohttp.typedefs import Handler, Middleware

from sandbox.kie import CREATES_PER_WINDOW, Emulator
from sandbox.paint.painter import Order
from storage.catalogue import DEFAULT
from tests.crash.observed import SELECT_ROWS, cards_left, posts, rows_from
from tests.crash.points import FETCHED, RESULTS, Blow, Case, Server
from tests.crash.verdict import Evidence, Row
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.places import May
from tests.wire.process import KEY, TOKEN, Bot, bot
from tests.wire.traps import Action, Moment, Trap, Traps, reset, says
from tests.worlds.engine_world import png

LONGEST_SECONDS = 150.0
"""Longest duration of a run; fifty tasks take three of the image API's windows."""
LOOK_SECONDS = 0.1
LATEST_BLOW_SECONDS = 0.04
STARTING = 4
"""Minimum number of requests that a process makes before it works on a task."""
PADDING = bytes(7 * 1024 * 1024)
"""Appended to a picture's own bytes, so that four pictures need two messages."""
WEBHOOK_KEY = "webhook-key-of-the-crash-matrix"
COLOURS = ("red", "green", "blue", "orange")
SETTINGS = {
    "MAX_OPEN_TASKS_PER_USER": "0",
    "MAX_PICTURES_PER_USER_PER_DAY": "0",
    "MAX_PICTURES_PER_DAY": "0",
    "LOG_LEVEL": "INFO",
}


@dataclass(kw_only=True)
class Stage:
    case: Case
    folder: Path
    discord: LoopbackDiscord
    image_api: Emulator
    image_traps: Traps
    dice: random.Random
    witness: Witness
    port: int
    """Port of the bot's web endpoint, which receives callbacks."""
    variants: int
    struck_at: list[float] = field(default_factory=list)
    struck: int = 0
    again: int = 0
    missed: str = ""
    broken: str = ""
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[Bot]:
        settings = {"REFERENCES_AS": "upload"} if self.case.point.upload else {}
        if self.case.callbacks:
            address = f"http://127.0.0.1:{self.port}"
            settings |= {"HTTP_PORT": str(self.port), "PUBLIC_URL": address, "KIE_WEBHOOK_KEY": WEBHOOK_KEY}
        async with bot(self.folder, self.discord, self.image_api, **SETTINGS, **settings) as running:
            yield running

    async def published(self) -> bool:
        return bool(self.discord.published)

    async def waits_for_discord(self, running: Bot) -> bool:
        return "Discord login failed" in running.said()

    # What people do

    async def ask(self) -> None:
        for number in range(self.case.tasks):
            prompt = f"task {number} of seed {self.case.seed}"
            self.asked.append(prompt)
            chosen = {"model": self.case.model} if self.case.model != DEFAULT.key else {}
            await self.discord.imagine(prompt, options={"variants": self.variants, **chosen}, image="cat.png")

    # The blow

    def lay(self, running: Bot) -> Trap:
        """Lay the trap at a random task's request; with a single task, at a random one of its results."""
        point = self.case.point
        skip = point.first + self.dice.randrange(*self._choices())
        traps = self.discord.traps if point.server is Server.DISCORD else self.image_traps
        return traps.lay(self.case.route, point.moment, self._blow(running), skip=skip, when=self._counts)

    def _choices(self) -> tuple[int, int]:
        """
        Return the range of requests to choose from. Of many tasks with callbacks, only those of the last window,
        because no create is in flight at that time.
        """
        each = self.variants if self.case.point.route == FETCHED["route"] else 1
        if self.case.tasks == 1:
            return 0, each
        first = self.case.tasks - self.case.tasks % CREATES_PER_WINDOW
        return (first * each, self.case.tasks * each) if self.case.callbacks else (0, self.case.tasks)

    def lay_anywhere(self, running: Bot) -> Trap:
        """
        Lay a trap at the n-th request of any kind that the next process makes: during its start, or while work
        certainly remains. Gateway connections do not count, because they never get a response.
        """
        unfinished = sum(row.state != "closed" for row in self.rows())
        trap = Trap(
            route="*",
            moment=self.dice.choice((Moment.RECEIVED, Moment.DONE)),
            action=self._killing(running),
            skip=self.dice.randrange(STARTING + unfinished),
            when=lambda request: "Sec-WebSocket-Key" not in request.headers,
        )
        self.discord.traps.laid.append(trap)
        self.image_traps.laid.append(trap)
        return trap

    def strike(self, running: Bot) -> None:
        self.struck_at.append(time.monotonic())
        if running.process.returncode is None:
            self.struck += 1
            running.process.kill()

    def expect_exit(self, code: int) -> None:
        if code != 0:
            self.faults.append(f"the process ended with {code}")

    def clear(self) -> None:
        self.discord.traps.clear()
        self.image_traps.clear()

    def _counts(self, request: web.Request) -> bool:
        if self.case.point.blind:
            self.discord.places.channel.may &= ~May.HISTORY
        wanted = self.case.point.succeeded
        job = self.image_api.jobs.get(request.query.get("taskId", ""))
        return wanted is None or (job is not None and (time.time() >= job.finished) is wanted)

    def _blow(self, running: Bot) -> Action:
        match self.case.blow:
            case Blow.KILL:
                return self._killing(running)
            case Blow.TERMINATE:
                return self._terminating(running)
            case Blow.GATEWAY:
                return self._disconnecting()
            case Blow.BREAK:
                return self._breaking()

    def _killing(self, running: Bot) -> Action:
        late = self.dice.uniform(0, LATEST_BLOW_SECONDS) if self.dice.random() < 0.5 else 0.0
        without_effect = self.dice.random() < 0.5

        async def kill(_: web.Request) -> web.StreamResponse | None:
            if self.case.point.moment is Moment.ANSWERED:
                await asyncio.sleep(self.case.point.late + late)
            self.strike(running)
            received = self.case.point.moment is Moment.RECEIVED
            return web.Response(status=503) if received and without_effect else None

        return kill

    def _breaking(self) -> Action:
        refused = self.case.point.server is Server.DISCORD and self.dice.random() < 0.5
        act = says(502, {"message": "502: Bad Gateway", "code": 0}) if refused else reset

        async def break_off(request: web.Request) -> web.StreamResponse | None:
            self.struck_at.append(time.monotonic())
            self.struck += 1
            return await act(request)

        return break_off

    def _terminating(self, running: Bot) -> Action:
        async def terminate(_: web.Request) -> None:
            if running.process.returncode is None:
                self.struck += 1
                running.process.terminate()

        return terminate

    def _disconnecting(self) -> Action:
        gateway = self.discord.gateway
        way = self.case.seed % 4

        async def disconnect(_: web.Request) -> None:
            self.struck += bool(gateway.connected())
            if way == 0:
                gateway.drop()
            elif way == 1:
                await gateway.ask_to_reconnect()
            else:
                await gateway.invalidate(resumable=way == 2)

        return disconnect

    # The evidence

    async def over(self) -> None:
        """Wait until every stored task is closed, with the process alive. Raises TimeoutError."""
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                while not await asyncio.to_thread(self._is_over):  # noqa: ASYNC110  # another process writes the rows
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError as error:
            unfinished = {row.id: str(row.state) for row in self.rows() if row.state != "closed"}
            raise TimeoutError(f"not over after {LONGEST_SECONDS:.0f} s: {unfinished}") from error

    def _is_over(self) -> bool:
        rows = self.rows()
        missing = 0 if self.case.blow is Blow.KILL else len(self.asked) - len(rows)
        return bool(rows) and not missing and all(row.state == "closed" for row in rows)

    def rows(self) -> tuple[Row, ...]:
        path = self.folder / "data" / "atelier.db"
        with sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True) as connection:
            found = connection.execute(SELECT_ROWS).fetchall()
        connection.close()
        return rows_from(found)

    def evidence(self) -> Evidence:
        every = self.discord.interactions.all
        prompts = dict(zip((interaction.id for interaction in every), self.asked, strict=False))
        return Evidence(
            acknowledged=frozenset(
                prompts[interaction.id] for interaction in every if interaction.acknowledged_after is not None
            ),
            rows=self.rows(),
            posts=posts(self.discord),
            creates={prompt: tuple(times) for prompt, times in self.witness.creates.items()},
            struck_at=tuple(self.struck_at),
            struck=self.struck,
            again=self.again,
            missed=self.missed,
            broken=self.broken,
            cards_left=cards_left(self.discord),
            faults=tuple(self.faults),
        )


@asynccontextmanager
async def stage(case: Case, folder: Path) -> AsyncIterator[Stage]:
    witness, traps = Witness(), Traps()
    middlewares = (
        [_padded, witness.middleware, traps.middleware] if case.point.parts else [witness.middleware, traps.middleware]
    )
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(loopback_discord(TOKEN))
        discord.files["cat.png"] = png("orange", (96, 72))
        image_api = Emulator(
            key=KEY, seconds=case.seconds, brush=_painted, middlewares=middlewares, webhook_key=WEBHOOK_KEY
        )
        witness.image_api = await stack.enter_async_context(image_api)
        dice = random.Random(f"{case.point.name} {case.blow} {case.tasks} {case.seed}")
        yield Stage(
            case=case,
            folder=folder,
            discord=discord,
            image_api=image_api,
            image_traps=traps,
            dice=dice,
            variants=4 if case.point.parts or case.point.several else dice.choice((1, 2, 4)),
            witness=witness,
            port=unused_port(),
        )


@dataclass
class Witness:
    """Records when creates arrived, and when their responses had been sent."""

    creates: dict[str, list[tuple[float, float | None]]] = field(default_factory=lambda: defaultdict(list))
    image_api: Emulator | None = None

    @property
    def middleware(self) -> Middleware:
        @web.middleware
        async def watched(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.method != "POST" or not request.path.endswith(("/generate", "/createTask")):
                return await handler(request)
            came, prompt = time.monotonic(), prompt_of(await request.json())
            before = self._taken(prompt)
            answered = None
            try:
                response = await handler(request)
                await response.prepare(request)
                await response.write_eof()
                answered = time.monotonic()
            finally:
                if self._taken(prompt) > before:
                    self.creates[prompt].append((came, answered))
            return response

        return watched

    def _taken(self, prompt: str) -> int:
        assert self.image_api is not None
        return [prompt_of(body) for body in self.image_api.creates].count(prompt)


def prompt_of(body: Mapping[str, Any]) -> str:
    """Return the prompt in the body of a create, in whichever form."""
    return str((body.get("input") or body)["prompt"])


def _painted(_: Order, variant: int) -> bytes:
    """Return a plain picture, because painting would use more CPU than everything else."""
    return png(COLOURS[variant], (64, 64))


@web.middleware
async def _padded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Make pictures large without the work of painting them."""
    response = await handler(request)
    if request.path.startswith(RESULTS) and isinstance(response, web.Response) and isinstance(response.body, bytes):
        response.body += PADDING
    return response
