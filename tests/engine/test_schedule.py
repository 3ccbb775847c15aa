"""Tests for the schedule of polls and the estimated time of a picture."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.timing.schedule import (
    LATEST_POLL_SECONDS,
    OVERDUE_POLL_SECONDS,
    OVERDUE_SECONDS,
    POLL_COST_SECONDS,
    SOONEST_POLL_SECONDS,
    backoff,
    next_poll,
    progress,
    remaining,
)

TIMES = st.lists(st.floats(0.01, 3600), max_size=200)


def polls(seconds: float, recent: list[float]) -> list[float]:
    """Return the poll times (s) of a task that takes `seconds`."""
    asked = [next_poll(0, recent)]
    while asked[-1] < seconds:
        asked.append(asked[-1] + next_poll(asked[-1], recent))
    return asked


def cost(schedule: list[list[float]], times: list[float]) -> tuple[float, float]:
    """Return the average number of polls and the average delay (s) per task."""
    spent = sum(len(asked) for asked in schedule) / len(times)
    late = sum(asked[-1] - took for asked, took in zip(schedule, times, strict=True)) / len(times)
    return spent, late


def test_it_asks_rarely_at_first_often_when_most_tasks_end_and_rarely_again_once_late() -> None:
    first, busy, late = (next_poll(elapsed, []) for elapsed in (0, 45, 600))
    assert first > 2 * busy
    assert late > 1.5 * busy


def test_it_learns_how_long_tasks_take() -> None:
    chance = random.Random(1)
    recent = [chance.gauss(10, 1) for _ in range(200)]
    assert 8 < next_poll(0, recent) < 11 < next_poll(0, [])
    assert next_poll(9.5, recent) < 2
    assert next_poll(9.5, []) > 4


def test_between_two_humps_it_waits() -> None:
    chance = random.Random(2)
    recent = [chance.gauss(20, 2) if number % 2 else chance.gauss(120, 10) for number in range(200)]
    assert next_poll(20, recent) < 5
    assert next_poll(45, recent) > 15
    assert next_poll(115, recent) < 8


def test_what_was_learnt_last_counts_most() -> None:
    quick, slow = [10.0 + number / 50 for number in range(100)], [60.0 + number / 10 for number in range(100)]
    assert remaining(0, quick + slow) < 30 < remaining(0, slow + quick)


def test_a_dearer_poll_is_put_off() -> None:
    assert next_poll(40, [], poll_cost=16 * POLL_COST_SECONDS) > 3 * next_poll(40, [])


def test_a_slow_service_is_not_asked_early() -> None:
    slow = [300.0 + number for number in range(200)]
    assert len([at for at in polls(300, slow) if at < 250]) < len([at for at in polls(300, []) if at < 250])


def test_an_overdue_task_is_asked_every_few_minutes() -> None:
    assert next_poll(OVERDUE_SECONDS, []) == OVERDUE_POLL_SECONDS


@given(st.floats(0, OVERDUE_SECONDS - 1), TIMES)
def test_it_always_stays_within_its_bounds(elapsed: float, recent: list[float]) -> None:
    assert SOONEST_POLL_SECONDS <= next_poll(elapsed, recent) <= LATEST_POLL_SECONDS


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
    shown = [progress(elapsed, recent) for elapsed in range(0, 900, 15)]
    assert all(0 <= earlier <= later <= 0.95 for earlier, later in pairwise(shown))


@given(st.floats(0, 3600), TIMES)
def test_what_remains_is_a_time(elapsed: float, recent: list[float]) -> None:
    assert 0 <= remaining(elapsed, recent) < float("inf")


def test_half_of_the_tasks_remain_longer_at_the_start() -> None:
    assert remaining(0, [40.0] * 200) == pytest.approx(40, rel=0.05)


def test_the_distance_doubles_up_to_five_minutes() -> None:
    assert [backoff(failures) for failures in (1, 2, 3)] == [2, 4, 8]
    assert backoff(1000) == 300
