"""The loopback Discord's rate limits: buckets, their headers, and 429. Generous unless a test sets a limit."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tests.wire.clock import Clock
from tests.wire.refusals import answer

ROUTE = web.RequestKey("ROUTE", str)
"""Which of the API's routes a request is for, as Discord's description names it."""
GENEROUS = (1000, 1.0)
BY_TOKEN = ("/interactions/", "/webhooks/")
"""Authorised by an interaction's token, not the bot's: the limit over all routes does not count these requests."""
MAJOR = ("channel_id", "guild_id", "webhook_id", "webhook_token")


@dataclass(kw_only=True)
class Bucket:
    id: str
    limit: int
    seconds: float
    begun_ms: int
    used: int = 0

    def spend(self, now: int) -> bool:
        """Count a request; return whether the bucket had room for it."""
        if now - self.begun_ms >= self.seconds * 1000:
            self.begun_ms, self.used = now, 0
        self.used += 1
        return self.used <= self.limit

    def left(self, now: int) -> float:
        """Return the seconds until the bucket is full again."""
        return max(0.0, self.begun_ms / 1000 + self.seconds - now / 1000)

    def headers(self, now: int) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "X-RateLimit-Reset": f"{now / 1000 + self.left(now):.3f}",
            "X-RateLimit-Reset-After": f"{self.left(now):.3f}",
            "X-RateLimit-Bucket": self.id,
        }


@dataclass(kw_only=True)
class SlidingBucket(Bucket):
    """Allows `limit` requests in any span of `seconds`, not per fixed window; refused requests do not count."""

    taken: deque[int] = field(default_factory=deque)
    """Times (ms) of the counted requests, oldest first."""

    def spend(self, now: int) -> bool:
        while self.taken and now - self.taken[0] >= self.seconds * 1000:
            self.taken.popleft()
        if len(self.taken) >= self.limit:
            return False
        self.taken.append(now)
        return True

    def left(self, now: int) -> float:
        """Return the seconds until there is room for one request."""
        return max(0.0, self.taken[0] / 1000 + self.seconds - now / 1000) if self.taken else 0.0


@dataclass(slots=True, kw_only=True)
class Arrival:
    """A request to the API."""

    at: int
    """Time (ms), by Discord's clock."""
    route: str
    """`METHOD /route`."""
    by_token: bool
    """Whether the request is authorised by an interaction's token, so that the limit over all routes does not count
    it."""
    status: int = 0
    """Of the response; 0 while there is none."""


@dataclass
class RateLimits:
    clock: Clock
    everywhere: tuple[int, float] | None = None
    """Limit over all routes as (requests, seconds); Discord has (50, 1.0)."""
    slides: bool = False
    """
    Whether the span of `everywhere` slides. Otherwise a new window begins with the first request after the last one
    ended. Discord does not document which it uses.
    """
    refused: int = 0
    """Responses of 401, 403 and 429; Discord bans an address temporarily after 10,000 in 10 minutes."""
    throttled: int = 0
    """Responses of 429 among the refused."""
    arrivals: list[Arrival] = field(default_factory=list)
    """Every request, refused or not, oldest first."""
    _rules: dict[str, tuple[int, float]] = field(default_factory=dict)
    _buckets: dict[tuple[str, ...], Bucket] = field(default_factory=dict)

    def set(self, route: str, limit: int, seconds: float) -> None:
        """Set the limit of a route such as `POST /channels/{channel_id}/messages`, per channel, server or webhook."""
        self._rules[route] = (limit, seconds)
        self._buckets.clear()

    @property
    def arrived(self) -> list[int]:
        """Times (ms) of requests that count towards the limit over all routes, refused or not."""
        return [arrival.at for arrival in self.arrivals if not arrival.by_token]

    @property
    def middleware(self) -> Middleware:
        """Middleware that applies the limits to every route of the API."""

        @web.middleware
        async def limited(request: web.Request, handler: Handler) -> web.StreamResponse:
            route = request.get(ROUTE)
            if route is None:
                return await handler(request)
            now = self.clock.now()
            arrival = Arrival(at=now, route=f"{request.method} {route}", by_token=route.startswith(BY_TOKEN))
            self.arrivals.append(arrival)
            bucket = self._bucket(arrival.route, request, now)
            everywhere = self._everywhere(route, now)
            if not bucket.spend(now):
                response: web.StreamResponse = _throttled(bucket, now)
            elif everywhere is not None and not everywhere.spend(now):
                response = _throttled(everywhere, now, everywhere=True)
            else:
                response = await handler(request)
            arrival.status = response.status
            self.refused += response.status in (401, 403, 429)
            self.throttled += response.status == 429
            response.headers.update(bucket.headers(now))
            return response

        return limited

    def _bucket(self, route: str, request: web.Request, now: int) -> Bucket:
        key = (route, *(request.match_info.get(name, "") for name in MAJOR))
        if key not in self._buckets:
            limit, seconds = self._rules.get(route, GENEROUS)
            name = hashlib.sha256(route.encode()).hexdigest()[:20]
            self._buckets[key] = Bucket(id=name, limit=limit, seconds=seconds, begun_ms=now)
        return self._buckets[key]

    def _everywhere(self, route: str, now: int) -> Bucket | None:
        if self.everywhere is None or route.startswith(BY_TOKEN):
            return None
        limit, seconds = self.everywhere
        kind = SlidingBucket if self.slides else Bucket
        return self._buckets.setdefault(
            ("everywhere",), kind(id="everywhere", limit=limit, seconds=seconds, begun_ms=now)
        )


def most_in_a_second(times: Sequence[int]) -> int:
    """Return the largest number of these times (ms) that fall into any one second."""
    return most_within(times, 1000)


def most_within(times: Sequence[float], span: float) -> int:
    """Return the largest number of these times that fall into any one span, which is in the same unit."""
    most, first, ordered = 0, 0, sorted(times)
    for last, time in enumerate(ordered):
        while time - ordered[first] >= span:
            first += 1
        most = max(most, last - first + 1)
    return most


def _throttled(bucket: Bucket, now: int, *, everywhere: bool = False) -> web.Response:
    left = round(bucket.left(now), 3)
    body = {"message": "You are being rate limited.", "retry_after": left, "global": everywhere, "code": 0}
    response = answer(body, status=429)
    response.headers.update({"Via": "1.1 google", "Retry-After": str(int(left) + 1)})
    response.headers["X-RateLimit-Scope"] = "global" if everywhere else "user"
    if everywhere:
        response.headers["X-RateLimit-Global"] = "true"
    return response
