"""Measure the delay from done at the image API to noticed, per polls spent: Atelier's schedule, rivals, the optimum."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.optimum import best, off
from benchmarks.results import Row, Table
from benchmarks.times import BIMODAL, LOGNORMAL, MIXTURE, Times, at_equal_polls, scheduled
from bot.engine.timing.schedule import POLL_COST_SECONDS, Durations, next_poll

RIVALS: Final[dict[str, Callable[[float], float]]] = {
    "fixed 3 s": lambda elapsed: 3.0,
    "fixed 5 s": lambda elapsed: 5.0,
    "fixed 10 s": lambda elapsed: 10.0,
    "back-off x1.5 to 10 s": lambda elapsed: min(1.0 + elapsed / 2, 10.0),
}
"""The last rival waits 1 s first, then each time half as long again: one second plus half of the elapsed time."""
COSTS: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
LEARNT: Final = 200
MIXED: Final = 2000
"""Number of times of the whole mixture that were seen; of the rarest model about 20."""
SEEDS: Final = 5
PRIOR_SECONDS: Final = 40.0
"""The prior's median, where it is not that of a model."""
Point = tuple[float, float]
"""Polls, and seconds late."""


async def measure(quick: bool) -> list[Table]:
    costs = COSTS[1:8:3] if quick else COSTS
    seeds = range(1 if quick else SEEDS)
    rows = [row for times in (LOGNORMAL, BIMODAL) for row in _compared(times, costs, seeds)]
    learning = [row for times in (LOGNORMAL, BIMODAL) for row in _learning(times, costs, seeds)]
    return [
        Table(name="notice", title="seconds late at equal polls, having learnt 200 times", rows=tuple(rows)),
        Table(
            name="notice", title="Atelier's schedule while it learns, at its usual cost of a poll", rows=tuple(learning)
        ),
        Table(
            name="notice", title="a mixture of models, at the usual cost of a poll", rows=tuple(_mixture(costs, seeds))
        ),
    ]


def _compared(times: Times, costs: Sequence[float], seeds: range) -> list[Row]:
    optimum = [times.spent(best(times, cost)) for cost in costs]
    learnt = [[_atelier(times, recent, cost) for cost in costs] for recent in _recent(times, seeds)]
    cold = [_atelier(times, (), cost) for cost in costs]
    rows: list[Row] = []
    for name, wait in RIVALS.items():
        polls, late = times.spent(scheduled(wait))
        atelier = sum(at_equal_polls(points, polls) for points in learnt) / len(learnt)
        least = at_equal_polls(optimum, polls)
        rows.append(
            {
                "times": times.name,
                "rival": name,
                "polls": polls,
                "rival late s": late,
                "atelier late s": atelier,
                "optimum late s": least,
                "atelier/rival ratio": atelier / late,
                "atelier/optimum ratio": atelier / least,
                "unlearnt/rival ratio": at_equal_polls(cold, polls) / late,
            }
        )
    return rows


def _learning(times: Times, costs: Sequence[float], seeds: range) -> list[Row]:
    rows = [_known(times, costs, _recent(times, seeds, number), f"{number} known") for number in (0, 10, 50, LEARNT)]
    slow = times.slower(2)
    for number in (0, 20, 100):
        new, old = _recent(slow, seeds, number), _recent(times, seeds, LEARNT - number)
        mixed = [newest + before for newest, before in zip(new, old, strict=True)]
        rows.append(_known(slow, costs, mixed, f"{number} known since"))
    return rows


def _known(times: Times, costs: Sequence[float], recents: Sequence[tuple[float, ...]], known: str) -> Row:
    optimum = [times.spent(best(times, cost)) for cost in costs]
    points = [_atelier(times, recent, POLL_COST_SECONDS) for recent in recents]
    polls, late = (sum(figures) / len(points) for figures in zip(*points, strict=True))
    least = at_equal_polls(optimum, polls)
    return {
        "times": times.name,
        "known": known,
        "polls": polls,
        "late s": late,
        "optimum late s": least,
        "atelier/optimum ratio": late / least,
        "fixed/optimum ratio": _fixed_late(times, polls) / least,
    }


def _mixture(costs: Sequence[float], seeds: range) -> list[Row]:
    """Compare what one distribution learns from the last times of all models with what each model learns from its own,
    and with the prior of a model that was never used."""
    seen = [_seen(random.Random(seed)) for seed in seeds]
    together = [
        Durations(prior_seconds=PRIOR_SECONDS, recent=tuple(took for _, took in each[:LEARNT])) for each in seen
    ]
    rows: list[Row] = []
    for number, (times, share, prior) in enumerate(MIXTURE):
        own = [tuple(took for model, took in each if model == number)[:LEARNT] for each in seen]
        apart = [Durations(prior_seconds=prior, recent=recent) for recent in own]
        optimum = [times.spent(best(times, cost)) for cost in costs]
        row: dict[str, str | float] = {"model": times.name, "share": share, "known": sum(map(len, own)) / len(own)}
        for name, learnt in (("together", together), ("apart", apart), ("prior", [Durations(prior_seconds=prior)])):
            points = [_spent(times, durations, POLL_COST_SECONDS) for durations in learnt]
            polls, late = (sum(figures) / len(points) for figures in zip(*points, strict=True))
            row |= {f"{name} polls": polls, f"{name} late s": late}
            row[f"{name}/optimum ratio"] = late / at_equal_polls(optimum, polls)
        rows.append(row)
    return rows


def _seen(chance: random.Random) -> list[tuple[int, float]]:
    """Return the number of the model, and its time, of each request of the mixture, newest first."""
    models = chance.choices(range(len(MIXTURE)), [model.share for model in MIXTURE], k=MIXED)
    return [(model, MIXTURE[model].times.drawn(1, chance)[0]) for model in models]


def _fixed_late(times: Times, polls: float) -> float:
    """Return the delay of a fixed interval that costs as many polls."""
    points = [times.spent(scheduled(lambda elapsed, beat=beat: beat)) for beat in (2.0, 3.0, 5.0, 8.0, 13.0)]  # type: ignore[misc]
    return at_equal_polls(points, polls)


def _recent(times: Times, seeds: range, number: int = LEARNT) -> list[tuple[float, ...]]:
    return [times.drawn(number, random.Random(seed)) for seed in seeds]


def _atelier(times: Times, recent: tuple[float, ...], cost: float) -> Point:
    return _spent(times, Durations(prior_seconds=PRIOR_SECONDS, recent=recent), cost)


def _spent(times: Times, durations: Durations, cost: float) -> Point:
    return times.spent(scheduled(lambda elapsed: next_poll(elapsed, durations, cost)))


def verified(times: Times, poll_cost: float, grid: float = 0.5) -> float:
    """
    Return how far the dynamic-programming optimum is from the condition of Barlow, Hunter and Proschan, in seconds.
    """
    return off(times, best(times, poll_cost, grid), poll_cost)
