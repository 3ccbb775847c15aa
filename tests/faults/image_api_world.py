"""
An engine with the real image client, and the image API's emulator behind a server that injects faults.

All requests go over loopback and SQLite is real; the test controls the clock. A fault is a trap, or a closed road,
which resolves a name to a port that refuses connections.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.typedefs import Handler, Middleware
from pydantic import SecretStr

from bot.kie.client import KieClient
from sandbox.kie import Emulator
from storage.models import Task, TaskState
from tests.wire.traps import Action, Trap, Traps
from tests.worlds import engine_world
from tests.worlds.due import next_due
from tests.worlds.engine_world import Clock, EngineWorld
from tests.worlds.stand_in_discord import Message

API_HOST = "api.test"
UPLOAD_HOST = "localhost"
"""A name that resolves on this machine, because the emulator itself fetches the uploads."""
CREATE = "POST */gpt4o-image/generate"
RECORD = "GET */record-info"
UPLOAD = "POST */file-stream-upload"
RESULT = "GET /s/*"
CREDITS = "GET */chat/credit"
SECONDS = 4.0
"""How long every picture takes."""
PATIENCE = aiohttp.ClientTimeout(total=20)
LITTLE_PATIENCE = aiohttp.ClientTimeout(total=0.5)
LONGEST_STEP_MS = 300_000
CLOSING = web.RequestKey("closing", asyncio.Event)


class Roads(AbstractResolver):
    """Resolves names to the emulator, or, if the road is closed, to a port on which no server listens."""

    def __init__(self, emulator: Emulator, nobody: int) -> None:
        self._emulator = emulator
        self._nobody = nobody
        self.closed: set[str] = set()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        there = self._nobody if host in self.closed else port
        return [ResolveResult(hostname=host, host="127.0.0.1", port=there, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None: ...


@dataclass
class Door:
    """Records the requests that arrive, and holds the traps for them."""

    traps: Traps = field(default_factory=Traps)
    arrived: list[str] = field(default_factory=list)
    times: list[tuple[float, str, str]] = field(default_factory=list)
    """Of each request: when it arrived (s, by the test's clock), its path, and the id of the job that it asks about."""
    clock: Callable[[], float] = lambda: 0.0
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def middlewares(self) -> list[Middleware]:
        return [self._noted, self.traps.middleware]

    @web.middleware
    async def _noted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.arrived.append(f"{request.method} {request.path}")
        self.times.append((self.clock(), request.path, request.query.get("taskId", "")))
        request[CLOSING] = self.closing
        response = await handler(request)
        response.force_close()
        return response


@dataclass
class ImageWorld:
    world: EngineWorld
    emulator: Emulator
    door: Door
    roads: Roads
    client: KieClient

    @property
    def clock(self) -> Clock:
        return self.world.clock

    def lay(self, route: str, *args: Any, **kwargs: Any) -> Trap:
        return self.door.traps.lay(route, *args, **kwargs)

    def count(self, ending: str) -> int:
        """Return how many requests with this ending arrived, whatever their response."""
        return sum(1 for path in self.door.arrived if path.endswith(ending))

    def told(self, task: Task) -> list[Message]:
        return [message for message in self.world.discord.sent if message.task_id == task.id]

    async def ended(self, task: Task, *, within_hours: float = 26.0) -> Task:
        """
        Work until the task is closed or the time is up, and return it. The steps grow while the task does not change.
        """
        end = self.clock() + int(within_hours * 3_600_000)
        before, step = task, 500
        while (now := await self.world.now(task)).state is not TaskState.CLOSED and self.clock() < end:
            before, step = now, min(2 * step, 60_000) if now == before else 500
            await self.world.engine.step()
            due = await next_due(self.world.stores, self.clock()) or end
            self.clock.now = min(max(due, self.clock() + step), self.clock() + LONGEST_STEP_MS)
        return now

    async def until(self, task: Task, condition: Callable[[Task], bool]) -> Task:
        """Work until the condition holds for the task, and return it."""
        for _ in range(200):
            if condition(now := await self.world.now(task)):
                return now
            await self.world.engine.step()
            self.clock.turn(0.5)
        raise AssertionError(now)


@asynccontextmanager
async def open_image_world(folder: Path, *, patient: bool = True, **policy: Any) -> AsyncIterator[ImageWorld]:
    """`policy` is the engine's. Without `patient` every call of the client times out after half a second."""
    door = Door()
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(engine_world.open_engine_world(folder, **policy))
        door.clock = lambda: world.clock() / 1000
        emulator = Emulator(
            seconds=SECONDS, shrink=32, clock=lambda: world.clock() / 1000, middlewares=door.middlewares
        )
        await stack.enter_async_context(emulator)
        stack.callback(door.closing.set)
        roads = Roads(emulator, stack.enter_context(_a_port_nobody_listens_on()))
        session = await stack.enter_async_context(_session(roads))
        client = _client(session, emulator, PATIENCE if patient else LITTLE_PATIENCE)
        world.wrap = lambda part: client if part is world.api else part
        await world.restart()
        yield ImageWorld(world=world, emulator=emulator, door=door, roads=roads, client=client)


def _session(roads: Roads) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(resolver=roads, use_dns_cache=False, force_close=True)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def _client(session: aiohttp.ClientSession, emulator: Emulator, limits: aiohttp.ClientTimeout) -> KieClient:
    return KieClient(
        session,
        api_key=SecretStr("the-right-key"),
        api_url=emulator.url.replace("127.0.0.1", API_HOST),
        upload_url=emulator.url.replace("127.0.0.1", UPLOAD_HOST),
        result_hosts=("results.test",),
        answer_timeout=limits,
        transfer_timeout=limits,
    )


@contextmanager
def _a_port_nobody_listens_on() -> Iterator[int]:
    """Yield a bound port, so that no other process can listen on it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


# Faulty responses


def gives(body: bytes | str, status: int = 200, kind: str = "application/json", **headers: str) -> Action:
    """Return an action that answers with these bytes; header names are written with _ for -."""
    data = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def action(_: web.Request) -> web.StreamResponse:
        return web.Response(body=data, status=status, headers={"Content-Type": kind, **named})

    return action


async def breaks_off(request: web.Request) -> web.StreamResponse:
    """Break the connection without a byte of a response; the request takes effect only if it already has."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def breaks_off_after(body: bytes, announced: int, kind: str = "application/json") -> Action:
    async def action(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": kind, "Content-Length": str(announced)})
        await response.prepare(request)
        await response.write(body)
        if request.transport is not None:
            request.transport.close()
        return response

    return action


def pours(chunk: bytes, times: int, kind: str = "image/png", *, announced: bool = False) -> tuple[Action, list[int]]:
    """Return an action that sends so many chunks as they are read, and a list of the sizes sent so far."""
    left: list[int] = []

    async def action(request: web.Request) -> web.StreamResponse:
        length = {"Content-Length": str(len(chunk) * times)} if announced else {}
        response = web.StreamResponse(headers={"Content-Type": kind, **length})
        await response.prepare(request)
        for _ in range(times):
            await response.write(chunk)
            left.append(len(chunk))
        return response

    return action, left


def stalls(body: bytes = b"", announced: int = 0, kind: str = "application/json") -> Action:
    """Return an action that sends nothing, or only `body`, and then waits until the world is closed."""

    async def action(request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse = web.Response()
        if announced:
            response = web.StreamResponse(headers={"Content-Type": kind, "Content-Length": str(announced)})
            await response.prepare(request)
            await response.write(body)
        await request[CLOSING].wait()
        return response

    return action
