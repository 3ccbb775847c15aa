"""Tests for the schedule of polls and the estimated time of a picture."""

from __future__ import annotations

import gc
import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.timing import schedule
from bot.engine.timing.schedule import (
    LATEST_POLL_SECONDS,
    OVERDUE_POLL_SECONDS,
    OVERDUE_SECONDS,
    POLL_COST_SECONDS,
    SOONEST_POLL_SECONDS,
    Durations,
    backoff,
    next_poll,
    progress,
    remaining,
    usual,
)
from storage.catalogue import MODELS, Model, WireForm

TIMES = st.lists(st.floats(0.01, 3600), max_size=200)
PRIORS = sorted({seconds for model in MODELS.values() for seconds in model.usual_seconds})
MOST_POLLS_PER_SECOND = {WireForm.FOUR_O: 3, WireForm.FLUX: 3, WireForm.JOBS: 10}
"""What the image API allows for each job."""


def known(recent: Sequence[float] = (), prior: float = 40.0) -> Durations:
    return Durations(prior_seconds=prior, recent=tuple(recent))


def polls(seconds: float, recent: list[float]) -> list[float]:
    """Return the poll times (s) of a task that takes `seconds`."""
    asked = [next_poll(0, known(recent))]
    while asked[-1] < seconds:
        asked.append(asked[-1] + next_poll(asked[-1], known(recent)))
    return asked


def cost(schedule: list[list[float]], times: list[float]) -> tuple[float, float]:
    """Return the average number of polls and the average delay (s) per task."""
    spent = sum(len(asked) for asked in schedule) / len(times)
    late = sum(asked[-1] - took for asked, took in zip(schedule, times, strict=True)) / len(times)
    return spent, late


def test_it_asks_rarely_at_first_often_when_most_tasks_end_and_rarely_again_once_late() -> None:
    first, busy, late = (next_poll(elapsed, known()) for elapsed in (0, 45, 600))
    assert first > 2 * busy
    assert late > 1.5 * busy


def test_it_learns_how_long_tasks_take() -> None:
    chance = random.Random(1)
    recent = [chance.gauss(10, 1) for _ in range(200)]
    assert 8 < next_poll(0, known(recent)) < 11 < next_poll(0, known())
    assert next_poll(9.5, known(recent)) < 2
    assert next_poll(9.5, known()) > 4


def test_between_two_humps_it_waits() -> None:
    chance = random.Random(2)
    recent = [chance.gauss(20, 2) if number % 2 else chance.gauss(120, 10) for number in range(200)]
    assert next_poll(20, known(recent)) < 5
    assert next_poll(45, known(recent)) > 15
    assert next_poll(115, known(recent)) < 8


def test_what_was_learnt_last_counts_most() -> None:
    quick, slow = [10.0 + number / 50 for number in range(100)], [60.0 + number / 10 for number in range(100)]
    assert remaining(0, known(quick + slow)) < 30 < remaining(0, known(slow + quick))


def test_a_dearer_poll_is_put_off() -> None:
    assert next_poll(40, known(), poll_cost=16 * POLL_COST_SECONDS) > 3 * next_poll(40, known())


def test_a_slow_service_is_not_asked_early() -> None:
    slow = [300.0 + number for number in range(200)]
    assert len([at for at in polls(300, slow) if at < 250]) < len([at for at in polls(300, []) if at < 250])


def test_an_overdue_task_is_asked_every_few_minutes() -> None:
    assert next_poll(OVERDUE_SECONDS, known()) == OVERDUE_POLL_SECONDS


@given(st.floats(0, OVERDUE_SECONDS - 1), TIMES, st.sampled_from(PRIORS))
def test_it_always_stays_within_its_bounds(elapsed: float, recent: list[float], prior: float) -> None:
    assert SOONEST_POLL_SECONDS <= next_poll(elapsed, known(recent, prior)) <= LATEST_POLL_SECONDS


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.key)
def test_no_model_is_asked_nearly_as_often_as_the_api_allows(model: Model) -> None:
    assert MOST_POLLS_PER_SECOND[model.form] / 2 >= 1 / SOONEST_POLL_SECONDS


def test_a_model_without_traffic_goes_by_its_prior_alone() -> None:
    quick, slow = known(prior=10.0), known(prior=112.0)
    assert next_poll(0, quick) < next_poll(0, known()) < next_poll(0, slow)
    assert remaining(0, quick) == pytest.approx(10, rel=0.05)
    assert remaining(0, slow) == pytest.approx(112, rel=0.05)
    assert progress(20, slow) < progress(20, known()) < progress(20, quick)


def test_the_prior_matters_less_with_each_known_duration() -> None:
    estimates = [remaining(0, known([20.0] * number, prior=112.0)) for number in (0, 5, 50, 200)]
    assert estimates == sorted(estimates, reverse=True)
    assert estimates[-1] == pytest.approx(20, rel=0.1)


def test_a_prior_alone_is_no_usual_time() -> None:
    assert usual(known(prior=10.0)) is None


def test_a_mixture_of_all_models_is_computed_once_each() -> None:
    schedule._survivors.cache_clear()
    kinds = [known([seconds + n], prior=seconds) for n, seconds in enumerate(2 * list(range(10, 10 + len(MODELS))))]
    for _ in range(3):
        for kind in kinds:
            progress(20, kind)
    assert schedule._survivors.cache_info().misses == 2 * len(MODELS)


def test_durations_that_were_replaced_are_forgotten() -> None:
    for number in range(500):
        kind = known([float(number)] * 200, prior=77.7)
        for elapsed in range(0, 100, 10):
            next_poll(elapsed, kind)
    kept = [thing for thing in gc.get_objects() if isinstance(thing, Durations) and thing.prior_seconds == 77.7]
    assert 1 <= len(kept) <= 2 * schedule._REMEMBERED


@pytest.mark.parametrize("humps", [[(3.689, 0.6)], [(3.22, 0.25), (4.7, 0.3)]], ids=["one hump", "two humps"])
def test_it_notices_sooner_than_a_fixed_beat_that_asks_as_often(humps: list[tuple[float, float]]) -> None:
    chance = random.Random(7)
    recent = [chance.lognormvariate(*chance.choice(humps)) for _ in range(200)]
    times = [chance.lognormvariate(*chance.choice(humps)) for _ in range(400)]
    spent, late = cost([polls(took, recent) for took in times], times)
    beat = sum(times) / len(times) / (spent - 0.5)
    _, late_by_beat = cost([[beat * n for n in range(1, int(took / beat) + 2)] for took in times], times)
    assert late < 0.9 * late_by_beat


@given(TIMES)
def test_progress_never_goes_back_and_is_never_whole(recent: list[float]) -> None:
    shown = [progress(elapsed, known(recent)) for elapsed in range(0, 900, 15)]
    assert all(0 <= earlier <= later <= 0.95 for earlier, later in pairwise(shown))


@given(st.floats(0, 3600), TIMES)
def test_what_remains_is_a_time(elapsed: float, recent: list[float]) -> None:
    assert 0 <= remaining(elapsed, known(recent)) < float("inf")


def test_half_of_the_tasks_remain_longer_at_the_start() -> None:
    assert remaining(0, known([40.0] * 200)) == pytest.approx(40, rel=0.05)


def test_the_distance_doubles_up_to_five_minutes() -> None:
    assert [backoff(failures) for failures in (1, 2, 3)] == [2, 4, 8]
    assert backoff(1000) == 300


def test_equal_durations_share_what_is_remembered_and_others_do_not() -> None:
    first, second, other = (Durations(prior_seconds=77.0, recent=(5.0, last)) for last in (6.0, 6.0, 7.0))
    assert (hash(first), first) == (hash(second), second)
    assert (hash(first) == hash(other), first == other) == (False, False)
