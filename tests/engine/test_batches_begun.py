"""Propose and begin batches: a batch begins once, with all its tasks, and within every limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import BadChoice, Gone, LimitReached, NotFound, Reason
from storage.models import Limits, Reach
from tests.worlds.engine_batches import WORDS, begun, origin, proposed, tasks_of, work
from tests.worlds.engine_world import EngineWorld, open_engine_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[EngineWorld]:
    async with open_engine_world(tmp_path) as opened:
        opened.discord.clock = opened.clock
        yield opened


async def test_a_proposal_makes_nothing(world: EngineWorld) -> None:
    batch = await proposed(world)
    await work(world, 30)
    assert await tasks_of(world, batch) == ()
    assert world.discord.batch_messages == {}


async def test_the_same_interaction_is_the_same_proposal(world: EngineWorld) -> None:
    asked = world.request()
    first = await world.engine.batches.propose(asked, WORDS)
    assert (await world.engine.batches.propose(asked, WORDS)).batch == first.batch


async def test_its_tasks_differ_in_their_words_alone(world: EngineWorld) -> None:
    picture = world.attach("cat.png", b"")
    batch = await begun(world, size="3:2", variants=2, enhance=True, style="comic", references=(picture,))
    made = await tasks_of(world, batch)
    assert tuple(task.prompt for task in made) == WORDS
    assert [task.batch_position for task in made] == [0, 1, 2]
    assert {(task.size, task.variants, task.enhance, task.style) for task in made} == {("3:2", 2, True, "comic")}
    assert {task.interaction_token for task in made} == {""}
    for task in made:
        assert [reference.filename for reference in await world.stores.references.of_task(task.id)] == ["cat.png"]


async def test_each_task_has_an_interaction_of_its_own_that_tells_the_time_of_the_batchs(world: EngineWorld) -> None:
    batch = await proposed(world)
    click = origin(world, batch)
    made = await tasks_of(world, await world.engine.batches.begin(batch, click, most=20))
    assert len({task.interaction_id for task in made}) == 3
    assert {-task.interaction_id >> 22 for task in made} == {click.interaction_id >> 22}


async def test_however_often_it_is_begun_it_is_begun_once(world: EngineWorld) -> None:
    batch = await proposed(world)
    clicks = [world.engine.batches.begin(batch, origin(world, batch), most=20) for _ in range(3)]
    assert len({begun.begun_at for begun in await asyncio.gather(*clicks)}) == 1
    assert len(await tasks_of(world, batch)) == 3


async def test_it_is_begun_with_what_was_asked_before_the_restart(world: EngineWorld) -> None:
    batch = await proposed(world, private=True, reach=Reach.ANSWER, size="2:3")
    await world.restart()
    assert await world.engine.batches.proposed(batch.id, 7) == batch
    made = await tasks_of(world, await world.engine.batches.begin(batch, origin(world, batch), most=20))
    assert {(task.private, task.reach, task.size) for task in made} == {(True, Reach.ANSWER, "2:3")}


async def test_a_proposal_is_answered_within_a_quarter_of_an_hour(world: EngineWorld) -> None:
    batch = await proposed(world)
    world.clock.turn(15 * 60)
    await world.engine.batches.proposed(batch.id, 7)
    world.clock.turn(1)
    with pytest.raises(Gone) as refused:
        await world.engine.batches.proposed(batch.id, 7)
    assert refused.value.reason is Reason.BATCH_GONE


async def test_a_proposal_is_nobody_elses(world: EngineWorld) -> None:
    batch = await proposed(world)
    with pytest.raises(Gone):
        await world.engine.batches.proposed(batch.id, 8)


async def test_what_is_dropped_is_not_begun_and_what_is_begun_is_not_dropped(world: EngineWorld) -> None:
    batch = await proposed(world)
    await world.engine.batches.drop(batch)
    with pytest.raises(Gone):
        await world.engine.batches.begin(batch, origin(world, batch), most=20)
    with pytest.raises(Gone):
        await world.engine.batches.drop(await begun(world))


async def test_proposals_that_nobody_took_up_are_forgotten_and_begun_ones_are_not(world: EngineWorld) -> None:
    forgotten, kept = await proposed(world), await begun(world)
    world.clock.turn(14 * 60)
    await world.engine.batches.sweep_proposals()
    assert await world.stores.batches.get(forgotten.id) is not None
    world.clock.turn(61)
    await world.engine.batches.sweep_proposals()
    assert await world.stores.batches.get(forgotten.id) is None
    assert await world.stores.batches.get(kept.id) is not None


async def test_what_the_server_allows_by_now_counts(world: EngineWorld) -> None:
    batch = await proposed(world)
    with pytest.raises(BadChoice) as refused:
        await world.engine.batches.begin(batch, origin(world, batch), most=2)
    assert refused.value.parameters == {"allowed": 2}


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(open_tasks_per_user=3, pictures_per_user_per_day=0, pictures_per_day=0), Reason.BATCH_TOO_MANY_OPEN),
        (Limits(open_tasks_per_user=0, pictures_per_user_per_day=7, pictures_per_day=0), Reason.BATCH_TOO_MANY_TODAY),
        (Limits(open_tasks_per_user=0, pictures_per_user_per_day=0, pictures_per_day=7), Reason.BATCH_SERVICE_FULL),
    ],
)
async def test_all_of_it_passes_a_limit_or_nothing_is_made(tmp_path: Path, limits: Limits, reason: Reason) -> None:
    async with open_engine_world(tmp_path, limits=limits) as world:
        await world.ask(variants=2)
        batch = await proposed(world, variants=2)
        with pytest.raises(LimitReached) as refused:
            await world.engine.batches.begin(batch, origin(world, batch), most=20)
        assert refused.value.reason is reason
        assert await tasks_of(world, batch) == ()
        await world.engine.requests.cancel((await world.stores.tasks.of_user(7))[0].id, 7)
        await world.engine.batches.begin(batch, origin(world, batch), most=20)
        assert len(await tasks_of(world, batch)) == 3


async def test_what_is_not_theirs_to_see_is_not_begun_from(world: EngineWorld) -> None:
    parent = await world.ask(private=True, asker_id=8)
    with pytest.raises(NotFound):
        await proposed(world, parent_id=parent.id)
