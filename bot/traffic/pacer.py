"""
A token bucket in front of Discord: a few requests at once, then an even beat; the most urgent of those that wait is
next, and among equals the one that came first. Results wait for no beat; what comes after them waits the longer.

When Discord counts a request is not known here: at some moment between its leaving and its answer. So each counts for
all of that time and the second after it, and no second of Discord's has more than `MOST`, however late some are.

How urgent a request is depends on what it is for. Whoever makes requests says so around them (`requests_as`); what
says nothing is for a person who waits.
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

PER_SECOND: Final = 40.0
"""Requests in an even beat. Discord allows a bot 50: the rest is for the burst, and for delays on the way."""
BURST: Final = 5
"""Requests at once after a pause."""
MOST: Final = 48
"""Requests that Discord may count in the same second."""
LONGEST_WAY_SECONDS: Final = 30.0
"""By then a request has arrived, answered or not. So many that hang keep others waiting no longer."""
LONGEST_PAUSE_SECONDS: Final = 60.0
"""Then one request tries again, whatever Discord said."""

log = structlog.get_logger(__name__)


class Priority(IntEnum):
    """The most urgent first."""

    RESULT = 0
    """A result, and the searches that precede it."""
    PERSON = 1
    """Somebody waits for it."""
    CARD = 2
    """A card is posted or removed."""
    EDIT = 3
    """A card is brought up to date."""


@dataclass(slots=True, eq=False)
class Claim:
    """How urgent some requests are. It may become more urgent while they wait."""

    priority: Priority

    def hurry(self, priority: Priority) -> None:
        """Make it at least this urgent."""
        self.priority = min(self.priority, priority)


_claim: ContextVar[Claim] = ContextVar("discord_claim")


@contextmanager
def requests_as(priority: Priority) -> Iterator[Claim]:
    """All requests to Discord made within have this priority."""
    made = Claim(priority)
    before = _claim.set(made)
    try:
        yield made
    finally:
        _claim.reset(before)


def claim() -> Claim:
    """The claim of the requests that are made here."""
    return _claim.get(None) or Claim(Priority.PERSON)


@dataclass(slots=True, eq=False)
class Sent:
    """A request on its way."""

    until: float
    """It has arrived by then."""


class Timer(Protocol):
    """What the pacer needs of an event loop."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], None], /) -> asyncio.TimerHandle: ...


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    claim: Claim
    granted: asyncio.Future[Sent]


class Pacer:
    """`timer`: the event loop by default."""

    def __init__(
        self,
        *,
        per_second: float = PER_SECOND,
        burst: int = BURST,
        most: int = MOST,
        timer: Timer | None = None,
    ) -> None:
        self._gap = 1 / per_second
        self._slack = (burst - 1) * self._gap
        self._most = most
        self._given_timer = timer
        self._waiting: list[_Waiting] = []
        """In the order in which they came."""
        self._sent: list[Sent] = []
        """Those that Discord may count with one that leaves now."""
        self._beat = float("-inf")
        """When the next request is due if all come in an even beat; a burst runs ahead of it by `_slack`."""
        self._paused_until = float("-inf")
        self._alarm: asyncio.TimerHandle | None = None

    @classmethod
    def for_share(cls, share: float) -> Pacer:
        """`share`: of the bot's budget, where other processes run other shards."""
        return cls(per_second=PER_SECOND * share, burst=max(1, round(BURST * share)), most=max(1, int(MOST * share)))

    async def turn(self, of: Claim) -> Sent:
        """Wait until a request with this claim may be sent."""
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
        """Discord has counted it by now, or it failed."""
        sent.until = min(sent.until, self._timer.time())
        self._grant()

    def pause(self, seconds: float) -> None:
        """Let nothing through for so long, at most `LONGEST_PAUSE_SECONDS`."""
        until = self._timer.time() + min(seconds, LONGEST_PAUSE_SECONDS)
        self._paused_until = max(self._paused_until, until)
        log.info("requests to Discord are paused", seconds=seconds, waiting=len(self._waiting))

    @property
    def _timer(self) -> Timer:
        return self._given_timer or asyncio.get_running_loop()

    def _grant(self) -> None:
        """Let through whatever may go now, and come back when the next one may."""
        now = self._timer.time()
        while waiting := self._next():
            opens = max(self._turn_of(waiting.claim), self._paused_until, self._has_room(now))
            if opens > now:
                self._come_back(opens)
                return
            self._beat = max(self._beat, now) + self._gap
            self._waiting.remove(waiting)
            self._sent.append(Sent(until=now + LONGEST_WAY_SECONDS))
            waiting.granted.set_result(self._sent[-1])

    def _turn_of(self, claim: Claim) -> float:
        """When its turn in the beat is. Results wait for none: what comes after them does."""
        return float("-inf") if claim.priority is Priority.RESULT else self._beat - self._slack

    def _has_room(self, now: float) -> float:
        """When fewer than `most` are counted."""
        self._sent = [sent for sent in self._sent if sent.until + 1 > now]
        too_many = len(self._sent) - self._most
        return now if too_many < 0 else sorted(sent.until for sent in self._sent)[too_many] + 1

    def _next(self) -> _Waiting | None:
        living = [one for one in self._waiting if not one.granted.done()]
        return min(living, key=lambda one: one.claim.priority, default=None)

    def _come_back(self, when: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._timer.call_at(when, self._grant)
