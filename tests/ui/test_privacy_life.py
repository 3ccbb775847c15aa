"""
Tests for the erasure of a person who has used every feature. The person's id, words and pictures are searched for in
every column of every table, every file of the picture store and every message on Discord: before the erasure, where
they are found, and after it.
"""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import discord
import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle

from bot.imaging.conversion import as_png
from storage.community import Preferences, Setting
from tests.worlds.bot_world import BotWorld, png, texts

WORD = "zebra"
FILENAME = "annas-holiday.jpg"
STILL = "0123456789abcdef0123456789abcdef"


def photo(colour: str = "magenta") -> bytes:
    """Return a photo as a phone takes it, with a location in its metadata."""
    exif = Image.Exif()
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (48.0, 51.0, 29.0)
    data = io.BytesIO()
    Image.new("RGB", (144, 80), colour).save(data, "JPEG", exif=exif)
    return data.getvalue()


PHOTO = (FILENAME, photo())


@pytest.fixture
def anna(world: BotWorld) -> MemberActor:
    role = world.guild.create_role("keepers", permissions=discord.Permissions(manage_messages=True))
    person = world.guild.add_member(world.env.create_user("anna"), roles=[role])
    world.env.backend.users[person.id].avatar = STILL
    url = f"https://cdn.discordapp.com/avatars/{person.id}/{STILL}.png?size=1024"
    world.env.backend.cdn._blobs[url] = as_png(photo())
    return person


@pytest.fixture
async def room(world: BotWorld) -> ChannelHandle:
    """Create the channel where moderators read reports, and choose it in the settings."""
    channel = world.guild.create_text_channel("moderators")
    await world.choose(Setting.MODERATORS, channel.id)
    return channel


# -- search ------------------------------------------------------------------------------------------------------------


def in_rows(folder: Path, *sought: str) -> set[str]:
    """Return the tables in which any column contains one of the words."""
    found = set()
    with closing(sqlite3.connect(folder / "atelier.db")) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            for row in connection.execute(f'SELECT * FROM "{name}"'):  # noqa: S608  # name from the database
                said = repr(row)
                found |= {name} if any(part in said for part in sought) else set()
    return found


async def keys_of(world: BotWorld, who: MemberActor) -> list[str]:
    return [copy.key for copy in await world.client.services.stores.people.copies(who.id)]


async def in_files(world: BotWorld) -> list[str]:
    """Return the keys of all files that show the photo, whatever their metadata."""
    keys = sorted([key async for listed in world.picture_store.older("", 2**62) for key in listed])
    return [key for key in keys if _is_the_photo(await world.picture_store.get(key))]


def _is_the_photo(data: bytes) -> bool:
    with Image.open(io.BytesIO(data)) as image, Image.open(io.BytesIO(photo())) as sought:
        return image.size == sought.size and image.convert("RGB").tobytes() == sought.convert("RGB").tobytes()


def in_messages(world: BotWorld, *sought: str) -> list[str]:
    """Return the bot's messages that contain one of the words. Ephemeral messages are left out: Discord does not keep
    them."""
    bot_id = world.client.user.id if world.client.user is not None else 0
    said = [
        repr(
            (
                message.content,
                message.components,
                message.embeds,
                [file.get("filename") for file in message.attachments],
            )
        )
        for messages in world.env.backend.messages.values()
        for message in messages.values()
        if message.author_id == bot_id and not message.flags & 64
    ]
    return [text for text in said if any(word in text for word in sought)]


# -- use of every feature ----------------------------------------------------------------------------------------------


async def made(world: BotWorld, who: MemberActor, **options: Any) -> Any:
    """Run `/imagine` to its end. Return the message with the result."""
    await who.slash(world.channel, "imagine", **({"prompt": f"a {WORD} door"} | options))
    await world.work(60)
    return world.channel.history()[-1]


async def report(who: MemberActor, result: Any, why: str) -> None:
    await who.submit_modal(await who.select(result, ["report"]), {"why": why})


async def a_life(world: BotWorld, anna: MemberActor, room: ChannelHandle) -> None:
    bob, guild = world.bob, world.guild
    gallery = guild.create_text_channel("gallery")
    for setting, value in ((Setting.GALLERY, gallery.id), (Setting.GREATEST_BATCH, 9)):
        await world.stores.guilds.choose(guild.id, setting, value, by=anna.id, now=world.clock())
    shared = await made(world, anna, prompt="a red door", image=PHOTO)
    await bob.click(shared, label="Again")
    await world.work(60)
    await anna.slash(world.channel, "reference save", name=f"{WORD} set", image=PHOTO)
    from_set = await made(world, anna, prompt="a blue door", reference=f"{WORD} set")
    await bob.click(from_set, label="Again")
    await world.work(60)
    await anna.slash(world.channel, "style add", name="Ink", template="{prompt}, in ink", picture=PHOTO)
    await made(world, anna, style="Ink")
    own = await made(world, anna)
    for label in ("Again", "Vary"):
        await anna.click(own, label=label)
        await world.work(60)
    await anna.select(own, ["gallery"])
    await world.work(60)
    await bob.submit_modal(await bob.click(own, label="Edit"), {"words": "with a knocker"})
    await world.work(60)
    await report(bob, own, "it hurts")
    await _a_private_one(world, anna)
    await _a_batch(world, anna)
    theirs = await made(world, bob, prompt="a door of bob")
    await report(anna, theirs, f"a {WORD} hurts")
    other = await made(world, bob, prompt="another door of bob")
    await report(anna, other, f"a {WORD} hurts too")
    await world.work(30)
    await anna.click(room.history()[-1], label="Dismiss")
    await anna.context_menu(world.channel, "Edit pictures", other)
    await _uses_of_an_avatar(world, anna)
    await world.work(30)
    defaults = Preferences(model="4o", words=f"{WORD} light")  # last: what others ask again has the words of a request
    await world.stores.preferences.choose(anna.id, defaults, now=world.clock())


async def _a_private_one(world: BotWorld, anna: MemberActor) -> None:
    asked: Any = await anna.slash(world.channel, "imagine", prompt=f"a secret {WORD}", private=True)
    await world.work(60)
    await anna.click(asked.response, label="Publish")


async def _a_batch(world: BotWorld, anna: MemberActor) -> None:
    question: Any = await anna.slash(world.channel, "imagine", prompt=f"a {{red, blue}} {WORD}")
    await anna.click(question.response, label="Make them")
    await world.work(120)
    await anna.slash(world.channel, "imagine", prompt=f"an {{old, new}} {WORD}")


async def _uses_of_an_avatar(world: BotWorld, anna: MemberActor) -> None:
    """Use the avatar for a picture, for a batch that is not confirmed, and for a form that is still open."""
    bob, menu = world.bob, "Use avatar"
    await bob.submit_modal(await bob.context_menu(world.channel, menu, anna), {"words": "a knight", "private": True})
    await world.work(60)
    await bob.submit_modal(await bob.context_menu(world.channel, menu, anna), {"words": "a {big, small} knight"})
    await bob.context_menu(world.channel, menu, anna)


async def erased(world: BotWorld, who: MemberActor, label: str = "Erase, and remove my messages") -> Any:
    question: Any = await who.slash(world.channel, "privacy erase")
    pressed = await who.click(question.response, label=label)
    await world.work(400)
    return pressed.response


@pytest.mark.sweep
async def test_nothing_of_a_person_is_left_in_any_table_file_or_message(
    world: BotWorld, tmp_path: Path, anna: MemberActor, room: ChannelHandle
) -> None:
    await a_life(world, anna, room)
    sought = (str(anna.id), WORD, FILENAME)
    assert in_rows(tmp_path, str(anna.id)) == {
        *("tasks", "task_references", "batches", "drafts", "reference_sets", "reports", "report_cases", "reposts"),
        *("styles", "setting_changes", "preferences"),
    }
    assert in_rows(tmp_path, WORD) >= {"tasks", "batches", "reference_sets", "reports", "preferences"}
    assert in_rows(tmp_path, FILENAME) == {"task_references", "set_pictures"}
    photos = await in_files(world)
    assert {key.split("/")[0] for key in photos} == {"references", "sets", "styles"}
    said = in_messages(world, *sought)
    parts = ("from a picture by", "hurts", "pictures are ready:", "A result was reported", "for everyone here")
    for part in parts:
        assert any(part in text for text in said), part
    receipt = await erased(world, anna)
    assert "### Erased" in texts(receipt)
    assert in_messages(world, *sought) == []
    world.clock.turn(24 * 3600)
    await world.engine.erasures.sweep()
    assert in_rows(tmp_path, *sought) == set()
    assert [key.split("/")[0] for key in await in_files(world)] == ["styles"]
    assert "from a picture that is gone" in "".join(in_messages(world, "with a knocker"))


@pytest.mark.sweep
async def test_without_messages_no_table_and_no_file_has_anything_either(
    world: BotWorld, tmp_path: Path, anna: MemberActor, room: ChannelHandle
) -> None:
    await a_life(world, anna, room)
    await erased(world, anna, "Erase")
    world.clock.turn(24 * 3600)
    await world.engine.erasures.sweep()
    assert in_rows(tmp_path, str(anna.id), WORD, FILENAME) == set()
    assert [key.split("/")[0] for key in await in_files(world)] == ["styles"]
    assert in_messages(world, str(anna.id)) != []


# -- pictures attached by another person -------------------------------------------------------------------------------


async def asked_again(world: BotWorld, anna: MemberActor, **options: Any) -> Any:
    """Ask again as Bob for a result that began with a picture of Anna. Return Bob's task."""
    await world.bob.click(await made(world, anna, **({"prompt": "a red door"} | options)), label="Again")
    await world.work(60)
    return await world.only_task(world.bob)


@pytest.mark.parametrize("way", ["attached", "of a set"])
@pytest.mark.sweep
async def test_what_somebody_else_attached_is_used_without_name_and_place_and_never_handed_out(
    world: BotWorld, anna: MemberActor, way: str
) -> None:
    options: dict[str, Any] = {"image": PHOTO}
    if way == "of a set":
        await anna.slash(world.channel, "reference save", name="mine", image=PHOTO)
        options = {"reference": "mine"}
    task = await asked_again(world, anna, **options)
    (reference,) = await world.stores.references.of_task(task.id)
    assert (reference.owner_id, reference.filename, reference.url) == (anna.id, "picture", "")
    assert reference.key is not None
    copy = await world.picture_store.get(reference.key)
    assert _is_the_photo(copy)
    with Image.open(io.BytesIO(copy)) as image:
        assert not image.getexif()
    assert world.api.uploads[-1] == f"atelier-{task.id}-0.jpeg image/jpeg"
    people = world.client.services.stores.people
    for _ in ("while it stands", "after it was removed"):
        assert await keys_of(world, world.bob) == [f"pictures/{task.id}/0"]
        assert (await people.rows(world.bob.id))["references"] == []
        assert (await people.holdings(world.bob.id)).counts["copies"] == 1
        removal: Any = await anna.click(world.channel.history()[0], label="Remove")
        if removal.response is not None and removal.response.components:
            await anna.click(removal.response, label="Remove everywhere")
            await world.work(10)
            break
    assert await keys_of(world, world.bob) == [f"pictures/{task.id}/0"]
    assert len(await people.copies(anna.id)) == (2 if way == "attached" else 3)


@pytest.mark.sweep
async def test_what_is_asked_again_and_again_still_belongs_to_its_first_owner(
    world: BotWorld, anna: MemberActor
) -> None:
    await asked_again(world, anna, image=PHOTO)
    carol = world.add_moderator()
    await carol.click(world.channel.history()[-1], label="Again")
    await world.work(60)
    (reference,) = await world.stores.references.of_task((await world.only_task(carol)).id)
    assert (reference.owner_id, reference.filename, reference.url) == (anna.id, "picture", "")
    await erased(world, anna)
    assert await in_files(world) == []


@pytest.mark.sweep
async def test_after_its_owner_was_erased_a_request_keeps_its_words_and_says_that_the_picture_is_gone(
    world: BotWorld, anna: MemberActor
) -> None:
    task = await asked_again(world, anna, image=PHOTO)
    await erased(world, anna)
    kept = await world.only_task(world.bob)
    assert kept.prompt == "a red door"
    assert await in_files(world) == []
    (reference,) = await world.stores.references.of_task(task.id)
    assert reference.is_gone
    shown: Any = await world.bob.slash(world.channel, "show", what=task.id)
    assert "a picture that was erased" in texts(shown.response)
    creates = len(world.api.taken)
    again = await world.bob.click(world.channel.history()[-1], label="Again")
    assert "they’ve had it erased" in world.refusal(again)
    await world.work(60)
    assert len(world.api.taken) == creates
    assert len(await world.stores.tasks.of_user(world.bob.id)) == 1


async def test_a_request_that_waits_with_an_erased_picture_ends_before_it_is_paid(
    world: BotWorld, anna: MemberActor
) -> None:
    shared = await made(world, anna, prompt="a red door", image=PHOTO)
    await world.bob.click(shared, label="Again")
    question: Any = await anna.slash(world.channel, "privacy erase")
    await anna.click(question.response, label="Erase")
    for _ in range(20):
        await world.engine.erasures.outbox.step()
        world.clock.turn(16)
    await world.work(60)
    task = await world.only_task(world.bob)
    assert (task.reason, task.charged) == ("reference_erased", False)
    assert len(world.api.taken) == 1


@pytest.mark.sweep
async def test_a_published_result_that_others_began_with_stays_theirs(world: BotWorld, anna: MemberActor) -> None:
    await world.bob.click(await made(world, anna, prompt="a red door"), label="Vary")
    await world.work(60)
    task = await world.only_task(world.bob)
    await erased(world, anna)
    (reference,) = await world.stores.references.of_task(task.id)
    assert reference.key is not None
    assert await world.picture_store.get(reference.key)
    assert [copy.key for copy in await world.client.services.stores.people.copies(world.bob.id)] == [
        f"pictures/{task.id}/0"
    ]


@pytest.mark.sweep
async def test_a_private_result_that_a_public_one_began_with_is_its_askers(world: BotWorld, anna: MemberActor) -> None:
    asked: Any = await anna.slash(world.channel, "imagine", prompt="a red door", private=True)
    await world.work(60)
    await anna.click(asked.response, label="Vary")
    await world.work(60)
    varied = (await world.stores.tasks.of_user(anna.id))[0]
    (reference,) = await world.stores.references.of_task(varied.id)
    assert (varied.private, reference.owner_id) == (True, anna.id)


async def test_a_servers_style_is_used_without_its_picture_being_handed_out(world: BotWorld, anna: MemberActor) -> None:
    await anna.slash(world.channel, "style add", name="Ink", template="{prompt}, in ink", picture=PHOTO)
    await made(world, world.bob, prompt="a door", style="Ink")
    task = await world.only_task(world.bob)
    assert [copy.key for copy in await world.client.services.stores.people.copies(world.bob.id)] == [
        f"pictures/{task.id}/0"
    ]
    (reference,) = await world.stores.references.of_task(task.id)
    with Image.open(io.BytesIO(await world.picture_store.get(reference.key or ""))) as image:
        assert not image.getexif()


async def test_a_picture_in_somebodys_message_is_theirs(world: BotWorld, anna: MemberActor) -> None:
    message = await anna.send(world.channel, "look", attachments=[PHOTO])
    opened = await world.bob.context_menu(world.channel, "Edit pictures", message)
    await world.bob.submit_modal(opened, {"words": "as a painting"})
    await world.work(60)
    task = await world.only_task(world.bob)
    (reference,) = await world.stores.references.of_task(task.id)
    assert reference.owner_id == anna.id
    assert [copy.key for copy in await world.client.services.stores.people.copies(world.bob.id)] == [
        f"pictures/{task.id}/0"
    ]


@pytest.mark.sweep
async def test_whoever_has_asked_for_nothing_may_have_copies_of_their_avatar_erased(
    world: BotWorld, anna: MemberActor
) -> None:
    bob = world.bob
    await bob.submit_modal(await bob.context_menu(world.channel, "Use avatar", anna), {"words": "a knight"})
    await world.work(60)
    assert len(await in_files(world)) == 1
    receipt = await erased(world, anna, "Erase")
    assert "There was nothing left to erase" in texts(receipt)
    assert await in_files(world) == []
    (reference,) = await world.stores.references.of_task((await world.only_task(bob)).id)
    assert (reference.url, reference.owner_id) == ("", 0)


def test_the_picture_is_another_than_those_that_are_made() -> None:
    assert not _is_the_photo(png())
