"""Tests for `/privacy`: stored data about a person is shown and exported to that person only."""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from typing import Any

import pytest
from PIL import Image

from bot.ui.privacy import export
from storage.community import Setting
from tests.imaging.picture_files import file_of, noise
from tests.worlds.bot_batches import DOORS, begun, proposed
from tests.worlds.bot_world import PHOTO, BotWorld, texts


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


async def test_questions_that_were_not_answered_are_no_batches(world: BotWorld) -> None:
    people = world.client.services.stores.people
    shown = await world.alice.slash(world.channel, "privacy show")
    assert shown.response is not None
    assert "Questions you haven’t answered: 0" in shown.response.content
    assert "deleted within two hours" not in shown.response.content
    await begun(world)
    await proposed(world, "{a, b} house")
    world.refusal(await world.ask("a blue door", size="16:9"))
    shown = await world.alice.slash(world.channel, "privacy show")
    assert shown.response is not None
    assert "Batches: 1\n" in shown.response.content
    assert "Questions you haven’t answered: 2\n" in shown.response.content
    assert "A question that isn’t answered is deleted within two hours." in shown.response.content
    rows = await people.rows(world.alice.id)
    assert [row["prompt"] for row in rows["batches"]] == [DOORS]
    assert sorted(row["prompt"] for row in rows["proposals"]) == ["a blue door", "{a, b} house"]
    asked = await world.alice.slash(world.channel, "privacy erase")
    assert "Questions you haven’t answered: 2" in texts(asked.response)
    world.clock.turn(16 * 60)
    await world.engine.batches.sweep_proposals()
    counts = (await people.holdings(world.alice.id)).counts
    assert (counts["batches"], counts["proposals"]) == (1, 0)


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
        assert archive.namelist()[:2] == ["README.txt", "data.json"]
        assert archive.namelist()[2:] == ["pictures/2027-01-15 a red door 1.png"]


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
    assert names[:2] == ["README.txt", "data.json"]
    assert len(names) == len(set(names)) == 6
    task = await world.only_task()
    for archive in opened:
        for name in archive.namelist():
            if found := re.fullmatch(r"pictures/2027-01-15 a red door (\d)\.png", name):
                copy = await world.picture_store.get(f"pictures/{task.id}/{int(found[1]) - 1}")
                assert archive.read(name) == copy
    assert "pictures/2027-01-15 a red door 4.png" in names


async def test_what_is_too_large_for_any_file_is_listed(world: BotWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["cogs.privacy"], "BYTES_PER_MESSAGE", 256 * 1024 + 10)
    await world.ask("a red door", variants=2)
    await world.work()
    answered = await world.alice.slash(world.channel, "privacy export")
    assert "2 files aren’t in it. left-out.txt in the last one" in answered.followups[-1].content
    (opened,) = await exported(world)
    listed = opened.read("left-out.txt").decode()
    assert "pictures/2027-01-15 a red door 2: It’s larger than the files I can send here." in listed


async def test_what_does_not_go_into_the_last_file_is_listed_and_the_sentence_still_has_a_followup(
    world: BotWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = file_of(noise(40, 24))
    monkeypatch.setattr(sys.modules["cogs.privacy"], "BYTES_PER_MESSAGE", 256 * 1024 + 2500 + len(picture))
    monkeypatch.setattr(sys.modules["cogs.privacy"], "FOLLOWUPS_UNINSTALLED", 3)
    world.api.next_fetch = [picture] * 4
    await world.ask("a red door", variants=4)
    await world.work()
    opened = await exported(world)
    assert len(opened) == 2
    listed = opened[-1].read("left-out.txt").decode()
    kept = [name for archive in opened for name in archive.namelist() if name.startswith("pictures/")]
    assert len(kept) + listed.count("I can’t send more files at once here") == 4


async def test_rows_that_do_not_go_into_the_last_file_are_listed(
    world: BotWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["cogs.privacy"], "BYTES_PER_MESSAGE", 256 * 1024 + 2500)
    monkeypatch.setattr(sys.modules["cogs.privacy"], "FOLLOWUPS_UNINSTALLED", 2)
    monkeypatch.setattr(export, "ROWS_BYTES", 1000)
    for number in range(4):
        await world.ask(f"red door {number} " + "of oak " * 300)
    (opened,) = await exported(world)
    names = [name for name in opened.namelist() if name.startswith("data-")]
    listed = re.findall(r"^(data-\d+\.json): I can’t send", opened.read("left-out.txt").decode(), re.MULTILINE)
    assert listed
    assert sorted(names + listed) == [f"data-{number}.json" for number in range(1, len(names + listed) + 1)]


async def test_a_copy_that_is_gone_is_listed(world: BotWorld) -> None:
    await world.ask("a red door")
    await world.work()
    await world.picture_store.delete(f"pictures/{(await world.only_task()).id}/0")
    (opened,) = await exported(world)
    assert "pictures/2027-01-15 a red door 1: I no longer have it." in opened.read("left-out.txt").decode()


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("CON", "2027-01-15 CON 1.png"),
        ("a/b\\c: what? <x>|*", "2027-01-15 a b c what x 1.png"),
        ("../../etc/passwd", "2027-01-15 etc passwd 1.png"),
        ("ends with dots...", "2027-01-15 ends with dots 1.png"),
        ("湖边的小木屋", "2027-01-15 湖边的小木屋 1.png"),
        ("a 🦊 in snow", "2027-01-15 a 🦊 in snow 1.png"),
        ("turned \u202egnp.exe", "2027-01-15 turned gnp.exe 1.png"),
    ],
)
async def test_a_file_has_a_name_that_people_can_read_and_every_system_takes(
    world: BotWorld, prompt: str, name: str
) -> None:
    await world.ask(prompt)
    await world.work()
    (opened,) = await exported(world)
    assert [found for found in opened.namelist() if found.startswith("pictures/")] == [f"pictures/{name}"]


async def test_long_words_are_shortened_and_equal_names_are_numbered(world: BotWorld) -> None:
    for _ in range(2):
        await world.ask("a red door " * 50)
        await world.work()
    (opened,) = await exported(world)
    first, second = [found for found in opened.namelist() if found.startswith("pictures/")]
    assert len(first) < 100
    assert second == first.removesuffix(".png") + " (2).png"


async def test_what_was_attached_and_the_sets_have_folders_of_their_own(world: BotWorld) -> None:
    world.locales[world.alice.id] = "zh-CN"
    await world.alice.slash(world.channel, "reference save", name="我的猫", image=PHOTO)
    await world.ask("on the moon", image=PHOTO)
    await world.work()
    (opened,) = await exported(world)
    assert {name.partition("/")[0] for name in opened.namelist() if "/" in name} == {"图片", "附上的图片", "图片组"}
    assert any(re.fullmatch(r"附上的图片/\S+ cat 1\.png", name) for name in opened.namelist())
    assert any(re.fullmatch(r"图片组/\S+ 我的猫 1\.png", name) for name in opened.namelist())


async def test_the_ending_of_a_file_is_that_of_its_content(world: BotWorld) -> None:
    """The attached photo is a JPEG with another name."""
    await world.ask("on the moon", image=("cat.png", file_of(noise(96, 72), "JPEG")))
    await world.work()
    (opened,) = await exported(world)
    (name,) = [name for name in opened.namelist() if " cat " in name]
    assert name.endswith(".jpg")
    assert Image.open(io.BytesIO(opened.read(name))).format == "JPEG"


async def test_many_rows_come_in_several_files_of_data(world: BotWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["bot.ui.privacy.export"], "ROWS_BYTES", 600)
    for _ in range(3):
        await world.ask("a red door")
    await world.work()
    (opened,) = await exported(world)
    names = [name for name in opened.namelist() if name.startswith("data")]
    assert names[0] == "data-1.json"
    parts = [json.loads(opened.read(name)) for name in names]
    assert sum(len(part.get("tasks", ())) for part in parts) == 3


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
