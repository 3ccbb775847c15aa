"""Test `/blend`: one picture is made from several, without a prompt."""

from __future__ import annotations

import pytest

from tests.worlds.bot_world import PHOTO, BotWorld, png, texts

SECOND = ("dog.png", png("blue", (96, 72)))


async def test_pictures_become_one_without_a_word(world: BotWorld) -> None:
    await world.alice.slash(world.channel, "blend", image=PHOTO, image2=SECOND)
    await world.work()
    (request,) = world.api.taken
    assert (request.request.prompt, len(request.files)) == ("", 2)
    (message,) = world.channel.history()
    assert "Your picture is ready" in texts(message)
    assert "no words, only pictures" in texts(message)


@pytest.mark.sweep
async def test_it_goes_on_after_a_restart(world: BotWorld) -> None:
    await world.alice.slash(world.channel, "blend", image=PHOTO, image2=SECOND, private=True)
    await world.work(10)
    await world.restart()
    await world.work()
    task = await world.only_task()
    assert (task.private, task.reason, len(await world.stores.pictures.of_task(task.id))) == (True, None, 1)


async def test_a_file_that_is_no_picture_is_refused_by_its_name(world: BotWorld) -> None:
    words = ("notes.txt", b"just words")
    asked = await world.alice.slash(world.channel, "blend", image=PHOTO, image2=words)
    await world.work()
    assert "notes.txt" in texts(asked.followups[0])
    assert world.api.taken == []


async def test_five_pictures_go_in_as_they_were_given_and_the_rest_is_as_said(world: BotWorld) -> None:
    names = ["a.png", "b.png", "c.png", "d.png", "e.png"]
    options = ["image", "image2", "image3", "image4", "image5"]
    images = {option: (name, png()) for option, name in zip(options, names, strict=True)}
    await world.alice.slash(world.channel, "blend", size="2:3", variants=2, **images)
    task = await world.only_task()
    assert [reference.filename for reference in await world.stores.references.of_task(task.id)] == names
    assert (task.size, task.variants) == ("2:3", 2)
