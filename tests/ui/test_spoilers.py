"""What was attached as a spoiler stays one: on the card, in the result, and in whatever is made from it."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bot.intake.message_pictures import pictures_in
from storage.community import Setting
from tests.worlds.bot_batches import begun
from tests.worlds.bot_world import PHOTO, BotWorld, components, png

COVERED = ("SPOILER_cat.png", PHOTO[1])


def spoilers(message: Any) -> list[bool]:
    """Return for each picture of a message whether it is a spoiler."""
    galleries = [item for part in components(message) if part["type"] == 12 for item in part["items"]]
    thumbnails = [part["accessory"] for part in components(message) if part["type"] == 9]
    return [bool(shown.get("spoiler")) for shown in (*galleries, *thumbnails)]


async def made(world: BotWorld, **options: Any) -> Any:
    await world.ask(**options)
    await world.work(60)
    return world.channel.history()[-1]


@pytest.mark.parametrize(("photo", "covered"), [(COVERED, True), (PHOTO, False)])
@pytest.mark.parametrize("images", [("image",), ("image", "image2")])
async def test_the_card_shows_a_spoiler_as_one(
    world: BotWorld, photo: tuple[str, bytes], covered: bool, images: tuple[str, ...]
) -> None:
    options: dict[str, Any] = dict.fromkeys(images, photo)
    await world.ask(**options)
    await world.work(10)
    (card,) = world.channel.history()
    assert spoilers(card) == [covered]


@pytest.mark.parametrize(("photo", "covered"), [(COVERED, True), (PHOTO, False)])
async def test_the_pictures_that_come_of_a_spoiler_are_spoilers(
    world: BotWorld, photo: tuple[str, bytes], covered: bool
) -> None:
    result = await made(world, image=PHOTO, image2=photo, variants=2)
    assert spoilers(result) == [covered] * 2


@pytest.mark.parametrize("label", ["Again", "Vary", "Edit"])
async def test_so_is_what_is_made_from_the_result(world: BotWorld, label: str) -> None:
    result = await made(world, image=COVERED)
    pressed = await world.bob.click(result, label=label)
    if label == "Edit":
        await world.bob.submit_modal(pressed, {"words": "a blue door"})
    await world.work(60)
    assert spoilers(world.channel.history()[-1]) == [True]


async def test_so_is_its_copy_in_the_gallery_and_what_is_looked_up(world: BotWorld) -> None:
    gallery = world.guild.create_text_channel("gallery")
    await world.choose(Setting.GALLERY, gallery.id)
    result = await made(world, image=COVERED)
    await world.alice.select(result, ["gallery"])
    await world.work(10)
    assert spoilers(gallery.history()[0]) == [True]
    shown = await world.alice.slash(world.channel, "show", what=(await world.only_task()).id)
    assert spoilers(shown.response) == [True]
    full = await world.alice.click(result, label="Full size")
    assert spoilers(full.response) == [True]
    listed = await world.alice.slash(world.channel, "tasks")
    assert spoilers(listed.response) == [True]


async def test_so_is_the_chosen_picture_of_a_set(world: BotWorld) -> None:
    result = await made(world, image=COVERED, variants=2)
    picked = await world.bob.click(result, label="2")
    assert spoilers(picked.response) == [True]


async def test_so_are_the_pictures_of_a_batch(world: BotWorld) -> None:
    await begun(world, "{red, green} door", image=COVERED)
    await world.work(60)
    assert spoilers(world.channel.history()[0]) == [True, True]


async def test_so_is_what_comes_of_a_saved_set(world: BotWorld) -> None:
    await world.alice.slash(world.channel, "reference save", name="me", image=COVERED)
    assert spoilers(await made(world, reference="me")) == [True]


async def test_so_is_what_a_form_takes(world: BotWorld) -> None:
    opened = await world.alice.slash(world.channel, "create")
    await world.alice.submit_modal(opened, {"words": "a door", "files": [COVERED]})
    await world.work(60)
    assert spoilers(world.channel.history()[-1]) == [True]


async def test_a_menu_on_a_message_knows_its_spoilers(world: BotWorld) -> None:
    shown = await world.bob.send(world.channel, "look", attachments=[COVERED, ("dog.png", png("blue"))])
    with world.env.time_context():
        message = await world.client.get_partial_messageable(world.channel.id).fetch_message(shown.id)
    assert [picture.spoiler for picture in pictures_in(message)] == [True, False]
    result = await made(world, image=COVERED)
    with world.env.time_context():
        message = await world.client.get_partial_messageable(world.channel.id).fetch_message(result.id)
    assert [picture.spoiler for picture in pictures_in(message)] == [True]


@pytest.mark.parametrize(("content", "covered"), [("||https://a.test/x||", True), ("https://a.test/x", False)])
async def test_a_link_between_the_marks_of_a_spoiler_is_one(world: BotWorld, content: str, covered: bool) -> None:
    embed = discord.Embed(url="https://a.test/x").set_image(url="https://a.test/x.png")
    with world.env.time_context():
        message = await world.client.get_partial_messageable(world.channel.id).send(content, embed=embed)
    assert [picture.spoiler for picture in pictures_in(message)] == [covered]
