"""Tests for `/show`: earlier pictures are found again, by people who may see them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import discord
import pytest

from storage.models import NewPart
from tests.storage.rows import stored
from tests.worlds.bot_world import BotWorld, button_ids, settled, texts


async def made(world: BotWorld, prompt: str = "a red door", **options: object) -> str:
    """Make a picture and return the id of its task."""
    await world.ask(prompt, **options)
    task = (await world.stores.tasks.of_user(world.alice.id))[0]
    await world.work()
    return task.id


async def test_a_picture_is_found_by_its_words_and_shown_to_them_alone(world: BotWorld) -> None:
    task_id = await made(world)
    await made(world, "a blue house")
    before = len(world.channel.history())
    asked = await world.alice.slash(world.channel, "show", what="RED")
    assert asked.ephemeral
    assert asked.response is not None
    assert "a red door" in texts(asked.response)
    assert "Only you can see this" in texts(asked.response)
    assert [attachment.filename for attachment in asked.response.attachments] == [f"atelier-{task_id}-1.png"]
    assert f"a1:again:{task_id}" in button_ids(asked.response)
    assert len([message for message in world.channel.history() if not message.flags.ephemeral]) == before


async def test_by_a_link_to_its_message_also_after_a_restart(world: BotWorld) -> None:
    await made(world, variants=2)
    message = world.channel.history()[-1]
    await world.restart()
    link = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{message.id}"
    asked = await world.bob.slash(world.channel, "show", what=link)
    assert asked.response is not None
    assert len(asked.response.attachments) == 2


async def test_what_still_waits_is_shown_as_its_card(world: BotWorld) -> None:
    await world.ask()
    task = await world.only_task()
    asked = await world.alice.slash(world.channel, "show", what=task.id)
    assert asked.ephemeral
    assert asked.response is not None
    assert "Waiting in line" in texts(asked.response)


async def test_a_private_one_is_found_by_its_asker_and_unknown_to_others(world: BotWorld) -> None:
    task_id = await made(world, private=True)
    mine = await world.alice.slash(world.channel, "show", what=task_id)
    assert mine.response is not None
    assert "a red door" in texts(mine.response)
    theirs = world.refusal(await world.bob.slash(world.channel, "show", what=task_id))
    assert "you aren’t allowed to see it" in theirs


async def test_what_stands_in_a_channel_they_cannot_read_is_unknown_to_them(world: BotWorld) -> None:
    hidden = discord.PermissionOverwrite(view_channel=False)
    channel = world.guild.create_text_channel("attic", overwrites={world.bob: hidden})
    await world.alice.slash(channel, "imagine", prompt="a red door")
    task = await world.only_task()
    await world.work()
    assert "you aren’t allowed to see it" in world.refusal(await world.bob.slash(world.channel, "show", what=task.id))


@pytest.mark.sweep
async def test_nothing_that_fits_is_said_and_what_to_do(world: BotWorld) -> None:
    assert "Choose one of your own" in world.refusal(await world.alice.slash(world.channel, "show", what="a unicorn"))


@pytest.mark.sweep
async def test_their_own_words_are_offered_while_they_type_newest_first(world: BotWorld) -> None:
    first = await made(world, "a red door")
    world.clock.turn(1)
    second = await made(world, "a red house")
    mine = await world.alice.autocomplete(world.channel, "show", "what", "red")
    assert [choice["value"] for choice in mine] == [second, first]
    assert await world.bob.autocomplete(world.channel, "show", "what", "") == []


async def test_what_is_offered_has_the_words_so_far_and_fits_discord_s_list(world: BotWorld) -> None:
    for number in range(26):
        await stored(world.stores, asker_id=world.alice.id, prompt=f"door {number} {'long ' * 40}")
    offered = await world.alice.autocomplete(world.channel, "show", "what", "")
    assert len(offered) == 25
    assert all(len(choice["name"]) <= 100 for choice in offered)
    (found,) = await world.alice.autocomplete(world.channel, "show", "what", " 24 door ")
    assert found["name"].startswith("door 24 long")


@pytest.mark.parametrize(
    "place", ["discord.com/channels/1", "ptb.discord.com/channels/1", "discordapp.com/channels/@me"]
)
async def test_every_kind_of_link_is_understood_and_leads_to_that_very_one(world: BotWorld, place: str) -> None:
    await made(world)
    message = world.channel.history()[-1]
    world.clock.turn(1)
    await made(world, "a blue house")
    asked = await world.alice.slash(world.channel, "show", what=f"https://{place}/{world.channel.id}/{message.id}")
    assert "a red door" in texts(asked.response)


async def test_a_link_to_any_message_of_an_outcome_leads_to_it(world: BotWorld) -> None:
    task = await stored(world.stores)
    _, second = await world.stores.parts.plan(task, [NewPart(nonce="one"), NewPart(nonce="two")])
    await world.stores.parts.posted(second, channel_id=9, message_id=123)
    found = await world.stores.search.task_of_message(123)
    assert found is not None
    assert found.id == task.id


@pytest.mark.parametrize("by", ["a moderator", "its asker"])
async def test_what_a_moderator_removed_is_gone_for_its_asker_too(world: BotWorld, by: str) -> None:
    task_id = await made(world)
    remover = world.alice if by == "its asker" else world.bob
    await world.stores.tasks.change(await world.only_task(), removed_at=world.clock(), removed_by=remover.id)
    asked = await world.alice.slash(world.channel, "show", what=task_id)
    if by == "its asker":
        assert "a red door" in texts(asked.response)
    else:
        assert "you aren’t allowed to see it" in world.refusal(asked)


async def test_who_looks_reads_it_in_their_own_language(world: BotWorld) -> None:
    task_id = await made(world)
    world.locales[world.bob.id] = "zh-CN"
    asked = await world.bob.slash(world.channel, "show", what=task_id)
    assert "只有你能看到" in texts(asked.response)


async def test_what_could_not_be_told_is_shown_whole(world: BotWorld) -> None:
    task = (await settled(world)).task
    await world.stores.undelivered.keep(task, now=world.clock(), due=world.clock() + 3_600_000)
    asked = await world.alice.slash(world.channel, "show", what=task.id)
    assert asked.response is not None
    assert len(asked.response.attachments) == 1


async def test_when_our_copy_is_gone_that_is_said(world: BotWorld) -> None:
    task_id = await made(world)
    await world.picture_store.delete(f"pictures/{task_id}/0")
    asked = await world.alice.slash(world.channel, "show", what=task_id)
    assert "no longer keep this picture" in world.refusal(asked)


async def test_what_was_taken_back_is_shown_as_that(world: BotWorld) -> None:
    task = await stored(world.stores, asker_id=world.alice.id)
    await world.engine.requests.cancel(task.id, world.alice.id)
    asked = await world.alice.slash(world.channel, "show", what=task.id)
    assert "Cancelled" in texts(asked.response)


async def test_what_stands_in_a_private_thread_is_unknown_outside(world: BotWorld) -> None:
    with world.env.time_context():
        channel = await world.client.fetch_channel(world.channel.id)
        assert isinstance(channel, discord.TextChannel)
        thread = await channel.create_thread(name="attic", type=discord.ChannelType.private_thread)
    task = await stored(world.stores, asker_id=world.alice.id, guild_id=world.guild.id, channel_id=thread.id)
    assert "you aren’t allowed to see it" in world.refusal(await world.bob.slash(world.channel, "show", what=task.id))


async def test_a_picture_that_must_not_be_looked_into_is_shown_by_its_link_and_its_copy_stays(world: BotWorld) -> None:
    await world.ask("a red door")
    await world.work()
    task = await world.only_task()
    (picture,) = await world.stores.pictures.of_task(task.id)
    await world.stores.pictures.save([replace(picture, unfetchable=True)])
    shown: Any = await world.alice.slash(world.channel, "show", what=task.id)
    assert shown.response.attachments == []
    assert picture.url in texts(shown.response)
    assert picture.key is not None
    assert await world.picture_store.get(picture.key)


async def test_a_result_that_discord_does_not_take_now_is_to_be_asked_for_again_later(world: BotWorld) -> None:
    task_id = await made(world)
    world.env.inject_error("PATCH", "/webhooks/*", status=400)
    shown = await world.alice.slash(world.channel, "show", what=task_id)
    assert world.refusal(shown) == "That doesn’t work at the moment. Try again in a few minutes."
