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
    Case(point=BY_NAME[name], blow=blow, tasks=1, seed=seed, model=model)
    for name, blow, seed, model in (
        ("command acknowledged", Blow.KILL, KILLED_TWICE, "4o"),
        ("command stored, not acknowledged", Blow.KILL, CALLED_BACK, "4o"),
        ("attachment half fetched", Blow.KILL, CALLED_BACK, "4o"),
        ("create taken, no answer yet", Blow.KILL, CALLED_BACK, "4o"),
        ("create taken, called back later", Blow.KILL, CALLED_BACK, "4o"),
        ("success known", Blow.KILL, CALLED_BACK, "4o"),
        ("message received, no answer yet", Blow.KILL, CALLED_BACK, "4o"),
        ("message received, no answer yet", Blow.BREAK, CALLED_BACK, "4o"),
        ("message received, history hidden", Blow.KILL, CALLED_BACK, "4o"),
        ("second part received, no answer yet", Blow.KILL, CALLED_BACK, "4o"),
        ("card deleted, no answer yet", Blow.TERMINATE, CALLED_BACK, "4o"),
        ("create taken, no answer yet", Blow.KILL, CALLED_BACK, "flux-kontext"),
        ("second create answered", Blow.KILL, CALLED_BACK, "flux-kontext"),
        ("third create taken, called back later", Blow.KILL, CALLED_BACK, "flux-kontext"),
        ("picture half fetched", Blow.KILL, CALLED_BACK, "flux-kontext"),
        ("create taken, called back later", Blow.KILL, CALLED_BACK, "gpt-image"),
        ("second create taken, no answer yet", Blow.KILL, CALLED_BACK, "gpt-image"),
        ("last create answered", Blow.KILL, CALLED_BACK, "gpt-image"),
        ("success known", Blow.KILL, CALLED_BACK, "gpt-image"),
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


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.point.name}: {case.blow}, {case.model}")
@pytest.mark.sweep
def test_nothing_is_lost_or_doubled(case: Case, verdicts: dict[Case, Verdict]) -> None:
    verdict = verdicts[case]
    assert verdict.clean, "\n".join(verdict.says)
    if case.seed == CALLED_BACK and not case.point.several:
        assert verdict.unconfirmed == (case.point.name == "create taken, no answer yet")


@pytest.mark.sweep
def test_every_other_seed_is_killed_twice(verdicts: dict[Case, Verdict]) -> None:
    assert [verdict.struck for case, verdict in verdicts.items() if case.blow is Blow.KILL] == [
        1 + case.again for case in verdicts if case.blow is Blow.KILL
    ]
