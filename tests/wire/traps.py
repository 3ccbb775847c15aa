"""
Inject faults into chosen moments of a request to a loopback server: a death, a refusal, a silence, a broken
connection.

All servers of the tests share this mechanism: `Traps.middleware` goes into an aiohttp application.
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
"""Returns a response to send instead of the real one, or None."""


class Moment(Enum):
    RECEIVED = "received"
    """The request's head has arrived; the request has no effect yet."""
    DONE = "done"
    """The request has its effect; no byte of a response was sent."""
    HALF = "half"
    """Half of the response was written."""
    ANSWERED = "answered"
    """The response was written."""


@dataclass(eq=False, kw_only=True)
class Trap:
    route: str
    """`METHOD path`, with * for any part: `POST */channels/*/messages`."""
    moment: Moment
    action: Action
    skip: int = 0
    """How many matching requests pass before the trap acts."""
    times: int | None = 1
    """How many requests the trap acts on; None means every one."""
    when: Callable[[web.Request], bool] = lambda _: True
    """Which of the matching requests count."""
    met: int = 0
    """Matching requests so far."""
    sprung: asyncio.Event = field(default_factory=asyncio.Event)

    def catches(self, request: web.Request) -> bool:
        """Count the request if it matches; return whether to act on it."""
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
    """Return an action that answers with this JSON; header names are written with _ for -."""

    async def action(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(
            body=json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json", **named}
        )

    return action


def page(status: int, text: str) -> Action:
    """Return an action that answers with a web page, as a gateway in between does."""

    async def action(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, status=status, content_type="text/html")

    return action


async def reset(request: web.Request) -> None:
    """Break the connection without a response."""
    if request.transport is not None:
        request.transport.abort()


def holds(until: asyncio.Event) -> Action:
    """Return an action that holds the request until the event is set."""

    async def action(_: web.Request) -> None:
        await until.wait()

    return action
