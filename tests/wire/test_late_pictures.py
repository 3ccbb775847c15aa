"""A host refuses a picture for an hour: with the image API's emulator and a stand-in Discord over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from pydantic import SecretStr

from bot.kie.client import KieClient
from sandbox.kie import Emulator
from storage.models import Task, TaskState
from tests.faults.image_api_world import RESULT, Door, gives
from tests.wire.components import walked
from tests.wire.messages import Doing
from tests.wire.refusals import refusal
from tests.wire.traps import Moment
from tests.worlds.discord_world import DiscordWorld, open_discord_world

REFUSED = gives("error code: 1010", 403, "text/plain")
EDIT = "PATCH */channels/*/messages/*"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DiscordWorld]:
    async with open_discord_world(tmp_path) as opened:
        yield opened


@pytest.fixture
async def door(world: DiscordWorld) -> AsyncIterator[Door]:
    """Run the image API's emulator behind a `Door`, in which traps can be set."""
    door, clock = Door(), world.discord.clock
    emulator = Emulator(seconds=4, shrink=32, clock=lambda: clock.now() / 1000, middlewares=door.middlewares)
    async with emulator, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        key, url = SecretStr("key"), emulator.url
        client = KieClient(session, api_key=key, api_url=url, upload_url=url, result_hosts=("results.test",))
        world.api = cast("Any", client)
        await world.restart()
        yield door


async def told_as_a_link(world: DiscordWorld, door: Door, **options: Any) -> Task:
    """Return a closed task of two pictures, the second of which is refused at every address."""
    door.traps.lay("GET /s/*_1_*", Moment.RECEIVED, REFUSED, times=None)
    task, _ = await world.ask(variants=2, **options)
    told = await world.closed(task)
    assert told.state is TaskState.CLOSED
    return told


async def passed(world: DiscordWorld, *, minutes: int) -> None:
    for _ in range(minutes):
        await world.engine.late_pictures.step()
        await world.engine.step_outbox()
        world.discord.clock.turn(timedelta(minutes=1))


def results(world: DiscordWorld) -> list[dict[str, Any]]:
    """Return the messages with pictures or links to pictures."""
    return [message for message in world.discord.messages.values() if "### " in str(message["components"])]


def texts(message: dict[str, Any]) -> str:
    return "\n".join(part["content"] for _, part in walked(message["components"]) if part["type"] == 10)


def alt_texts(message: dict[str, Any]) -> list[str]:
    return [
        item["description"] for _, part in walked(message["components"]) if part["type"] == 12 for item in part["items"]
    ]


def names(message: dict[str, Any]) -> list[str]:
    return [attachment["filename"].rpartition(".")[0].rpartition("-")[2] for attachment in message["attachments"]]


@pytest.mark.sweep
async def test_a_host_that_refuses_for_an_hour_ends_with_the_picture_in_the_message_once(
    world: DiscordWorld, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    task = await told_as_a_link(world, door)
    (before,) = results(world)
    assert (names(before), len(alt_texts(before))) == (["1"], 1)
    assert "I’ll keep trying" in texts(before)
    assert "until=" not in str(before), "an address for 20 minutes is told nobody"
    await passed(world, minutes=40)
    await world.restart()
    await passed(world, minutes=20)
    door.traps.clear()
    await passed(world, minutes=100)
    (after,) = results(world)
    assert after["id"] == before["id"]
    assert names(after) == ["1", "2"]
    assert [text.partition(":")[0] for text in alt_texts(after)] == ["Picture 1 of 2", "Picture 2 of 2"]
    assert "I’ll keep trying" not in texts(after)
    assert world.discord.buttons(after["id"]) == world.discord.buttons(before["id"])
    assert [act.doing for act in await world.outcomes(task)] == [Doing.POSTED, Doing.EDITED]
    assert len([path for path in door.arrived if path.endswith("/generate")]) == 1
    assert not [words for words in ("until=", "X-Amz") if words in capsys.readouterr().out]


@pytest.mark.sweep
async def test_a_private_picture_is_put_into_its_answer_while_that_can_be_edited(
    world: DiscordWorld, door: Door
) -> None:
    await told_as_a_link(world, door, private=True)
    (before,) = results(world)
    assert names(before) == ["1"]
    door.traps.clear()
    await passed(world, minutes=10)
    (after,) = results(world)
    assert (after["id"], names(after)) == (before["id"], ["1", "2"])


@pytest.mark.sweep
async def test_a_private_picture_whose_answer_has_run_out_comes_directly_once(world: DiscordWorld, door: Door) -> None:
    await told_as_a_link(world, door, private=True)
    (before,) = results(world)
    await passed(world, minutes=15)
    await world.restart()
    door.traps.clear()
    await passed(world, minutes=100)
    first, apart = results(world)
    assert (names(first), names(apart)) == (["1"], ["2"])
    assert apart["channel_id"] != before["channel_id"]
    assert "The missing picture is here" in texts(apart)
    assert "a red door" in texts(apart)
    assert [text.partition(":")[0] for text in alt_texts(apart)] == ["Picture 2 of 2"]
    assert world.discord.buttons(apart["id"])


@pytest.mark.sweep
async def test_a_late_picture_that_discord_finds_too_large_is_tried_smaller_and_then_stays_a_link(
    world: DiscordWorld, door: Door
) -> None:
    await told_as_a_link(world, door)
    refused = world.discord.traps.lay(EDIT, Moment.RECEIVED, refusal(40005), times=3)
    door.traps.clear()
    await passed(world, minutes=10)
    (after,) = results(world)
    assert refused.met == 4
    assert names(after) == ["1"]
    assert "Picture 2](<http" in texts(after)
    assert "I’ll keep trying" not in texts(after)


@pytest.mark.sweep
async def test_an_edit_without_an_answer_is_repeated_and_the_picture_is_there_once(
    world: DiscordWorld, door: Door
) -> None:
    await told_as_a_link(world, door)

    async def gone(_: Any) -> Any:
        return await gives("<html>", 502, "text/html")(_)

    world.discord.traps.lay(EDIT, Moment.DONE, gone, times=5)
    door.traps.clear()
    await passed(world, minutes=20)
    (after,) = results(world)
    assert names(after) == ["1", "2"]


@pytest.mark.sweep
async def test_every_address_of_a_result_is_asked_without_the_key(world: DiscordWorld, door: Door) -> None:
    door.traps.lay(RESULT, Moment.RECEIVED, REFUSED, times=None, when=lambda request: "until" not in request.query)
    keys: list[str | None] = []

    async def noted(request: Any) -> None:
        keys.append(request.headers.get("Authorization"))

    door.traps.lay(RESULT, Moment.RECEIVED, noted, times=None)
    task, _ = await world.ask()
    await world.closed(task)
    assert len(keys) > 6
    assert set(keys) == {None}
    (message,) = results(world)
    assert names(message) == ["1"]
