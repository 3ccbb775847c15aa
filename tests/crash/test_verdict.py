"""`judge` finds what was lost or doubled."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.crash.verdict import Evidence, Post, Row, judge

ROW = Row(id="1", prompt="a red door", state="closed", reason=None, variants=2)
UNCONFIRMED = replace(ROW, reason="unconfirmed")
POST = Post(task_id="1", pictures=(1, 2), again=False, mentions=True)
TOLD_AS_UNCONFIRMED = Post(task_id="1", pictures=(), again=True, mentions=True)
ANSWERED = {"a red door": ((10.0, 10.3),)}
UNANSWERED = {"a red door": ((10.0, None),)}
CLEAN = Evidence(
    acknowledged=frozenset({"a red door"}), rows=(ROW,), posts=(POST,), creates=ANSWERED, struck_at=(12.0,), struck=1
)


def test_a_run_in_which_everybody_was_told_once_is_clean() -> None:
    assert judge(CLEAN).clean


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rows": ()}, "nothing of it is stored"),
        ({"rows": (replace(ROW, state="settled"),)}, "settled"),
        ({"posts": ()}, r"pictures \[1, 2\] were never told"),
        ({"posts": (replace(POST, pictures=(1,)),)}, r"pictures \[2\] were never told"),
        ({"rows": (replace(ROW, reason="lost"),), "posts": (TOLD_AS_UNCONFIRMED,)}, "failed with lost"),
        ({"rows": (UNCONFIRMED,), "posts": (), "creates": UNANSWERED}, "cannot ask again"),
        ({"rows": (UNCONFIRMED,), "posts": (TOLD_AS_UNCONFIRMED,)}, "although its create was answered"),
        ({"cards_left": 1}, "1 cards are left"),
    ],
)
def test_what_is_lost_is_said(changes: dict[str, object], says: str) -> None:
    (what,) = judge(replace(CLEAN, **changes)).lost  # type: ignore[arg-type]  # keys are field names
    assert re.search(says, what)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"posts": (POST, replace(POST, pictures=(2,), mentions=False))}, "picture 2 was posted 2 times"),
        ({"posts": (replace(POST, pictures=(1,)), replace(POST, pictures=(2,)))}, "called 2 times"),
        ({"creates": {"a red door": ((10.0, 10.3), (14.0, 14.2))}}, "created 2 times"),
    ],
)
def test_what_is_doubled_is_said(changes: dict[str, object], says: str) -> None:
    (what,) = judge(replace(CLEAN, **changes)).doubled  # type: ignore[arg-type]  # keys are field names
    assert says in what


SEVERAL = replace(ROW, variants=4, wanted=4)
FOUR = tuple((10.0 + n, 10.3 + n) for n in range(4))
OF_FOUR = replace(CLEAN, rows=(SEVERAL,), posts=(replace(POST, pictures=(1, 2, 3, 4)),), creates={"a red door": FOUR})


def test_several_creates_of_one_task_are_no_repetition_but_one_more_is() -> None:
    assert judge(OF_FOUR).clean
    (what,) = judge(replace(OF_FOUR, creates={"a red door": (*FOUR, (20.0, 20.3))})).doubled
    assert "created 5 times" in what


@pytest.mark.parametrize(("third", "clean"), [((12.0, None), True), ((12.0, 12.1), False)])
def test_a_picture_may_only_be_missing_for_a_create_that_was_in_flight(
    third: tuple[float, float | None], clean: bool
) -> None:
    three = (replace(POST, pictures=(1, 2, 3)),)
    creates = {"a red door": (*FOUR[:2], third, (18.0, 18.3))}
    seen = replace(OF_FOUR, rows=(replace(SEVERAL, unconfirmed=1),), posts=three, creates=creates, struck_at=(14.0,))
    assert (judge(seen).clean, judge(seen).unconfirmed) == (clean, int(clean))


def test_a_picture_that_came_and_was_not_told_is_lost_though_another_create_is_unconfirmed() -> None:
    seen = replace(OF_FOUR, rows=(replace(SEVERAL, unconfirmed=1),), posts=(replace(POST, pictures=(1, 2)),))
    assert "pictures [3] were never told" in judge(seen).lost[0]


def test_a_create_that_was_under_way_may_be_told_as_unconfirmed() -> None:
    seen = replace(CLEAN, rows=(UNCONFIRMED,), posts=(TOLD_AS_UNCONFIRMED,), creates=UNANSWERED)
    assert (judge(seen).clean, judge(seen).unconfirmed) == (True, 1)


def test_a_run_whose_blow_never_fell_is_not_clean_and_has_lost_nothing() -> None:
    verdict = judge(replace(CLEAN, struck=0, posts=()))
    assert (verdict.clean, verdict.says, verdict.lost) == (False, ("not struck",), ())


def test_a_run_that_broke_is_not_clean_and_has_lost_nothing_but_what_it_doubled_stays_doubled() -> None:
    verdict = judge(replace(CLEAN, broken="TimeoutError", rows=(replace(ROW, state="settled"),), posts=(POST, POST)))
    assert (verdict.clean, verdict.broken, verdict.lost) == (False, "TimeoutError", ())
    assert len(verdict.doubled) == 3


def test_a_wrong_exit_code_is_not_clean() -> None:
    assert not judge(replace(CLEAN, faults=("the process ended with 1",))).clean


def test_a_picture_that_follows_the_message_that_its_create_is_unconfirmed_is_no_second_call_where_it_may_follow() -> (
    None
):
    posts = (TOLD_AS_UNCONFIRMED, POST)
    seen = replace(CLEAN, posts=posts, creates=UNANSWERED)
    assert "its asker was called 2 times" in judge(seen).doubled[0]
    corrected = replace(seen, corrections=True)
    assert (judge(corrected).clean, judge(corrected).unconfirmed) == (True, 1)
    assert not judge(replace(corrected, struck_at=())).clean
    assert not judge(replace(corrected, posts=(*posts, POST))).clean
