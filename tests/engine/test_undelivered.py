"""Outcomes that could not be delivered are kept, and handed over when the asker comes for them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.engine.ports import Outcome, Posted
from bot.errors import Conflict, Gone, LimitReached, NotYours, Reason, Unavailable
from storage.models import Limits, OutcomePart, Route, Task, TaskState
from tests.worlds.engine_world import EngineWorld, open_engine_world
from tests.worlds.waiting import eventually

HOUR = 3600.0
DAY = 24 * HOUR


async def kept(world: EngineWorld, prompt: str = "a red door", **changes: object) -> Task:
    world.discord.closed_routes = set(Route) - {Route.COLLECTED}
    task = await world.ask(prompt, **changes)
    await world.work(60, every=4)
    found = await world.now(task)
    assert (found.state, found.undelivered_at is not None) == (TaskState.SETTLED, True)
    return found


async def press(world: EngineWorld, task: Task, by: str = "press", *, acknowledged: bool = True) -> None:
    await world.engine.undelivered.collect(task.id, task.asker_id, by)
    if acknowledged:
        await world.engine.undelivered.acknowledged(task.id, by)


async def test_what_nobody_could_be_told_is_kept_and_the_operator_hears_of_it_once_a_day(world: EngineWorld) -> None:
    await kept(world)
    await kept(world)
    assert world.discord.told_operator == [Reason.NOBODY_TOLD]
    world.clock.turn(DAY)
    await world.engine.step()
    assert world.discord.told_operator == [Reason.NOBODY_TOLD]
    await kept(world)
    assert world.discord.told_operator == [Reason.NOBODY_TOLD] * 2


async def test_it_is_tried_every_few_hours_and_no_more_often(world: EngineWorld) -> None:
    task = await kept(world)
    attempts: list[Route] = []
    post = world.discord.post

    async def counted(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        attempts.append(part.route)
        return await post(outcome, part, uncertain=uncertain)

    world.discord.post = counted  # type: ignore[method-assign]  # counts the posts
    await world.work(DAY - 60, every=60)
    assert attempts.count(Route.CHANNEL) == 7
    assert (await world.now(task)).undelivered_at == task.undelivered_at


async def test_discord_being_down_is_no_reason_to_keep_an_outcome(world: EngineWorld) -> None:
    world.discord.down = True
    task = await world.ask()
    await world.work(600, every=30)
    assert (await world.now(task)).undelivered_at is None
    assert world.discord.told_operator == []


async def test_a_route_that_only_fails_for_now_is_no_reason_either(world: EngineWorld) -> None:
    post = world.discord.post

    async def posted(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        if part.route is Route.DIRECT:
            raise Unavailable("503")
        return await post(outcome, part, uncertain=uncertain)

    world.discord.post = posted  # type: ignore[method-assign]  # direct messages fail
    world.discord.closed_routes = {Route.CHANNEL, Route.ORIGINAL}
    task = await world.ask()
    await world.work(600, every=15)
    assert (await world.now(task)).undelivered_at is None


async def test_a_kept_outcome_does_not_count_against_the_open_tasks(tmp_path: Path) -> None:
    limits = Limits(open_tasks_per_user=1, pictures_per_user_per_day=0, pictures_per_day=0)
    async with open_engine_world(tmp_path, limits=limits) as world:
        await kept(world)
        await world.ask()
        with pytest.raises(LimitReached):
            await world.ask()


async def test_what_was_asked_again_and_is_kept_can_be_asked_again_anew(world: EngineWorld) -> None:
    first = await world.ask()
    await world.work(60, every=4)
    again = await kept(world, again_of=first.id)
    assert (await world.ask(again_of=first.id)).id != again.id


async def test_who_comes_for_it_is_shown_all_of_it_in_one_message(world: EngineWorld) -> None:
    world.discord.pictures_per_message = 1
    task = await kept(world, variants=4)
    await press(world, task)
    await world.engine.step()
    assert [message.pictures for message in world.discord.handed["press"]] == [(0,), (1,), (2,), (3,)]
    assert (await world.now(task)).state is TaskState.CLOSED
    assert world.discord.sent == []
    assert {part.route for part in await world.stores.parts.of_task(task.id)} == {Route.COLLECTED}


async def test_a_failure_is_shown_as_well(world: EngineWorld) -> None:
    task = await kept(world)
    await world.stores.tasks.move(task, TaskState.GENERATING, now=world.clock(), why="adopted", job_id="kie1")
    await world.stores.tasks.settle(
        await world.now(task), now=world.clock(), why="test", reason=Reason.POLICY, due_at=world.clock()
    )
    await world.work(60, every=4)
    await press(world, await world.now(task))
    await world.engine.step()
    assert [message.reason for message in world.discord.handed["press"]] == [Reason.POLICY]


async def test_only_what_was_not_told_yet_is_shown(world: EngineWorld) -> None:
    world.discord.pictures_per_message = 1
    post = world.discord.post

    async def posted(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        if part.number == 1:
            world.discord.closed_routes = set(Route) - {Route.COLLECTED}
        return await post(outcome, part, uncertain=uncertain)

    world.discord.post = posted  # type: ignore[method-assign]  # the channel is closed between two parts
    task = await world.ask(variants=2)
    await world.work(60, every=4)
    await press(world, task)
    await world.engine.step()
    assert [message.pictures for message in world.discord.sent] == [(0,)]
    assert [message.pictures for message in world.discord.handed["press"]] == [(1,)]


async def test_only_the_asker_may_come_for_it(world: EngineWorld) -> None:
    task = await kept(world)
    with pytest.raises(NotYours):
        await world.engine.undelivered.collect(task.id, 8, "press")
    await world.work(60, every=4)
    assert world.discord.handed == {}


async def test_coming_twice_shows_it_once(world: EngineWorld) -> None:
    task = await kept(world)
    await press(world, task)
    with pytest.raises(Conflict) as late:
        await press(world, task, "second")
    assert late.value.reason is Reason.COLLECTED_ALREADY
    await world.engine.step()
    with pytest.raises(Gone) as later:
        await press(world, task, "third")
    assert later.value.reason is Reason.NO_LONGER_KEPT
    await world.work(DAY, every=HOUR)
    assert list(world.discord.handed) == ["press"]


@pytest.mark.parametrize("acknowledged", [False, True])
async def test_a_process_that_dies_after_the_press_shows_it_when_it_is_back(
    world: EngineWorld, acknowledged: bool
) -> None:
    task = await kept(world)
    await press(world, task, acknowledged=acknowledged)
    await world.restart()
    await world.work(30)
    assert [message.task_id for message in world.discord.handed["press"]] == [task.id]
    assert (await world.now(task)).state is TaskState.CLOSED


async def test_an_answer_that_is_lost_is_given_again_in_the_same_place(world: EngineWorld) -> None:
    world.discord.pictures_per_message = 1
    task = await kept(world, variants=2)
    world.discord.lose_answers = 1
    await press(world, task)
    await world.work(60, every=4)
    assert len(world.discord.told) == 2
    assert (await world.now(task)).state is TaskState.CLOSED


async def test_where_the_press_can_no_longer_be_answered_it_is_kept_for_the_next(world: EngineWorld) -> None:
    task = await kept(world)
    world.discord.closed_routes = set(Route)
    await press(world, task)
    await world.work(60, every=4)
    assert (await world.now(task)).collect_token is None
    world.discord.closed_routes = set(Route) - {Route.COLLECTED}
    await press(world, task, "next")
    await world.engine.step()
    assert list(world.discord.handed) == ["next"]


async def test_what_the_channel_takes_again_is_told_there_and_once(world: EngineWorld) -> None:
    task = await kept(world)
    world.discord.closed_routes = set()
    await world.work(4 * HOUR, every=60)
    assert [message.route for message in world.discord.sent] == [Route.CHANNEL]
    with pytest.raises(Gone):
        await press(world, task)


async def test_who_comes_while_it_is_told_in_the_channel_is_told_so(world: EngineWorld) -> None:
    task = await kept(world)
    world.discord.closed_routes = set()
    post = world.discord.post

    async def posted(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        await press(world, task)
        return await post(outcome, part, uncertain=uncertain)

    world.discord.post = posted  # type: ignore[method-assign]  # the asker presses during the post
    await world.work(4 * HOUR, every=60)
    assert [message.route for message in world.discord.told] == [Route.CHANNEL]
    assert world.discord.said_elsewhere == ["press"]
    assert (await world.now(task)).state is TaskState.CLOSED


async def test_who_comes_while_the_channel_refuses_once_more_is_shown_it_at_once(world: EngineWorld) -> None:
    task = await kept(world)
    post, came = world.discord.post, False

    async def posted(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        nonlocal came
        if not came:
            came = True
            await press(world, task)
        return await post(outcome, part, uncertain=uncertain)

    world.discord.post = posted  # type: ignore[method-assign]  # the asker presses during the post
    world.clock.turn(3 * HOUR)
    await world.engine.step()
    await world.engine.step()
    assert list(world.discord.handed) == ["press"]


async def test_what_had_arrived_after_all_is_not_shown_again(world: EngineWorld) -> None:
    world.discord.lose_answers = 1
    task = await world.ask()
    while not world.discord.sent:
        await world.work(2)
    world.discord.closed_routes, world.discord.blind = set(Route) - {Route.COLLECTED}, True
    await world.work(60, every=4)
    assert (await world.now(task)).undelivered_at is not None
    world.discord.blind = False
    await press(world, task)
    await world.engine.step()
    assert len(world.discord.told) == 1
    assert world.discord.said_elsewhere == ["press"]


async def test_the_next_card_and_the_next_outcome_tell_of_all_that_is_kept_newest_first(world: EngineWorld) -> None:
    older = await kept(world)
    newer = await kept(world)
    card = await world.engine.requests.accept(world.request())
    assert card.undelivered == (newer.id, older.id)
    assert (await world.engine.requests.accept(world.request(asker_id=8))).undelivered == ()
    world.discord.closed_routes = set()
    outcomes: list[Outcome] = []
    post = world.discord.post

    async def posted(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        outcomes.append(outcome)
        return await post(outcome, part, uncertain=uncertain)

    world.discord.post = posted  # type: ignore[method-assign]  # records the outcomes
    await world.work(60, every=4)
    assert [outcome.undelivered for outcome in outcomes if outcome.task.asker_id == 7] == [(newer.id, older.id)]
    assert world.discord.shown[-1].undelivered in {(newer.id, older.id), ()}


async def test_what_is_on_its_way_to_its_asker_is_not_offered_again(world: EngineWorld) -> None:
    task = await kept(world)
    await press(world, task)
    assert (await world.engine.requests.accept(world.request())).undelivered == ()


async def test_an_adoption_takes_a_kept_outcome_back(world: EngineWorld) -> None:
    task = await kept(world)
    await press(world, task, acknowledged=False)
    adopted = await world.stores.tasks.move(
        await world.now(task), TaskState.GENERATING, now=world.clock(), why="adopted", job_id="kie1"
    )
    assert (adopted.undelivered_at, adopted.collect_token, adopted.collect_at) == (None, None, None)


async def test_an_outcome_that_corrects_an_earlier_one_says_so(world: EngineWorld) -> None:
    task = await world.ask()
    corrects: list[bool] = []
    post = world.discord.post

    async def posted(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        corrects.append(outcome.corrects)
        return await post(outcome, part, uncertain=uncertain)

    world.discord.post = posted  # type: ignore[method-assign]  # records the outcomes
    await world.work(60, every=4)
    await world.stores.tasks.move(
        await world.now(task), TaskState.GENERATING, now=world.clock(), why="adopted", job_id="kie1", due_at=0
    )
    await world.work(60, every=4)
    assert corrects == [False, True]


async def test_a_busy_channel_does_not_keep_others_waiting(world: EngineWorld) -> None:
    post, busy, most = world.discord.post, 0, 0

    async def posted(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await eventually(all_fetched)  # the other posts are running or waiting
        for _ in range(20):
            await asyncio.sleep(0)
        busy -= 1
        return await post(outcome, part, uncertain=uncertain)

    async def all_fetched() -> bool:
        found = [picture for task in asked for picture in await world.stores.pictures.of_task(task.id)]
        return len(found) == 6 and all(picture.key for picture in found)

    world.discord.post = posted  # type: ignore[method-assign]  # counts concurrent posts
    asked = [await world.ask(asker_id=number) for number in range(6)]
    await world.work(60, every=4)
    assert len(world.discord.sent) == 6
    assert most == 2


async def test_who_comes_while_only_the_card_is_left_to_do_is_told_that_it_has_come_through(world: EngineWorld) -> None:
    await kept(world)
    world.discord.closed_routes = set()
    remove, came = world.discord.remove_card, False

    async def removed(task: Task) -> None:
        nonlocal came
        if not came:
            came = True
            await press(world, task)
            raise Unavailable("503")
        await remove(task)

    world.discord.remove_card = removed  # type: ignore[method-assign]  # fails once, while the asker presses
    world.clock.turn(3 * HOUR)
    await world.work(60, every=4)
    assert [message.route for message in world.discord.told] == [Route.CHANNEL]
    assert world.discord.said_elsewhere == ["press"]


async def test_a_card_that_stays_a_moment_does_not_take_away_what_was_shown(world: EngineWorld) -> None:
    task = await kept(world)
    remove, failures = world.discord.remove_card, [Unavailable("503")]

    async def removed(task: Task) -> None:
        if failures:
            raise failures.pop()
        await remove(task)

    world.discord.remove_card = removed  # type: ignore[method-assign]  # fails once
    await press(world, task)
    await world.work(60, every=4)
    assert (await world.now(task)).state is TaskState.CLOSED
    assert (list(world.discord.handed), world.discord.said_elsewhere) == (["press"], [])
