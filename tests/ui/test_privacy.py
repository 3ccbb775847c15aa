"""Tests for `/privacy`: stored data about a person is shown and exported to that person only."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from typing import Any

import pytest

from storage.community import Setting
from tests.imaging.picture_files import file_of, noise
from tests.worlds.bot_world import PHOTO, BotWorld


async def test_people_see_how_much_is_stored_about_them_alone_even_after_a_restart(world: BotWorld) -> None:
    await world.ask("a red door")
    await world.bob.slash(world.channel, "imagine", prompt="a blue door")
    await world.restart()
    shown = await world.alice.slash(world.channel, "privacy show")
    assert shown.ephemeral
    assert shown.response is not None
    assert "Requests: 1" in shown.response.content
    assert "90 days" in shown.response.content


async def test_the_file_holds_their_own_words_and_pictures_and_no_token(world: BotWorld) -> None:
    await world.ask("a red door")
    await world.bob.slash(world.channel, "imagine", prompt="a blue door")
    await world.work()
    task = await world.only_task()
    people = world.client.services.stores.people
    text = json.dumps(await people.rows(world.alice.id))
    assert "a red door" in text
    assert "a blue door" not in text
    assert str(world.bob.id) not in text
    assert "http" not in text
    assert task.interaction_token not in text
    assert len(await people.copies(world.alice.id)) == 1


async def test_the_file_is_for_them_alone(world: BotWorld) -> None:
    await world.ask("a red door")
    await world.work()
    exported = await world.alice.slash(world.channel, "privacy export")
    assert exported.ephemeral
    assert exported.response is not None
    (attached,) = exported.response.attachments
    data = getattr(attached, "data", None) or await attached.read()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert json.loads(archive.read("data.json"))["tasks"][0]["prompt"] == "a red door"
        assert archive.namelist()[:2] == ["data.json", "README.txt"]
        assert len(archive.namelist()) == 3


# -- export in several files -------------------------------------------------------------------------------------------


async def exported(world: BotWorld) -> list[zipfile.ZipFile]:
    answered = await world.alice.slash(world.channel, "privacy export")
    told = {answer.id: answer for answer in [answered.response, *answered.followups] if answer is not None}
    files = [file for answer in told.values() for file in answer.attachments]
    return [zipfile.ZipFile(io.BytesIO(await file.read())) for file in files]


async def test_pictures_that_find_no_room_come_in_further_files(
    world: BotWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [file_of(noise(40, 24))] * 4
    monkeypatch.setattr(sys.modules["cogs.privacy"], "BYTES_PER_MESSAGE", 256 * 1024 + 2500 + len(pictures[0]))
    world.api.next_fetch = [*pictures]
    await world.ask("a red door", variants=4)
    await world.work()
    opened = await exported(world)
    assert len(opened) > 1
    names = [name for archive in opened for name in archive.namelist()]
    assert names[:2] == ["data.json", "README.txt"]
    assert len(names) == len(set(names)) == 6
    task = await world.only_task()
    for archive in opened:
        for name in archive.namelist():
            if name.startswith("pictures/"):
                assert archive.read(name) == await world.picture_store.get(name)
    assert f"pictures/{task.id}/3" in names


async def test_what_is_too_large_for_any_file_is_counted(world: BotWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["cogs.privacy"], "BYTES_PER_MESSAGE", 256 * 1024 + 10)
    await world.ask("a red door", variants=2)
    await world.work()
    answered = await world.alice.slash(world.channel, "privacy export")
    assert "2 pictures found no room" in answered.followups[-1].content


async def test_times_are_written_as_people_read_them(world: BotWorld) -> None:
    await world.ask("a red door")
    await world.work()
    (opened,) = await exported(world)
    data = json.loads(opened.read("data.json"))
    assert data["tasks"][0]["created_at"].startswith("2027-01-15T")
    assert data["events"][0]["at"].endswith("+00:00")


async def test_everything_of_theirs_is_in_it(world: BotWorld) -> None:
    carol = world.add_moderator()
    await world.alice.slash(world.channel, "reference save", name="me", image=PHOTO)
    await world.stores.guilds.choose(world.guild.id, Setting.MODERATORS, world.channel.id, by=world.alice.id, now=1)
    await carol.slash(world.channel, "imagine", prompt="a blue door")
    await world.work()
    form = await world.alice.select(world.channel.history()[-1], ["report"])
    await world.alice.submit_modal(form, {"why": "it hurts"})
    await world.ask("a secret", private=True)
    await world.work()
    task = await world.only_task()
    found: Any = await world.alice.slash(world.channel, "show", what=task.id)
    await world.alice.click(found.response, label="Publish")
    (opened,) = await exported(world)
    data = json.loads(opened.read("data.json"))
    assert [row["name"] for row in data["sets"]] == ["me"]
    assert [row["why"] for row in data["reports"]] == ["it hurts"]
    assert [row["kind"] for row in data["reposts"]] == ["published"]
    assert len(data["setting_changes"]) == 1
    text = json.dumps(data)
    assert str(carol.id) not in text
    assert "a blue door" not in text
