"""
Serve the bot's HTTP endpoint: liveness, readiness, metrics, and callbacks where they are on.

No answer has a secret, but only callbacks are meant for the public internet (docs/running.md).
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from bot.errors import ConfigurationError
from bot.process import counters
from bot.web.callbacks import LARGEST_BODY, PATH
from bot.web.connections import LIMITS, Connection, ConnectionLimits, Connections, timed
from bot.web.metrics import Metrics, watch_lag
from bot.web.readiness import Readiness

STOP_SECONDS: Final = 1.0
"""Grace period for answers in progress."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The routes of the endpoint. `callbacks` is empty where callbacks are off."""

    readiness: Readiness
    metrics: Metrics
    callbacks: Sequence[web.RouteDef] = ()
    limits: ConnectionLimits = LIMITS

    @asynccontextmanager
    async def open(self, host: str, port: int) -> AsyncIterator[str]:
        """Serve until the end of the block and yield the address, as a URL with the port that is really open (`port` 0
        takes any). Raises ConfigurationError if the bot cannot listen at this host and port."""
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=STOP_SECONDS)
        await runner.setup()
        lag = asyncio.create_task(watch_lag())
        listening: asyncio.Server | None = None
        try:
            listening = await _listen(runner, Connections(self.limits), host, port)
            address = _address(listening)
            log.info("web endpoint open", address=address, callbacks=bool(self.callbacks))
            yield address
        finally:
            lag.cancel()
            if listening is not None:
                listening.close()
            await runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[timed, _counted], client_max_size=LARGEST_BODY)
        application.on_response_prepare.append(_nameless)
        application.add_routes(
            [
                web.get("/healthz", self._alive),
                web.get("/readyz", self._ready),
                web.get("/metrics", self._metrics),
                *self.callbacks,
            ]
        )
        return application

    async def _alive(self, _: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _ready(self, _: web.Request) -> web.Response:
        missing = await self.readiness.missing()
        if missing:
            return web.Response(text="".join(f"not ready: {words}\n" for words in missing), status=503)
        return web.Response(text="ready\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=await self.metrics.scrape(), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_PLAIN_0_0_4})


@web.middleware
async def _counted(request: web.Request, handler: Handler) -> web.StreamResponse:
    resource = request.match_info.route.resource
    if resource is None or resource.canonical != PATH:
        return await handler(request)
    try:
        response = await handler(request)
    except web.HTTPException as answer:
        counters.callback(answer.status)
        raise
    counters.callback(response.status)
    return response


async def _nameless(_: web.Request, response: web.StreamResponse) -> None:
    """Remove the Server header, so that software versions stay private."""
    response.headers.popall(hdrs.SERVER, None)


async def _listen(runner: web.AppRunner, connections: Connections, host: str, port: int) -> asyncio.Server:
    """Do what `web.TCPSite` does, but with `Connection`, which has the limits; aiohttp's own sites cannot be given
    it."""
    loop, server = asyncio.get_running_loop(), runner.server
    if server is None:
        raise RuntimeError("the runner has to be set up first")
    try:
        return await loop.create_server(lambda: Connection(server, connections, loop=loop), host, port, backlog=128)
    except OSError as error:
        raise ConfigurationError(_why(error, host, port)) from error


def _address(listening: asyncio.Server) -> str:
    at = listening.sockets[0].getsockname()
    return f"http://[{at[0]}]:{at[1]}" if ":" in at[0] else f"http://{at[0]}:{at[1]}"


def _why(error: OSError, host: str, port: int) -> str:
    """Return one line that names the setting and the remedy."""
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"HTTP_HOST {host} is no address of this machine; 127.0.0.1 always is"
    if error.errno == errno.EADDRINUSE:
        return f"HTTP_PORT {port} on {host} is taken by another program; give another number, or 0 for a free one"
    what = error.strerror or type(error).__name__
    return f"HTTP_PORT {port} on HTTP_HOST {host} cannot be listened at: {what}; give another number above 1023"
