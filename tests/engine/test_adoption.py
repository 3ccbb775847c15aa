"""A create whose answer was lost is recovered by its callback, before or after the asker was informed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.engine.outbox.curation import Role
from bot.engine.ports import CardPhase, CreateRequest, Outcome, Posted, Record, RecordStatus
from bot.errors import Conflict, Reason, Throttled, Unavailable
from storage.models import NewPart, OutcomePart, PictureRequest, Task, TaskState
from tests.worlds.due import next_due
from tests.worlds.engine_callbacks import HOUR, MINUTE, PREFIX, lost, token, told
from tests.worlds.engine_world import Crash, Deaths, EngineWorld, open_engine_world, png
from tests.worlds.new_tasks import gallery_copy


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[EngineWorld]:
    async with open_engine_world(tmp_path, callbacks=PREFIX) as opened:
        yield opened


# -- unconfirmed creates ---------------------------------------------------------------------------------------------


async def test_an_unconfirmed_create_waits_ten_minutes_for_its_callback_and_says_so(world: EngineWorld) -> None:
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


@pytest.mark.parametrize(("key", "form"), [("flux-kontext", "kie-flux"), ("grok", "kie-jobs")])
async def test_a_create_without_an_answer_is_adopted_by_the_record_of_its_own_wire_form(
    world: EngineWorld, key: str, form: str
) -> None:
    task = await lost(world, model=key)
    assert await world.engine.called_back(token(world), "kie1")
    await world.work(2 * MINUTE)
    assert told(world, task) == [None]
    assert set(world.api.forms) == {form}


async def test_a_create_under_way_when_the_process_died_waits_for_its_callback_too(world: EngineWorld) -> None:
    task = await world.ask()
    await world.stores.creates.begin("dead", world.policy.creates, now=world.clock(), lease_ms=30_000, token="one")
    await world.restart()
    await world.work(MINUTE)
    assert (await world.now(task)).unconfirmed_at is not None
    assert told(world, task) == []
    world.api.taken.append(CreateRequest(request=PictureRequest(prompt=task.prompt, size="1:1", variants=1)))
    world.api._done_at["kie1"] = (world.clock(), 1)
    assert await world.engine.called_back("one", "kie1")
    await world.work(10)
    assert told(world, task) == [None]


async def test_a_callback_adopts_an_unconfirmed_create_before_anybody_is_told(world: EngineWorld) -> None:
    task = await lost(world)
    await world.work(MINUTE)
    assert await world.engine.called_back(token(world), "kie1")
    await world.work(10)
    ended = await world.now(task)
    assert (ended.state, ended.reason, ended.job_id) == (TaskState.CLOSED, None, "kie1")
    assert (ended.unconfirmed_at, ended.claimed_job_id) == (None, None)
    assert told(world, task) == [None]
    assert len(world.api.taken) == 1


async def test_an_adopted_task_that_still_runs_is_watched_to_its_end(world: EngineWorld) -> None:
    world.api.seconds = 5 * MINUTE
    task = await lost(world)
    assert await world.engine.called_back(token(world), "kie1")
    await world.work(10)
    assert (await world.now(task)).state is TaskState.GENERATING
    await world.work(6 * MINUTE)
    assert told(world, task) == [None]


async def test_a_task_that_was_asked_for_long_before_its_adoption_is_given_a_day_from_then(world: EngineWorld) -> None:
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


async def test_an_adopted_task_does_not_teach_how_long_pictures_take(world: EngineWorld) -> None:
    await lost(world)
    await world.work(9 * MINUTE)
    await world.engine.called_back(token(world), "kie1")
    await world.work(10)
    assert await world.stores.queue.recent_seconds("4o", with_pictures=False) == ()


async def test_a_callback_adopts_it_also_after_its_asker_was_told(world: EngineWorld) -> None:
    task = await lost(world)
    await world.work(11 * MINUTE)
    assert told(world, task) == [Reason.UNCONFIRMED]
    await world.restart()
    await world.work(10 * HOUR, every=HOUR)
    assert await world.engine.called_back(token(world), "kie1")
    await world.work(10)
    assert told(world, task) == [Reason.UNCONFIRMED, None]
    assert len(world.api.taken) == 1


async def test_a_deleted_message_about_the_doubt_leaves_the_copies_of_the_picture(world: EngineWorld) -> None:
    task = await lost(world)
    await world.work(11 * MINUTE)
    await world.engine.called_back(token(world), "kie1")
    await world.work(10)
    copy = gallery_copy(task, channel_id=500, guild_id=77)
    await world.engine.curation.post_again(copy, Role(person_id=task.asker_id, guild_id=77, moderates=True))
    doubt = await world.stores.parts.withdrawn(task.id)
    (result,) = await world.stores.parts.of_task(task.id)
    for part, removed in ((doubt, False), (result, True)):
        assert part is not None
        assert part.message_id is not None
        await world.engine.curation.message_gone(part.message_id)
        (kept,) = await world.stores.reposts.of_task(task.id)
        assert (kept.removed_at is not None) is removed


async def test_an_adopted_failure_is_told_and_not_charged(world: EngineWorld) -> None:
    task = await lost(world)
    await world.work(11 * MINUTE)
    world.api.next_record = [Record(status=RecordStatus.FAILED, reason=Reason.POLICY, prompt="a red door")]
    await world.engine.called_back(token(world), "kie1")
    await world.work(10)
    assert told(world, task) == [Reason.UNCONFIRMED, Reason.POLICY]
    assert not (await world.now(task)).charged


async def test_asking_again_and_the_late_callback_are_both_answered(world: EngineWorld) -> None:
    task = await lost(world)
    await world.work(11 * MINUTE)
    again = await world.ask(again_of=task.id)
    await world.work(MINUTE)
    await world.engine.called_back(token(world, 0), "kie1")
    await world.work(10)
    assert (told(world, task), told(world, again)) == ([Reason.UNCONFIRMED, None], [None])


async def test_after_a_day_nothing_is_adopted(world: EngineWorld) -> None:
    task = await lost(world)
    await world.work(24 * HOUR, every=HOUR)
    assert await world.engine.called_back(token(world), "kie1")
    await world.work(MINUTE)
    assert told(world, task) == [Reason.UNCONFIRMED]
    assert world.api.asked == []


async def test_a_record_of_other_words_is_not_adopted_and_the_right_one_still_is(world: EngineWorld) -> None:
    task = await lost(world)
    await world.ask("somebody else's door")
    await world.work(MINUTE)
    assert await world.engine.called_back(token(world, 0), "kie2")
    await world.work(MINUTE)
    waiting = await world.now(task)
    assert (waiting.state, waiting.claimed_job_id) == (TaskState.SUBMITTING, None)
    assert await world.engine.called_back(token(world, 0), "kie1")
    await world.work(10)
    assert told(world, task) == [None]
    assert (await world.now(task)).job_id == "kie1"


async def test_pictures_without_words_are_known_by_their_addresses(world: EngineWorld) -> None:
    task = await lost(world, "  ", references=(world.attach("mine.png", png()),))
    await world.ask("", references=(world.attach("theirs.png", png()),))
    await world.work(MINUTE)
    await world.engine.called_back(token(world, 0), "kie2")
    await world.work(5)
    assert (await world.now(task)).job_id is None
    world.api.taken[0] = replace(world.api.taken[0], files=(f"{world.api.taken[0].files[0]}?signed=anew",))
    await world.engine.called_back(token(world, 0), "kie1")
    await world.work(5)
    assert told(world, task) == [None]


@pytest.mark.parametrize("minutes", [1, 9.5, 11])
async def test_a_record_that_cannot_be_read_yet_is_looked_for_until_it_can(world: EngineWorld, minutes: float) -> None:
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


async def test_a_record_that_is_never_found_is_not_looked_for_for_ever(world: EngineWorld) -> None:
    task = await lost(world)
    world.api.next_record = [Record(status=RecordStatus.MISSING)] * 1000
    await world.engine.called_back(token(world), "kie1")
    await world.work(11 * MINUTE, every=30)
    assert told(world, task) == [Reason.UNCONFIRMED]
    await world.work(26 * HOUR, every=HOUR)
    assert (await world.now(task)).claimed_job_id is None
    assert await next_due(world.stores, world.clock()) is None


# -- race conditions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", [True, False])
async def test_a_callback_that_comes_before_the_creates_answer_makes_no_second_owner(
    world: EngineWorld, answered: bool
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

    world.api.create, world.api.seconds = early, 0  # type: ignore[method-assign]  # the callback precedes the answer
    task = await world.ask()
    for _ in range(6):
        await world.engine.step()
    assert told(world, task) == [None]
    assert (await world.now(task)).job_id == "kie1"
    assert len(world.api.taken) == 1


@pytest.mark.parametrize("callbacks", [PREFIX, None])
async def test_an_answer_that_comes_after_others_took_the_task_over_is_not_lost(
    tmp_path: Path, callbacks: str | None
) -> None:
    async with open_engine_world(tmp_path, callbacks=callbacks) as world:
        create = world.api.create

        async def late(request: CreateRequest) -> str:
            job_id = await create(request)
            await world.stores.claims.void_leases()
            await world._new_engine().step()
            return job_id

        world.api.create = late  # type: ignore[method-assign]  # a create that outlives its lease
        task = await world.ask()
        await world.work(MINUTE)
        assert (await world.now(task)).job_id == "kie1"
        assert told(world, task)[-1] is None
        assert len(world.api.taken) == 1


@pytest.mark.parametrize("when", ["before", "after", "failed", "card"])
async def test_a_callback_while_the_doubt_is_being_told_ends_with_the_picture(world: EngineWorld, when: str) -> None:
    task = await lost(world)
    post, remove_card = world.discord.post, world.discord.remove_card

    async def repost(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
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

    world.discord.post, world.discord.remove_card = repost, removing  # type: ignore[method-assign,assignment]  # with a callback
    await world.work(15 * MINUTE)
    assert told(world, task) == ([None] if when == "failed" else [Reason.UNCONFIRMED, None])
    assert (await world.now(task)).state is TaskState.CLOSED


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.sampled(every=2)
async def test_an_outcome_says_that_it_corrects_a_doubt_that_was_told_before_its_task_was_closed(
    world: EngineWorld, answered: bool
) -> None:
    task, corrects = await lost(world), list[tuple[str | None, bool]]()
    post, remove_card, find = world.discord.post, world.discord.remove_card, world.discord.find

    async def repost(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
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
    world.discord.post, world.discord.remove_card = repost, removing  # type: ignore[method-assign,assignment]  # deletion fails
    world.discord.find = finding  # type: ignore[method-assign]  # identified by the part alone, as by the real delivery
    while not world.discord.sent:
        await world.engine.step()
        world.clock.turn(5)
    assert (await world.now(task)).state is TaskState.SETTLED
    await world.engine.called_back(token(world), "kie1")
    await world.engine.step()
    with pytest.raises(Conflict):
        await world.engine.requests.again(task.id, world.request())
    await world.work(MINUTE)
    assert told(world, task) == [Reason.UNCONFIRMED, None]
    assert corrects == [(Reason.UNCONFIRMED, False), (None, True)]
    assert world.discord.taken_back == [1]


@pytest.mark.sweep
async def test_a_doubt_that_was_never_told_is_not_corrected(world: EngineWorld) -> None:
    outcomes = list[Outcome]()
    task, plan = await lost(world), world.discord.plan

    async def planning(outcome: Outcome) -> Sequence[NewPart]:
        outcomes.append(outcome)
        if outcome.task.reason is not None:
            raise Unavailable("not yet")
        return await plan(outcome)

    world.discord.plan = planning  # type: ignore[method-assign]  # the task is settled, but nothing is sent
    while not outcomes:
        await world.engine.step()
        world.clock.turn(5)
    await world.engine.called_back(token(world), "kie1")
    await world.work(MINUTE)
    assert told(world, task) == [None]
    assert not outcomes[-1].corrects
    assert world.discord.taken_back == []


async def test_a_doubt_that_cannot_be_taken_back_keeps_nobody_waiting(world: EngineWorld) -> None:
    task = await lost(world)
    await world.work(11 * MINUTE)
    world.discord.blind = True
    await world.engine.called_back(token(world), "kie1")
    await world.work(10)
    assert (await world.now(task)).state is TaskState.CLOSED
    assert told(world, task) == [Reason.UNCONFIRMED, None]


@pytest.mark.parametrize(("minutes", "after"), [(1, True), (11, False)])
@pytest.mark.sweep
async def test_the_process_may_die_at_each_step_of_an_adoption(world: EngineWorld, minutes: int, after: bool) -> None:
    deaths, died, at = Deaths(), True, 0
    world.wrap = deaths.wrap
    while died:
        task = await lost(world)
        await world.work(minutes * MINUTE, every=30)
        died = await _adopted_with_a_death(world, deaths, at, after=after)
        at += 1
        assert told(world, task) == ([None] if minutes == 1 else [Reason.UNCONFIRMED, None]), f"died at {at}"
        assert (await world.now(task)).job_id == f"kie{at}"
        assert len(world.api.taken) == at
    assert at > 15


async def _adopted_with_a_death(world: EngineWorld, deaths: Deaths, at: int, *, after: bool) -> bool:
    """Return whether the process died. An unanswered callback is repeated, as the image API does."""
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


async def test_what_got_through_after_all_is_not_paid_again_by_the_old_button(world: EngineWorld) -> None:
    task = await lost(world)
    await world.work(11 * MINUTE, every=5)
    assert told(world, task) == [Reason.UNCONFIRMED]
    await world.engine.called_back(token(world), "kie1")
    await world.work(120)
    assert told(world, task) == [Reason.UNCONFIRMED, None]
    with pytest.raises(Conflict) as refused:
        await world.engine.requests.again(task.id, world.request())
    assert refused.value.reason is Reason.GOT_THROUGH
