"""
Distributions of generation times for `notice`, mixtures of lognormals, and the cost of a polling schedule on them.

A schedule is the list of times at which a task is polled. Nothing is sampled at random to compute the cost: polls and
delay are integrals over the distribution.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Final, NamedTuple

STEP: Final = 0.1
"""Step of the integration grid, in seconds."""
END: Final = 900.0
"""Schedules end here, in seconds: fewer than one task in a million is left."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """`parts`: share, median in seconds, sigma of the logarithm."""

    name: str
    parts: tuple[tuple[float, float, float], ...]

    def done(self, seconds: float) -> float:
        """Return the share of tasks done after `seconds`."""
        if seconds <= 0:
            return 0.0
        return sum(
            share * NormalDist(math.log(median), sigma).cdf(math.log(seconds)) for share, median, sigma in self.parts
        )

    def density(self, seconds: float) -> float:
        return sum(
            share * NormalDist(math.log(median), sigma).pdf(math.log(seconds)) / seconds
            for share, median, sigma in self.parts
        )

    def slower(self, times: float) -> Times:
        """Return a distribution in which everything takes `times` as long."""
        parts = tuple((share, median * times, sigma) for share, median, sigma in self.parts)
        return Times(name=f"{self.name}, {times:g} times slower", parts=parts)

    def drawn(self, number: int, chance: random.Random) -> tuple[float, ...]:
        weights = [share for share, _, _ in self.parts]
        chosen = chance.choices(self.parts, weights, k=number)
        return tuple(chance.lognormvariate(math.log(median), sigma) for _, median, sigma in chosen)

    def spent(self, schedule: Sequence[float]) -> tuple[float, float]:
        """Return the average number of polls per task, and the average seconds from done to noticed."""
        polls = late = before = 0.0
        for at in schedule:
            polls += 1 - self.done(before)
            late += self.area(at) - self.area(before) - self.done(before) * (at - before)
            before = at
        return polls, late

    @cached_property
    def _areas(self) -> list[float]:
        """The integral of `done` up to each point of the grid."""
        areas, last = [0.0], 0.0
        for number in range(1, int(END / STEP) + 1):
            now = self.done(number * STEP)
            areas.append(areas[-1] + (last + now) / 2 * STEP)
            last = now
        return areas

    def area(self, seconds: float) -> float:
        at = seconds / STEP
        below = min(int(at), len(self._areas) - 2)
        return self._areas[below] + (self._areas[below + 1] - self._areas[below]) * (at - below)


LOGNORMAL: Final = Times(name="lognormal", parts=((1.0, 40.0, 0.6),))
BIMODAL: Final = Times(name="bimodal", parts=((0.6, 25.0, 0.25), (0.4, 110.0, 0.3)))
"""
The first mode is one picture from words alone on an idle service; the second is several, or references, or a queue.
"""


class Traffic(NamedTuple):
    """A model's times, its share of all requests, and the median that its catalogue entry assumes."""

    times: Times
    share: float
    prior_seconds: float


MIXTURE: Final = (
    Traffic(Times(name="quick", parts=((1.0, 8.0, 0.3),)), share=0.30, prior_seconds=10.0),
    Traffic(Times(name="medium", parts=((1.0, 40.0, 0.6),)), share=0.45, prior_seconds=40.0),
    Traffic(Times(name="slow", parts=((1.0, 110.0, 0.25),)), share=0.20, prior_seconds=80.0),
    Traffic(Times(name="two kinds", parts=BIMODAL.parts), share=0.04, prior_seconds=55.0),
    Traffic(Times(name="rare", parts=((1.0, 70.0, 0.4),)), share=0.01, prior_seconds=66.0),
)
"""Models of one installation. The medians are like those of the catalogue (10 to 112 s), and the priors are up to 27 %
off, as an estimate may be."""


def scheduled(wait: Callable[[float], float]) -> list[float]:
    """Return the times of all polls, from a function that maps elapsed time to the next wait."""
    polls = [wait(0.0)]
    while polls[-1] < END:
        polls.append(polls[-1] + wait(polls[-1]))
    return [*polls[:-1], END] if polls[-1] > END else polls


def at_equal_polls(frontier: Sequence[tuple[float, float]], polls: float) -> float:
    """Interpolate the delay at `polls` between points (polls, delay) of a frontier, which falls like a power."""
    ordered = sorted(frontier)
    right = min(max(bisect_left(ordered, (polls, 0.0)), 1), len(ordered) - 1)
    (fewer, slow), (more, fast) = ordered[right - 1], ordered[right]
    share = (math.log(polls) - math.log(fewer)) / (math.log(more) - math.log(fewer))
    return math.exp(math.log(slow) + share * (math.log(fast) - math.log(slow)))
