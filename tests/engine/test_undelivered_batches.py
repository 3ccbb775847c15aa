"""Batches that could not be delivered are kept, and handed over message by message when the asker comes for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.engine.batch_view import BatchEntryState, BatchView
from bot.engine.ports import Outcome, Posted
from bot.errors import Conflict, Gone, NotFound, NotYours, Reason, Refused
from storage.community import Batch, BatchMessage
from storage.models import OutcomePart, Reach, Route, TaskState
from tests.worlds.engine_batches import DONE, WORDS, Writing, begun, current, shown, tasks_of, work
from tests.worlds.engine_world import KEEP_PICTURES, Crash, Deaths, EngineWorld, open_engine_world

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR
CLOSED = set(Route) - {Route.COLLECTED}
FOUR_TIMES_FOUR = ("a door", "a gate", "a lock", "a key")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[EngineWorld]:
    async with open_engine_world(tmp_path) as opened:
        opened.discord.clock = opened.clock
        yield opened


async def kept(world: EngineWorld, words: tuple[str, ...] = WORDS, **changes: Any) -> Batch:
    """Return a complete batch that could not be delivered by any route."""
    world.discord.closed_routes = CLOSED
    batch = await begun(world, words, **changes)
    await work(world, 90)
    assert (await current(world, batch)).undelivered_at is not None
    return batch


async def press(world: EngineWorld, batch: Batch, by: str = "press", *, acknowledged: bool = True) -> None:
    await world.engine.batches.collect(batch.id, 7, by)
    if acknowledged:
        await world.engine.batches.acknowledged(batch.id, by)


async def offered(world: EngineWorld, asker_id: int = 7) -> tuple[str, ...]:
    """Return the batches of which the person's next card tells."""
    return (await world.engine.requests.accept(world.request(asker_id=asker_id))).undelivered_batches


async def test_a_batch_that_nobody_could_be_told_of_is_offered_to_its_asker(world: EngineWorld) -> None:
    older, newer = await kept(world), await kept(world)
    assert await offered(world) == (newer.id, older.id)
    assert await offered(world, 8) == ()
    assert world.discord.told_operator == [Reason.NOBODY_TOLD]


async def test_nothing_is_offered_while_pictures_are_still_made(world: EngineWorld) -> None:
    world.discord.closed_routes = CLOSED
    batch = await begun(world)
    await work(world, 10)
    assert {task.state for task in await tasks_of(world, batch)} == {TaskState.GENERATING}
    assert (await offered(world), world.discord.told_operator) == ((), [])


async def test_a_batch_that_is_complete_after_more_than_a_day_is_offered_too(world: EngineWorld) -> None:
    world.discord.closed_routes, world.api.seconds = CLOSED, 30 * HOUR
    batch = await begun(world)
    await work(world, 31 * HOUR, every=600)
    assert {task.state for task in await tasks_of(world, batch)} == {TaskState.CLOSED}
    assert await offered(world) == (batch.id,)


async def test_after_a_day_it_is_tried_no_more_and_stays_kept(world: EngineWorld) -> None:
    batch = await kept(world)
    await work(world, 26 * HOUR, every=600)
    row = await current(world, batch)
    assert (row.due_at, row.closed_at) == (None, None)
    assert await offered(world) == (batch.id,)


async def test_a_retry_that_arrives_ends_the_notice(world: EngineWorld) -> None:
    batch = await kept(world)
    world.discord.closed_routes = set()
    await work(world, 2 * HOUR, every=MINUTE)
    assert shown(world) == [DONE]
    assert await offered(world) == ()
    with pytest.raises(Gone) as late:
        await press(world, batch)
    assert late.value.reason is Reason.NO_LONGER_KEPT


@pytest.mark.parametrize("private", [False, True])
async def test_each_press_shows_the_next_message_and_the_last_one_ends_it(world: EngineWorld, private: bool) -> None:
    reach = Reach.ANSWER if private else Reach.CHANNEL
    batch = await kept(world, FOUR_TIMES_FOUR, variants=4, private=private, reach=reach)
    await press(world, batch, "first")
    await work(world, 4)
    assert [message.number for message in world.discord.handed_batches.values()] == [0]
    assert await offered(world) == (batch.id,)
    await press(world, batch, "second")
    await work(world, 4)
    first, second = (world.discord.handed_batches[by] for by in ("first", "second"))
    assert (first.number, first.standings, second.number, second.standings) == (0, DONE[:2], 1, DONE[:2])
    assert world.discord.more_to_hand == {"first": True, "second": False}
    assert await offered(world) == ()
    with pytest.raises(Gone):
        await press(world, batch, "third")
    assert (world.discord.batch_messages, world.discord.endings) == ({}, [])
    row = await current(world, batch)
    assert (row.due_at, row.closed_at is None) == (None, False)


async def test_a_batch_that_failed_is_shown_as_well(world: EngineWorld) -> None:
    world.api.next_create = [Refused(400, "no", Reason.POLICY) for _ in WORDS]
    batch = await kept(world)
    await press(world, batch)
    await work(world, 4)
    assert world.discord.handed_batches["press"].standings == (BatchEntryState.FAILED,) * 3


async def test_a_batch_that_its_asker_cancelled_is_not_kept(world: EngineWorld) -> None:
    world.discord.closed_routes = CLOSED
    batch = await begun(world)
    await world.engine.batches.cancel(batch.id, 7)
    await work(world, 60)
    assert (await offered(world), world.discord.told_operator) == ((), [])
    await work(world, 25 * HOUR, every=600)
    row = await current(world, batch)
    assert (row.due_at, row.closed_at is None) == (None, False)


async def test_what_the_asker_has_begun_to_collect_is_posted_nowhere_else(world: EngineWorld) -> None:
    batch = await kept(world, FOUR_TIMES_FOUR, variants=4)
    await press(world, batch)
    await work(world, 4)
    world.discord.closed_routes = set()
    await work(world, 2 * HOUR, every=MINUTE)
    await world.stores.curation.hide((await tasks_of(world, batch))[0].id, hidden=True, now=world.clock())
    await work(world, 60)
    assert (world.discord.batch_messages, world.discord.endings) == ({}, [])
    assert await offered(world) == (batch.id,)


async def test_only_the_asker_may_come_for_it(world: EngineWorld) -> None:
    public, private = await kept(world), await kept(world, private=True, reach=Reach.ANSWER)
    with pytest.raises(NotYours):
        await world.engine.batches.collect(public.id, 8, "press")
    with pytest.raises(NotFound):
        await world.engine.batches.collect(private.id, 8, "press")
    await work(world, 20)
    assert world.discord.handed_batches == {}


async def test_coming_twice_at_a_time_shows_one_message(world: EngineWorld) -> None:
    batch = await kept(world, FOUR_TIMES_FOUR, variants=4)
    await press(world, batch)
    assert await offered(world) == ()
    with pytest.raises(Conflict) as late:
        await press(world, batch, "second")
    assert late.value.reason is Reason.COLLECTED_ALREADY
    await work(world, 60)
    assert list(world.discord.handed_batches) == ["press"]


@pytest.mark.parametrize("acknowledged", [False, True])
async def test_a_process_that_dies_after_the_press_shows_it_when_it_is_back(
    world: EngineWorld, acknowledged: bool
) -> None:
    batch = await kept(world)
    await press(world, batch, acknowledged=acknowledged)
    await world.restart()
    await work(world, 20)
    assert world.discord.handed_batches["press"].standings == DONE


async def test_an_acknowledgement_that_is_noted_late_does_not_replace_what_was_shown(world: EngineWorld) -> None:
    batch = await kept(world, FOUR_TIMES_FOUR, variants=4)
    await press(world, batch, acknowledged=False)
    await work(world, 20)
    await world.engine.batches.acknowledged(batch.id, "press")
    await work(world, 20)
    assert world.discord.handed_batches["press"].number == 0
    assert await offered(world) == (batch.id,)


async def test_an_answer_that_is_lost_is_given_again_in_the_same_place(world: EngineWorld) -> None:
    batch = await kept(world, FOUR_TIMES_FOUR, variants=4)
    world.discord.lose_answers = 1
    await press(world, batch)
    await work(world, 60)
    assert [(by, message.number) for by, message in world.discord.handed_batches.items()] == [("press", 0)]
    assert await offered(world) == (batch.id,)


async def test_where_the_press_can_no_longer_be_answered_it_is_kept_for_the_next(world: EngineWorld) -> None:
    batch = await kept(world)
    world.discord.closed_routes = set(Route)
    await press(world, batch)
    await work(world, 10)
    assert await offered(world) == (batch.id,)
    world.discord.closed_routes = CLOSED
    await press(world, batch, "next")
    await work(world, 4)
    assert list(world.discord.handed_batches) == ["next"]


def press_during_the_post(world: EngineWorld, batch: Batch) -> None:
    """Let the asker come for the batch while its next message is being posted, once."""
    show, came = world.discord.show_batch, False

    async def showing(shared: BatchView, message: BatchMessage, *, uncertain: bool) -> Posted:
        nonlocal came
        if not came:
            came = True
            await press(world, batch)
        return await show(shared, message, uncertain=uncertain)

    world.discord.show_batch = showing  # type: ignore[method-assign]  # the asker presses during the post


async def test_who_comes_while_it_is_posted_in_the_channel_is_told_so(world: EngineWorld) -> None:
    batch = await kept(world)
    world.discord.closed_routes = set()
    press_during_the_post(world, batch)
    await work(world, 2 * HOUR, every=MINUTE)
    assert (shown(world), world.discord.said_elsewhere, world.discord.handed_batches) == ([DONE], ["press"], {})
    assert len(world.discord.endings) == 1


async def test_who_comes_while_the_channel_refuses_once_more_is_shown_it(world: EngineWorld) -> None:
    batch = await kept(world)
    press_during_the_post(world, batch)
    await work(world, HOUR + MINUTE, every=10)
    assert list(world.discord.handed_batches) == ["press"]


async def test_who_comes_between_the_search_for_due_batches_and_the_claim_is_shown_it(world: EngineWorld) -> None:
    batch = await kept(world, private=True, reach=Reach.ANSWER)
    world.clock.turn(HOUR)
    (due,) = await world.stores.batches.outbox.due(now=world.clock(), limit=9)
    await press(world, batch)
    await world.engine.batches.delivery.outbox.do(due)
    await work(world, 4)
    assert list(world.discord.handed_batches) == ["press"]


async def test_what_is_removed_is_not_offered_any_more(world: EngineWorld) -> None:
    batch = await kept(world)
    for task in await tasks_of(world, batch):
        await world.stores.curation.remove(task.id, by=99, now=world.clock())
    with pytest.raises(Gone):
        await press(world, batch)
    await work(world, 4)
    assert await offered(world) == ()


async def test_what_nobody_came_for_is_given_up_with_the_copies(world: EngineWorld) -> None:
    batch = await kept(world)
    await work(world, 25 * HOUR, every=600)
    world.clock.turn((KEEP_PICTURES - timedelta(days=2)).total_seconds())
    await world.engine.batches.sweep_kept()
    assert await offered(world) == (batch.id,)
    world.clock.turn(2 * DAY)
    await world.engine.batches.sweep_kept()
    assert await offered(world) == ()


@pytest.mark.parametrize("removes", [False, True])
async def test_an_erasure_takes_it_away(world: EngineWorld, removes: bool) -> None:
    batch = await kept(world, asker_id=7)
    await press(world, batch, acknowledged=False)
    await world.engine.erasures.ask(7, removes=removes, locale="en-US", token="t")
    await work(world, 3 * HOUR, every=10)
    assert await world.stores.batches.get(batch.id) is None
    assert await world.stores.card_facts.offered([7]) == {}
    assert (world.discord.batch_messages, world.discord.handed_batches) == ({}, {})


async def test_the_outcome_that_follows_tells_of_it_too(world: EngineWorld) -> None:
    batch = await kept(world)
    world.discord.closed_routes = {Route.DIRECT}
    outcomes: list[Outcome] = []
    post = world.discord.post

    async def posted(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        outcomes.append(outcome)
        return await post(outcome, part, uncertain=uncertain)

    world.discord.post = posted  # type: ignore[method-assign]  # records the outcomes
    await world.ask()
    await world.work(60, every=4)
    assert [outcome.undelivered_batches for outcome in outcomes] == [(batch.id,)]
    assert world.discord.shown[-1].undelivered_batches == (batch.id,)


@pytest.mark.sweep
async def test_whatever_it_dies_at_each_message_is_shown_by_one_press(world: EngineWorld) -> None:
    """The process dies after each write and each call to Discord, from the moment at which every route is closed."""
    deaths, at, died = Deaths(), 0, list[bool]()
    plain, world.api.seconds = world.stores, 5.0
    world.wrap = lambda part: deaths.wrap(part) if part is world.discord else part
    batches: Any = Writing(plain.batches, deaths)
    undelivered_batches: Any = Writing(plain.undelivered_batches, deaths)
    world.stores = replace(plain, batches=batches, undelivered_batches=undelivered_batches)
    while deaths.calls >= at:  # a call that is refused by itself does not die, and others follow it
        await world.restart()
        died.append(await _lived_through(world, deaths, at))
        at += 1
    assert sum(died) > 40, f"{sum(died)} deaths"


async def _lived_through(world: EngineWorld, deaths: Deaths, at: int) -> bool:
    deaths.disarm()
    world.discord.closed_routes = CLOSED
    batch = await begun(world, FOUR_TIMES_FOUR[:3], variants=4)
    world.discord.handed_batches.clear()
    deaths.arm(at, after=True)
    died, presses = False, 0
    for _ in range(60):
        try:
            await work(world, 15, every=5)
            row = await current(world, batch)
            if row.closed_at is not None:
                break
            if row.undelivered_at is not None and row.collect_at is None:
                presses += 1
                await press(world, batch, f"press {presses}")
        except Crash:
            died = True
            deaths.disarm()
            await world.restart()
    deaths.disarm()
    assert [message.number for message in world.discord.handed_batches.values()] == [0, 1], f"died at {at}"
    assert (world.discord.batch_messages, world.discord.said_elsewhere) == ({}, [])
    assert Reason.NOBODY_TOLD in world.discord.told_operator
    return died
