"""
The best schedule of polls for a known distribution (Barlow, Hunter, Proschan 1963): dynamic programming over a grid.

Their condition for the times x of the polls, x[k+1] - x[k] = (F(x[k]) - F(x[k-1])) / f(x[k]) - c, is where the
derivative of the cost is zero; `off` returns how far a schedule is from this condition.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from benchmarks.times import END, Times

GRID: Final = 1.0
LONGEST: Final = 90.0
"""Seconds: the longest wait between two polls, and before the first."""
HORIZON: Final = 420.0
"""Seconds; after this time polls are `LATE` apart, because fewer than one task in ten thousand is left."""
LATE: Final = 30.0


def best(times: Times, poll_cost: float, grid: float = GRID) -> list[float]:
    """Return the schedule with the least (seconds late + poll_cost * polls), with at least a second between polls."""
    points = int(HORIZON / grid)
    done = [times.done(number * grid) for number in range(points + 1)]
    area = [times.area(number * grid) for number in range(points + 1)]
    value, following = [0.0] * (points + 1), [points] * (points + 1)
    for at in range(points - 1, -1, -1):
        least, here, left = math.inf, done[at], poll_cost * (1 - done[at])
        for then in range(at + math.ceil(1 / grid), min(at + int(LONGEST / grid), points) + 1):
            cost = area[then] - here * (then - at) * grid + value[then]
            if cost < least:
                least, following[at] = cost, then
        value[at] = least + left - area[at] if least < math.inf else 0.0
    return _polls(following, points, grid)


def _polls(following: Sequence[int], points: int, grid: float) -> list[float]:
    polls, at = [], 0
    while at < points:
        at = following[at]
        polls.append(at * grid)
    while polls[-1] < END:
        polls.append(min(polls[-1] + LATE, END))
    return polls


def off(times: Times, schedule: Sequence[float], poll_cost: float) -> float:
    """
    Return the largest distance, in seconds, of a poll from Barlow's condition, among the polls that at least one task
    in a hundred reaches.
    """
    reached = [at for at in schedule if times.done(at) < 0.99]
    inner = zip([0.0, *reached], reached, reached[1:], strict=False)
    return max(abs(_balanced(times, before, at, after, poll_cost) - at) for before, at, after in inner)


def _balanced(times: Times, before: float, at: float, after: float, poll_cost: float) -> float:
    """Return the time near `at`, between two polls, at which the condition holds."""

    def excess(x: float) -> float:
        return times.density(x) * (after - x + poll_cost) - (times.done(x) - times.done(before))

    candidates = [at + number * 0.01 for number in range(-300, 301) if before < at + number * 0.01 < after]
    return min(candidates, key=lambda x: abs(excess(x)))
