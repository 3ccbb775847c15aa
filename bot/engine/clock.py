"""
The time that rows are stamped with: milliseconds since the epoch that go on steadily while the process runs.

The machine's clock may be set back, or be a day ahead for a moment. Ages, leases and limits count from stamps, so such
a jump would end what has just begun, or hold up what is due. A `SteadyClock` is read once from the machine's clock and
follows the time since then; `timekeeping` decides at the next start whether a jump has lasted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

Clock = Callable[[], int]

PROVEN_AFTER_MS: Final = 600_000
"""A jump that has lasted this long is taken for the right time."""
SMALL_MS: Final = 2000
"""What adjusting a clock moves it by in the ordinary way."""
MOST_BACK_MS: Final = 100
"""At one look; a create waits a second longer than it has to."""


def system_clock() -> int:
    """Milliseconds since the epoch, as the machine says."""
    return time.time_ns() // 1_000_000


def uptime() -> int:
    """Milliseconds that no setting of a clock changes. Counts on while the machine sleeps, where the system can say."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    return time.monotonic_ns() // 1_000_000


class SteadyClock:
    """`gap`: how much later than the last stamp `begins_at` is, where that may be a jump as well as a long stop."""

    def __init__(self, begins_at: int, *, gap: int = 0, wall: Clock = system_clock, steady: Clock = uptime) -> None:
        self.wall = wall
        self.steady = steady
        self._gap = gap
        self._began = steady()
        self._ahead = begins_at - self._began

    def __call__(self) -> int:
        return self.steady() + self._ahead

    def follow(self) -> None:
        """Take up small adjustments of the machine's clock: forward at once, back little by little."""
        self._ahead += max(self.offset, -MOST_BACK_MS)

    @property
    def offset(self) -> int:
        """How far the machine's clock is ahead of this one; below zero where it is behind."""
        return self.wall() - self()

    @property
    def is_doubtful(self) -> bool:
        """Whether ages may be too great: the first minutes after a gap, and for good where the machine's clock has gone
        back over the gap, which was none then."""
        if not self._gap:
            return False
        return self.steady() - self._began < PROVEN_AFTER_MS or self.offset < -self._gap // 2


def is_doubtful(clock: Clock) -> bool:
    """Whether nothing should be given up for its age now."""
    return isinstance(clock, SteadyClock) and clock.is_doubtful


def earliest(clock: Clock) -> int:
    """The time by the clock that is behind: for ages of files, whose stamps are the machine's."""
    return min(clock(), clock.wall()) if isinstance(clock, SteadyClock) else clock()
