"""
Count Discord's recent refusals (401, 403, 429). Discord bans an IP address after `REFUSALS` of them in
`REFUSALS_SECONDS`; long before that limit, the bot stops its least important requests: edits of cards, except the last
edit of a card whose token expires soon, and the one that says withheld. The operator is alerted.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from bot.discord_limits import REFUSALS, REFUSALS_SECONDS

REFUSED: Final = frozenset({401, 403, 429})
TOO_MANY: Final = REFUSALS // 10
"""Refusals in `REFUSALS_SECONDS` above which edits of cards stop."""
CALM: Final = 500
"""Refusals in `REFUSALS_SECONDS` below which edits of cards resume."""

log = structlog.get_logger(__name__)


class Refusals:
    """The count of refusals of one client, and of `others`. `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[float] = deque()
        self._alarmed = False
        self._others = 0

    @property
    def own(self) -> int:
        """How many requests of this client were refused in the last `REFUSALS_SECONDS`."""
        self._look()
        return len(self._times)

    def of_others(self, refused: int) -> None:
        """Set how many requests of the other processes were refused in that time."""
        self._others = refused
        self._look()

    def count(self) -> None:
        self._times.append(self._clock())
        self._look()

    @property
    def too_many(self) -> bool:
        """Whether there are too many refusals: true above `TOO_MANY`, until the count drops below `CALM`."""
        self._look()
        return self._alarmed

    def _look(self) -> None:
        since = self._clock() - REFUSALS_SECONDS
        while self._times and self._times[0] <= since:
            self._times.popleft()
        refused = len(self._times) + self._others
        if not self._alarmed and refused > TOO_MANY:
            log.warning(
                "card edits stopped, with few exceptions: Discord refuses many requests, the operator is alerted",
                refused=refused,
            )
            self._alarmed = True
        elif self._alarmed and refused < CALM:
            log.info("card edits resumed: Discord refuses few requests", refused=refused)
            self._alarmed = False
