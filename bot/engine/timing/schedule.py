"""
Compute when to poll next and how long a picture may take, from what is known of its model (`Durations`). Pure
functions; times are in seconds unless a name ends in `_ms`.

The durations are smoothed on a logarithmic scale, and newer ones have more weight. They are mixed with a lognormal
prior that weighs as much as `PRIOR_WEIGHT` of them, so the prior matters while few durations are known.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, lru_cache
from operator import neg
from statistics import quantiles
from typing import Final

PRIOR_SIGMA: Final = 0.6
PRIOR_WEIGHT: Final = 8
HALF_LIFE: Final = 70
"""A duration weighs half as much as the duration of the task that came this many tasks later."""
SMOOTHING: Final = 0.5
"""Factor on the bandwidth that is best for a distribution with one peak, so that two peaks stay separate."""
NARROWEST: Final = 0.05
LEAST_KNOWN: Final = 10
"""Number of durations that `usual` needs."""

POLL_COST_SECONDS: Final = 0.3
"""Seconds. A poll is worth its cost if an outcome is noticed this much earlier."""
SOONEST_POLL_SECONDS: Final = 1.0
"""API: 3 polls per second and job for 4o and Flux Kontext, 10 for all other models; the bot stays well below."""
LATEST_POLL_SECONDS: Final = 30.0
"""Longest interval between polls at `POLL_COST_SECONDS`."""
OVERDUE_SECONDS: Final = 15 * 60.0
OVERDUE_POLL_SECONDS: Final = 180.0

LONGEST_BACKOFF_SECONDS: Final = 300.0

_STEP: Final = 0.5
"""Step in seconds of the grid of the survival function (the share of tasks that take longer)."""
_POINTS: Final = int((OVERDUE_SECONDS + 2 * LATEST_POLL_SECONDS) / _STEP)
_LOG_FIRST: Final = -1.0
_LOG_STEP: Final = 0.04
_LOG_POINTS: Final = 204
"""Grid on which the durations are smoothed: logarithms of 0.4 s to 20 min."""
_LOGS: Final = [_LOG_FIRST + point * _LOG_STEP for point in range(_LOG_POINTS)]
_TINY: Final = 1e-12
_REMEMBERED: Final = 64
"""Most survival functions that are remembered, about 60 KiB each. One is in use for each model without, and with, input
pictures; each new duration replaces one."""

FIRST_LATE_RETRY: Final = timedelta(minutes=5)
"""Delay from the delivery as a link to the first retry. Before a retry begins, the next one is scheduled with twice the
delay, which is longer than a retry may take."""
LONGEST_LATE_RETRY: Final = timedelta(hours=3)
"""Longest delay between two retries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """What is known of how long (s) pictures take from create to outcome."""

    prior_seconds: float
    """Median that is assumed until durations are known."""
    recent: tuple[float, ...] = ()
    """The last durations, newest first."""
    _hash: int = field(init=False, repr=False, compare=False)
    """Computed once: the functions below look up what they remember by it, several times with each poll."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.prior_seconds, self.recent)))

    def __hash__(self) -> int:
        return self._hash


def late_retry_ms(tries: int) -> int:
    """Return the delay (ms) before the next retry of a picture that was delivered as a link, after `tries` retries. The
    delay doubles with each, up to `LONGEST_LATE_RETRY`."""
    doubled: timedelta = FIRST_LATE_RETRY * 2 ** min(tries, 16)
    return int(min(doubled, LONGEST_LATE_RETRY).total_seconds() * 1000)


def next_poll(elapsed: float, durations: Durations, poll_cost: float = POLL_COST_SECONDS) -> float:
    """Return how long to wait until the next poll, `elapsed` seconds after the create, if a poll costs `poll_cost`
    seconds.

    Polling dt later costs dt for every task that is already done, and saves every task that ends within dt one more
    poll and the wait for that poll. The best time is the first at which the cost outweighs the saving (Barlow, Hunter,
    Proschan 1963). The wait after that poll is estimated from the hazard at that time (Keller 1974).
    """
    if elapsed >= OVERDUE_SECONDS:
        return OVERDUE_POLL_SECONDS
    here, waits = round(elapsed / _STEP), _waits(durations)
    if (here, poll_cost) not in waits:
        waits[here, poll_cost] = _wait(here, _survivors(durations), poll_cost)
    return waits[here, poll_cost]


@lru_cache(maxsize=_REMEMBERED)
def _waits(_: Durations) -> dict[tuple[int, float], float]:
    """Return the waits that were computed with these durations, by the step of the grid and the cost of a poll. They
    are forgotten with the durations, which change with each picture that is done."""
    return {}


def _wait(here: int, left: Sequence[float], poll_cost: float) -> float:
    longest = LATEST_POLL_SECONDS * math.sqrt(poll_cost / POLL_COST_SECONDS)
    for then in range(here + round(SOONEST_POLL_SECONDS / _STEP), min(here + int(longest / _STEP), _POINTS - 1)):
        hazard = max((left[then - 1] - left[then + 1]) / (2 * _STEP * left[then]), _TINY)
        following = min(math.sqrt(2 * poll_cost / hazard), longest)
        if left[here] - left[then] >= hazard * left[then] * (following + poll_cost):
            return (then - here) * _STEP
    return longest


def progress(elapsed: float, durations: Durations) -> float:
    """Return the share of pictures that are done after `elapsed` seconds, at most 0.95. The image API's own figure
    often stays at 0 until the end."""
    return min(0.95, 1 - _at(_survivors(durations), elapsed))


def remaining(elapsed: float, durations: Durations) -> float:
    """Return the median remaining time of pictures that took at least `elapsed` seconds; 0 beyond 16 minutes, for which
    nothing is computed."""
    left = _survivors(durations)
    half = _at(left, elapsed) / 2
    return max(0.0, bisect_left(left, -half, key=neg) * _STEP - elapsed)


def usual(durations: Durations) -> tuple[float, float] | None:
    """Return the seconds within which half, and 90 %, of the recent pictures were done; None if fewer than
    `LEAST_KNOWN` are known, because a prior is only an assumption."""
    if len(durations.recent) < LEAST_KNOWN:
        return None
    tenths = quantiles(durations.recent, n=10, method="inclusive")
    return tenths[4], tenths[8]


def backoff(failures: int, first: float = 2.0) -> float:
    """Return the back-off in seconds after this many failures in a row: it doubles, up to five minutes."""
    return min(first * 2.0 ** max(0, min(failures - 1, 16)), LONGEST_BACKOFF_SECONDS)


@lru_cache(maxsize=_REMEMBERED)
def _survivors(durations: Durations) -> tuple[float, ...]:
    """Return, for each multiple of `_STEP`, the share of pictures that take longer."""
    logs = [math.log(max(seconds, 0.1)) for seconds in durations.recent]
    known: defaultdict[int, float] = defaultdict(float)
    for age, log in enumerate(logs):
        known[min(max(round((log - _LOG_FIRST) / _LOG_STEP), 0), _LOG_POINTS)] += 0.5 ** (age / HALF_LIFE)
    width, weight = _width(logs), sum(known.values()) + PRIOR_WEIGHT
    hump = [_tail(offset * _LOG_STEP / width) for offset in range(-_LOG_POINTS, _LOG_POINTS)]
    prior = [_tail((log - math.log(durations.prior_seconds)) / PRIOR_SIGMA) * PRIOR_WEIGHT for log in _LOGS]
    smooth = list(prior)
    for place, share in known.items():
        from_here = hump[_LOG_POINTS - place : 2 * _LOG_POINTS - place]
        smooth = [total + share * there for total, there in zip(smooth, from_here, strict=True)]
    smooth = [total / weight for total in smooth]
    return (
        1.0,
        *[max(smooth[below] + (smooth[below + 1] - smooth[below]) * part, _TINY) for below, part in _places()],
    )


@cache
def _places() -> list[tuple[int, float]]:
    """Return, for each multiple of `_STEP` but 0, the point of `_LOGS` below it, and how far it is to the next one."""
    places = [max((math.log(number * _STEP) - _LOG_FIRST) / _LOG_STEP, 0.0) for number in range(1, _POINTS)]
    points = [(min(int(place), _LOG_POINTS - 2), place) for place in places]
    return [(below, min(place - below, 1.0)) for below, place in points]


def _tail(deviations: float) -> float:
    """Return the upper tail of the standard normal distribution."""
    return math.erfc(deviations / math.sqrt(2)) / 2


def _width(logs: Sequence[float]) -> float:
    """Return the bandwidth of the smoothing: Silverman's rule, narrowed by `SMOOTHING`."""
    if len(logs) < 2:
        return PRIOR_SIGMA
    lower, _, upper = quantiles(logs, n=4)
    return max(SMOOTHING * (upper - lower) / 1.35 * math.pow(len(logs), -0.2), NARROWEST)


def _at(left: Sequence[float], seconds: float) -> float:
    return left[min(round(seconds / _STEP), _POINTS - 1)]
