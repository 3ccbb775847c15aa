"""A process that dies between any two calls while it makes the several creates of one task: none is repeated, none is
lost, and the pictures that came are delivered once."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path

import pytest

from bot.engine.outcomes import outcome_of
from bot.errors import Reason
from storage.models import CreateState, Task, TaskState
from tests.worlds.engine_callbacks import MINUTE, PREFIX
from tests.worlds.engine_world import Crash, Deaths, EngineWorld, open_engine_world

WANTED = 3
LEAST_POINTS = 60


async def asked(world: EngineWorld, point: int) -> Task:
    return await world.ask(f"{point}", model="z-image", variants=WANTED)


async def died(world: EngineWorld, seconds: float) -> bool:
    try:
        await world.work(seconds)
    except Crash:
        return True
    return False


def taken(world: EngineWorld, task: Task) -> list[int]:
    """Return the places of the task's accepted creates among all."""
    return [n for n, request in enumerate(world.api.taken) if request.request.prompt == task.prompt]


async def assert_told_once(world: EngineWorld, task: Task) -> None:
    ended, creates = await world.now(task), await world.stores.creates.of_task(task.id)
    assert ended.state is TaskState.CLOSED, ended
    assert len(taken(world, task)) <= WANTED
    begun = Counter(create.number for create in creates if create.state is not CreateState.REFUSED)
    assert set(begun.values()) <= {1}, "a create was repeated"
    made = await world.stores.pictures.of_task(task.id)
    unknown = [create for create in creates if create.state is CreateState.UNCONFIRMED]
    assert len(unknown) <= 1, "only the create that was being sent can be in doubt"
    told = [message for message in world.discord.told if message.task_id == task.id]
    assert len(told) == 1, told
    if ended.reason is not None:
        assert (ended.reason, made, len(taken(world, task)) <= 1) == (Reason.UNCONFIRMED, (), True)
        return
    assert len({picture.url for picture in made}) == len(made) >= WANTED - 1
    assert len(taken(world, task)) - len(made) in {0, len(unknown)}
    missing = (await outcome_of(world.stores, ended)).missing
    assert missing == ({Reason.UNCONFIRMED: 1} if len(made) < WANTED else {})
    assert told[0].pictures == tuple(range(len(made)))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.sweep
async def test_a_process_that_dies_at_any_call_repeats_and_loses_no_create(tmp_path: Path, after: bool) -> None:
    deaths = Deaths()
    async with open_engine_world(tmp_path) as world:
        world.wrap = deaths.wrap
        world.api.seconds = 5
        points, in_doubt = 0, 0
        while True:
            task = await asked(world, points)
            await world.restart()
            deaths.arm(points, after=after)
            was_killed = await died(world, 60)
            deaths.disarm()
            await world.restart()
            await world.work(120)
            await assert_told_once(world, task)
            in_doubt += CreateState.UNCONFIRMED in {
                create.state for create in await world.stores.creates.of_task(task.id)
            }
            if not was_killed:
                break
            points += 1
        assert points > LEAST_POINTS, f"killed at {points} points only"
        assert in_doubt >= WANTED, "each create was once being sent"


@pytest.mark.parametrize("minutes", [1, 12], ids=["before the end", "after the end"])
@pytest.mark.sweep
async def test_with_callbacks_every_accepted_create_brings_its_picture(tmp_path: Path, minutes: float) -> None:
    deaths = Deaths()
    async with open_engine_world(tmp_path, callbacks=PREFIX) as world:
        world.wrap = deaths.wrap
        world.api.seconds = 5
        points = 0
        while True:
            task = await asked(world, points)
            await world.restart()
            deaths.arm(points, after=True)
            was_killed = await died(world, 60)
            deaths.disarm()
            await world.restart()
            await world.work(minutes * MINUTE)
            for place in taken(world, task):
                token = (world.api.taken[place].callback_url or "").removeprefix(PREFIX)
                assert await world.engine.called_back(token, f"kie{place + 1}")
            await world.work(12 * MINUTE)
            ended, made = await world.now(task), await world.stores.pictures.of_task(task.id)
            assert (ended.state, ended.reason) in {(TaskState.CLOSED, None), (TaskState.CLOSED, Reason.UNCONFIRMED)}
            assert len(made) == len(taken(world, task)), f"killed at call {points}"
            assert all(picture.key is not None for picture in made)
            if not was_killed:
                break
            points += 1
        assert points > LEAST_POINTS, f"killed at {points} points only"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.sweep
async def test_any_call_may_fail_once_and_the_process_mends_it_by_itself(tmp_path: Path, after: bool) -> None:
    deaths = Deaths()
    async with open_engine_world(tmp_path) as world:
        world.wrap = deaths.wrap
        world.api.seconds = 5
        await world.restart()
        for point in range(LEAST_POINTS):
            task = await asked(world, point)
            deaths.arm(point, after=after, fails=True)
            for _ in range(200):
                with contextlib.suppress(OSError):
                    await world.engine.step()
                if (await world.now(task)).state is TaskState.CLOSED:
                    break
                world.clock.turn(2)
            deaths.disarm()
            await assert_told_once(world, task)
