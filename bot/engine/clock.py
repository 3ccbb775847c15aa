"""
Provide the time for the stamps in rows: milliseconds since the epoch, which advance steadily while the process runs.

The machine's clock may be set back, or be a day ahead for a moment. Ages, leases and limits are computed from stamps,
so such a jump would end what has just begun, or delay what is due. A `SteadyClock` starts from a given time, then
counts elapsed time, and follows only small adjustments; `timekeeping` decides at the next start whether a jump of the
machine's clock has lasted. Processes that share a database follow its server's clock instead of their machines'.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

Clock = Callable[[], int]

PROVEN_AFTER_MS: Final = 600_000
"""ms. A change of the machine's clock that has lasted this long is accepted at the next start. Also how long ages are
doubtful, at least, after a start with a gap."""
SMALL_MS: Final = 2000
"""ms. Largest difference between the clocks that counts as ordinary adjustment and not as a change."""
MOST_BACK_MS: Final = 100
"""ms. Largest step back in one call of `follow`. The rate limit allows for it: a create counts half a second longer
than the API requires."""


def system_clock() -> int:
    """Return the milliseconds since the epoch by the machine's clock."""
    return time.time_ns() // 1_000_000


def uptime() -> int:
    """Return the milliseconds since some fixed moment, whatever the machine's clock is set to. They include the time
    during which the machine sleeps, if the system supports that."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    return time.monotonic_ns() // 1_000_000


class SteadyClock:
    """The time of this process (ms): `begins_at` and the time elapsed since, so that a jump of the machine's clock does
    not change ages; `follow` takes over small adjustments. `gap`: how long (ms) the bot was stopped before, if that is
    so long that the cause may instead be a jump of the clock; else 0."""

    def __init__(self, begins_at: int, *, gap: int = 0, wall: Clock = system_clock, steady: Clock = uptime) -> None:
        self.wall = wall
        self.steady = steady
        self._gap = gap
        self._doubted_at = steady()
        self._ahead = begins_at - self._doubted_at

    def __call__(self) -> int:
        return self.steady() + self._ahead

    def follow(self, offset: int) -> None:
        """Follow another clock that is ahead by `offset` (ms): forward at once, back by at most `MOST_BACK_MS`."""
        self._ahead += max(offset, -MOST_BACK_MS)

    def doubt(self, gap: int) -> None:
        """Count the clock as doubtful from now on, because it was set forward by `gap` (ms)."""
        self._gap, self._doubted_at = max(gap, self._gap), self.steady()

    @property
    def offset(self) -> int:
        """How far (ms) the machine's clock is ahead of this clock; negative if the machine's clock is behind."""
        return self.wall() - self()

    @property
    def is_doubtful(self) -> bool:
        """Whether ages may be too great, so that nothing may be given up because of its age. Never True without a gap.
        With one, True for `PROVEN_AFTER_MS` after the start or the last `doubt`, and for as long as the machine's clock
        is behind this clock by more than half the gap, which was then a jump and not a stop."""
        if not self._gap:
            return False
        return self.steady() - self._doubted_at < PROVEN_AFTER_MS or self.offset < -self._gap // 2


def is_doubtful(clock: Clock) -> bool:
    """Return whether the clock is too uncertain to give anything up because of its age. Only a `SteadyClock` can be."""
    return isinstance(clock, SteadyClock) and clock.is_doubtful


def earliest(clock: Clock) -> int:
    """Return the earlier of this clock's and the machine's time; the time of a clock that is no `SteadyClock` as it is.
    Used for ages of files, whose stamps come from the machine's clock."""
    return min(clock(), clock.wall()) if isinstance(clock, SteadyClock) else clock()
