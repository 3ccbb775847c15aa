"""
The stand-ins of the image API and of the channel, over HTTP, and what they saw: creates, polls and messages.

The image API accepts 20 creates in any 10 s and refuses others. Some creates are accepted without an answer, and some
messages are posted without one, by the number of the task (`fate`). A job that was not polled until its picture is
ready is called back; the other jobs end without a callback.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import aiohttp
from aiohttp import web

from benchmarks.engines.life import CREATES, Text

CREATE_SECONDS: Final = 0.2
POLL_SECONDS: Final = 0.05
POST_SECONDS: Final = 0.1
PICTURE_SECONDS: Final = 12.0
WINDOW_SECONDS: Final = 10.0
CALLBACK_TRIES: Final = 4
CALLBACK_SECONDS: Final = 5.0
"""Between two tries of a callback while no process takes it. The API tries three times more."""
HELD_SECONDS: Final = 2.0
"""How long the create is held at which its process is killed."""


class Fate(StrEnum):
    PLAIN = "plain"
    CANCELLED = "cancelled"
    """Its asker cancels it as soon as all are asked."""
    ADOPTED = "adopted"
    """The answer to its create is lost; its callback comes."""
    UNCONFIRMED = "unconfirmed"
    """The answer to its create is lost, and no callback comes."""
    MESSAGE_UNANSWERED = "message unanswered"
    """The first message is posted without an answer."""


def fate(number: int) -> Fate:
    special = {3: Fate.ADOPTED, 6: Fate.UNCONFIRMED, 9: Fate.MESSAGE_UNANSWERED, 0: Fate.CANCELLED, 10: Fate.CANCELLED}
    return special.get(number % 20, Fate.PLAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A request that reached the image API or the channel."""

    at: float
    worker: str
    task: int
    what: str


@dataclass(kw_only=True)
class WorldSeen:
    """The stand-ins. `kill_at`: the number of the accepted create that is held until its process is killed."""

    kill_at: int | None = None
    acts: list[Act] = field(default_factory=list)
    jobs: dict[str, tuple[int, float]] = field(default_factory=dict)
    """The task of each accepted create, and when its picture is ready."""
    refused: int = 0
    messages: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    doors: dict[str, str] = field(default_factory=dict)
    """The address of each process that works, by name."""
    victim: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """The process that sent the create `kill_at`."""
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    """Told of each message, and of each process that is ready."""
    _calling: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def creates(self) -> Counter[int]:
        """How many creates of each task were accepted."""
        return Counter(task for task, _ in self.jobs.values())

    def most_creates(self) -> int:
        """Return the most creates that came in any 10 s, the refused ones included."""
        times = sorted(act.at for act in self.acts if act.what == "create")
        return max((sum(at <= other < at + WINDOW_SECONDS for other in times) for at in times), default=0)

    async def all_told(self, numbers: set[int], *, seconds: float) -> None:
        """Wait until each of these tasks has its message, at most so long."""
        async with self.news:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.news.wait_for(lambda: numbers <= self.messages.keys())

    async def ready(self, worker: str) -> None:
        """Wait until the process can be asked."""
        async with self.news:
            await self.news.wait_for(lambda: worker in self.doors)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve until the end of the block, under the address that is yielded."""
        app = web.Application()
        app.add_routes(
            [
                web.post("/create", self._create),
                web.get("/record", self._record),
                web.post("/message", self._message),
                web.get("/message", self._search),
                web.post("/worker", self._worker),
            ]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            for calling in self._calling:
                calling.cancel()
            await runner.cleanup()

    async def _create(self, request: web.Request) -> web.StreamResponse:
        number = int(request.query["task"])
        self._saw(request, number, "create")
        now = time.monotonic()
        recent = [ready for _, ready in self.jobs.values() if ready - PICTURE_SECONDS > now - WINDOW_SECONDS]
        if len(recent) >= CREATES:
            self.refused += 1
            return web.Response(status=429)
        job_id = f"job{len(self.jobs)}"
        self.jobs[job_id] = (number, now + PICTURE_SECONDS)
        held = len(self.jobs) == self.kill_at
        lost = fate(number) in {Fate.ADOPTED, Fate.UNCONFIRMED}
        if fate(number) is not Fate.UNCONFIRMED:
            calling = asyncio.create_task(self._call_back(number, request.query["token"], job_id))
            self._calling.add(calling)
            calling.add_done_callback(self._calling.discard)
        if held:
            self.victim.set_result(request.query["worker"])
        await asyncio.sleep(HELD_SECONDS if held else CREATE_SECONDS)
        return _cut(request) if lost else web.json_response(job_id)

    async def _call_back(self, number: int, token: str, job_id: str) -> None:
        """Send the callback of a job that was not polled, to any process that works, as a load balancer would."""
        await asyncio.sleep(PICTURE_SECONDS)
        if any(act.what == "poll" and act.task == number for act in self.acts):
            return
        params = {"task": str(number), "token": token, "job": job_id}
        async with aiohttp.ClientSession() as session:
            for _ in range(CALLBACK_TRIES):
                for address in list(self.doors.values()):
                    with suppress(aiohttp.ClientError):
                        async with session.post(f"{address}/called_back", params=params) as response:
                            if response.ok:
                                return
                await asyncio.sleep(CALLBACK_SECONDS)

    async def _record(self, request: web.Request) -> web.StreamResponse:
        number, ready = self.jobs[request.query["job"]]
        self._saw(request, number, "poll")
        await asyncio.sleep(POLL_SECONDS)
        return web.json_response([number, time.monotonic() >= ready])

    async def _message(self, request: web.Request) -> web.StreamResponse:
        number = int(request.query["task"])
        self._saw(request, number, "message")
        async with self.news:
            self.messages[number].append(request.query["text"])
            self.news.notify_all()
        await asyncio.sleep(POST_SECONDS)
        lost = fate(number) is Fate.MESSAGE_UNANSWERED and len(self.messages[number]) == 1
        return _cut(request) if lost else web.json_response(True)

    async def _search(self, request: web.Request) -> web.StreamResponse:
        number = int(request.query["task"])
        self._saw(request, number, "search")
        await asyncio.sleep(POST_SECONDS)
        return web.json_response(number in self.messages)

    async def _worker(self, request: web.Request) -> web.StreamResponse:
        async with self.news:
            self.doors[request.query["worker"]] = request.query["address"]
            self.news.notify_all()
        return web.json_response(True)

    def _saw(self, request: web.Request, number: int, what: str) -> None:
        self.acts.append(Act(at=time.monotonic(), worker=request.query["worker"], task=number, what=what))

    def is_unsent(self, number: int) -> bool:
        """Return whether the message says that the create is unconfirmed, although none was accepted."""
        return not self.creates[number] and Text.UNCONFIRMED in self.messages.get(number, [])

    def wrong(self, number: int, *, cancelled: bool) -> str:
        """Return what is wrong with the end of a task; "" if nothing is. A message that says that the create is
        unconfirmed may be corrected by another one."""
        creates, messages = self.creates[number], self.messages.get(number, [])
        if creates > 1:
            return "created twice"
        if len(set(messages)) < len(messages):
            return "posted twice"
        if cancelled:
            return "made after a cancel" if creates or messages else ""
        if not messages:
            return "lost"
        unknown = fate(number) is Fate.UNCONFIRMED or not creates  # or its process died before it was sent
        return "wrong message" if (messages[-1] == Text.UNCONFIRMED) is not unknown else ""


def _cut(request: web.Request) -> web.StreamResponse:
    """Break the connection instead of an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
