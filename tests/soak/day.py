"""
The course of a soak: people ask all the time, ten times as much as the image API takes.

In the first half every stretch ends with the end of the process (SIGTERM or `kill -9`), and time passes until the next
one starts: together a day. In one of the stretches the disk is nearly full. In the second half one process goes on, so
that its memory can be measured. Faults come in both.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from aiohttp.test_utils import unused_port

from sandbox.kie import Emulator
from sandbox.paint.painter import Order
from tests.crash.observed import told_by
from tests.crash.verdict import Post
from tests.soak.faults import Fault, faults
from tests.soak.samples import Sample, sample
from tests.soak.turned import FILE
from tests.soak.verdict import Command, Job, Observed, Row
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.interactions import Interaction
from tests.wire.limits import most_in_a_second
from tests.wire.messages import Act, Doing, Way
from tests.wire.places import Channel, Person
from tests.wire.process import KEY, LOG, TOKEN, WEBHOOK_KEY, Bot, bot
from tests.wire.traps import Traps
from tests.worlds.engine_world import png

PEOPLE = 20
OPEN_EACH = 3
CHANNELS = 8
PICTURE_SECONDS = 2.0
STRETCH_SECONDS = 30.0
MOST_STRETCHES = 12
FAULT_SECONDS = (1.0, 5.0)
PAUSE_SECONDS = (4.0, 12.0)
"""Between two faults, shortest and longest."""
SAMPLE_SECONDS = 1.0
SETTLING_SECONDS = 5.0
"""For this long after a fault or a start, a command may still get no answer."""
RECONNECT_SECONDS = 300.0
"""How long a fault may keep the bot disconnected: discord.py waits longer after each attempt that failed."""
DRAIN_SECONDS = 180.0
ANSWER_WITHIN = timedelta(seconds=15)
"""Instead of Discord's 3 s, because the servers of the test share the processor with the bot."""
DAY = timedelta(days=1)
NEARLY_FULL = {"MIN_FREE_MB": "100000000"}
MODELS = ("4o", "4o", "4o", "flux-kontext", "z-image")
EPHEMERAL = 64
LOGGED = re.compile(r"\[error +\] (.+?) +\[.*\n(?=Traceback)(?:(?: |Traceback|\n|During|The above).*\n)*(\S.*)")
"""A line of the log with a traceback: its words, and the last line of the traceback."""
UNFINISHED = """
SELECT count(*) FROM tasks WHERE state != 'closed' AND NOT (
    state IN ('submitting', 'generating')
    AND EXISTS (SELECT 1 FROM creates WHERE task_id = tasks.id AND creates.state = 'unconfirmed')
)
"""
COLOURS = ("red", "green", "blue", "orange")


@dataclass(kw_only=True)
class Day:
    seconds: float
    rate: float
    """Commands per second."""
    seed: int
    folder: Path
    discord: LoopbackDiscord
    image_api: Emulator
    faults: dict[str, Fault]
    dice: random.Random
    port: int = field(default_factory=unused_port)
    people: Sequence[Person] = ()
    channels: Sequence[Channel] = ()
    asked: list[tuple[Interaction, float]] = field(default_factory=list)
    """Each command, and when it was sent (monotonic)."""
    disturbed: list[tuple[float, float]] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    wrong_exits: int = 0
    steady_since: float = 0.0

    @asynccontextmanager
    async def bot(self, **settings: str) -> AsyncIterator[Bot]:
        address = f"http://127.0.0.1:{self.port}"
        limits = {
            "MAX_OPEN_TASKS_PER_USER": str(OPEN_EACH),
            "MAX_PICTURES_PER_USER_PER_DAY": "0",
            "MAX_PICTURES_PER_DAY": "0",
            "REFERENCES_AS": "upload",
            "LOG_LEVEL": "INFO",
            "HTTP_PORT": str(self.port),
            "PUBLIC_URL": address,
            "KIE_WEBHOOK_KEY": WEBHOOK_KEY,
        }
        program = ("-m", "tests.soak.turned")
        async with bot(self.folder, self.discord, self.image_api, program=program, **limits, **settings) as running:
            await running.connected()
            sampling = asyncio.create_task(self._sample(running))
            try:
                yield running
            finally:
                sampling.cancel()

    # -- the course ----------------------------------------------------------------------------------------------

    async def play(self) -> None:
        asking: asyncio.Task[None] | None = None
        number = max(2, min(MOST_STRETCHES, int(self.seconds / 2 / STRETCH_SECONDS)))
        full = self.dice.randrange(number)
        try:
            for stretch in range(number):
                began = time.monotonic()
                async with self.bot(**(NEARLY_FULL if stretch == full else {})) as running:
                    asking = asking or await self._begin_to_ask()
                    self._note_disturbance(began)
                    await self._go_wrong_for(self.seconds / 2 / number)
                    began = time.monotonic()
                    await self._end(running)
                self.events["disk nearly full"] += stretch == full
                await self._let_time_pass(DAY / number)
                self._note_disturbance(began)
            began = time.monotonic()
            async with self.bot() as last:
                self._note_disturbance(began)
                self.steady_since = time.monotonic()
                await self._go_wrong_for(self.seconds / 2)
                if asking is not None:
                    await _ended(asking)
                await self._drain()
                if await last.stopped() != 0:
                    self.wrong_exits += 1
        finally:
            if asking is not None:
                await _ended(asking)

    async def _end(self, running: Bot) -> None:
        if self.dice.random() < 0.5:
            self.events["kill -9"] += 1
            await running.killed()
        else:
            self.events["SIGTERM"] += 1
            self.wrong_exits += await running.stopped() != 0

    async def _let_time_pass(self, span: timedelta) -> None:
        """Let hours pass for all: the machine, Discord and the image API."""
        file = self.folder / FILE
        turned = int(await asyncio.to_thread(file.read_text)) + span // timedelta(milliseconds=1)
        await asyncio.to_thread(file.write_text, str(turned))
        self.discord.clock.turn(span)

    async def _go_wrong_for(self, seconds: float) -> None:
        """Let a fault follow the other for this long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, self.dice.uniform(*PAUSE_SECONDS)))
            if until - time.monotonic() < FAULT_SECONDS[1] + SETTLING_SECONDS:
                await asyncio.sleep(max(0.0, until - time.monotonic()))
                return
            name = self.dice.choice(sorted(self.faults))
            self.events[name] += 1
            began = time.monotonic()
            async with self.faults[name]():
                await asyncio.sleep(self.dice.uniform(*FAULT_SECONDS))
            await self.discord.connected(within_seconds=RECONNECT_SECONDS)
            self._note_disturbance(began)

    def _note_disturbance(self, began: float) -> None:
        self.disturbed.append((began - 1.0, time.monotonic() + SETTLING_SECONDS))

    async def _drain(self) -> None:
        """Wait until every request has ended. One whose create is unconfirmed may wait longer for its callback."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while await asyncio.to_thread(self._unfinished):  # noqa: ASYNC110  # another process writes the rows
                    await asyncio.sleep(0.5)
        await asyncio.sleep(2)  # for late edits of messages

    def _unfinished(self) -> int:
        with closing(self._database()) as connection:
            counted = connection.execute(UNFINISHED)
            return int(counted.fetchone()[0])

    # -- people --------------------------------------------------------------------------------------------------

    async def _begin_to_ask(self) -> asyncio.Task[None]:
        await self.discord.until(lambda: self.discord.published)
        return asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        began, number = time.monotonic(), 0
        while True:
            number += 1
            await asyncio.sleep(max(0.0, began + number / self.rate - time.monotonic()))
            options: dict[str, str | int | bool] = {"model": self.dice.choice(MODELS)}
            options |= {"variants": self.dice.choice((1, 2))} if options["model"] != "flux-kontext" else {}
            files = {"image": "cat.png"} if options["model"] == "4o" and self.dice.random() < 0.2 else {}
            person, channel = self.dice.choice(self.people), self.dice.choice(self.channels)
            sent = time.monotonic()
            words = f"soak {number}"
            asked = await self.discord.imagine(words, person=person, channel=channel, options=options, **files)
            self.asked.append((asked, sent))

    # -- evidence ------------------------------------------------------------------------------------------------

    async def _sample(self, running: Bot) -> None:
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            path = self.folder / "data" / "atelier.db"
            if found := await asyncio.to_thread(sample, running.process.pid, path):
                self.samples.append(found)

    def _database(self) -> sqlite3.Connection:
        path = self.folder / "data" / "atelier.db"
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)

    def rows(self) -> list[Row]:
        with closing(self._database()) as connection:
            tasks = connection.execute("SELECT id, interaction_id, state, reason, prompt FROM tasks").fetchall()
            counted = "SELECT task_id, count(*), sum(unfetchable) FROM pictures GROUP BY task_id"
            pictures = {task: (number, links) for task, number, links in connection.execute(counted)}
            creates = connection.execute("SELECT task_id, state, job_id, estimated_credits FROM creates").fetchall()
        jobs: dict[str, dict[str, float]] = {}
        doubtful: Counter[str] = Counter()
        for task, state, job, price in creates:
            doubtful[task] += state in {"unconfirmed", "sent"}
            if state in {"done", "taken"}:
                jobs.setdefault(task, {})[job] = price or 0.0
        return [
            Row(
                id=task,
                interaction_id=interaction,
                state=state,
                reason=reason,
                pictures=pictures.get(task, (0, 0))[0],
                links=pictures.get(task, (0, 0))[1],
                jobs=jobs.get(task, {}),
                unconfirmed=doubtful[task],
                prompt=prompt,
            )
            for task, interaction, state, reason, prompt in tasks
        ]

    def observed(self, seconds: float) -> Observed:
        now = self.image_api._clock()
        jobs = [
            Job(id=job.id, prompt=job.asked.prompt, credits=job.asked.price if job.outcome(now) is not False else 0.0)
            for job in self.image_api.jobs.values()
        ]
        acts = [act for act in self.discord.acts if act.way is not Way.PERSON]
        log = re.findall(LOGGED, (self.folder / LOG).read_text())
        return Observed(
            seconds=seconds,
            seed=self.seed,
            rows=self.rows(),
            commands=[self._command(asked, sent) for asked, sent in self.asked],
            jobs=jobs,
            posts=[post for act in acts if act.doing is Doing.POSTED and (post := _told(act))],
            edits=[post for act in acts if act.doing is Doing.EDITED and (post := _told(act))],
            samples=self.samples,
            steady_since=self.steady_since,
            most_open=PEOPLE * OPEN_EACH,
            events=self.events,
            throttled=sum(code == 429 for code, _ in self.image_api.attempts),
            refused_by_discord=self.discord.limits.throttled,
            most_in_a_second=most_in_a_second(self.discord.limits.arrived),
            wrong_exits=self.wrong_exits,
            in_the_log=Counter(": ".join(found) for found in log),
        )

    def _command(self, asked: Interaction, sent: float) -> Command:
        flags = int((asked.answer or {}).get("flags") or 0)
        return Command(
            interaction_id=asked.id,
            answered_after=asked.acknowledged_after,
            only_asker_sees=bool(flags & EPHEMERAL),
            disturbed=any(begin <= sent <= end for begin, end in self.disturbed),
            late=asked.dead,
        )


def _told(act: Act) -> Post | None:
    """Return the outcome that a message tells, also a failure whose only button deletes the message; None for a
    card."""
    if (post := told_by(act)) is not None:
        return post
    found = re.search(r"a1:clear:([0-9a-f]{16})", json.dumps(act.payload))
    mentions = bool(act.payload.get("allowed_mentions", {}).get("users"))
    return Post(task_id=found[1], pictures=(), again=False, mentions=mentions) if found and mentions else None


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _painted(_: Order, variant: int) -> bytes:
    """Return a plain picture, because painting would use more CPU than everything else."""
    return png(COLOURS[variant % len(COLOURS)], (64, 64))


async def play(folder: Path, *, minutes: float, rate: float, seed: int) -> Observed:
    """Play a soak in this folder and return what was observed."""
    began, traps, dice = time.monotonic(), Traps(), random.Random(seed)
    await asyncio.to_thread((folder / FILE).write_text, "0")
    async with loopback_discord(TOKEN) as discord:
        discord.files["cat.png"] = png("orange", (96, 72))
        discord.interactions.first_answer = ANSWER_WITHIN
        discord.limits.everywhere, discord.limits.slides = (50, 1.0), True
        image_api = Emulator(
            key=KEY,
            seconds=PICTURE_SECONDS,
            balance=10_000_000,
            brush=_painted,
            middlewares=[traps.middleware],
            webhook_key=WEBHOOK_KEY,
            clock=lambda: discord.clock.now() / 1000,
        )
        async with image_api:
            day = Day(
                seconds=minutes * 60,
                rate=rate,
                seed=seed,
                folder=folder,
                discord=discord,
                image_api=image_api,
                faults=dict(faults(discord, traps, folder, dice)),
                dice=dice,
                people=[discord.places.add_person(f"person {number}") for number in range(PEOPLE)],
                channels=[discord.places.add_channel(name=f"channel-{number}") for number in range(CHANNELS)],
            )
            await day.play()
            return await asyncio.to_thread(day.observed, time.monotonic() - began)
