"""Tests for a message that is gone a moment later: what was replied to, attached, pressed or answered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import discord
import pytest

from bot.engine.housekeeping.retention import Retention
from bot.texts import texts_in
from bot.ui.results.picks import VaryPickedButton
from storage.models import TaskState
from tests.worlds.bot_world import PHOTO, BotWorld, png, texts


def us(world: BotWorld) -> str:
    assert world.client.user is not None
    return world.client.user.mention


def last(world: BotWorld) -> Any:
    return world.channel.history()[-1]


def delete(world: BotWorld, message: Any) -> None:
    world.env.backend.delete_message(message.channel.id, message.id)


async def paid_nothing(world: BotWorld) -> bool:
    await world.work(60)
    return not world.api.taken and not await world.stores.tasks.of_user(world.alice.id)


# -- What was replied to -----------------------------------------------------------------------------------------------


async def replies_to(world: BotWorld, message: Any, words: str = "make it night", **payload: Any) -> None:
    """Alice replies to a message that exists no longer, as her client may do a moment too late."""
    reference = {"type": 0, "channel_id": str(world.channel.id), "message_id": str(message.id)}
    content = f"{us(world)} {words}"
    world.env.backend.create_message(world.channel.id, world.alice.id, content, reference=reference, **payload)
    await world.env.settle()


async def test_a_picture_that_was_replied_to_is_not_left_out_in_silence(world: BotWorld) -> None:
    message = await world.bob.send(world.channel, "look", attachments=[PHOTO])
    delete(world, message)
    await replies_to(world, message)
    assert "The message you replied to is gone" in last(world).content
    assert await paid_nothing(world)


async def test_nor_if_another_picture_is_attached(world: BotWorld) -> None:
    message = await world.bob.send(world.channel, "look", attachments=[PHOTO])
    delete(world, message)
    attached = world.env.backend.store_attachments(world.channel.id, [("dog.png", png())])
    await replies_to(world, message, attachments=attached)
    assert "The message you replied to is gone" in last(world).content
    assert await paid_nothing(world)


async def test_nor_if_its_message_is_hidden_from_the_bot_and_another_is_attached(world: BotWorld) -> None:
    message = await world.bob.send(world.channel, "look", attachments=[PHOTO])
    await world.alice.send(
        world.channel, f"{us(world)} make it night", reply_to=message, attachments=[("dog.png", png())]
    )
    assert "I can’t see the message you replied to" in last(world).content
    assert await paid_nothing(world)


async def test_thanks_in_reply_to_a_message_that_is_gone_get_a_smile(world: BotWorld) -> None:
    await world.ask()
    await world.work(60)
    result = last(world)
    delete(world, result)
    await replies_to(world, result, "thanks")
    assert [str(reaction.emoji) for reaction in last(world).reactions] == ["\N{SMILING FACE WITH SMILING EYES}"]


@pytest.mark.parametrize(
    ("status", "code", "answer"),
    [
        (404, 10008, "The message you replied to is gone"),
        (403, 50001, "I can’t see the message you replied to"),
        (403, 50013, "I can’t see the message you replied to"),
        (500, 0, "I can’t see the message you replied to"),
    ],
)
async def test_one_that_discord_does_not_send_along_is_fetched_or_refused(
    world: BotWorld, status: int, code: int, answer: str
) -> None:
    message = await world.bob.send(world.channel, "look", attachments=[PHOTO])
    asked = await world.alice.send(world.channel, "a message", reply_to=message)
    path = f"/channels/{world.channel.id}/messages/{message.id}"
    world.env.inject_error("GET", path, status=status, code=code, times=None)
    assert asked.reference is not None
    asked.reference.resolved, asked.content = None, f"{us(world)} make it night"
    world.client.dispatch("message", asked)
    await world.env.settle()
    assert answer in last(world).content
    assert await paid_nothing(world)


async def test_one_that_discord_calls_deleted_is_not_fetched(world: BotWorld) -> None:
    message = await world.bob.send(world.channel, "look", attachments=[PHOTO])
    asked = await world.alice.send(world.channel, "a message", reply_to=message)
    assert asked.reference is not None
    asked.content = f"{us(world)} make it night"
    asked.reference.resolved = discord.DeletedReferencedMessage(asked.reference)
    world.client.dispatch("message", asked)
    await world.env.settle()
    assert "The message you replied to is gone" in last(world).content
    assert await paid_nothing(world)


# -- What was asked with -----------------------------------------------------------------------------------------------


async def test_a_mention_that_is_deleted_is_still_answered_with_its_picture(world: BotWorld) -> None:
    asked = await world.alice.send(world.channel, f"{us(world)} a red door")
    delete(world, asked)
    await world.work(60)
    task = await world.only_task()
    assert (task.state, task.reason) == (TaskState.CLOSED, None)
    assert "Your picture is ready" in texts(last(world))
    assert len(world.api.taken) == 1


async def test_a_menu_works_after_its_message_is_deleted(world: BotWorld) -> None:
    message = await world.bob.send(world.channel, "look", attachments=[PHOTO])
    opened = await world.alice.context_menu(world.channel, "Edit pictures", message)
    delete(world, message)
    await world.alice.submit_modal(opened, {"words": "make it night"})
    await world.work(60)
    assert (await world.only_task()).reason is None
    assert len(world.api.taken) == 1


# -- What was pressed --------------------------------------------------------------------------------------------------


async def test_a_card_that_is_deleted_is_not_missed_by_the_result(world: BotWorld) -> None:
    await world.ask()
    delete(world, last(world))
    await world.work(60)
    (result,) = world.channel.history()
    assert "Your picture is ready" in texts(result)
    assert len(world.api.taken) == 1


@pytest.mark.parametrize(
    ("status", "code", "answer"),
    [(503, 0, "Try again in a few minutes"), (404, 10008, "no longer keep this picture")],
)
async def test_a_result_that_discord_does_not_show_at_the_moment_is_not_called_gone(
    world: BotWorld, status: int, code: int, answer: str
) -> None:
    """Without the bot's own copy, a picture is taken from the message that shows it."""
    await world.ask()
    await world.work(60)
    task, result = await world.only_task(), last(world)
    world.clock.turn(timedelta(days=120).total_seconds())
    keep = timedelta(days=90)
    assert await Retention(stores=world.stores, picture_store=world.picture_store, keep=keep, clock=world.clock).sweep()
    button = await world.post_item(VaryPickedButton(f"{task.id}:0", texts_in("en-US")("actions-vary")))
    world.env.inject_error(
        "GET", f"/channels/{world.channel.id}/messages/{result.id}", status=status, code=code, times=None
    )
    assert answer in world.refusal(await world.bob.click(button, label="Vary"))
    assert await world.stores.tasks.of_user(world.bob.id) == ()
