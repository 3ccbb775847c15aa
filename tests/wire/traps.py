"""
What is to happen at a moment of a request to a loopback server: a death, a refusal, a silence, a broken connection.

One mechanism for every server here: `Traps.middleware` goes into an aiohttp application.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

Action = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
"""What it returns, if anything, is answered instead."""


class Moment(Enum):
    RECEIVED = "received"
    """Its head is here; it has no effect yet."""
    DONE = "done"
    """It has its effect; no byte of an answer has left."""
    HALF = "half"
    """Half of the answer was written."""
    ANSWERED = "answered"
    """The answer was written."""


@dataclass(eq=False, kw_only=True)
class Trap:
    route: str
    """`METHOD path` with * for any part of it: `POST */channels/*/messages`."""
    moment: Moment
    action: Action
    skip: int = 0
    """So many matching requests are let through first."""
    times: int | None = 1
    """None is for ever."""
    when: Callable[[web.Request], bool] = lambda _: True
    """Which of the matching requests count."""
    met: int = 0
    """Matching requests so far."""
    sprung: asyncio.Event = field(default_factory=asyncio.Event)

    def catches(self, request: web.Request) -> bool:
        """Counts the request; whether it is one to act on."""
        if not fnmatchcase(f"{request.method} {request.path}", self.route) or not self.when(request):
            return False
        self.met += 1
        number = self.met - 1 - self.skip
        return number >= 0 and (self.times is None or number < self.times)


@dataclass
class Traps:
    laid: list[Trap] = field(default_factory=list)

    def lay(
        self,
        route: str,
        moment: Moment,
        action: Action,
        *,
        skip: int = 0,
        times: int | None = 1,
        when: Callable[[web.Request], bool] = lambda _: True,
    ) -> Trap:
        trap = Trap(route=route, moment=moment, action=action, skip=skip, times=times, when=when)
        self.laid.append(trap)
        return trap

    def clear(self) -> None:
        self.laid.clear()

    @property
    def middleware(self) -> Middleware:
        @web.middleware
        async def trapped(request: web.Request, handler: Handler) -> web.StreamResponse:
            caught = [trap for trap in self.laid if trap.catches(request)]
            if answer := await self._spring(caught, Moment.RECEIVED, request):
                return answer
            response = await handler(request)
            if answer := await self._spring(caught, Moment.DONE, request):
                return answer
            if any(trap.moment is Moment.HALF for trap in caught):
                return await self._half(caught, request, response)
            if any(trap.moment is Moment.ANSWERED for trap in caught):
                await response.prepare(request)
                await response.write_eof()
                await self._spring(caught, Moment.ANSWERED, request)
            return response

        return trapped

    async def _half(self, caught: list[Trap], request: web.Request, whole: web.StreamResponse) -> web.StreamResponse:
        assert isinstance(whole, web.Response)
        assert isinstance(whole.body, bytes)
        response = web.StreamResponse(status=whole.status, headers={"Content-Type": whole.content_type})
        response.content_length, middle = len(whole.body), len(whole.body) // 2
        await response.prepare(request)
        await response.write(whole.body[:middle])
        await self._spring(caught, Moment.HALF, request)
        await response.write(whole.body[middle:])
        await response.write_eof()
        return response

    async def _spring(self, caught: list[Trap], moment: Moment, request: web.Request) -> web.StreamResponse | None:
        answer = None
        for trap in caught:
            if trap.moment is moment:
                trap.sprung.set()
                answer = await trap.action(request) or answer
        return answer


def says(status: int, body: object, **headers: str) -> Action:
    """Answer with this JSON; headers are written with _ for -."""

    async def action(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(
            body=json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json", **named}
        )

    return action


def page(status: int, text: str) -> Action:
    """Answer with a web page, as a gateway in between does."""

    async def action(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, status=status, content_type="text/html")

    return action


async def reset(request: web.Request) -> None:
    """Break the connection, without an answer."""
    if request.transport is not None:
        request.transport.abort()


def holds(until: asyncio.Event) -> Action:
    """Keep the request waiting."""

    async def action(_: web.Request) -> None:
        await until.wait()

    return action
