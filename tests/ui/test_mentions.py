"""Tests for messages that mention the bot, which request pictures without a command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.app import _parted
from bot.errors import ConfigurationError
from storage.community import Setting
from storage.models import Derivation, Limits, TaskState
from tests.worlds.bot_world import PHOTO, BotWorld, button_ids, new_client, open_bot_world, png, texts


@pytest.fixture
async def reading(tmp_path: Path) -> AsyncIterator[BotWorld]:
    """Yield a world whose client has the message content intent."""
    async with open_bot_world(tmp_path, client=new_client(message_content=True)) as opened:
        yield opened


def of_ours(world: BotWorld) -> list[Any]:
    assert world.client.user is not None
    return [message for message in world.channel.history() if message.author.id == world.client.user.id]


def us(world: BotWorld) -> str:
    assert world.client.user is not None
    return world.client.user.mention


async def mention(world: BotWorld, words: str = "make it night", **options: Any) -> Any:
    return await world.alice.send(world.channel, f"{us(world)} {words}", **options)


async def went_in(world: BotWorld) -> list[str]:
    task = await world.only_task()
    return [reference.filename for reference in await world.stores.references.of_task(task.id)]


async def is_left_alone(world: BotWorld) -> bool:
    return not of_ours(world) and not await world.stores.tasks.of_user(world.alice.id)


def last(world: BotWorld) -> Any:
    return world.channel.history()[-1]


# -- pictures ----------------------------------------------------------------------------------------------------------


async def test_words_behind_a_mention_are_asked_for(world: BotWorld) -> None:
    asked = await mention(world, "a red door")
    card = last(world)
    assert card.reference is not None
    assert card.reference.message_id == asked.id
    assert not world.pinged(card)
    await world.work(60)
    task = await world.only_task()
    assert (task.prompt, task.interaction_token, task.state) == ("a red door", "", TaskState.CLOSED)
    assert "Your picture is ready" in texts(last(world))
    assert world.pinged(last(world)) == [world.alice.id]
    assert card.id not in [message.id for message in world.channel.history()]


async def test_words_before_a_mention_are_too_and_people_go_by_their_names(world: BotWorld) -> None:
    await world.alice.send(world.channel, f"{world.bob.mention} as a knight {us(world)}")
    assert (await world.only_task()).prompt == "@bob as a knight"


async def test_what_is_attached_goes_in(world: BotWorld) -> None:
    await mention(world, attachments=[PHOTO, ("a file without a type", png())])
    await world.work(60)
    assert await went_in(world) == ["cat.png", "a file without a type"]
    assert (await world.only_task()).state is TaskState.CLOSED


@pytest.mark.parametrize("name", ["notes.txt", "holiday.mp4", "song.mp3"])
async def test_a_file_that_is_no_picture_is_never_left_out_in_silence(world: BotWorld, name: str) -> None:
    await mention(world, attachments=[PHOTO, (name, b"x")])
    await world.work(60)
    assert f"**\u2068{name}\u2069** isn’t a picture I can open" in last(world).content
    assert await world.stores.tasks.of_user(world.alice.id) == ()


async def test_pictures_need_no_words(world: BotWorld) -> None:
    await mention(world, "", attachments=[PHOTO])
    assert await went_in(world) == ["cat.png"]


@pytest.mark.sweep
async def test_an_answer_to_a_result_edits_it_after_a_restart(world: BotWorld) -> None:
    await world.ask("a red door", size="2:3")
    await world.work(60)
    result = last(world)
    await world.restart()
    await world.bob.send(world.channel, f"{us(world)} make it night", reply_to=result)
    await world.work(60)
    parent, task = await world.only_task(), await world.only_task(world.bob)
    assert (task.derivation, task.parent_id, task.parent_picture) == (Derivation.EDIT, parent.id, 0)
    assert (task.prompt, task.size, task.state) == ("make it night", "2:3", TaskState.CLOSED)
    assert len(await world.stores.references.of_task(task.id)) == 1


async def test_an_answer_to_anybodys_pictures_works_with_the_intent(reading: BotWorld) -> None:
    message = await reading.bob.send(reading.channel, "look", attachments=[PHOTO])
    await mention(reading, reply_to=message, attachments=[("dog.png", png())])
    await reading.work(60)
    assert await went_in(reading) == ["cat.png", "dog.png"]
    assert (await reading.only_task()).state is TaskState.CLOSED


async def test_a_message_in_a_direct_message_is_answered_there(world: BotWorld) -> None:
    await world.alice.send_dm(f"{us(world)} a red door")
    await world.work(60)
    task = await world.only_task()
    assert (task.guild_id, task.state) == (None, TaskState.CLOSED)
    assert "Your picture is ready" in texts(world.alice.user.dm_channel.history()[-1])


async def test_what_was_asked_survives_a_restart(world: BotWorld) -> None:
    await mention(world)
    await world.restart()
    await world.work(90)
    assert (await world.only_task()).state is TaskState.CLOSED
    assert len(of_ours(world)) == 1


async def test_a_card_that_did_not_get_through_is_posted_later(world: BotWorld) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=503)
    await mention(world)
    assert (await world.only_task()).card_message_id is None
    await world.work(15)
    await world.work(60)
    assert (await world.only_task()).state is TaskState.CLOSED


async def test_its_card_can_be_cancelled(world: BotWorld) -> None:
    await mention(world)
    (cancel,) = [button_id for button_id in button_ids(last(world)) if "cancel" in button_id]
    await world.alice.click(last(world), custom_id=cancel)
    assert (await world.only_task()).state is TaskState.CANCELLED


# -- messages that are no request --------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["I think {us} is fun", "@everyone hello", "@here hello", "a red door"])
async def test_talk_is_left_alone(world: BotWorld, words: str) -> None:
    await world.alice.send(world.channel, words.format(us=us(world)))
    assert await is_left_alone(world)


async def test_an_answer_to_a_result_without_a_mention_is_left_alone(world: BotWorld) -> None:
    await world.ask()
    await world.work(60)
    before = len(world.channel.history())
    await world.bob.send(world.channel, "how nice", reply_to=last(world))
    assert len(world.channel.history()) == before + 1
    assert not await world.stores.tasks.of_user(world.bob.id)


async def test_bots_are_never_answered(world: BotWorld) -> None:
    robot = world.guild.add_member(world.env.create_user("robot", bot=True))
    await robot.send(world.channel, f"{us(world)} a red door")
    assert not await world.stores.tasks.of_user(robot.id)
    assert await is_left_alone(world)


async def test_a_mention_alone_gets_help_once(world: BotWorld) -> None:
    await mention(world, "")
    assert "Mention me and say what you’d like to see" in texts(last(world))
    assert len(world.channel.history()) == 2
    assert not await world.stores.tasks.of_user(world.alice.id)


@pytest.mark.sweep
async def test_the_same_message_once_more_is_the_same_request(world: BotWorld) -> None:
    asked = await mention(world)
    count = len(world.channel.history())
    world.client.dispatch("message", asked)
    await world.work(1, every=1)
    assert len(await world.stores.tasks.of_user(world.alice.id)) == 1
    await world.work(60)
    world.client.dispatch("message", asked)
    await world.work(1, every=1)
    assert len(world.channel.history()) == count
    assert len(await world.stores.tasks.of_user(world.alice.id)) == 1


# -- refusals ----------------------------------------------------------------------------------------------------------


async def test_without_the_intent_an_answer_to_anybody_points_to_the_menu(world: BotWorld) -> None:
    message = await world.bob.send(world.channel, "look", attachments=[PHOTO])
    await mention(world, reply_to=message)
    assert "I can’t see the message you replied to" in last(world).content
    assert "“Edit pictures”" in last(world).content
    assert not await world.stores.tasks.of_user(world.alice.id)


async def test_an_answer_to_a_waiting_card_has_nothing_to_start_from(world: BotWorld) -> None:
    await world.ask(image=PHOTO)
    await world.work(10)
    assert last(world).attachments
    await world.bob.send(world.channel, f"{us(world)} make it night", reply_to=last(world))
    assert "There’s no picture in that message" in last(world).content
    assert not await world.stores.tasks.of_user(world.bob.id)


async def test_too_many_pictures_are_refused(world: BotWorld) -> None:
    await mention(world, attachments=[(f"{number}.png", png()) for number in range(6)])
    assert "starts from at most 5 pictures" in last(world).content
    assert not await world.stores.tasks.of_user(world.alice.id)


async def test_limits_are_told_in_a_reply(tmp_path: Path) -> None:
    limits = Limits(open_tasks_per_user=1, pictures_per_user_per_day=0, pictures_per_day=0)
    async with open_bot_world(tmp_path, limits=limits) as world:
        await mention(world)
        await mention(world)
        assert "You already have 1 request waiting" in last(world).content
        assert len(await world.stores.tasks.of_user(world.alice.id)) == 1


async def test_other_channels_than_the_servers_are_refused(world: BotWorld) -> None:
    elsewhere = world.guild.create_text_channel("elsewhere")
    guilds = world.client.services.stores.guilds
    await guilds.choose(world.guild.id, Setting.CHANNELS, (elsewhere.id,), by=1, now=1)
    await mention(world)
    assert f"other channels of this server: <#{elsewhere.id}>" in last(world).content
    assert not await world.stores.tasks.of_user(world.alice.id)


async def test_servers_that_are_not_allowed_are_refused(tmp_path: Path) -> None:
    async with open_bot_world(tmp_path, client=new_client(allowed_guilds=frozenset({1}))) as world:
        await mention(world)
        assert "I’m not allowed to make pictures here" in last(world).content
        assert not await world.stores.tasks.of_user(world.alice.id)


# -- message content intent --------------------------------------------------------------------------------------------


async def test_no_privileged_intent_is_asked_for_unless_it_is_set() -> None:
    assert not new_client().intents.message_content
    assert new_client(message_content=True).intents.message_content


async def test_an_intent_that_discord_does_not_grant_is_the_operators_to_put_right() -> None:
    async def connect() -> None:
        raise discord.PrivilegedIntentsRequired(None)

    with pytest.raises(ConfigurationError, match="MESSAGE_CONTENT_INTENT"):
        await _parted(asyncio.create_task(connect()))
