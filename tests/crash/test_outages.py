"""The short part of the outages of several processes. `make crash ARGS="--processes 2,4"` plays all of them."""

from __future__ import annotations

import asyncio

import pytest

from tests.crash.outages import Outage
from tests.crash.processes import ProcessesCase, ProcessesRun, head, line, perform
from tests.crash.verdict import Verdict

STALL_SECONDS = 40.0
"""Still longer than a lease."""
JOBS = 2
CASES = [ProcessesCase(outage=outage, processes=2, seed=0, stall_seconds=STALL_SECONDS) for outage in Outage]


@pytest.fixture(scope="module")
def runs() -> dict[ProcessesCase, ProcessesRun]:
    """Play the cases at the same time, because they mostly wait."""

    async def play_all() -> list[ProcessesRun]:
        turn = asyncio.Semaphore(JOBS)

        async def one(case: ProcessesCase) -> ProcessesRun:
            async with turn:
                return await perform(case)

        return await asyncio.gather(*map(one, CASES))

    return dict(zip(CASES, asyncio.run(play_all()), strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.outage))
@pytest.mark.sweep
def test_nothing_is_lost_or_doubled_and_creates_stay_within_their_limit(
    case: ProcessesCase, runs: dict[ProcessesCase, ProcessesRun]
) -> None:
    assert runs[case].says == (), "\n".join(runs[case].says)


def test_a_run_with_too_many_creates_is_not_clean_although_nothing_is_lost() -> None:
    within, above = (ProcessesRun(case=CASES[0], creates_in_a_window=most) for most in (20, 21))
    assert (within.says, above.says) == ((), ("21 creates in 10 s",))


def test_a_line_of_the_table_sums_its_runs_and_has_the_worst_of_them() -> None:
    runs = [
        ProcessesRun(case=CASES[0], unanswered=2, creates_in_a_window=20, last_result_seconds=31.4),
        ProcessesRun(case=CASES[0], unanswered=3, creates_in_a_window=11, verdict=Verdict(doubled=("posted twice",))),
    ]
    assert line(runs).split() == ["process", "killed", "2", "2", "60", "0", "5", "20", "0", "0", "1", "0", "31"]
    assert len(line(runs)) == len(head())
