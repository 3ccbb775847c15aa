"""The matrix's table and its pass or fail follow from its runs; a run without a blow is reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.crash import __main__ as matrix
from tests.crash import runs
from tests.crash.points import POINTS, Blow, Case
from tests.crash.runs import Run
from tests.crash.table import COLUMNS, line, passed, report
from tests.crash.verdict import Verdict

CASE = Case(point=POINTS[0], blow=Blow.KILL, tasks=1, seed=0)
CLEAN = Verdict(struck=1)
LOST = Verdict(struck=1, lost=("a red door: settled",))
DOUBLED = Verdict(struck=1, doubled=("a red door: it was created 2 times",))
MISSED = Verdict(missed="not struck: 0 of 1 requests came")
BROKEN = Verdict(broken="TimeoutError")
FAULTY = Verdict(struck=1, faults=("the process ended with 1",))


def played(verdict: Verdict, case: Case = CASE) -> Run:
    return Run(case=case, verdict=verdict, seconds=7.0)


@pytest.mark.parametrize(
    ("verdict", "column"), [(LOST, "lost"), (DOUBLED, "doubled"), (MISSED, "not struck"), (BROKEN, "broken")]
)
def test_one_run_in_five_that_shows_something_is_counted_and_fails_the_matrix(verdict: Verdict, column: str) -> None:
    five = [played(CLEAN)] * 4 + [played(verdict)]
    counted = dict(zip(COLUMNS, line(five).split()[-len(COLUMNS) :], strict=True))
    assert {name: counted[name] for name in ("lost", "doubled", "not struck", "broken")} == {
        name: str(int(name == column)) for name in ("lost", "doubled", "not struck", "broken")
    }
    assert not passed(five)
    assert any(verdict.says[0] in said for said in report(five, 60.0))


def test_clean_runs_pass_and_none_at_all_do_not() -> None:
    assert passed([played(CLEAN)])
    assert not passed([])
    assert not passed([played(FAULTY)])


@pytest.mark.parametrize(
    ("verdicts", "times", "code"),
    [
        ([CLEAN], 1, 0),
        ([LOST], 1, 1),
        ([DOUBLED], 1, 1),
        ([MISSED], 1, 1),
        ([FAULTY], 1, 1),
        ([BROKEN, CLEAN], 2, 0),
        ([BROKEN, BROKEN], 2, 1),
        ([BROKEN, LOST], 2, 1),
        ([replace(BROKEN, doubled=DOUBLED.doubled)], 1, 1),
    ],
)
async def test_what_broke_is_played_once_more_and_nothing_else_is(
    verdicts: list[Verdict], times: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Case] = []

    async def perform(case: Case) -> Verdict:
        asked.append(case)
        return verdicts[len(asked) - 1]

    monkeypatch.setattr(runs, "perform", perform)
    assert await matrix.run([CASE], jobs=2) == code
    assert asked == [CASE] * times


@pytest.mark.parametrize("blow", list(Blow))
@pytest.mark.sweep
async def test_a_blow_at_what_never_happens_is_told_as_not_struck(blow: Blow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "STRUCK_SECONDS", 0.5)
    never = replace(CASE, blow=blow, point=replace(CASE.point, route="GET /nothing"))
    verdict = await runs.perform(never)
    assert (verdict.struck, verdict.lost, verdict.doubled) == (0, (), ())
    assert verdict.says == ("not struck: 0 of 1 requests came within 0.5 s",)
