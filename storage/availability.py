"""
Whether the database server can be used: log once when that ends and once when it begins again, and mark the work that a
person waits for, which has less time.

SQLite has no server: none of its errors is treated here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import structlog

SETTLED_SECONDS: Final = 5.0
"""How long the database must have worked again before it counts as back. A server that restarts, or has too few
connections, refuses some statements and takes others."""

work_for_people: Final[ContextVar[bool]] = ContextVar("work_for_people", default=False)

log = structlog.get_logger(__name__)


class DatabaseAway(Exception):
    """The database server cannot be used now; the statement may work later. `str()` says why, without an address.
    `uncertain`: it is unknown whether the transaction was committed. `lasting`: it does not go away by itself."""

    def __init__(self, why: str, *, uncertain: bool = False, lasting: bool = False) -> None:
        super().__init__(why)
        self.uncertain = uncertain
        self.lasting = lasting


class Availability:
    """Whether the database can be used, as far as the last transactions show."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.away: str | None = None
        """Why the database cannot be used; None if it can."""
        self._clock = clock
        self._since = 0.0
        self._failed_at = 0.0
        self._worked_at = float("-inf")
        self._writes_alone = False

    def failed(self, why: str, *, writes_alone: bool = False, waited: float = 0.0) -> None:
        """Note that a transaction has failed. `waited`: the seconds for which it waited without an answer. If another
        one succeeded in that time, the database or this machine is slow, and the database is not away."""
        if self._clock() - self._worked_at < waited:
            return
        self._failed_at = self._clock()
        self._writes_alone = writes_alone
        if self.away is None:
            self._since = self._failed_at
            log.warning("database away, work goes on when it is back", error=why)
        self.away = why

    def worked(self, *, wrote: bool) -> None:
        """Note that a transaction has succeeded."""
        self._worked_at = self._clock()
        if self.away is None or (self._writes_alone and not wrote):
            return
        if self._clock() - self._failed_at >= SETTLED_SECONDS:
            log.info("database back", away_seconds=round(self._failed_at - self._since))
            self.away = None


@contextmanager
def for_people() -> Iterator[None]:
    """Mark the transactions of the block, and of the tasks that it starts, as work that a person waits for."""
    token = work_for_people.set(True)
    try:
        yield
    finally:
        work_for_people.reset(token)
