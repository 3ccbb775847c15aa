"""The short part of the matrix: some of the points, with one task. `make crash` runs all of them."""

from __future__ import annotations

import asyncio

import pytest

from tests.crash.points import POINTS, Blow, Case
from tests.crash.runs import perform
from tests.crash.verdict import Verdict

BY_NAME = {point.name: point for point in POINTS}
CALLED_BACK = 2
"""The seed with callbacks, so that outcomes are noticed at once."""
KILLED_TWICE = 1
JOBS = 4
CASES = [
    Case(point=BY_NAME[name], blow=blow, tasks=1, seed=seed)
    for name, blow, seed in (
        ("command acknowledged", Blow.KILL, KILLED_TWICE),
        ("command stored, not acknowledged", Blow.KILL, CALLED_BACK),
        ("attachment half fetched", Blow.KILL, CALLED_BACK),
        ("create taken, no answer yet", Blow.KILL, CALLED_BACK),
        ("create taken, called back later", Blow.KILL, CALLED_BACK),
        ("success known", Blow.KILL, CALLED_BACK),
        ("message received, no answer yet", Blow.KILL, CALLED_BACK),
        ("message received, no answer yet", Blow.BREAK, CALLED_BACK),
        ("message received, history hidden", Blow.KILL, CALLED_BACK),
        ("second part received, no answer yet", Blow.KILL, CALLED_BACK),
        ("card deleted, no answer yet", Blow.TERMINATE, CALLED_BACK),
    )
]


@pytest.fixture(scope="module")
def verdicts() -> dict[Case, Verdict]:
    """Run all cases concurrently, because they mostly wait."""

    async def play_all() -> dict[Case, Verdict]:
        turn = asyncio.Semaphore(JOBS)

        async def one(case: Case) -> Verdict:
            async with turn:
                return await perform(case)

        return dict(zip(CASES, await asyncio.gather(*map(one, CASES)), strict=True))

    return asyncio.run(play_all())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.point.name}: {case.blow}")
@pytest.mark.sweep
def test_nothing_is_lost_or_doubled(case: Case, verdicts: dict[Case, Verdict]) -> None:
    verdict = verdicts[case]
    assert verdict.clean, "\n".join(verdict.says)
    if case.seed == CALLED_BACK:
        assert verdict.unconfirmed == (case.point.name == "create taken, no answer yet")


@pytest.mark.sweep
def test_every_other_seed_is_killed_twice(verdicts: dict[Case, Verdict]) -> None:
    assert [verdict.struck for case, verdict in verdicts.items() if case.blow is Blow.KILL] == [
        1 + case.again for case in verdicts if case.blow is Blow.KILL
    ]
