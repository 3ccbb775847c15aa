"""
Addresses of results that lead nowhere, or to something else than a picture.

The table is the specification: one picture of four meets the trouble; the others are brought, and the one that cannot
be is told as a link, after as many tries as may help.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from bot.errors import Reason
from bot.kie.results import LARGEST_RESULT, MOST_REDIRECTS
from storage.models import Task, TaskState
from tests.engine_world import png
from tests.faulty_api import (
    API_HOST,
    RECORD,
    ImageWorld,
    breaks_off,
    breaks_off_after,
    gives,
    open_image_world,
    pours,
    stalls,
)
from tests.stand_in_discord import Message
from tests.wire.traps import Action, Moment, page, says

SECOND_OF_FOUR = "GET /s/*_1_*"
MIB = 1024 * 1024
PICTURE = png("navy", (64, 64))
TRIES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    action: Action
    tries: int = 1
    """How often it is asked for when it stays like that."""
    patient: bool = True


async def leads_to_itself(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": str(request.url)})


def moved(address: str) -> Action:
    return gives("", 302, Location=address)


WILL_NOT_PASS: Mapping[str, Row] = {
    "403": Row(action=page(403, "Forbidden")),
    "410": Row(action=page(410, "Gone")),
    "451": Row(action=page(451, "Unavailable")),
    "a page at 200": Row(action=page(200, "<h1>Log in</h1>")),
    "a text": Row(action=gives("not a picture", kind="text/plain")),
    "JSON": Row(action=gives('{"code":404}')),
    "moved to another host": Row(action=moved("https://elsewhere.test/a.png")),
    "moved to a host that ends alike": Row(action=moved("https://evilresults.test/a.png")),
    "moved to an allowed host without TLS": Row(action=moved("http://results.test/a.png")),
    "moved to this machine": Row(action=moved("http://127.0.0.1:22/")),
    "moved to the cloud's own address": Row(action=moved("http://169.254.169.254/latest/meta-data/")),
    "moved to a file": Row(action=moved("file:///etc/passwd")),
    "moved for ever": Row(action=leads_to_itself, tries=MOST_REDIRECTS + 1),
}
MAY_PASS: Mapping[str, Row] = {
    "404": Row(action=page(404, "Not Found"), tries=TRIES),
    "408": Row(action=page(408, "Timeout"), tries=TRIES),
    "429": Row(action=page(429, "Slow down"), tries=TRIES),
    "500": Row(action=page(500, "Oops"), tries=TRIES),
    "503": Row(action=page(503, "Later"), tries=TRIES),
    "not one byte": Row(action=gives(b"", kind="image/png"), tries=TRIES),
    "a text that calls itself a picture": Row(action=gives("not a picture", kind="image/png"), tries=TRIES),
    "an SVG": Row(action=gives("<svg xmlns='http://www.w3.org/2000/svg'/>", kind="image/svg+xml"), tries=TRIES),
    "half of it, rightly announced": Row(action=gives(PICTURE[: len(PICTURE) // 2], kind="image/png"), tries=TRIES),
    "a picture cut short": Row(action=breaks_off_after(PICTURE[:40], len(PICTURE), "image/png"), tries=TRIES),
    "broken off": Row(action=breaks_off, tries=2 * TRIES),  # aiohttp asks once more by itself
    "silence": Row(action=stalls(), tries=TRIES, patient=False),
    "silence halfway": Row(action=stalls(PICTURE[:40], len(PICTURE), "image/png"), tries=TRIES, patient=False),
}  # fmt: skip


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in {**WILL_NOT_PASS, **MAY_PASS}.items()])
async def test_a_picture_that_cannot_be_fetched_is_told_as_a_link_beside_the_others(tmp_path: Path, row: Row) -> None:
    async with open_image_world(tmp_path, patient=row.patient) as world:
        asked = world.lay(SECOND_OF_FOUR, Moment.RECEIVED, row.action, times=None)
        task = await world.world.ask(variants=4)
        await assert_one_is_a_link(world, task)
        assert asked.met == row.tries


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in MAY_PASS.items()])
async def test_a_picture_that_is_there_the_second_time_is_brought_with_the_others(tmp_path: Path, row: Row) -> None:
    async with open_image_world(tmp_path, patient=row.patient) as world:
        world.lay(SECOND_OF_FOUR, Moment.RECEIVED, row.action)
        task = await world.world.ask(variants=4)
        assert [message.pictures for message in await told(world, task)] == [(0, 1, 2, 3)]
        assert all(one.key and not one.unfetchable for one in await world.world.tasks.pictures(task.id))


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "unannounced"])
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
    assert asked.met == 1
    assert sum(left) <= (0 if announced else LARGEST_RESULT) + 16 * MIB
    assert peak < (32 * MIB if announced else 2 * LARGEST_RESULT)


async def test_where_nobody_listens_for_a_while_the_picture_is_brought_when_somebody_does(tmp_path: Path) -> None:
    async with open_image_world(tmp_path) as world:
        task = await world.world.ask()
        await world.until(task, lambda now: now.state is TaskState.SETTLED)
        world.roads.closed.add(API_HOST)
        await world.until(task, lambda now: now.failures > 1)
        world.roads.closed.clear()
        assert [message.pictures for message in await told(world, task)] == [(0,)]
        assert all(one.key for one in await world.world.tasks.pictures(task.id))


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
async def test_an_address_that_may_not_be_asked_is_not_asked_and_told_as_it_is(tmp_path: Path, address: str) -> None:
    done = {"successFlag": 1, "response": {"resultUrls": [address]}}
    async with open_image_world(tmp_path) as world:
        world.lay(RECORD, Moment.RECEIVED, says(200, {"code": 200, "data": done}), times=None)
        task = await world.world.ask()
        assert len(await told(world, task)) == 1
        [picture] = await world.world.tasks.pictures(task.id)
        assert picture.unfetchable
        assert not [one for one in world.door.arrived if one.endswith(".png")]


@pytest.mark.parametrize("address", ["ftp://results.test/a.png", "//results.test/a.png", "a.png"])
async def test_what_is_no_web_address_is_no_picture(tmp_path: Path, address: str) -> None:
    done = {"successFlag": 1, "response": {"resultUrls": [address]}}
    async with open_image_world(tmp_path) as world:
        world.lay(RECORD, Moment.RECEIVED, says(200, {"code": 200, "data": done}), times=None)
        task = await world.world.ask()
        ended = await world.ended(task)
        assert (ended.state, ended.reason) == (TaskState.CLOSED, Reason.NO_PICTURES)
        assert [message.reason for message in world.told(task)] == [Reason.NO_PICTURES]


async def assert_one_is_a_link(world: ImageWorld, task: Task) -> None:
    assert [message.pictures for message in await told(world, task)] == [(0, 1, 2, 3)]
    found = await world.world.tasks.pictures(task.id)
    assert [one.position for one in found if one.key is None] == [1]
    assert [one.position for one in found if one.unfetchable] == [1]


async def told(world: ImageWorld, task: Task) -> list[Message]:
    """The messages with pictures, once the task is over: paid once, and told within a few minutes."""
    ended = await world.ended(task, within_hours=0.2)
    assert (ended.state, ended.reason, ended.charged) == (TaskState.CLOSED, None, True)
    assert world.count("/generate") == 1
    return world.told(task)
