"""Tests for starting work after crashes: suspects first, together after one crash, alone after two, no other work."""

from __future__ import annotations

import pytest

from bot.engine.work.quarantine import ALONE_MS, HELD_MS, Quarantine, Subject
from tests.worlds.engine_world import Clock

A, B, C = ("task", "a"), ("task", "b"), ("task", "c")
OTHER: Subject = ("posting", "other")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quarantine(clock: Clock) -> Quarantine:
    return Quarantine(clock=clock)


def test_without_suspects_everything_may_begin(quarantine: Quarantine) -> None:
    quarantine.begin(A)
    assert quarantine.open
    assert quarantine.may_begin(B)
    assert quarantine.next("task") == ()


def test_after_one_death_the_suspects_begin_together_and_nothing_else_beside_them(quarantine: Quarantine) -> None:
    for subject in (A, B, OTHER):
        quarantine.suspect(subject, 1)
    assert quarantine.next("task") == ("a", "b")
    quarantine.begin(A)
    assert quarantine.next("task") == ("b",)
    quarantine.begin(B)
    assert quarantine.may_begin(OTHER)
    quarantine.begin(OTHER)
    assert not quarantine.open
    assert not quarantine.may_begin(C)
    for subject in (A, B, OTHER):
        assert not quarantine.open
        quarantine.end(subject)
    assert quarantine.may_begin(C)


def test_after_two_deaths_each_is_alone_whatever_kind_it_is_of(quarantine: Quarantine) -> None:
    for subject in (A, B, OTHER):
        quarantine.suspect(subject, 2)
    assert quarantine.next("task") == ("a",)
    quarantine.begin(A)
    assert quarantine.next("task") == ()
    assert not quarantine.may_begin(OTHER)
    quarantine.end(A)
    assert quarantine.next("task") == ("b",)
    assert quarantine.may_begin(OTHER)


def test_those_of_one_death_come_before_those_of_two_and_never_beside_them(quarantine: Quarantine) -> None:
    quarantine.suspect(A, 1)
    quarantine.suspect(B, 2)
    assert quarantine.next("task") == ("a",)
    quarantine.begin(A)
    assert not quarantine.may_begin(B)
    quarantine.end(A)
    quarantine.begin(B)
    quarantine.suspect(C, 1)
    assert not quarantine.may_begin(C)


def test_a_suspect_does_not_begin_beside_other_work_that_has_just_begun(quarantine: Quarantine, clock: Clock) -> None:
    quarantine.begin(C)
    quarantine.suspect(A, 1)
    quarantine.suspect(B, 2)
    assert quarantine.next("task") == ()
    clock.turn(ALONE_MS / 1000)
    assert quarantine.next("task") == ("a",)


def test_what_takes_long_keeps_nothing_else_waiting(quarantine: Quarantine, clock: Clock) -> None:
    quarantine.suspect(A, 2)
    quarantine.begin(A)
    assert not quarantine.open
    clock.turn(ALONE_MS / 1000)
    assert quarantine.open
    quarantine.suspect(B, 2)
    assert quarantine.may_begin(B)


def test_a_suspect_that_never_comes_keeps_others_waiting_for_seconds_and_is_still_tried_alone(
    quarantine: Quarantine, clock: Clock
) -> None:
    quarantine.suspect(OTHER, 2)
    assert not quarantine.open
    clock.turn(HELD_MS / 1000)
    assert quarantine.may_begin(A)
    quarantine.begin(A)
    assert not quarantine.may_begin(OTHER)


def test_one_that_is_gone_is_waited_for_no_longer(quarantine: Quarantine) -> None:
    quarantine.suspect(A, 1)
    quarantine.cleared(A)
    assert quarantine.open
    assert quarantine.next("task") == ()


def test_after_a_trial_the_rest_is_waited_for_anew(quarantine: Quarantine, clock: Clock) -> None:
    quarantine.suspect(A, 2)
    quarantine.suspect(B, 2)
    quarantine.begin(A)
    clock.turn(HELD_MS / 1000 - 1)
    quarantine.end(A)
    clock.turn(2)
    assert not quarantine.open
