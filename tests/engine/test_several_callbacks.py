"""Callbacks for several creates of one task: each adopts its own create, before the task is settled or after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.engine.ports import CardPhase, CreateRequest, Record, RecordStatus
from bot.errors import Reason, Unavailable, Unconfirmed
from bot.texts import texts_in
from bot.ui.kit.request_facts import cost
from storage.catalogue import WireForm
from storage.models import CreateState, PictureRequest, Route, Task, TaskState
from tests.engine.test_several_creates import four, missing, pictures, states, told
from tests.worlds.engine_callbacks import HOUR, MINUTE, PREFIX, token
from tests.worlds.engine_world import EngineWorld, open_engine_world

UNCONFIRMED = CreateState.UNCONFIRMED


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[EngineWorld]:
    async with open_engine_world(tmp_path, callbacks=PREFIX) as opened:
        yield opened


async def lost_third(world: EngineWorld) -> Task:
    """Return a task for four pictures whose third create was accepted but got no answer."""
    task = await four(world)
    await world.engine.step()
    await world.engine.step()
    world.api.lose_answer = 1
    for _ in range(3):
        await world.engine.step()
    assert len(world.api.taken) == 4
    assert (await states(world, task))[2] is UNCONFIRMED
    return task


async def test_the_others_wait_ten_minutes_for_the_callback_of_one(world: EngineWorld) -> None:
    task = await lost_third(world)
    await world.work(9 * MINUTE)
    assert told(world, task) == []
    await world.work(2 * MINUTE)
    assert told(world, task) == [(None, (0, 1, 2))]
    assert await missing(world, task) == {Reason.UNCONFIRMED: 1}
    assert (await world.now(task)).charged


async def test_a_callback_adopts_the_one_create_it_names(world: EngineWorld) -> None:
    task = await lost_third(world)
    await world.work(MINUTE)
    assert await world.engine.called_back(token(world, 2), "kie3")
    await world.work(10)
    assert told(world, task) == [(None, (0, 1, 2, 3))]
    assert await pictures(world, task) == [f"https://results.test/kie{n}/0.png" for n in (1, 2, 3, 4)]
    assert len(world.api.created) == 4


async def test_a_callback_that_overtakes_the_answer_is_adopted_if_the_answer_is_lost(world: EngineWorld) -> None:
    world.api.seconds = 300
    task = await lost_third(world)
    assert await world.engine.called_back(token(world, 2), "kie3")
    await world.engine.step()
    assert await states(world, task) == [CreateState.TAKEN] * 4


async def test_a_job_of_another_request_is_not_adopted_and_the_right_one_still_is(world: EngineWorld) -> None:
    task = await lost_third(world)
    await world.ask("somebody else's door")
    await world.engine.step()
    assert await world.engine.called_back(token(world, 2), "kie5")
    await world.work(30)
    assert (await states(world, task))[2] is UNCONFIRMED
    assert await world.engine.called_back(token(world, 2), "kie3")
    await world.work(60)
    assert told(world, task) == [(None, (0, 1, 2, 3))]


async def test_a_record_that_cannot_be_read_yet_is_looked_for_until_it_can(world: EngineWorld) -> None:
    task = await lost_third(world)
    world.api.records = {"kie3": Unavailable("502")}
    assert await world.engine.called_back(token(world, 2), "kie3")
    await world.work(5 * MINUTE)
    assert told(world, task) == []
    world.api.records.clear()
    await world.work(6 * MINUTE)
    assert told(world, task) == [(None, (0, 1, 2, 3))]


async def test_news_of_each_job_is_looked_at_at_once_and_no_job_is_polled_too_often(world: EngineWorld) -> None:
    world.api.seconds = 10
    task = await four(world)
    for _ in range(4):
        await world.engine.step()
    asked = len(world.api.asked)
    world.clock.turn(10)
    for n in range(4):
        world.api._done_at[f"kie{n + 1}"] = (world.clock() + n * 100, 1)
    for n in range(4):
        await world.engine.called_back(token(world, n), f"kie{n + 1}")
        await world.engine.step()
        world.clock.turn(0.1)
    await world.work(3)
    assert told(world, task) == [(None, (0, 1, 2, 3))]
    polls = [job for _, job in world.api.asked[asked:]]
    assert max(polls.count(job) for job in polls) == 2, "once with the first job, once after its own callback"


async def test_the_first_create_is_adopted_as_of_any_task_and_the_others_follow(world: EngineWorld) -> None:
    world.api.lose_answer = 1
    task = await four(world)
    await world.engine.step()
    assert world.discord.shown[-1].phase is CardPhase.UNCONFIRMED
    assert await states(world, task) == [UNCONFIRMED]
    await world.engine.called_back(token(world, 0), "kie1")
    await world.work(2 * MINUTE)
    assert told(world, task) == [(None, (0, 1, 2, 3))]
    assert len(world.api.created) == 4


async def test_after_the_first_create_was_told_as_unconfirmed_no_further_one_begins(world: EngineWorld) -> None:
    world.api.lose_answer = 1
    task = await four(world)
    await world.work(11 * MINUTE)
    assert told(world, task) == [(Reason.UNCONFIRMED, ())]
    await world.engine.called_back(token(world, 0), "kie1")
    await world.work(2 * MINUTE)
    assert told(world, task) == [(Reason.UNCONFIRMED, ()), (None, (0,))]
    assert await missing(world, task) == {None: 3}
    assert len(world.api.created) == 1


# -- after the task was settled ----------------------------------------------------------------------------------


async def test_a_late_callback_adds_the_picture_to_the_message_that_was_posted(world: EngineWorld) -> None:
    world.api.price = 0.8
    task = await lost_third(world)
    await world.work(11 * MINUTE)
    (part,) = await world.stores.parts.of_task(task.id)
    assert part.message_id is not None
    await world.restart()
    await world.work(5 * HOUR, every=HOUR)
    assert await world.engine.called_back(token(world, 2), "kie3")
    await world.work(2 * MINUTE)
    assert told(world, task) == [(None, (0, 1, 2))], "nothing is posted again"
    assert world.discord.files[part.message_id] == [0, 1, 2, 3]
    assert (await pictures(world, task))[3] == "https://results.test/kie3/0.png"
    ended = await world.now(task)
    assert (ended.state, ended.claimed_job_id, ended.consumed_credits) == (TaskState.CLOSED, None, 3.2)
    assert await missing(world, task) == {}


async def test_a_claim_that_could_not_be_checked_before_the_end_is_checked_after_it(world: EngineWorld) -> None:
    task = await lost_third(world)
    world.api.records = {"kie3": Unavailable("502")}
    await world.engine.called_back(token(world, 2), "kie3")
    await world.work(15 * MINUTE)
    assert told(world, task) == [(None, (0, 1, 2))]
    world.api.records.clear()
    await world.work(10 * MINUTE)
    assert len(await pictures(world, task)) == 4


async def test_news_that_comes_while_a_further_create_is_sent_is_not_lost(world: EngineWorld) -> None:
    world.api.seconds = 0
    await four(world, variants=2)
    await world.engine.step()
    world.clock.turn(2)
    await world.engine.called_back(token(world, 0), "kie1")
    begun = await world.engine._tasks.creates.begin_next()
    assert begun is not None
    await world.engine._tasks.push(begun)
    assert (await world.now(begun)).due_at <= world.clock()


async def test_two_late_callbacks_are_both_answered(world: EngineWorld) -> None:
    task = await four(world)
    await world.engine.step()
    world.api.lose_answer = 2
    await world.work(12 * MINUTE)
    assert told(world, task) == [(None, (0, 1))]
    await world.engine.called_back(token(world, 1), "kie2")
    await world.engine.called_back(token(world, 2), "kie3")
    await world.work(2 * MINUTE)
    (part,) = await world.stores.parts.of_task(task.id)
    assert part.message_id is not None
    assert world.discord.files[part.message_id] == [0, 1, 2, 3]
    assert (await world.now(task)).claimed_job_id is None
    assert len(told(world, task)) == 1


async def test_a_late_callback_of_a_failed_job_is_stored_and_adds_nothing(world: EngineWorld) -> None:
    task = await lost_third(world)
    await world.work(11 * MINUTE)
    world.api.records = {"kie3": Record(status=RecordStatus.FAILED, reason=Reason.POLICY, prompt="a red door")}
    redrawn = len(world.discord.redrawn)
    await world.engine.called_back(token(world, 2), "kie3")
    await world.work(MINUTE)
    assert await missing(world, task) == {Reason.POLICY: 1}
    assert len(world.discord.redrawn) > redrawn, "the message no longer says that it may have been charged"


async def test_a_late_picture_comes_with_an_outcome_that_was_not_delivered_yet(world: EngineWorld) -> None:
    task = await lost_third(world)
    world.discord.closed_routes = set(Route) - {Route.COLLECTED}
    await world.work(11 * MINUTE)
    assert (await world.now(task)).state is TaskState.SETTLED
    await world.engine.called_back(token(world, 2), "kie3")
    await world.work(MINUTE)
    world.discord.closed_routes = set()
    await world.work(4 * HOUR, every=60)
    assert (await world.now(task)).state is TaskState.CLOSED
    (part,) = await world.stores.parts.of_task(task.id)
    assert part.message_id is not None
    assert sorted(world.discord.files[part.message_id]) == [0, 1, 2, 3]
    assert len(told(world, task)) == 1


async def test_a_late_job_of_another_request_is_dropped(world: EngineWorld) -> None:
    task = await lost_third(world)
    await world.work(11 * MINUTE)
    await world.ask("somebody else's door")
    await world.work(10)
    await world.engine.called_back(token(world, 2), "kie5")
    await world.work(MINUTE)
    ended = await world.now(task)
    assert (ended.state, ended.claimed_job_id) == (TaskState.CLOSED, None)
    await world.engine.called_back(token(world, 2), "kie3")
    await world.work(2 * MINUTE)
    assert len(await pictures(world, task)) == 4


async def test_a_late_record_that_is_never_readable_is_given_up_after_a_day(world: EngineWorld) -> None:
    task = await lost_third(world)
    await world.work(11 * MINUTE)
    world.api.records = {"kie3": Record(status=RecordStatus.MISSING)}
    await world.engine.called_back(token(world, 2), "kie3")
    await world.work(25 * HOUR, every=HOUR)
    ended = await world.now(task)
    assert (ended.state, ended.claimed_job_id, len(told(world, task))) == (TaskState.CLOSED, None, 1)


async def test_a_late_callback_after_a_doubtful_end_withdraws_the_message_as_of_any_task(world: EngineWorld) -> None:
    world.api.next_create = [None, Unconfirmed("timeout")]
    world.api.records = {"kie1": Record(status=RecordStatus.FAILED, reason=Reason.POLICY)}
    task = await four(world, variants=2)
    await world.work(12 * MINUTE)
    assert told(world, task) == [(Reason.UNCONFIRMED, ())]
    world.api.taken.append(CreateRequest(request=PictureRequest(prompt="a red door")))
    world.api._done_at["kie2"] = (world.clock(), 1)
    second = (await world.stores.creates.of_task(task.id))[1]
    assert await world.stores.creates.put_in_question(
        second, job_id="kie2", reason=Reason.UNCONFIRMED, now=world.clock()
    )
    await world.work(MINUTE)
    assert told(world, task) == [(Reason.UNCONFIRMED, ()), (None, (0,))]
    assert await missing(world, task) == {Reason.POLICY: 1}
    assert await states(world, task) == [CreateState.FAILED, CreateState.DONE]


async def test_a_callback_during_the_last_look_still_adds_its_picture(world: EngineWorld) -> None:
    world.api.seconds = 11 * MINUTE
    task = await lost_third(world)
    await world.work(10 * MINUTE + 30)
    record, called = world.api.record, list[bool]()

    async def called_back_meanwhile(job_id: str, form: str = WireForm.FOUR_O) -> Record:
        answer = await record(job_id, form)
        if not called and answer.status is RecordStatus.SUCCEEDED and job_id == "kie4":
            called.append(await world.engine.called_back(token(world, 2), "kie3"))
        return answer

    world.api.record = called_back_meanwhile  # type: ignore[method-assign]  # this job is slow
    await world.work(30 * MINUTE)
    assert called == [True]
    await world.work(2 * HOUR, every=60)
    assert len(await pictures(world, task)) == 4


async def test_an_answer_to_a_process_without_its_lease_is_not_taken_for_the_next_create(world: EngineWorld) -> None:
    task = await four(world, variants=2)
    first = world.engine
    begun = await first._tasks.creates.begin_next()
    assert begun is not None
    second, create = world._new_engine(), world.api.create

    async def frozen(request: CreateRequest) -> str:
        job_id = await create(request)
        world.api.create = create  # type: ignore[method-assign]  # once
        world.clock.turn(61)
        world.engine = second
        await second.step()
        assert await second.called_back(token(world, 0), "kie1")
        world.api.lose_answer, world.api.seconds = 1, 600
        for _ in range(3):
            await second.step()
        return job_id

    world.api.create = frozen  # type: ignore[method-assign]  # its process is frozen for a minute
    await first._tasks.push(begun)
    await world.work(15 * MINUTE)
    found = await pictures(world, task)
    assert len(found) == len(set(found)) > 0


async def test_a_claimed_job_that_raises_an_unexpected_error_does_not_hold_up_the_others(world: EngineWorld) -> None:
    task = await lost_third(world)
    record = world.api.record

    async def odd(job_id: str, form: str = WireForm.FOUR_O) -> Record:
        if job_id == "kie3":
            raise RuntimeError("a defect")
        return await record(job_id, form)

    world.api.record = odd  # type: ignore[method-assign]  # for one job
    await world.engine.called_back(token(world, 2), "kie3")
    await world.work(HOUR, every=20)
    assert told(world, task) == [(None, (0, 1, 2))]


async def test_one_create_without_an_answer_may_have_cost_the_price_of_one(world: EngineWorld) -> None:
    world.api.lose_answer = 1
    task = await four(world)
    await world.work(11 * MINUTE)
    assert len(world.api.created) == 1
    assert cost(texts_in("en-US"), await world.now(task), 0) == ["may have cost 0.8 credits"]
