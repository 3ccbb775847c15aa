"""
Pace and count every request of discord.py to Discord's API, each attempt separately. aiohttp awaits `on_request_start`
before it sends a request, and reports every response before discord.py handles the response. Requests by an
interaction's token or a webhook's use the same HTTP session; they are counted but not paced.
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Final

import aiohttp
from yarl import URL

from bot.endpoints import API
from bot.process import counters
from bot.traffic.pacer import Pacer, Sent, claim
from bot.traffic.refusals import REFUSED, Refusals

INTERACTION: Final = "interaction"
TOO_MANY_REQUESTS: Final = 429
USUAL_PAUSE_SECONDS: Final = 1.0
"""Pause after a global rate limit if `Retry-After` is missing or unreadable."""
_OF_THE_API: Final = re.compile(rf"{re.escape(API)}/(?P<by_token>interactions/|webhooks/\d+/[^/]+)?")


class Traffic:
    """The rate limit of one client, and the count of its refusals."""

    def __init__(self, pacer: Pacer | None = None, refusals: Refusals | None = None) -> None:
        self.pacer = pacer or Pacer()
        self.refusals = refusals or Refusals()

    def trace(self) -> aiohttp.TraceConfig:
        """Return the trace configuration for the HTTP session of the client."""
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._before)
        trace.on_request_end.append(self._after)
        trace.on_request_exception.append(self._failed)
        return trace

    async def _before(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestStartParams
    ) -> None:
        kind = _OF_THE_API.search(request.url.path)
        if kind is None:  # not the API: the gateway, pictures
            return
        if kind["by_token"]:
            counters.discord_request(INTERACTION)
            return
        wanted = claim()
        context.sent = await self.pacer.turn(wanted)
        counters.discord_request(wanted.priority.name.lower())

    async def _after(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestEndParams
    ) -> None:
        self._arrived(context)
        response = request.response
        if response.status not in REFUSED or not _is_of_the_api(request.url):
            return
        counters.discord_refusal(response.status)
        scope = response.headers.get("X-RateLimit-Scope")
        if scope != "shared":  # "shared" limits are caused by other bots, and Discord does not count them
            self.refusals.count()
        if response.status == TOO_MANY_REQUESTS and (scope == "global" or "X-RateLimit-Global" in response.headers):
            self.pacer.pause(_seconds(response.headers.get("Retry-After")))

    async def _failed(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestExceptionParams
    ) -> None:
        self._arrived(context)

    def _arrived(self, context: SimpleNamespace) -> None:
        sent: Sent | None = getattr(context, "sent", None)
        if sent is not None:
            self.pacer.answered(sent)


def _is_of_the_api(url: URL) -> bool:
    return _OF_THE_API.search(url.path) is not None


def _seconds(header: str | None) -> float:
    try:
        seconds = float(header or "")
    except ValueError:
        return USUAL_PAUSE_SECONDS
    return seconds if seconds > 0 else USUAL_PAUSE_SECONDS
