"""Several processes on one database share the work by shards: each task is worked on by one of them, creates begin in
one order, and the work of a process that ended goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from bot.engine import due_tasks, engine
from bot.engine.processes import create_turns
from bot.engine.processes.create_turns import PATIENCE_MS
from bot.engine.processes.membership import LEASE_MS
from storage.models import Task, TaskState
from storage.shards import Shards
from tests.engine.test_fair_places import at_work
from tests.worlds.engine_world import EngineWorld, open_engine_worlds, png
from tests.worlds.waiting import eventually

GUILDS = tuple(shard << 22 | 7 for shard in range(4))
"""A server of each shard."""


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[list[EngineWorld]]:
    """Two processes, with shards 0 and 1, and 2 and 3."""
    async with open_engine_worlds(tmp_path, (0, 1), (2, 3)) as worlds:
        yield worlds


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[list[EngineWorld]]:
    """Three processes, with shards 0, 1 and 2; shard 3 has none."""
    async with open_engine_worlds(tmp_path, (0,), (1,), (2,)) as worlds:
        yield worlds


async def worked(worlds: Sequence[EngineWorld], seconds: int = 60) -> None:
    """Let time pass with these processes at work, in turns, every five seconds."""
    for _ in range(seconds // 5):
        for world in worlds:
            await world.engine.membership.beat()
            await world.engine.step()
        for world in worlds:  # again for creates that waited for those of a process after it
            await world.engine.step()
        worlds[0].clock.turn(5)


async def asked(world: EngineWorld, *guild_ids: int | None) -> list[Task]:
    """Make a request in each of these servers, each by another person, one after the other."""
    tasks = []
    for number, guild_id in enumerate(guild_ids):
        tasks.append(await world.ask(f"picture {number}", guild_id=guild_id, asker_id=number + 1))
        world.clock.turn(0.01)
    return tasks


async def states(world: EngineWorld, tasks: Sequence[Task]) -> list[TaskState]:
    return [(await world.now(task)).state for task in tasks]


def prompts(world: EngineWorld) -> list[str]:
    return [request.request.prompt for request in world.api.taken]


async def test_each_task_is_worked_on_by_the_process_of_its_shard(two: list[EngineWorld]) -> None:
    first, second = two
    tasks = await asked(first, *GUILDS, None)
    await second.engine.step()
    assert await states(first, tasks) == [TaskState.QUEUED] * 5
    await worked(two)
    assert await states(first, tasks) == [TaskState.CLOSED] * 5
    assert sorted(message.task_id for message in first.discord.sent) == sorted(task.id for task in tasks)
    assert len(first.api.taken) == 5
    assert {card.task.guild_id for card in first.discord.shown} == {GUILDS[0], GUILDS[1], None}
    assert {card.task.guild_id for card in second.discord.shown} == {GUILDS[2], GUILDS[3]}


async def test_creates_begin_in_one_order_over_all_processes(two: list[EngineWorld]) -> None:
    first, second = two
    await asked(first, *[GUILDS[shard] for shard in (2, 0, 0, 3, 1, 2, 2, 0)])
    begun: list[set[str]] = []
    for world in [first, second] * 5:
        before = len(prompts(first))
        await world.engine.step()
        begun.append(set(prompts(first)[before:]))
    in_turn = [{0}, {1, 2}, {3}, {4}, {5, 6}, {7}]
    assert [made for made in begun if made] == [{f"picture {number}" for number in turn} for turn in in_turn]


async def test_a_process_leaves_the_next_create_to_the_process_whose_it_is(two: list[EngineWorld]) -> None:
    first, second = two
    await asked(first, GUILDS[2], GUILDS[0])
    await first.engine.step()
    assert prompts(first) == []
    await second.engine.step()
    await first.engine.step()
    assert prompts(first) == ["picture 0", "picture 1"]


async def test_creates_of_a_process_that_does_not_begin_them_hold_up_the_others_for_two_seconds(
    two: list[EngineWorld],
) -> None:
    first, second = two
    await asked(first, *[GUILDS[shard] for shard in (2, 3, 2, 0, 3, 1)])
    await first.engine.step()
    first.clock.turn(PATIENCE_MS / 1000 - 0.001)
    await first.engine.step()
    assert prompts(first) == []
    first.clock.turn(0.001)
    await first.engine.step()
    assert sorted(prompts(first)) == ["picture 3", "picture 5"]
    await second.engine.step()
    assert sorted(prompts(first)[2:]) == ["picture 0", "picture 1", "picture 2", "picture 4"]


async def test_a_process_that_left_the_next_create_to_another_goes_on_without_it(two: list[EngineWorld]) -> None:
    """While it leaves the create to the other process, it does not ask again whose it is."""
    first, _ = two
    await asked(first, GUILDS[2], GUILDS[0])
    asks = 0
    upcoming = first.stores.creates.upcoming

    async def counted(*args: Any, **given: Any) -> Task | None:
        nonlocal asks
        asks += 1
        return await upcoming(*args, **given)

    first.stores.creates.upcoming = counted  # type: ignore[method-assign]  # to count the reads
    for _ in range(9):
        await first.engine._tasks.start_due()
        await asyncio.gather(*first.engine._tasks.steps)
        first.clock.turn(0.25)
    assert prompts(first) == ["picture 1"]
    assert asks <= 4


async def test_a_full_window_counts_against_no_process(two: list[EngineWorld]) -> None:
    """While no create can begin, the order is kept however long it lasts."""
    first, second = two
    await asked(first, *[GUILDS[0]] * 20, GUILDS[2], GUILDS[0])
    for _ in range(20):  # a step begins a few
        await first.engine.step()
    assert len(prompts(first)) == 20
    for _ in range(24):  # the window has room for the last second of these twelve
        first.clock.turn(0.5)
        await first.engine.step()
        assert len(prompts(first)) == 20
    await second.engine.step()
    await first.engine.step()
    assert prompts(first)[20:] == ["picture 20", "picture 21"]


async def test_a_pause_of_the_image_api_counts_against_no_process(two: list[EngineWorld]) -> None:
    first, second = two
    await asked(first, GUILDS[2], GUILDS[0])
    await first.engine.step()
    await first.stores.creates.throttled(until=first.clock() + PATIENCE_MS)
    first.clock.turn(PATIENCE_MS / 2000)
    await first.engine.step()
    first.clock.turn(PATIENCE_MS / 1000)
    await first.engine.step()
    assert prompts(first) == []
    await second.engine.step()
    await first.engine.step()
    assert prompts(first) == ["picture 0", "picture 1"]


async def test_a_process_waits_for_no_other_once_each_works_on_all_shards(two: list[EngineWorld]) -> None:
    first, second = two
    await first.engine.membership.beat()
    (task,) = await asked(second, GUILDS[2])
    assert first.engine._tasks.turns.follows(task) == second.engine.membership.id
    second.shard_ids = ()
    await second.restart()
    await first.engine.membership.beat()
    assert first.engine.membership.shards is None
    assert not first.engine._tasks.turns.is_others
    assert not first.engine._tasks.turns.left_for


async def test_the_leader_works_for_a_shard_without_a_process(three: list[EngineWorld]) -> None:
    tasks = await asked(three[0], GUILDS[3], GUILDS[1])
    await worked(three)
    assert await states(three[0], tasks) == [TaskState.CLOSED] * 2
    assert GUILDS[3] in {card.task.guild_id for card in three[0].discord.shown}
    assert len(three[0].discord.sent) == 2


async def test_the_work_of_a_process_that_was_killed_goes_on(three: list[EngineWorld]) -> None:
    """The process that leads is killed with tasks in every state; it does not leave."""
    first, *others = three
    tasks = await asked(first, *[GUILDS[0]] * 3, GUILDS[1])
    await worked(three, 5)
    tasks += await asked(first, *[GUILDS[0]] * 3)
    await worked(others, 5)
    assert TaskState.CLOSED not in await states(first, tasks)
    await worked(others, LEASE_MS // 1000 + 60)
    assert await states(first, tasks) == [TaskState.CLOSED] * 7
    assert sorted(message.task_id for message in first.discord.sent) == sorted(task.id for task in tasks)
    assert len(first.api.taken) == 7
    assert [world.engine.membership.is_leader for world in three] == [False, True, False]


async def test_the_work_of_a_process_that_stops_goes_on_at_once(two: list[EngineWorld]) -> None:
    first, second = two
    hanging = first.attach("slow.png", asyncio.Event())
    task = await first.ask(guild_id=GUILDS[0], references=(hanging,))
    async with at_work(first):
        await first.fetching.wait()
        assert (await first.now(task)).owner == first.engine.membership.id
    second.attachments["slow.png"] = png()
    await second.engine.membership.beat()
    assert second.engine.membership.living == 1
    assert (await first.now(task)).owner is None
    await worked([second])
    assert (await states(first, [task])) == [TaskState.CLOSED]


async def test_the_card_of_a_task_is_updated_by_one_process(three: list[EngineWorld]) -> None:
    tasks = await asked(three[0], *GUILDS, None, *[GUILDS[0]] * 20)
    for world in three:
        world.discord.shown.clear()
    async with AsyncExitStack() as stack:
        for world in three:
            await stack.enter_async_context(at_work(world))
        await eventually(lambda: shown(three, tasks))
    by_process = [{card.task.id for card in world.discord.shown} for world in three]
    assert sum(len(ids) for ids in by_process) == len(set().union(*by_process)) == len(tasks)


async def shown(worlds: Sequence[EngineWorld], tasks: Sequence[Task]) -> bool:
    found: set[str] = {card.task.id for world in worlds for card in world.discord.shown}
    return found >= {task.id for task in tasks}


async def test_places_in_the_queue_count_the_tasks_of_all_shards(two: list[EngineWorld]) -> None:
    first, second = two
    tasks = await asked(first, GUILDS[0], GUILDS[2], GUILDS[1], GUILDS[3])
    found = await first.stores.queue.with_changing_cards(limit=3, shards=second.engine.membership.shards)
    assert [(place, task.id) for place, task in found.queued] == [(2, tasks[1].id)]
    assert [place for place, _ in (await first.stores.queue.with_changing_cards(limit=9)).queued] == [1, 2, 3, 4]


@pytest.fixture
async def awake(two: list[EngineWorld], monkeypatch: pytest.MonkeyPatch) -> list[EngineWorld]:
    """Two processes that look for work, and at each other, only when they are woken."""
    for module, constant in ((due_tasks, "IDLE_SECONDS"), (due_tasks, "BUSY_SECONDS"), (engine, "BEAT_SECONDS")):
        monkeypatch.setattr(module, constant, 600.0)
    monkeypatch.setattr(create_turns, "LOOK_SECONDS", 600.0)
    for world in two:
        await heard_of(world)
    return two


async def test_a_process_is_woken_for_the_create_that_is_next(awake: list[EngineWorld]) -> None:
    first, second = awake

    async def are_taken() -> bool:
        return prompts(first) == ["picture 0", "picture 1"]

    async with at_work(first), at_work(second):
        await asked(first, GUILDS[2], GUILDS[0])
        await eventually(are_taken)


async def test_a_process_hears_of_its_create_with_the_one_before(two: list[EngineWorld]) -> None:
    first, second = two
    heard: list[str] = []
    first.database.notices.listen(heard.append)
    await heard_of(first)
    await asked(first, GUILDS[2], GUILDS[0])
    assert await second.engine._tasks.creates.begin_next() is not None

    async def is_heard() -> bool:
        return f"create of {first.engine.membership.id}" in heard

    await eventually(is_heard)


async def test_a_callback_that_reaches_another_process_wakes_the_one_that_polls(tmp_path: Path) -> None:
    async with open_engine_worlds(tmp_path, (0, 1), (2, 3), callbacks="https://bot.test/callbacks/kie/") as worlds:
        first, second = worlds
        task = await second.ask(guild_id=GUILDS[2])
        await second.engine.step()
        assert (await first.now(task)).state is TaskState.GENERATING
        heard: list[str] = []
        second.database.notices.listen(heard.append)
        await heard_of(second)
        first.clock.turn(31)
        token = first.api.taken[0].callback_url
        assert token is not None
        assert await first.engine.called_back(token.rpartition("/")[2], "kie1")
        assert not await first.engine.called_back("unknown", "kie1")

        async def is_woken() -> bool:
            return f"work of {second.engine.membership.id}" in heard

        await eventually(is_woken)


async def heard_of(world: EngineWorld) -> None:
    async def hears() -> bool:
        return world.database.notices.complete

    await eventually(hears)


async def test_a_process_takes_over_at_once_when_another_leaves(awake: list[EngineWorld]) -> None:
    first, second = awake
    every = Shards(count=4, ids=frozenset(range(4)))

    async def leads() -> bool:
        return second.engine.membership.is_leader and second.engine.membership.shards == every

    async def is_taken() -> bool:
        return prompts(first) == ["a red door"]

    second.attachments["slow.png"] = png()
    await first.ask(guild_id=GUILDS[0], references=(first.attach("slow.png", asyncio.Event()),))
    async with at_work(second):
        async with at_work(first):
            await first.fetching.wait()
            assert not await leads()
        await eventually(leads)
        await eventually(is_taken)
