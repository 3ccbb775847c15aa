"""
Limit the number of the web endpoint's connections and the time that each may take.

aiohttp limits the length of a request's lines, but neither the time until they are complete nor the number of
connections. aiohttp also logs a traceback for every request that it cannot read.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from aiohttp import hdrs, web

LINGER_SECONDS: Final = 2.0
"""Timeout for reading the rest of a request that is already answered."""
WARN_EVERY_SECONDS: Final = 60.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Limits of the open connections, and timeouts. Each timeout counts from its beginning: bytes that arrive slowly do
    not extend the timeout."""

    connections: int = 200
    """Connections from other machines together. Those from this machine (a reverse proxy, monitoring) do not count, so
    that strangers cannot use up their slots."""
    per_address: int = 50
    """Connections from one address, this machine counting as one. For IPv6, per /64, which is the network of one
    customer."""
    head_seconds: float = 10.0
    """From the first byte of a request, or from the opening of the connection, to the end of the headers."""
    answer_seconds: float = 30.0
    """From the end of the headers until the answer is sent."""
    idle_seconds: float = 75.0
    """From an answer to the first byte of the next request."""


LIMITS: Final = ConnectionLimits()


class Connections:
    """Count the open connections and refuse new ones at a limit, of all from other machines or of one address, so that
    no visitor uses up the bot's file handles and memory."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._open = Counter[str]()
        self._from_outside = 0
        self._warned_at = float("-inf")

    def admit(self, address: str) -> bool:
        """Count a connection and return True; at a limit, count nothing and return False. Call `leave` for every
        connection for which this returned True."""
        place, outside = _place(address)
        full = outside and self._from_outside >= self.limits.connections
        if full or self._open[place] >= self.limits.per_address:
            self._warn(address, in_all=full)
            return False
        self._open[place] += 1
        self._from_outside += outside
        return True

    def leave(self, address: str) -> None:
        place, outside = _place(address)
        self._open[place] -= 1
        self._from_outside -= outside
        if not self._open[place]:
            del self._open[place]

    def _warn(self, address: str, *, in_all: bool) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._warned_at < WARN_EVERY_SECONDS:
            return
        self._warned_at = now
        limit = self.limits.connections if in_all else self.limits.per_address
        counted = "in all" if in_all else "from one address"
        log.warning(
            "web connection refused: too many open, from its address or in all, not logged again for a minute",
            limit=limit,
            counted=counted,
            address=address,
        )


def _place(address: str) -> tuple[str, bool]:
    """Return the key under which an address is counted, and whether the address is outside this machine: any address
    but a loopback one, unreadable ones included."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address, True
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    if found.is_loopback:
        return "this machine", False
    if found.version == 6:
        return str(ipaddress.ip_network((int(found), 64), strict=False)), True
    return str(found), True


class Connection(web.RequestHandler):
    """A connection that is closed without an answer when `Connections` refuses it, and when a request, its answer or
    the pause between two takes longer than `ConnectionLimits` allow."""

    def __init__(self, server: web.Server, connections: Connections, *, loop: asyncio.AbstractEventLoop) -> None:
        limits = connections.limits
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # None is what AppRunner passes for no access log
            lingering_time=LINGER_SECONDS,
            keepalive_timeout=limits.idle_seconds,
        )
        self._connections = connections
        self._address: str | None = None
        self._idle = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        address = peer[0] if isinstance(peer, tuple) else "unknown"
        if not self._connections.admit(address):
            self._cut()
            return
        self._address = address
        self._within(self._connections.limits.head_seconds)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._address is not None:
            self._connections.leave(self._address)
            self._address = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._idle:
            self._within(self._connections.limits.head_seconds)
        super().data_received(data)

    def head_read(self) -> None:
        """Start the timeout of the answer: the headers of the request are complete."""
        self._within(self._connections.limits.answer_seconds)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        finished = await super().finish_response(request, resp, start_time)
        self._within(self._connections.limits.idle_seconds, idle=True)
        return finished

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Log an unreadable request as one line, without its content, which may include the secret path of a callback,
        answer it, and close the connection. Errors with a `status` from 500 on are handled by aiohttp."""
        if status >= 500:
            return super().handle_error(request, status, exc, message)
        log.info("web request refused: not readable as HTTP", address=request.remote, cause=type(exc).__name__)
        response = _Unsigned(status=status, text=f"{status}: this request cannot be read\n")
        response.force_close()
        return response

    def _within(self, seconds: float, *, idle: bool = False) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._idle = idle
        if self.transport is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._cut)

    def _cut(self) -> None:
        """Close at once: a graceful close would keep the connection of a peer that does not read."""
        transport = self.transport
        self.force_close()
        if isinstance(transport, asyncio.Transport):
            transport.abort()


class _Unsigned(web.Response):
    """An answer to bytes that are not a request. The application's response signals do not run for such an answer, so
    the Server header is removed here."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.popall(hdrs.SERVER, None)


@web.middleware
async def timed(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    """Middleware: notify the connection that the headers of the request are complete, then handle the request."""
    if isinstance(request.protocol, Connection):
        request.protocol.head_read()
    answer: web.StreamResponse = await handler(request)
    return answer
