"""Who may begin after a death: suspects first, together after one death, alone after two, and nothing beside them."""

from __future__ import annotations

import pytest

from bot.engine.trials import ALONE_MS, HELD_MS, Subject, Trials
from tests.engine_world import Clock

A, B, C = ("task", "a"), ("task", "b"), ("task", "c")
OTHER: Subject = ("posting", "other")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def trials(clock: Clock) -> Trials:
    return Trials(clock=clock)


def test_without_suspects_everything_may_begin(trials: Trials) -> None:
    trials.begin(A)
    assert trials.open
    assert trials.may_begin(B)
    assert trials.next("task") == ()


def test_after_one_death_the_suspects_begin_together_and_nothing_else_beside_them(trials: Trials) -> None:
    for one in (A, B, OTHER):
        trials.suspect(one, 1)
    assert trials.next("task") == ("a", "b")
    trials.begin(A)
    assert trials.next("task") == ("b",)
    trials.begin(B)
    assert trials.may_begin(OTHER)
    trials.begin(OTHER)
    assert not trials.open
    assert not trials.may_begin(C)
    for one in (A, B, OTHER):
        assert not trials.open
        trials.end(one)
    assert trials.may_begin(C)


def test_after_two_deaths_each_is_alone_whatever_kind_it_is_of(trials: Trials) -> None:
    for one in (A, B, OTHER):
        trials.suspect(one, 2)
    assert trials.next("task") == ("a",)
    trials.begin(A)
    assert trials.next("task") == ()
    assert not trials.may_begin(OTHER)
    trials.end(A)
    assert trials.next("task") == ("b",)
    assert trials.may_begin(OTHER)


def test_those_of_one_death_come_before_those_of_two_and_never_beside_them(trials: Trials) -> None:
    trials.suspect(A, 1)
    trials.suspect(B, 2)
    assert trials.next("task") == ("a",)
    trials.begin(A)
    assert not trials.may_begin(B)
    trials.end(A)
    trials.begin(B)
    trials.suspect(C, 1)
    assert not trials.may_begin(C)


def test_a_suspect_does_not_begin_beside_other_work_that_has_just_begun(trials: Trials, clock: Clock) -> None:
    trials.begin(C)
    trials.suspect(A, 1)
    trials.suspect(B, 2)
    assert trials.next("task") == ()
    clock.turn(ALONE_MS / 1000)
    assert trials.next("task") == ("a",)


def test_what_takes_long_keeps_nothing_else_waiting(trials: Trials, clock: Clock) -> None:
    trials.suspect(A, 2)
    trials.begin(A)
    assert not trials.open
    clock.turn(ALONE_MS / 1000)
    assert trials.open
    trials.suspect(B, 2)
    assert trials.may_begin(B)


def test_a_suspect_that_never_comes_keeps_others_waiting_for_seconds_and_is_still_tried_alone(
    trials: Trials, clock: Clock
) -> None:
    trials.suspect(OTHER, 2)
    assert not trials.open
    clock.turn(HELD_MS / 1000)
    assert trials.may_begin(A)
    trials.begin(A)
    assert not trials.may_begin(OTHER)


def test_one_that_is_gone_is_waited_for_no_longer(trials: Trials) -> None:
    trials.suspect(A, 1)
    trials.cleared(A)
    assert trials.open
    assert trials.next("task") == ()


def test_after_a_trial_the_rest_is_waited_for_anew(trials: Trials, clock: Clock) -> None:
    trials.suspect(A, 2)
    trials.suspect(B, 2)
    trials.begin(A)
    clock.turn(HELD_MS / 1000 - 1)
    trials.end(A)
    clock.turn(2)
    assert not trials.open
