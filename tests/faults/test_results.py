"""
Test result addresses that lead nowhere, or to something other than a picture.

The tables are the specification (`tests.hostile.result_hosts`): the fault affects one picture of four. The download is
retried, also with another address. Then the picture is delivered as a link with the others, and added to the message
once it could be downloaded.
"""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from aiohttp import web

from bot.engine.lifecycle.outcome_delivery import FETCH_TRIES, LINK_FROM_TRY
from bot.errors import Reason
from bot.net.results import LARGEST_RESULT
from storage.models import Task, TaskState
from tests.faults.image_api_world import API_HOST, RECORD, ImageWorld, open_image_world, pours
from tests.hostile.result_hosts import ANSWERS, NOT_ALLOWED, Case
from tests.wire.traps import Moment, says
from tests.worlds.stand_in_discord import Message

SECOND_OF_FOUR = "GET /s/*_1_*"
MIB = 1024 * 1024


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in ANSWERS.items()])
@pytest.mark.sampled(every=9)
async def test_a_picture_that_is_there_the_third_time_is_brought_with_the_others(tmp_path: Path, case: Case) -> None:
    async with open_image_world(tmp_path, patient=case.patient) as world:
        world.lay(SECOND_OF_FOUR, Moment.RECEIVED, case.action, times=2 * case.asks)
        task = await world.world.ask(variants=4)
        assert [message.pictures for message in await told(world, task)] == [(0, 1, 2, 3)]
        assert all(
            picture.key and not picture.unfetchable for picture in await world.world.stores.pictures.of_task(task.id)
        )
        assert world.count("/download-url") == 0
        assert world.world.discord.redrawn == []


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in ANSWERS.items()])
@pytest.mark.sampled(every=9)
async def test_a_picture_is_brought_with_the_others_by_another_address(tmp_path: Path, case: Case) -> None:
    async with open_image_world(tmp_path, patient=case.patient) as world:
        refused = world.lay(SECOND_OF_FOUR, Moment.RECEIVED, case.action, times=None, when=by_its_own_address)
        task = await world.world.ask(variants=4)
        assert [message.pictures for message in await told(world, task)] == [(0, 1, 2, 3)]
        ended, found = await world.world.now(task), await world.world.stores.pictures.of_task(task.id)
        assert all(picture.key and not picture.unfetchable for picture in found)
        assert refused.met == LINK_FROM_TRY * case.asks
        assert world.count("/download-url") == 1
        assert not [picture for picture in found if "until=" in picture.url], "it is temporary, and stored nowhere"
        assert (ended.closed_at or 0) - (ended.settled_at or 0) < 90_000


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in ANSWERS.items()])
@pytest.mark.sampled(every=9)
async def test_a_picture_that_comes_hours_later_is_put_into_its_message_once(tmp_path: Path, case: Case) -> None:
    async with open_image_world(tmp_path, patient=case.patient) as world:
        refused = world.lay(SECOND_OF_FOUR, Moment.RECEIVED, case.action, times=None)
        task = await world.world.ask(variants=4)
        await assert_one_is_a_link(world, task)
        assert refused.met == (FETCH_TRIES + 2) * case.asks, "the last two tries ask for another address as well"
        await later(world, hours=1)
        await world.world.restart()
        world.door.traps.clear()
        await later(world, hours=2)
        await later(world, hours=20)
        assert world.world.discord.files == {1: [0, 2, 3, 1]}
        assert [message.pictures for message in world.told(task)] == [(0, 2, 3)], "posted once, and then edited"
        (part,) = await world.world.stores.parts.of_task(task.id)
        assert part.pictures == (0, 1, 2, 3)
        assert world.count("/generate") == 1


@pytest.mark.parametrize(("host", "case"), [pytest.param(*row, id=name) for name, row in NOT_ALLOWED.items()])
@pytest.mark.sampled(every=3)
async def test_the_operator_is_told_once_of_a_host_that_is_not_allowed(tmp_path: Path, host: str, case: Case) -> None:
    async with open_image_world(tmp_path) as world:
        world.lay(SECOND_OF_FOUR, Moment.RECEIVED, case.action, times=None)
        for number in range(2):
            task = await world.world.ask(f"a {number} door", variants=4)
            await assert_one_is_a_link(world, task)
            ended = await world.world.now(task)
            assert (ended.closed_at or 0) - (ended.settled_at or 0) < 5000, "waiting changes no setting"
            await later(world, hours=30)
            await world.world.restart()
        assert world.world.discord.told_operator == [Reason.RESULT_HOST_NOT_ALLOWED]
        assert world.world.discord.told_hosts == [host]
        world.door.traps.clear()
        await later(world, hours=4)
        assert [sorted(files) for files in world.world.discord.files.values()] == [[0, 1, 2, 3]] * 2


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "unannounced"])
@pytest.mark.sweep
async def test_200_mib_are_neither_fetched_nor_kept_in_memory(tmp_path: Path, announced: bool) -> None:
    async with open_image_world(tmp_path) as world:
        action, left = pours(bytes(MIB), 200, announced=announced)
        asked = world.lay(SECOND_OF_FOUR, Moment.RECEIVED, action, times=None)
        task = await world.world.ask(variants=4)
        tracemalloc.start()
        try:
            await assert_one_is_a_link(world, task)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert asked.met == 1, "it does not become smaller"
    assert sum(left) <= (0 if announced else LARGEST_RESULT) + 16 * MIB
    assert peak < (32 * MIB if announced else 2 * LARGEST_RESULT)


async def test_where_nobody_listens_for_a_while_the_picture_is_brought_when_somebody_does(tmp_path: Path) -> None:
    async with open_image_world(tmp_path) as world:

        async def close_once_it_is_done(request: web.Request) -> None:
            if world.emulator.jobs[request.query["taskId"]].outcome(world.clock() / 1000):
                world.roads.closed.add(API_HOST)

        world.lay("GET */record-info", Moment.DONE, close_once_it_is_done, times=None)
        task = await world.world.ask()
        await world.until(task, lambda now: now.state is TaskState.SETTLED and now.failures > 1)
        world.door.traps.clear()
        world.roads.closed.clear()
        assert [message.pictures for message in await told(world, task)] == [(0,)]
        assert all(picture.key for picture in await world.world.stores.pictures.of_task(task.id))


@pytest.mark.parametrize(
    "address",
    [
        "http://results.test/a.png",
        "https://elsewhere.test/a.png",
        "https://results.test.evil.test/a.png",
        "https://user@results.test/a.png",
        "http://127.0.0.1/a.png",
        "http://[::1]/a.png",
        "https://[/a.png",
    ],
)
@pytest.mark.sampled(every=3)
async def test_an_address_that_may_not_be_asked_is_not_asked_and_told_as_it_is(tmp_path: Path, address: str) -> None:
    done = {"successFlag": 1, "response": {"resultUrls": [address]}}
    async with open_image_world(tmp_path) as world:
        world.lay(RECORD, Moment.RECEIVED, says(200, {"code": 200, "data": done}), times=None)
        task = await world.world.ask()
        assert len(await told(world, task)) == 1
        [picture] = await world.world.stores.pictures.of_task(task.id)
        assert picture.unfetchable
        assert not [path for path in world.door.arrived if path.endswith(".png")]


@pytest.mark.parametrize("address", ["ftp://results.test/a.png", "//results.test/a.png", "a.png"])
async def test_what_is_no_web_address_is_no_picture(tmp_path: Path, address: str) -> None:
    done = {"successFlag": 1, "response": {"resultUrls": [address]}}
    async with open_image_world(tmp_path) as world:
        world.lay(RECORD, Moment.RECEIVED, says(200, {"code": 200, "data": done}), times=None)
        task = await world.world.ask()
        ended = await world.ended(task)
        assert (ended.state, ended.reason) == (TaskState.CLOSED, Reason.NO_PICTURES)
        assert [message.reason for message in world.told(task)] == [Reason.NO_PICTURES]


def by_its_own_address(request: web.Request) -> bool:
    return "until" not in request.query


async def later(world: ImageWorld, *, hours: float) -> None:
    """Advance the clock by `hours` and run two steps of the engine."""
    world.clock.turn(hours * 3600)
    for _ in range(2):
        await world.world.engine.step()


async def assert_one_is_a_link(world: ImageWorld, task: Task) -> None:
    assert [message.pictures for message in await told(world, task)] == [(0, 2, 3)]
    found = await world.world.stores.pictures.of_task(task.id)
    assert [picture.position for picture in found if picture.key is None] == [1]
    assert [picture.position for picture in found if picture.unfetchable] == [1]


async def told(world: ImageWorld, task: Task) -> list[Message]:
    """Return the messages with pictures after the task was charged once and delivered within a few minutes."""
    ended = await world.ended(task, within_hours=0.2)
    assert (ended.state, ended.reason, ended.charged) == (TaskState.CLOSED, None, True)
    assert len([create for create in world.emulator.creates if create["prompt"] == task.prompt]) == 1
    return world.told(task)
