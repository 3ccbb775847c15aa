"""The short part of the matrix: some of the points, with one task. `make crash` does them all."""

from __future__ import annotations

import pytest

from tests.crash.points import POINTS, Blow, Case
from tests.crash.runs import perform

BY_NAME = {point.name: point for point in POINTS}
CALLED_BACK = 2
"""The seed with which outcomes are noticed at once."""


@pytest.mark.parametrize(
    ("name", "blow"),
    [
        ("command stored, not acknowledged", Blow.KILL),
        ("attachment half fetched", Blow.KILL),
        ("create taken, no answer yet", Blow.KILL),
        ("create taken, called back later", Blow.KILL),
        ("success known", Blow.KILL),
        ("message received, no answer yet", Blow.KILL),
        ("message received, no answer yet", Blow.BREAK),
        ("message received, history hidden", Blow.KILL),
        ("second part received, no answer yet", Blow.KILL),
        ("card deleted, no answer yet", Blow.TERMINATE),
    ],
)
async def test_nothing_is_lost_or_doubled(name: str, blow: Blow) -> None:
    verdict = await perform(Case(point=BY_NAME[name], blow=blow, tasks=1, seed=CALLED_BACK))
    assert verdict.clean, "\n".join((*verdict.lost, *verdict.doubled, *verdict.faults))
    assert verdict.unconfirmed == (name == "create taken, no answer yet")


async def test_a_process_killed_twice_brings_everything_too() -> None:
    verdict = await perform(Case(point=BY_NAME["command acknowledged"], blow=Blow.KILL, tasks=1, seed=1))
    assert verdict.clean, "\n".join((*verdict.lost, *verdict.doubled, *verdict.faults))
