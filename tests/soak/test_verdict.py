"""Tests that the soak's verdict finds what was lost, doubled or unexplained, and what grew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.crash.verdict import Post
from tests.soak.samples import Sample, slope
from tests.soak.verdict import Command, Job, Observed, Row, judge, table

ROW = Row(
    id="a", interaction_id=1, state="closed", reason=None, pictures=1, links=0, jobs={"j": 4}, unconfirmed=0, prompt="p"
)
POST = Post(task_id="a", pictures=(1,), again=True, mentions=True)
COMMAND = Command(interaction_id=1, answered_after=0.1, only_asker_sees=False, disturbed=False)
SILENT = replace(COMMAND, interaction_id=2, answered_after=None)
JOB = Job(id="j", prompt="p", credits=4)


def observed(
    rows: Sequence[Row] = (ROW,),
    commands: Sequence[Command] = (COMMAND,),
    jobs: Sequence[Job] = (JOB,),
    posts: Sequence[Post] = (POST,),
    samples: Sequence[Sample] = (),
) -> Observed:
    return Observed(
        seconds=60, seed=1, rows=rows, commands=commands, jobs=jobs, posts=posts, edits=(), samples=samples,
        steady_since=0, most_open=3, events={"kill -9": 1}, throttled=0, refused_by_discord=0, most_in_a_second=1,
        wrong_exits=0,
    )  # fmt: skip


def test_a_clean_run_is_clean_and_its_table_says_so() -> None:
    verdict = judge(observed())
    assert verdict.clean
    assert list(table(observed(), verdict))[-1] == "lost 0, doubled 0, unexplained 0"


@pytest.mark.parametrize(
    ("seen", "lost", "doubled", "unexplained"),
    [
        (observed(posts=()), 1, 0, 0),
        (observed(posts=(POST, POST)), 0, 1, 0),
        (observed(rows=(replace(ROW, state="generating"),)), 1, 0, 0),
        (observed(rows=()), 1, 0, 1),
        (observed(commands=(COMMAND, SILENT)), 1, 0, 0),
        (observed(commands=(COMMAND, replace(SILENT, disturbed=True))), 0, 0, 0),
        (observed(commands=(COMMAND, replace(SILENT, late=True))), 0, 0, 0),
        (observed(rows=(replace(ROW, state="generating", unconfirmed=1),)), 0, 0, 0),
        (observed(commands=(COMMAND, replace(COMMAND, interaction_id=2, only_asker_sees=True))), 0, 0, 0),
        (observed(jobs=(JOB, replace(JOB, id="k"))), 0, 0, 1),
        (observed(jobs=(JOB, replace(JOB, id="k", credits=0))), 0, 0, 0),
        (observed(rows=(replace(ROW, unconfirmed=1),), jobs=(JOB, replace(JOB, id="k"))), 0, 0, 0),
        (observed(rows=(replace(ROW, links=1),), posts=(replace(POST, pictures=()),)), 0, 0, 0),
        (observed(rows=(replace(ROW, reason="lost"),), posts=()), 1, 0, 0),
        (observed(rows=(replace(ROW, reason="lost"),), posts=(replace(POST, pictures=()),) * 2), 0, 1, 0),
    ],
)  # fmt: skip
def test_what_was_lost_doubled_and_unexplained_is_found(
    seen: Observed, lost: int, doubled: int, unexplained: int
) -> None:
    verdict = judge(seen)
    assert (len(verdict.lost), len(verdict.doubled), len(verdict.unexplained)) == (lost, doubled, unexplained)


def test_growth_is_measured_in_the_steady_half_without_its_first_part() -> None:
    mebibyte = 1024 * 1024
    samples = [
        Sample(at=second, pid=1, resident=(900 if second < 30 else 100 + second) * mebibyte, files=50, open_tasks=2)
        for second in range(-100, 100)
    ]
    verdict = judge(observed(samples=samples))
    assert verdict.growth == pytest.approx(3600)
    assert verdict.grown > 40
    assert (verdict.file_growth, verdict.most_open) == (0, 2)


def test_the_slope_of_nothing_is_flat() -> None:
    assert slope([]) == slope([(1, 5)]) == slope([(1, 5), (1, 6)]) == 0
