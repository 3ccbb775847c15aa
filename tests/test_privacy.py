"""`/privacy`: what is stored about a person is shown and handed out to that person alone."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        yield opened


async def test_people_see_how_much_is_stored_about_them_alone_even_after_a_restart(world: World) -> None:
    await world.ask("a red door")
    await world.bob.slash(world.channel, "imagine", prompt="a blue door")
    await world.restart()
    shown = await world.alice.slash(world.channel, "privacy show")
    assert shown.ephemeral
    assert shown.response is not None
    assert "Requests: 1" in shown.response.content
    assert "90 days" in shown.response.content


async def test_the_file_holds_their_own_words_and_pictures_and_no_token(world: World) -> None:
    await world.ask("a red door")
    await world.bob.slash(world.channel, "imagine", prompt="a blue door")
    await world.work()
    task = await world.only_task()
    people = world.client.services.people
    text = json.dumps(await people.rows(world.alice.id))
    assert "a red door" in text
    assert "a blue door" not in text
    assert str(world.bob.id) not in text
    assert "http" not in text
    assert task.interaction_token not in text
    assert len(await people.copies(world.alice.id)) == 1


async def test_the_file_is_for_them_alone(world: World) -> None:
    await world.ask("a red door")
    await world.work()
    exported = await world.alice.slash(world.channel, "privacy export")
    assert exported.ephemeral
    assert exported.response is not None
    (attached,) = exported.response.attachments
    data = getattr(attached, "data", None) or await attached.read()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert json.loads(archive.read("data.json"))["tasks"][0]["prompt"] == "a red door"
        assert len(archive.namelist()) == 2
