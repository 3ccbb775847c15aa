"""A batch is delivered together and once, in spite of crashes, failures and removals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from bot.engine.batch_view import BatchEntryState
from bot.engine.engine import Engine
from bot.engine.outbox.batches import EVERY_MS
from bot.engine.work.picture_work import PictureWork
from bot.errors import NotFound, NotYours, Reason, Refused, TooLate
from bot.imaging.processes import WorkerThreads
from storage.batches import BatchStore
from storage.models import Reach, Route, TaskState
from storage.schema import batch_messages, batches
from tests.worlds.engine_batches import DONE, WORDS, Writing, begun, current, shown, tasks_of, work
from tests.worlds.engine_world import Crash, Deaths, EngineWorld, Meanwhile, open_engine_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[EngineWorld]:
    async with open_engine_world(tmp_path) as opened:
        opened.discord.clock = opened.clock
        yield opened


async def test_it_is_told_in_one_message_and_its_asker_once(world: EngineWorld) -> None:
    batch = await begun(world)
    await work(world, 8)
    assert shown(world) == [(BatchEntryState.MAKING,) * 3]
    await work(world, 60)
    assert shown(world) == [DONE]
    assert len(world.discord.endings) == 1
    assert world.discord.told == []
    assert world.discord.shown == []
    assert {task.state for task in await tasks_of(world, batch)} == {TaskState.CLOSED}
    ended = await current(world, batch)
    assert (ended.due_at, ended.closed_at is None) == (None, False)


async def test_nobody_waits_for_a_card_of_one_of_a_batch(world: EngineWorld) -> None:
    await begun(world)
    await world.engine._cards.show_waiting()
    assert world.discord.shown == []


async def test_originals_are_kept_as_ever(world: EngineWorld) -> None:
    batch = await begun(world)
    await work(world, 60)
    for task in await tasks_of(world, batch):
        (picture,) = await world.stores.pictures.of_task(task.id)
        assert picture.key is not None
        await world.picture_store.get(picture.key)


@pytest.mark.sweep
async def test_a_message_is_edited_no_oftener_than_every_three_seconds(world: EngineWorld) -> None:
    await begun(world)
    await work(world, 90, every=0.5)
    for message in world.discord.batch_messages:
        times = [at for edited, at in world.discord.batch_edits if edited == message]
        assert all(later - earlier >= EVERY_MS for earlier, later in pairwise(times))
    assert shown(world) == [DONE]


async def test_ten_pictures_fill_a_message(world: EngineWorld) -> None:
    await begun(world, tuple(f"door {n}" for n in range(5)), variants=4)
    await work(world, 5)
    assert len(shown(world)) == 1
    await work(world, 90)
    assert shown(world) == [(BatchEntryState.DONE,) * 2, (BatchEntryState.DONE,) * 2, (BatchEntryState.DONE,)]
    assert [message.number for message in world.discord.batch_messages.values()] == [0, 1, 2]


async def test_all_that_failed_is_said_once(world: EngineWorld) -> None:
    world.api.next_create = [Refused(400, "no", Reason.POLICY) for _ in WORDS]
    await begun(world)
    await work(world, 60)
    assert shown(world) == [(BatchEntryState.FAILED,) * 3]
    assert len(world.discord.endings) == 1


async def test_what_waits_is_cancelled_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path, max_in_flight=1) as world:
        batch = await begun(world)
        await work(world, 5)
        taken_back = await world.engine.batches.cancel(batch.id, 7)
        assert (taken_back.cancelled, taken_back.going_on) == (2, 1)
        await work(world, 60)
        assert shown(world) == [(BatchEntryState.DONE, BatchEntryState.CANCELLED, BatchEntryState.CANCELLED)]
        assert len(world.discord.endings) == 1
        assert [task.charged for task in await tasks_of(world, batch)] == [True, False, False]


async def test_nobody_else_cancels_and_nothing_is_cancelled_twice(world: EngineWorld) -> None:
    batch, private = await begun(world), await begun(world, private=True, reach=Reach.ANSWER)
    with pytest.raises(NotYours):
        await world.engine.batches.cancel(batch.id, 8)
    with pytest.raises(NotFound):
        await world.engine.batches.cancel(private.id, 8)
    await world.engine.batches.cancel(batch.id, 7)
    with pytest.raises(TooLate) as refused:
        await world.engine.batches.cancel(batch.id, 7)
    assert refused.value.reason is Reason.BATCH_NOTHING_WAITS


async def test_a_task_that_a_worker_claims_at_that_moment_is_cancelled_with_its_batch(world: EngineWorld) -> None:
    batch = await begun(world)

    async def claimed() -> None:
        for task in await tasks_of(world, batch):
            await world.tasks.change(task, owner="another worker")

    await world.restart_with(Meanwhile(world.tasks, "get", claimed))
    assert (await world.engine.batches.cancel(batch.id, 7)).cancelled == 3


async def test_a_task_whose_create_begins_at_that_moment_goes_on_when_its_batch_is_cancelled(
    world: EngineWorld,
) -> None:
    batch = await begun(world)

    async def one_begins() -> None:
        assert await world.stores.creates.begin("a", world.policy.creates, now=world.clock(), lease_ms=60_000)

    await world.restart_with(Meanwhile(world.tasks, "get", one_begins))
    answer = await world.engine.batches.cancel(batch.id, 7)
    assert (answer.cancelled, answer.going_on) == (2, 1)
    states = [task.state for task in await tasks_of(world, batch)]
    assert states.count(TaskState.SUBMITTING) == 1


async def test_a_task_that_changes_hands_at_every_attempt_is_not_cancelled_for_ever(world: EngineWorld) -> None:
    batch, workers = await begun(world, WORDS[:1]), iter("abcdefgh")

    async def claimed() -> None:
        (task,) = await tasks_of(world, batch)
        await world.tasks.change(task, owner=next(workers))

    await world.restart_with(Meanwhile(world.tasks, "get", claimed, times=8))
    with pytest.raises(TooLate) as refused:
        await world.engine.batches.cancel(batch.id, 7)
    assert refused.value.reason is Reason.BATCH_NOTHING_WAITS


async def test_what_failed_or_was_cancelled_is_cleared_and_the_rest_stays(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path, max_in_flight=1) as world:
        world.api.next_create = [Refused(422, "size error")]
        batch = await begun(world)
        await work(world, 8)
        await world.engine.batches.cancel(batch.id, 7)
        await work(world, 60)
        before = set(shown(world)[0])
        with pytest.raises(NotYours):
            await world.engine.batches.clear(batch.id, 8)
        await world.engine.batches.clear(batch.id, 7)
        await work(world, 10)
        made = await tasks_of(world, batch)
        assert before == {BatchEntryState.FAILED, BatchEntryState.DONE, BatchEntryState.CANCELLED}
        removed, done = BatchEntryState.REMOVED, BatchEntryState.DONE
        assert shown(world) == [tuple(done if task.reason is None and task.charged else removed for task in made)]


async def test_a_message_is_looked_up_by_its_first_picture(world: EngineWorld) -> None:
    world.api.next_create = [Refused(422, "size error")]
    batch = await begun(world)
    await work(world, 60)
    (message_id,) = world.discord.batch_messages
    found = await world.engine.batches.task_of_message(message_id)
    first = next(task for task in await tasks_of(world, batch) if task.reason is None)
    assert found is not None
    assert found.id == first.id
    assert await world.engine.batches.task_of_message(message_id + 1) is None


async def test_a_message_without_a_picture_is_looked_up_by_its_first_task(world: EngineWorld) -> None:
    world.api.next_create = [Refused(422, "size error") for _ in WORDS]
    batch = await begun(world)
    await work(world, 60)
    (message_id,) = world.discord.batch_messages
    found = await world.engine.batches.task_of_message(message_id)
    assert found is not None
    assert found.id == (await tasks_of(world, batch))[0].id


async def test_who_takes_all_of_it_back_hears_nothing_more(world: EngineWorld) -> None:
    batch = await begun(world)
    await world.engine.batches.cancel(batch.id, 7)
    await work(world, 10)
    assert shown(world) == [(BatchEntryState.CANCELLED,) * 3]
    assert world.discord.endings == []
    assert (await current(world, batch)).due_at is None


async def test_a_message_that_somebody_deletes_is_posted_afresh_while_more_is_to_come(world: EngineWorld) -> None:
    await begun(world)
    await work(world, 5)
    (first,) = world.discord.batch_messages
    world.discord.batch_messages.clear()
    await work(world, 60)
    (second,) = world.discord.batch_messages
    assert second != first
    assert shown(world) == [DONE]
    assert len(world.discord.endings) == 1


async def test_what_is_deleted_after_the_end_stays_away(world: EngineWorld) -> None:
    batch = await begun(world)
    await work(world, 60)
    world.discord.batch_messages.clear()
    await world.stores.curation.hide((await tasks_of(world, batch))[0].id, hidden=True, now=world.clock())
    await work(world, 60)
    assert shown(world) == []
    assert (await current(world, batch)).due_at is None


async def test_a_channel_that_closes_after_the_end_of_a_batch_is_no_reason_to_write_elsewhere(
    world: EngineWorld,
) -> None:
    batch = await begun(world)
    await work(world, 60)
    before = dict(world.discord.batch_messages)
    world.discord.closed_routes = {Route.CHANNEL}
    await world.stores.curation.hide((await tasks_of(world, batch))[0].id, hidden=True, now=world.clock())
    await work(world, 60)
    assert world.discord.batch_messages == before
    assert (await current(world, batch)).due_at is None
    assert (await current(world, batch)).route is Route.CHANNEL


async def test_a_batch_that_another_worker_takes_over_is_shown_by_that_one_alone(world: EngineWorld) -> None:
    batch, store = await begun(world), world.stores.batches

    async def taken_over() -> None:
        row = await current(world, batch)
        assert row.due_at is not None
        world.clock.now = row.due_at
        assert await store.outbox.claim(row, now=world.clock(), until=world.clock() + 60_000)

    await work(world, 38)
    taking = Meanwhile(store, "tasks", taken_over)
    world.stores = replace(world.stores, batches=taking.wrap(store))
    await world.restart()
    await store.outbox.resume(now=world.clock())
    shown_before, edits = shown(world), len(world.discord.batch_edits)
    with capture_logs() as logged:
        await world.engine.step_outbox()
    assert taking.times == 0
    assert (shown(world), len(world.discord.batch_edits)) == (shown_before, edits)
    assert [entry["log_level"] for entry in logged if "another worker claimed" in entry["event"]] == ["info"]
    world.clock.turn(60)
    await work(world, 60)
    assert shown(world) == [DONE]
    assert len(world.discord.endings) == 1


async def test_what_is_hidden_or_removed_later_changes_the_message(world: EngineWorld) -> None:
    batch = await begun(world)
    await work(world, 60)
    made = await tasks_of(world, batch)
    edits = len(world.discord.batch_edits)
    await world.stores.curation.hide(made[0].id, hidden=True, now=world.clock())
    await work(world, 10)
    assert len(world.discord.batch_edits) == edits + 1
    await world.stores.curation.remove(made[0].id, by=7, now=world.clock())
    await work(world, 10)
    assert shown(world) == [(BatchEntryState.REMOVED, BatchEntryState.DONE, BatchEntryState.DONE)]
    assert len(world.discord.endings) == 1
    for task in made[1:]:
        await world.stores.curation.remove(task.id, by=7, now=world.clock())
    (message,) = world.discord.batch_messages
    await work(world, 10)
    assert world.discord.deleted == [message, 4000], "and what was said at its end"
    assert (await current(world, batch)).due_at is None


async def test_where_the_channel_is_closed_all_of_it_comes_by_direct_message(world: EngineWorld) -> None:
    await begun(world)
    await work(world, 5)
    world.discord.closed_routes = {Route.CHANNEL}
    await work(world, 60)
    channel, direct = world.discord.batch_messages.values()
    assert (channel.route, direct.route) == (Route.CHANNEL, Route.DIRECT)
    assert direct.standings == DONE
    assert len(world.discord.endings) == 1


async def test_what_only_its_asker_is_to_see_never_goes_to_the_channel(world: EngineWorld) -> None:
    await begun(world, private=True, reach=Reach.ANSWER)
    await work(world, 60)
    assert {message.route for message in world.discord.batch_messages.values()} == {Route.DIRECT}


@pytest.mark.sweep
async def test_where_nobody_can_be_told_it_is_kept_and_told_as_soon_as_a_way_opens(world: EngineWorld) -> None:
    batch = await begun(world)
    world.discord.closed_routes = {Route.CHANNEL, Route.DIRECT}
    await work(world, 90)
    assert {task.state for task in await tasks_of(world, batch)} == {TaskState.CLOSED}
    assert world.discord.told_operator == [Reason.NOBODY_TOLD]
    world.discord.closed_routes = set()
    await work(world, 2 * 60 * 60, every=60)
    assert shown(world) == [DONE]
    assert len(world.discord.endings) == 1


async def test_a_picture_that_is_found_after_all_is_shown_without_another_mention(world: EngineWorld) -> None:
    batch = await begun(world)
    world.api.lose_answer = 1
    await work(world, 60)
    assert shown(world) == [(BatchEntryState.FAILED, BatchEntryState.DONE, BatchEntryState.DONE)]
    assert len(world.discord.endings) == 1
    (failed,) = [task for task in await tasks_of(world, batch) if task.reason is not None]
    await world.stores.tasks.move(failed, TaskState.GENERATING, now=world.clock(), why="found", job_id="kie1")
    await work(world, 60)
    assert shown(world) == [DONE]
    assert len(world.discord.endings) == 1


async def test_rows_that_are_gone_keep_nothing_up(world: EngineWorld) -> None:
    batch = await begun(world)
    await work(world, 5)
    async with world.stores.batches._database.write() as connection:
        await connection.execute(sa.delete(batches).where(batches.c.id == batch.id))
    await work(world, 90)
    assert {task.state for task in await world.stores.tasks.of_user(7)} == {TaskState.CLOSED}


# -- crashes -----------------------------------------------------------------------------------------------------------


@pytest.mark.sweep
async def test_whatever_it_dies_at_all_is_shown_and_told_once(world: EngineWorld) -> None:
    """The process dies after each write and each call to Discord. A death before a call is the same as one after the
    previous call."""
    deaths, died, at = Deaths(), True, 0
    plain, world.api.seconds = world.stores, 5.0
    world.wrap = lambda part: deaths.wrap(part) if part is world.discord else part
    while died:
        mortal: Any = Writing(plain.batches, deaths)
        world.stores = replace(plain, batches=mortal)
        await world.restart()
        died = await _lived_through(world, plain.batches, deaths, at)
        at += 1
    assert at > 20, f"the {at} calls of a whole batch"


async def _lived_through(world: EngineWorld, store: BatchStore, deaths: Deaths, at: int) -> bool:
    deaths.disarm()
    batch = await begun(world, WORDS[:2])
    world.discord.batch_messages.clear()
    world.discord.endings.clear()
    deaths.arm(at, after=True)
    died = False
    for _ in range(30):
        try:
            await work(world, 5, every=5)
        except Crash:
            died = True
            deaths.disarm()
            await world.restart()
        row = await store.get(batch.id)
        if row is not None and row.closed_at is not None and row.due_at is None:
            break
    deaths.disarm()
    (message,) = world.discord.batch_messages.values()
    assert message.standings == DONE[:2]
    assert len(world.discord.endings) == 1
    assert world.discord.told == []
    return died


@pytest.mark.parametrize("lost", [1, 2, 3])
@pytest.mark.sampled(every=3)
async def test_an_answer_that_is_lost_posts_nothing_twice(world: EngineWorld, lost: int) -> None:
    await begun(world)
    world.discord.lose_answers = lost
    await work(world, 20 * 60, every=15)
    assert shown(world) == [DONE]
    assert len(world.discord.endings) == 1


async def test_an_ending_whose_answer_is_lost_is_not_said_again(world: EngineWorld) -> None:
    await begun(world)
    while not world.discord.endings:
        await world.engine.step()
        done = shown(world) == [DONE]
        world.discord.lose_answers = int(done)
        world.clock.turn(1)
    await work(world, 10 * 60, every=10)
    assert len(world.discord.endings) == 1


# -- two processes -----------------------------------------------------------------------------------------------------


@pytest.mark.sweep
async def test_two_engines_tell_it_once(world: EngineWorld) -> None:
    other = Engine(
        stores=world.stores,
        picture_store=world.picture_store,
        api=world.api,
        delivery=world.discord,
        fetch_reference=world._fetch,
        picture_work=PictureWork(WorkerThreads()),
        policy=world.policy,
        clock=world.clock,
    )
    await begun(world)
    for _ in range(90):
        await asyncio.gather(world.engine.step(), other.step())
        world.clock.turn(1)
    assert shown(world) == [DONE]
    assert len(world.discord.endings) == 1


async def test_a_start_takes_up_at_once_what_the_last_process_had_in_hand(world: EngineWorld) -> None:
    store, batch = world.stores.batches, await begun(world)
    (due,) = await store.outbox.due(now=world.clock(), limit=9)
    assert await store.outbox.claim(due, now=world.clock(), until=world.clock() + 120_000)
    await world.restart()
    await world.engine.step()
    assert len(shown(world)) == 1
    async with store._database.read() as connection:
        rows = (await connection.execute(sa.select(batch_messages.c.batch_id))).scalars().all()
    assert rows == [batch.id]
