"""`/show`: what was made before is found again, by those who may see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import discord
import pytest

from tests.world import World, button_ids, open_world, texts


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


async def made(world: World, prompt: str = "a red door", **options: object) -> str:
    """The task's id."""
    await world.ask(prompt, **options)
    task = (await world.tasks.of_user(world.alice.id))[0]
    await world.work()
    return task.id


async def test_a_picture_is_found_by_its_words_and_shown_to_them_alone(world: World) -> None:
    task_id = await made(world)
    await made(world, "a blue house")
    before = len(world.channel.history())
    asked = await world.alice.slash(world.channel, "show", what="RED")
    assert asked.ephemeral
    assert asked.response is not None
    assert "a red door" in texts(asked.response)
    assert "Only you can see this" in texts(asked.response)
    assert [one.filename for one in asked.response.attachments] == [f"atelier-{task_id}-1.png"]
    assert f"a1:again:{task_id}" in button_ids(asked.response)
    assert len([one for one in world.channel.history() if not one.flags.ephemeral]) == before


async def test_by_a_link_to_its_message_also_after_a_restart(world: World) -> None:
    await made(world, variants=2)
    message = world.channel.history()[-1]
    await world.restart()
    link = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{message.id}"
    asked = await world.bob.slash(world.channel, "show", what=link)
    assert asked.response is not None
    assert len(asked.response.attachments) == 2


async def test_what_still_waits_is_shown_as_its_card(world: World) -> None:
    await world.ask()
    task = await world.only_task()
    asked = await world.alice.slash(world.channel, "show", what=task.id)
    assert asked.ephemeral
    assert asked.response is not None
    assert "Waiting in line" in texts(asked.response)


async def test_a_private_one_is_found_by_its_asker_and_unknown_to_others(world: World) -> None:
    task_id = await made(world, private=True)
    mine = await world.alice.slash(world.channel, "show", what=task_id)
    assert mine.response is not None
    assert "a red door" in texts(mine.response)
    theirs = world.refusal(await world.bob.slash(world.channel, "show", what=task_id))
    assert "nothing that you may see" in theirs


async def test_what_stands_in_a_channel_they_cannot_read_is_unknown_to_them(world: World) -> None:
    hidden = discord.PermissionOverwrite(view_channel=False)
    channel = world.guild.create_text_channel("attic", overwrites={world.bob: hidden})
    await world.alice.slash(channel, "imagine", prompt="a red door")
    task = await world.only_task()
    await world.work()
    assert "nothing that you may see" in world.refusal(await world.bob.slash(world.channel, "show", what=task.id))


async def test_nothing_that_fits_is_said_and_what_to_do(world: World) -> None:
    assert "Choose one of your own" in world.refusal(await world.alice.slash(world.channel, "show", what="a unicorn"))


async def test_their_own_words_are_offered_while_they_type_newest_first(world: World) -> None:
    first = await made(world, "a red door")
    world.clock.turn(1)
    second = await made(world, "a red house")
    mine = await world.alice.autocomplete(world.channel, "show", "what", "red")
    assert [one["value"] for one in mine] == [second, first]
    assert await world.bob.autocomplete(world.channel, "show", "what", "") == []
