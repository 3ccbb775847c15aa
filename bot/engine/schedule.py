"""
When to ask again and how long it may take, from how long it took lately. Pure functions; seconds in, seconds out.

The last tasks' times are smoothed in the logarithm, the newest counting most; until there are many, they are mixed with
a lognormal prior that counts as `PRIOR_WEIGHT` of them.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from operator import neg
from statistics import quantiles
from typing import Final

PRIOR_MEDIAN_SECONDS: Final = 40.0
PRIOR_SIGMA: Final = 0.6
PRIOR_WEIGHT: Final = 8
HALF_LIFE: Final = 70
"""A time counts half as much as one so many tasks newer."""
SMOOTHING: Final = 0.5
"""Of the width that is best for one hump: two humps stay two."""
NARROWEST: Final = 0.05
LEAST_KNOWN: Final = 10
"""Tasks, before what is usual is said."""

POLL_COST_SECONDS: Final = 0.3
"""One poll is worth noticing an outcome this much earlier."""
SOONEST_POLL_SECONDS: Final = 1.0
"""The image API allows 3 polls per second and task; we stay well below."""
LATEST_POLL_SECONDS: Final = 30.0
OVERDUE_SECONDS: Final = 15 * 60.0
OVERDUE_POLL_SECONDS: Final = 180.0

LONGEST_BACKOFF_SECONDS: Final = 300.0

_STEP: Final = 0.5
"""Seconds of the grid on which the share of tasks that take longer is known."""
_POINTS: Final = int((OVERDUE_SECONDS + 2 * LATEST_POLL_SECONDS) / _STEP)
_LOG_FIRST: Final = -1.0
_LOG_STEP: Final = 0.04
_LOG_POINTS: Final = 204
"""The grid on which times are smoothed: logarithms of 0.4 s to 20 min."""
_LOGS: Final = [_LOG_FIRST + point * _LOG_STEP for point in range(_LOG_POINTS)]
_TINY: Final = 1e-12


def next_poll(elapsed: float, recent: Sequence[float], poll_cost: float = POLL_COST_SECONDS) -> float:
    """How long to wait with the next poll, `elapsed` seconds after the create, if one is worth `poll_cost` seconds.

    Later by dt costs dt for all that are done by then, and saves those that end in dt another poll and the wait for
    it: the first moment at which the one outweighs the other is the best one (Barlow, Hunter, Proschan 1963). What the
    wait after that would be is estimated from the hazard there (Keller 1974).
    """
    if elapsed >= OVERDUE_SECONDS:
        return OVERDUE_POLL_SECONDS
    left = _survivors(tuple(recent))
    longest = LATEST_POLL_SECONDS * math.sqrt(poll_cost / POLL_COST_SECONDS)
    here = round(elapsed / _STEP)
    for then in range(here + round(SOONEST_POLL_SECONDS / _STEP), min(here + int(longest / _STEP), _POINTS - 1)):
        hazard = max((left[then - 1] - left[then + 1]) / (2 * _STEP * left[then]), _TINY)
        following = min(math.sqrt(2 * poll_cost / hazard), longest)
        if left[here] - left[then] >= hazard * left[then] * (following + poll_cost):
            return (then - here) * _STEP
    return longest


def progress(elapsed: float, recent: Sequence[float]) -> float:
    """The share of tasks that are done by now, at most 0.95: the image API's own figure often stays at 0 to the end."""
    return min(0.95, 1 - _at(_survivors(tuple(recent)), elapsed))


def remaining(elapsed: float, recent: Sequence[float]) -> float:
    """How much longer half of the tasks that took at least this long took; 0 where nobody knows."""
    left = _survivors(tuple(recent))
    half = _at(left, elapsed) / 2
    return max(0.0, bisect_left(left, -half, key=neg) * _STEP - elapsed)


def usual(recent: Sequence[float]) -> tuple[float, float] | None:
    """Within how many seconds half of these were done, and nine in ten."""
    if len(recent) < LEAST_KNOWN:
        return None
    tenths = quantiles(recent, n=10, method="inclusive")
    return tenths[4], tenths[8]


def backoff(failures: int, first: float = 2.0) -> float:
    """The distance to the next attempt after this many failures in a row: doubles, at most five minutes."""
    return min(first * 2.0 ** max(0, min(failures - 1, 16)), LONGEST_BACKOFF_SECONDS)


@lru_cache(maxsize=4)
def _survivors(recent: tuple[float, ...]) -> tuple[float, ...]:
    """The share of tasks that take longer than each multiple of `_STEP`."""
    logs = [math.log(max(seconds, 0.1)) for seconds in recent]
    known: defaultdict[int, float] = defaultdict(float)
    for age, log in enumerate(logs):
        known[min(max(round((log - _LOG_FIRST) / _LOG_STEP), 0), _LOG_POINTS)] += 0.5 ** (age / HALF_LIFE)
    width, weight = _width(logs), sum(known.values()) + PRIOR_WEIGHT
    hump = [_tail(offset * _LOG_STEP / width) for offset in range(-_LOG_POINTS, _LOG_POINTS)]
    prior = [_tail((log - math.log(PRIOR_MEDIAN_SECONDS)) / PRIOR_SIGMA) * PRIOR_WEIGHT for log in _LOGS]
    smooth = [
        (before + sum(share * hump[point - place + _LOG_POINTS] for place, share in known.items())) / weight
        for point, before in enumerate(prior)
    ]
    return (1.0, *[max(_between(smooth, math.log(number * _STEP)), _TINY) for number in range(1, _POINTS)])


def _tail(deviations: float) -> float:
    """Of the normal distribution."""
    return math.erfc(deviations / math.sqrt(2)) / 2


def _between(smooth: Sequence[float], log: float) -> float:
    place = max((log - _LOG_FIRST) / _LOG_STEP, 0.0)
    below = min(int(place), _LOG_POINTS - 2)
    return smooth[below] + (smooth[below + 1] - smooth[below]) * min(place - below, 1.0)


def _width(logs: Sequence[float]) -> float:
    """How far a time is smeared: Silverman's rule, but narrower."""
    if len(logs) < 2:
        return PRIOR_SIGMA
    lower, _, upper = quantiles(logs, n=4)
    return max(SMOOTHING * (upper - lower) / 1.35 * math.pow(len(logs), -0.2), NARROWEST)


def _at(left: Sequence[float], seconds: float) -> float:
    return left[min(round(seconds / _STEP), _POINTS - 1)]
