"""
Limit the rate of requests to Discord with a token bucket: a short burst, then an even rate. The most urgent waiting
request is sent next; among equal priorities, the oldest. Results do not wait for the even rate, but delay the requests
after them.

Discord counts a request at an unknown moment between its sending and its response. The pacer therefore counts each
request for all of that time and one second more. No second on Discord's side can have more than `MOST` requests, even
if some arrive up to `LONGEST_WAY_SECONDS` late. Requests by an interaction's token are not paced.

The priority of a request depends on its purpose. The code that makes requests sets their priority with `requests_as`;
the default is `Priority.PERSON`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol

import structlog

from bot.discord_limits import REQUESTS_PER_SECOND

PER_SECOND: Final = 0.8 * REQUESTS_PER_SECOND
"""Requests per second at the even rate. The difference is for the burst and network delays."""
BURST: Final = 5
"""Requests that are sent at once after a pause."""
MOST: Final = REQUESTS_PER_SECOND - 2
"""Most requests that Discord may count in the same second."""
LONGEST_WAY_SECONDS: Final = 30.0
"""After this time a request is taken to have arrived even without a response, so that hanging requests do not block
others for longer."""
GROWS_AFTER_SECONDS: Final = 2.0
"""How long a process waits before it uses a larger share of the limit: the second that Discord counts, and one for
requests on their way."""
LONGEST_PAUSE_SECONDS: Final = 60.0
"""Longest pause from one answer, whatever delay Discord asked for."""

log = structlog.get_logger(__name__)


class Priority(IntEnum):
    """The priority of a request, the most urgent first."""

    RESULT = 0
    """Delivers a result or a batch, searches included, or says on its card that a result is withheld."""
    PERSON = 1
    """A person waits for the response."""
    CARD = 2
    """Posts or removes a card."""
    EDIT = 3
    """Edits a card."""


@dataclass(slots=True, eq=False)
class Claim:
    """The priority of a group of requests. The priority may be raised while the requests wait."""

    priority: Priority

    def hurry(self, priority: Priority) -> None:
        """Raise the priority to at least `priority`. It counts when a turn is next granted, not at once."""
        self.priority = min(self.priority, priority)


_claim: ContextVar[Claim] = ContextVar("discord_claim")


@contextmanager
def requests_as(priority: Priority) -> Iterator[Claim]:
    """Give all requests to Discord made within the block this priority."""
    made = Claim(priority)
    before = _claim.set(made)
    try:
        yield made
    finally:
        _claim.reset(before)


def claim() -> Claim:
    """Return the claim of the current context; outside `requests_as`, a new one with `Priority.PERSON`."""
    return _claim.get(None) or Claim(Priority.PERSON)


@dataclass(slots=True, eq=False)
class Sent:
    """A request that was sent."""

    until: float
    """When (s, the timer's time) Discord has counted the request at the latest."""


class Timer(Protocol):
    """The part of an event loop that the pacer needs."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], None], /) -> asyncio.TimerHandle: ...


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    claim: Claim
    granted: asyncio.Future[Sent]


class Pacer:
    """
    The rate limiter for the requests of one Discord client, except those by an interaction's token. `timer`: the
    running event loop by default.

    `share` returns which part of the limit (more than 0, at most 1) this process may use now, because the processes
    with the same token share it. A smaller share holds at once, a larger one after `GROWS_AFTER_SECONDS`: until then
    Discord may count requests that another process has sent with the share that it gave up.
    """

    def __init__(
        self,
        *,
        per_second: float = PER_SECOND,
        burst: int = BURST,
        most: int = MOST,
        share: Callable[[], float] = lambda: 1.0,
        timer: Timer | None = None,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._most = most
        self._share = share
        self._used_share: float | None = None
        self._grows_at: float | None = None
        """When (s, the timer's time) a larger share may be used; None: it is not larger."""
        self._given_timer = timer
        self._waiting: list[_Waiting] = []
        """In the order of arrival."""
        self._sent: list[Sent] = []
        """Requests that Discord may count in the same second as a request sent now."""
        self._beat = float("-inf")
        """When the next request is due at the even rate; a burst may be ahead of this time."""
        self._paused_until = float("-inf")
        self._alarm: asyncio.TimerHandle | None = None

    async def turn(self, of: Claim) -> Sent:
        """Wait until a request with this claim may be sent. Pass the result to `answered` afterwards."""
        waiting = _Waiting(of, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._grant()
        try:
            return await waiting.granted
        except asyncio.CancelledError:
            if waiting.granted.done() and not waiting.granted.cancelled():
                self.answered(waiting.granted.result())
            raise
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    def answered(self, sent: Sent) -> None:
        """Record that Discord has responded to the request, or that the request failed."""
        sent.until = min(sent.until, self._timer.time())
        self._grant()

    def pause(self, seconds: float) -> None:
        """Grant no turn, to results either, for `seconds`, at most `LONGEST_PAUSE_SECONDS`. A longer pause that runs
        already stays."""
        now = self._timer.time()
        self._paused_until = max(self._paused_until, now + min(seconds, LONGEST_PAUSE_SECONDS))
        log.info(
            "requests to Discord paused, except those by an interaction's token: global rate limit",
            seconds=round(self._paused_until - now, 3),
            waiting=len(self._waiting),
        )

    @property
    def _timer(self) -> Timer:
        return self._given_timer or asyncio.get_running_loop()

    def _grant(self) -> None:
        """Grant all requests that may be sent now, and set a timer for the next request. Results do not wait for the
        even rate."""
        now = self._timer.time()
        share = self._share_at(now)
        gap = 1 / (self._per_second * share)
        slack = (max(1, round(self._burst * share)) - 1) * gap
        most = max(1, int(self._most * share))
        while waiting := self._next():
            turn = float("-inf") if waiting.claim.priority is Priority.RESULT else self._beat - slack
            opens = max(turn, self._paused_until, self._has_room(now, most))
            if opens > now:
                self._come_back(opens)
                return
            self._beat = max(self._beat, now) + gap
            self._waiting.remove(waiting)
            self._sent.append(Sent(until=now + LONGEST_WAY_SECONDS))
            waiting.granted.set_result(self._sent[-1])

    def _share_at(self, now: float) -> float:
        share = self._share()
        if self._used_share is None or share <= self._used_share:
            self._used_share, self._grows_at = share, None
        elif self._grows_at is None:
            self._grows_at = now + GROWS_AFTER_SECONDS
        elif now >= self._grows_at:
            self._used_share, self._grows_at = share, None
        return self._used_share

    def _has_room(self, now: float, most: int) -> float:
        """Return when fewer than `most` requests count towards the current second."""
        self._sent = [sent for sent in self._sent if sent.until + 1 > now]
        too_many = len(self._sent) - most
        return now if too_many < 0 else sorted(sent.until for sent in self._sent)[too_many] + 1

    def _next(self) -> _Waiting | None:
        living = [waiter for waiter in self._waiting if not waiter.granted.done()]
        return min(living, key=lambda waiter: waiter.claim.priority, default=None)

    def _come_back(self, when: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._timer.call_at(when, self._grant)
