"""What callbacks bring: news, and what became of a create whose answer was lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.engine.ports import CardPhase, CreateRequest, Outcome, Posted, Record, RecordStatus
from bot.engine.reliance import RELIED_POLL_COST_SECONDS, Reliance
from bot.engine.schedule import POLL_COST_SECONDS
from bot.errors import Reason, Throttled, TooLate, Unavailable
from storage.models import NewPart, OutcomePart, Task, TaskState
from tests.engine_world import NO_LIMITS, Crash, Deaths, World, open_world, png
from tests.storage_rows import PLENTY

PREFIX = "https://bot.test/callbacks/kie/"
MINUTE = 60.0
HOUR = 60 * MINUTE


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, callbacks=PREFIX) as opened:
        yield opened


def token(world: World, create: int = -1) -> str:
    """What the callback of a create carries."""
    url = world.api.taken[create].callback_url
    assert url is not None
    assert url.startswith(PREFIX)
    return url.removeprefix(PREFIX)


async def lost(world: World, prompt: str = "a red door", **changes: Any) -> Task:
    """A task whose create was taken, without an answer."""
    world.api.lose_answer = 1
    task = await world.ask(prompt, **changes)
    await world.work(5)
    assert (await world.now(task)).kie_id is None
    return task


def told(world: World, task: Task) -> list[str | None]:
    """The reason in each message; None for pictures."""
    return [message.reason for message in world.discord.messages if message.task_id == task.id]


# -- tokens ----------------------------------------------------------------------------------------------------------


async def test_each_create_has_its_own_token_of_which_only_a_digest_is_kept(world: World, tmp_path: Path) -> None:
    for _ in range(3):
        await world.ask()
    await world.work(5)
    tokens = {token(world, create) for create in range(3)}
    assert len(tokens) == 3
    stored = _stored(tmp_path)
    assert all(len(one) >= 43 and one.encode() not in stored for one in tokens)
    assert tokens.isdisjoint(repr(world.api.taken))


def _stored(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("atelier.db*"))


async def test_without_an_address_to_call_back_nothing_is_said_of_one(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.ask()
        await world.work(5)
        assert world.api.taken[0].callback_url is None


async def test_a_token_that_no_create_has_is_unknown(world: World) -> None:
    await world.ask()
    await world.work(5)
    assert not await world.engine.called_back("never given", "kie1")


# -- news ------------------------------------------------------------------------------------------------------------


async def test_a_callback_has_the_task_asked_about_at_once(world: World) -> None:
    world.api.seconds = 0.1
    task = await world.ask()
    while not world.api.taken:
        await world.engine.step()
    world.clock.turn(0.2)
    await world.engine.step()
    assert world.api.asked == []
    assert await world.engine.called_back(token(world), "kie1")
    for _ in range(2):
        await world.engine.step()
    assert (await world.now(task)).state is TaskState.CLOSED
    assert told(world, task) == [None]


async def test_a_callback_during_a_question_has_it_asked_once_more(world: World) -> None:
    task = await world.ask()
    await world.work(3)
    ask = world.api.record

    async def record(kie_id: str) -> Record:
        answer = await ask(kie_id)
        if len(world.api.asked) == 1:
            await world.engine.called_back(token(world), kie_id)
            world.clock.turn(30)
        return answer

    world.api.record = record  # type: ignore[method-assign]  # a callback in between
    while not world.api.asked:
        await world.engine.step()
        world.clock.turn(1)
    assert (await world.now(task)).due_at <= world.clock()
    for _ in range(2):
        await world.engine.step()
    assert told(world, task) == [None]


async def test_callbacks_that_come_again_change_nothing(world: World) -> None:
    task = await world.ask()
    for _ in range(30):
        await world.work(4)
        if world.api.taken:
            assert await world.engine.called_back(token(world), "kie1")
    assert told(world, task) == [None]
    assert len(world.api.taken) == 1


async def test_a_callback_with_the_id_of_another_task_is_ignored(world: World) -> None:
    first, second = await world.ask("first"), await world.ask("second")
    await world.work(3)
    asked = len(world.api.asked)
    due = [(await world.now(task)).due_at for task in (first, second)]
    assert await world.engine.called_back(token(world, 0), "kie2")
    assert [(await world.now(task)).due_at for task in (first, second)] == due
    await world.engine.step()
    assert len(world.api.asked) == asked


# -- unconfirmed -----------------------------------------------------------------------------------------------------


async def test_an_unconfirmed_create_waits_ten_minutes_for_its_callback_and_says_so(world: World) -> None:
    task = await lost(world)
    waiting = await world.now(task)
    assert (waiting.state, waiting.unconfirmed_at is not None) == (TaskState.SUBMITTING, True)
    assert world.discord.shown[-1].phase is CardPhase.UNCONFIRMED
    await world.work(5 * MINUTE)
    await world.restart()
    await world.work(4.5 * MINUTE)
    assert told(world, task) == []
    await world.work(MINUTE)
    ended = await world.now(task)
    assert (ended.state, ended.reason, ended.charged) == (TaskState.CLOSED, Reason.UNCONFIRMED, True)
    assert told(world, task) == [Reason.UNCONFIRMED]
    assert len(world.api.taken) == 1


async def test_a_create_under_way_when_the_process_died_waits_for_its_callback_too(world: World) -> None:
    task = await world.ask()
    await world.tasks.begin_create("dead", world.policy.creates, now=world.clock(), lease_ms=30_000, token="one")
    await world.restart()
    await world.work(MINUTE)
    assert (await world.now(task)).unconfirmed_at is not None
    assert told(world, task) == []
    world.api.taken.append(CreateRequest(prompt=task.prompt, size="1:1", variants=1))
    world.api._done_at["kie1"] = (world.clock(), 1)
    assert await world.engine.called_back("one", "kie1")
    await world.work(10)
    assert told(world, task) == [None]


async def test_a_callback_adopts_an_unconfirmed_create_before_anybody_is_told(world: World) -> None:
    task = await lost(world)
    await world.work(MINUTE)
    assert await world.engine.called_back(token(world), "kie1")
    await world.work(10)
    ended = await world.now(task)
    assert (ended.state, ended.reason, ended.kie_id) == (TaskState.CLOSED, None, "kie1")
    assert (ended.unconfirmed_at, ended.claimed_kie_id) == (None, None)
    assert told(world, task) == [None]
    assert len(world.api.taken) == 1


async def test_an_adopted_task_that_still_runs_is_watched_to_its_end(world: World) -> None:
    world.api.seconds = 5 * MINUTE
    task = await lost(world)
    assert await world.engine.called_back(token(world), "kie1")
    await world.work(10)
    assert (await world.now(task)).state is TaskState.GENERATING
    await world.work(6 * MINUTE)
    assert told(world, task) == [None]


async def test_a_task_that_was_asked_for_long_before_its_adoption_is_given_a_day_from_then(world: World) -> None:
    world.api.seconds = 60 * HOUR
    world.api.next_create, world.api.lose_answer = [Throttled("429", timedelta(hours=20))], 1
    task = await world.ask()
    await world.work(21 * HOUR, every=HOUR)
    assert len(world.api.taken) == 1
    await world.work(10 * HOUR, every=HOUR)
    assert told(world, task) == [Reason.UNCONFIRMED]
    assert await world.engine.called_back(token(world), "kie1")
    await world.work(23 * HOUR, every=HOUR)
    assert (await world.now(task)).state is TaskState.GENERATING
    await world.work(5 * HOUR, every=HOUR)
    assert told(world, task) == [Reason.UNCONFIRMED, Reason.LOST]


async def test_an_adopted_task_does_not_teach_how_long_pictures_take(world: World) -> None:
    await lost(world)
    await world.work(9 * MINUTE)
    await world.engine.called_back(token(world), "kie1")
    await world.work(10)
    assert await world.tasks.recent_seconds() == ()


async def test_a_callback_adopts_it_also_after_its_asker_was_told(world: World) -> None:
    task = await lost(world)
    await world.work(11 * MINUTE)
    assert told(world, task) == [Reason.UNCONFIRMED]
    await world.restart()
    await world.work(10 * HOUR, every=HOUR)
    assert await world.engine.called_back(token(world), "kie1")
    await world.work(10)
    assert told(world, task) == [Reason.UNCONFIRMED, None]
    assert len(world.api.taken) == 1


async def test_an_adopted_failure_is_told_and_not_charged(world: World) -> None:
    task = await lost(world)
    await world.work(11 * MINUTE)
    world.api.next_record = [Record(status=RecordStatus.FAILED, reason=Reason.POLICY, prompt="a red door")]
    await world.engine.called_back(token(world), "kie1")
    await world.work(10)
    assert told(world, task) == [Reason.UNCONFIRMED, Reason.POLICY]
    assert not (await world.now(task)).charged


async def test_asking_again_and_the_late_callback_are_both_answered(world: World) -> None:
    task = await lost(world)
    await world.work(11 * MINUTE)
    again = await world.ask(again_of=task.id)
    await world.work(MINUTE)
    await world.engine.called_back(token(world, 0), "kie1")
    await world.work(10)
    assert (told(world, task), told(world, again)) == ([Reason.UNCONFIRMED, None], [None])


async def test_after_a_day_nothing_is_adopted(world: World) -> None:
    task = await lost(world)
    await world.work(24 * HOUR, every=HOUR)
    assert await world.engine.called_back(token(world), "kie1")
    await world.work(MINUTE)
    assert told(world, task) == [Reason.UNCONFIRMED]
    assert world.api.asked == []


async def test_a_record_of_other_words_is_not_adopted_and_the_right_one_still_is(world: World) -> None:
    task = await lost(world)
    await world.ask("somebody else's door")
    await world.work(MINUTE)
    assert await world.engine.called_back(token(world, 0), "kie2")
    await world.work(MINUTE)
    waiting = await world.now(task)
    assert (waiting.state, waiting.claimed_kie_id) == (TaskState.SUBMITTING, None)
    assert await world.engine.called_back(token(world, 0), "kie1")
    await world.work(10)
    assert told(world, task) == [None]
    assert (await world.now(task)).kie_id == "kie1"


async def test_pictures_without_words_are_known_by_their_addresses(world: World) -> None:
    task = await lost(world, "  ", references=(world.attach("mine.png", png()),))
    await world.ask("", references=(world.attach("theirs.png", png()),))
    await world.work(MINUTE)
    await world.engine.called_back(token(world, 0), "kie2")
    await world.work(5)
    assert (await world.now(task)).kie_id is None
    world.api.taken[0] = replace(world.api.taken[0], files=(f"{world.api.taken[0].files[0]}?signed=anew",))
    await world.engine.called_back(token(world, 0), "kie1")
    await world.work(5)
    assert told(world, task) == [None]


@pytest.mark.parametrize("minutes", [1, 9.5, 11])
async def test_a_record_that_cannot_be_read_yet_is_looked_for_until_it_can(world: World, minutes: float) -> None:
    task = await lost(world)
    await world.work(minutes * MINUTE)
    missing, unreadable = Record(status=RecordStatus.MISSING), Record(status=RecordStatus.RUNNING)
    world.api.next_record = [missing, Unavailable("502"), unreadable, missing, missing]
    await world.engine.called_back(token(world), "kie1")
    await world.work(20)
    await world.restart()
    await world.work(10 * MINUTE)
    assert told(world, task)[-1] is None
    assert told(world, task).count(None) == 1


async def test_a_record_that_is_never_found_is_not_looked_for_for_ever(world: World) -> None:
    task = await lost(world)
    world.api.next_record = [Record(status=RecordStatus.MISSING)] * 1000
    await world.engine.called_back(token(world), "kie1")
    await world.work(11 * MINUTE, every=30)
    assert told(world, task) == [Reason.UNCONFIRMED]
    await world.work(26 * HOUR, every=HOUR)
    assert (await world.now(task)).claimed_kie_id is None
    assert await world.tasks.next_due(now=world.clock()) is None


# -- races -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", [True, False])
async def test_a_callback_that_comes_before_the_creates_answer_makes_no_second_owner(
    world: World, answered: bool
) -> None:
    create = world.api.create

    async def early(request: CreateRequest) -> str:
        world.api.lose_answer = 1
        with suppress(Exception):
            await create(request)
        assert await world.engine.called_back(token(world), "kie1")
        if not answered:
            raise Unavailable("the connection broke")
        return "kie1"

    world.api.create, world.api.seconds = early, 0  # type: ignore[method-assign]  # a very quick callback
    task = await world.ask()
    for _ in range(6):
        await world.engine.step()
    assert told(world, task) == [None]
    assert (await world.now(task)).kie_id == "kie1"
    assert len(world.api.taken) == 1


@pytest.mark.parametrize("callbacks", [PREFIX, None])
async def test_an_answer_that_comes_after_others_took_the_task_over_is_not_lost(
    tmp_path: Path, callbacks: str | None
) -> None:
    async with open_world(tmp_path, callbacks=callbacks) as world:
        create = world.api.create

        async def late(request: CreateRequest) -> str:
            kie_id = await create(request)
            await world.tasks.void_leases()
            await world._new_engine().step()
            return kie_id

        world.api.create = late  # type: ignore[method-assign]  # a create that outlives its lease
        task = await world.ask()
        await world.work(MINUTE)
        assert (await world.now(task)).kie_id == "kie1"
        assert told(world, task)[-1] is None
        assert len(world.api.taken) == 1


@pytest.mark.parametrize("when", ["before", "after", "failed", "card"])
async def test_a_callback_while_the_doubt_is_being_told_ends_with_the_picture(world: World, when: str) -> None:
    task = await lost(world)
    post, remove_card = world.discord.post, world.discord.remove_card

    async def posting(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        doubtful = outcome.task.reason is not None
        if doubtful and when in {"before", "failed"}:
            await world.engine.called_back(token(world), "kie1")
        if doubtful and when == "failed":
            raise Unavailable("no answer")
        posted = await post(outcome, part, uncertain=uncertain)
        if doubtful and when == "after":
            await world.engine.called_back(token(world), "kie1")
        return posted

    async def removing(gone: Task) -> None:
        await remove_card(gone)
        if when == "card" and gone.reason is not None:
            await world.engine.called_back(token(world), "kie1")

    world.discord.post, world.discord.remove_card = posting, removing  # type: ignore[method-assign,assignment]  # in between
    await world.work(15 * MINUTE)
    assert told(world, task) == ([None] if when == "failed" else [Reason.UNCONFIRMED, None])
    assert (await world.now(task)).state is TaskState.CLOSED


@pytest.mark.parametrize("answered", [True, False])
async def test_an_outcome_says_that_it_corrects_a_doubt_that_was_told_before_its_task_was_closed(
    world: World, answered: bool
) -> None:
    task, corrects = await lost(world), list[tuple[str | None, bool]]()
    post, remove_card, find = world.discord.post, world.discord.remove_card, world.discord.find

    async def posting(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        corrects.append((outcome.task.reason, outcome.corrects))
        return await post(outcome, part, uncertain=uncertain)

    async def finding(outcome: Outcome, part: OutcomePart) -> Posted | None:
        doubtful = replace(outcome, task=replace(outcome.task, reason=Reason.UNCONFIRMED))
        return await find(doubtful, replace(part, number=0))

    async def removing(gone: Task) -> None:
        if gone.reason is not None:
            raise Unavailable("503")
        await remove_card(gone)

    world.discord.lose_answers = 0 if answered else 1
    world.discord.post, world.discord.remove_card = posting, removing  # type: ignore[method-assign,assignment]  # in between
    world.discord.find = finding  # type: ignore[method-assign]  # by the part alone, as the real one does
    while not world.discord.messages:
        await world.engine.step()
        world.clock.turn(5)
    assert (await world.now(task)).state is TaskState.SETTLED
    await world.engine.called_back(token(world), "kie1")
    await world.engine.step()
    with pytest.raises(TooLate):
        await world.engine.again(task.id, world.request())
    await world.work(MINUTE)
    assert told(world, task) == [Reason.UNCONFIRMED, None]
    assert corrects == [(Reason.UNCONFIRMED, False), (None, True)]
    assert world.discord.taken_back == [1]


async def test_a_doubt_that_was_never_told_is_not_corrected(world: World) -> None:
    outcomes = list[Outcome]()
    task, plan = await lost(world), world.discord.plan

    async def planning(outcome: Outcome) -> Sequence[NewPart]:
        outcomes.append(outcome)
        if outcome.task.reason is not None:
            raise Unavailable("not yet")
        return await plan(outcome)

    world.discord.plan = planning  # type: ignore[method-assign]  # settled, and nothing was sent
    while not outcomes:
        await world.engine.step()
        world.clock.turn(5)
    await world.engine.called_back(token(world), "kie1")
    await world.work(MINUTE)
    assert told(world, task) == [None]
    assert not outcomes[-1].corrects
    assert world.discord.taken_back == []


async def test_a_doubt_that_cannot_be_taken_back_keeps_nobody_waiting(world: World) -> None:
    task = await lost(world)
    await world.work(11 * MINUTE)
    world.discord.blind = True
    await world.engine.called_back(token(world), "kie1")
    await world.work(10)
    assert (await world.now(task)).state is TaskState.CLOSED
    assert told(world, task) == [Reason.UNCONFIRMED, None]


@pytest.mark.parametrize(("minutes", "after"), [(1, True), (11, False)])
async def test_the_process_may_die_at_each_step_of_an_adoption(world: World, minutes: int, after: bool) -> None:
    deaths, died, at = Deaths(), True, 0
    world.wrap = deaths.wrap
    while died:
        task = await lost(world)
        await world.work(minutes * MINUTE, every=30)
        died = await _adopted_with_a_death(world, deaths, at, after=after)
        at += 1
        assert told(world, task) == ([None] if minutes == 1 else [Reason.UNCONFIRMED, None]), f"died at {at}"
        assert (await world.now(task)).kie_id == f"kie{at}"
        assert len(world.api.taken) == at
    assert at > 15


async def _adopted_with_a_death(world: World, deaths: Deaths, at: int, *, after: bool) -> bool:
    """Whether there was one; the callback comes again when it was not answered, as theirs do."""
    await world.restart()
    deaths.arm(at, after=after)
    answered = died = False
    try:
        answered = await world.engine.called_back(token(world), f"kie{len(world.api.taken)}")
        for _ in range(3):
            await world.engine.step()
    except Crash:
        died = True
    deaths.disarm()
    await world.restart()
    if not answered:
        await world.engine.called_back(token(world), f"kie{len(world.api.taken)}")
    await world.work(20, every=4)
    return died


# -- polls -----------------------------------------------------------------------------------------------------------


async def _ended(world: World, *called: bool, late: float = 0) -> None:
    """So many tasks that ended some time ago, called back (`late` seconds after that) or not."""
    for number, back in enumerate(called):
        task, _ = await world.tasks.submit(world.request(), NO_LIMITS, now=world.clock())
        await world.tasks.change(task, prepared_at=world.clock())
        one = f"{task.id} {number}"
        begun = await world.tasks.begin_create("x", PLENTY, now=world.clock(), lease_ms=1, token=one)
        assert begun is not None
        making = await world.tasks.move(begun, TaskState.GENERATING, now=world.clock(), why="taken", kie_id=one)
        await world.tasks.settle(making, now=world.clock(), why="done", reason=None, urls=["https://results.test/1"])
        create = await world.tasks.create_of(one)
        assert create is not None
        if back:
            await world.tasks.called_back(create, now=world.clock() + int(late * 1000))
    world.clock.turn(70)


async def test_callbacks_are_relied_on_after_twenty_of_which_two_may_be_missing(world: World) -> None:
    reliance = Reliance(tasks=world.tasks, expected=True, clock=world.clock)
    await _ended(world, *[True] * 19)
    assert await reliance.poll_cost() == POLL_COST_SECONDS
    await _ended(world, True)
    assert await reliance.poll_cost() == RELIED_POLL_COST_SECONDS
    await _ended(world, False, True, False)
    assert await reliance.poll_cost() == RELIED_POLL_COST_SECONDS
    await _ended(world, True, False, True)
    assert await reliance.poll_cost() == POLL_COST_SECONDS
    unexpected = Reliance(tasks=world.tasks, expected=False, clock=world.clock)
    assert await unexpected.poll_cost() == POLL_COST_SECONDS


@pytest.mark.parametrize("late", [None, 61])
async def test_callbacks_that_stop_or_come_late_are_relied_on_no_more(world: World, late: float | None) -> None:
    reliance = Reliance(tasks=world.tasks, expected=True, clock=world.clock)
    await _ended(world, *[True] * 20, late=59)
    assert await reliance.poll_cost() == RELIED_POLL_COST_SECONDS
    await _ended(world, *[late is not None] * 2, late=late or 0)
    assert await reliance.poll_cost() == POLL_COST_SECONDS


async def test_polls_are_further_apart_while_callbacks_are_relied_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait() -> int:
        before, task = len(world.api.asked), await world.ask()
        while len(world.api.asked) == before:
            await world.work(1)
        return (await world.now(task)).due_at - world.clock()

    async def relied(_: Reliance) -> float:
        return RELIED_POLL_COST_SECONDS

    usual = await wait()
    monkeypatch.setattr(Reliance, "poll_cost", relied)
    assert await wait() >= 1.5 * usual


async def test_callbacks_repeated_in_a_moment_ask_no_more_often_than_the_api_allows(world: World) -> None:
    """It allows three questions a second about a task."""
    world.api.seconds = 300
    await world.ask()
    await world.work(5)
    before = len(world.api.asked)
    for _ in range(100):
        await world.engine.called_back(token(world), "kie1")
        await world.engine.step()
        world.clock.turn(0.02)
    assert len(world.api.asked) - before <= 3


async def test_what_got_through_after_all_is_not_paid_again_by_the_old_button(world: World) -> None:
    task = await lost(world)
    await world.work(11 * MINUTE, every=5)
    assert told(world, task) == [Reason.UNCONFIRMED]
    await world.engine.called_back(token(world), "kie1")
    await world.work(120)
    assert told(world, task) == [Reason.UNCONFIRMED, None]
    with pytest.raises(TooLate) as refused:
        await world.engine.again(task.id, world.request())
    assert refused.value.reason is Reason.GOT_THROUGH
