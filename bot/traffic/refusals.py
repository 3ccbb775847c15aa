"""
How often Discord refused lately. It bans an address after 10,000 answers of 401, 403 and 429 in ten minutes; long
before that, what only looks nice stops.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

REFUSED: Final = frozenset({401, 403, 429})
SPAN_SECONDS: Final = 600.0
TOO_MANY: Final = 1000
"""In `SPAN_SECONDS`: a tenth of what Discord takes."""
CALM: Final = 500
"""In `SPAN_SECONDS`: with fewer, what stopped goes on."""

log = structlog.get_logger(__name__)


class Refusals:
    """`clock`: seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[float] = deque()
        self._alarmed = False

    def count(self) -> None:
        self._times.append(self._clock())
        self._look()

    @property
    def too_many(self) -> bool:
        """From `TOO_MANY` on, until it is calm again."""
        self._look()
        return self._alarmed

    def _look(self) -> None:
        since = self._clock() - SPAN_SECONDS
        while self._times and self._times[0] <= since:
            self._times.popleft()
        refused = len(self._times)
        if not self._alarmed and refused > TOO_MANY:
            log.warning("Discord refuses many requests; cards are not edited until it is calm", refused=refused)
            self._alarmed = True
        elif self._alarmed and refused < CALM:
            log.info("Discord refuses few requests again; cards are edited", refused=refused)
            self._alarmed = False
