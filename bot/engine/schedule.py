"""
When to ask again and how long it may take, from how long it took lately. Pure functions; seconds in, seconds out.

Generation times are taken for lognormal. Until enough of our own are known they are mixed with a prior that counts as
`PRIOR_WEIGHT` of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean
from typing import Final

PRIOR_MEDIAN_SECONDS: Final = 40.0
PRIOR_SIGMA: Final = 0.6
PRIOR_WEIGHT: Final = 8

POLL_COST_SECONDS: Final = 0.3
"""One poll is worth noticing an outcome this much earlier."""
SOONEST_POLL_SECONDS: Final = 1.0
"""The image API allows 3 polls per second and task; we stay well below."""
LATEST_POLL_SECONDS: Final = 15.0
OVERDUE_SECONDS: Final = 15 * 60.0
OVERDUE_POLL_SECONDS: Final = 180.0

LONGEST_BACKOFF_SECONDS: Final = 300.0


def durations(recent: Sequence[float]) -> NormalDist:
    """The distribution of the logarithm of the generation time."""
    logs = [math.log(max(seconds, 0.1)) for seconds in recent]
    prior = math.log(PRIOR_MEDIAN_SECONDS)
    weight = len(logs) + PRIOR_WEIGHT
    mean = (sum(logs) + PRIOR_WEIGHT * prior) / weight
    around = fmean([(log - mean) ** 2 for log in logs]) * len(logs) if logs else 0.0
    variance = (around + PRIOR_WEIGHT * (PRIOR_SIGMA**2 + (prior - mean) ** 2)) / weight
    return NormalDist(mean, max(math.sqrt(variance), 0.05))


def next_poll(elapsed: float, recent: Sequence[float]) -> float:
    """How long to wait with the next poll, `elapsed` seconds after the create.

    The wait at which the expected delay in noticing (half the wait, times the chance that the outcome comes meanwhile)
    costs as much as the poll: rare at first, often when most tasks end, rare again once late. With a constant hazard
    this is the optimal checking density of Barlow, Hunter and Proschan (1963).
    """
    if elapsed >= OVERDUE_SECONDS:
        return OVERDUE_POLL_SECONDS
    times = durations(recent)
    shortest, longest = SOONEST_POLL_SECONDS, LATEST_POLL_SECONDS
    for _ in range(24):
        wait = (shortest + longest) / 2
        if _hazard_between(times, elapsed, elapsed + wait) * wait / 2 < POLL_COST_SECONDS:
            shortest = wait
        else:
            longest = wait
    return longest


def progress(elapsed: float, recent: Sequence[float]) -> float:
    """The share of tasks that are done by now, at most 0.95: the image API's own figure often stays at 0 to the end."""
    return min(0.95, 1 - _survival(durations(recent), elapsed))


def remaining(elapsed: float, recent: Sequence[float]) -> float:
    """How much longer half of the tasks that took at least this long took."""
    times = durations(recent)
    late = max(_survival(times, elapsed) / 2, 1e-6)
    return max(0.0, math.exp(times.inv_cdf(1 - late)) - elapsed)


def backoff(failures: int, first: float = 2.0) -> float:
    """The distance to the next attempt after this many failures in a row: doubles, at most five minutes."""
    return min(first * 2.0 ** max(0, min(failures - 1, 16)), LONGEST_BACKOFF_SECONDS)


def _survival(times: NormalDist, seconds: float) -> float:
    return 1.0 if seconds <= 0 else 1 - times.cdf(math.log(seconds))


def _hazard_between(times: NormalDist, start: float, end: float) -> float:
    tiny = 1e-12
    return math.log(max(_survival(times, start), tiny) / max(_survival(times, end), tiny))
