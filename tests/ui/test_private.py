"""Tests for private pictures: in the ephemeral answer while Discord allows it, then by direct message, or kept."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bot.errors import NotFound, Reason, Refused
from storage.models import Route, TaskState, released
from tests.worlds.bot_world import PHOTO, BotWorld, alt_texts, texts


def seen_by_others(world: BotWorld) -> list[Any]:
    return [message for message in world.channel.history() if not message.flags.ephemeral]


async def told_by(world: BotWorld) -> Route:
    (part,) = await world.stores.parts.of_task((await world.only_task()).id)
    return part.route


async def test_the_answer_that_only_they_see_becomes_the_pictures(world: BotWorld) -> None:
    asked = await world.ask("a red door", private=True, variants=4)
    assert asked.ephemeral
    await world.work()
    assert asked.response is not None
    assert "Your 4 pictures are ready" in texts(asked.response)
    assert "Only you can see this" in texts(asked.response)
    assert len(asked.response.attachments) == 4
    assert alt_texts(asked.response)[0] == "Picture 1 of 4: a red door"
    assert (await world.only_task()).state is TaskState.CLOSED
    assert await told_by(world) is Route.ORIGINAL


async def test_nothing_of_it_is_ever_posted_where_others_read(world: BotWorld) -> None:
    await world.ask("a secret", private=True, image=PHOTO, variants=2)
    await world.work()
    assert seen_by_others(world) == []
    assert world.requests("POST", "/messages") == []


async def test_its_card_moves_on_meanwhile(world: BotWorld) -> None:
    asked = await world.ask(private=True)
    await world.work(20)
    assert asked.response is not None
    assert "Making your picture" in texts(asked.response)


async def test_a_failure_is_told_to_them_alone_too(world: BotWorld) -> None:
    world.api.next_create = [Refused(400, "policy", Reason.POLICY)]
    asked = await world.ask("a secret", private=True)
    await world.work()
    assert asked.response is not None
    assert "No picture this time" in texts(asked.response)
    assert "Only you can see this" in texts(asked.response)
    assert seen_by_others(world) == []


@pytest.mark.sweep
async def test_after_a_quarter_of_an_hour_it_comes_as_a_direct_message(world: BotWorld) -> None:
    world.api.seconds = 20 * 60
    asked = await world.ask("a secret", private=True)
    await world.work(25 * 60, every=15)
    (direct,) = world.alice.user.dm_channel.history()
    assert "Your picture is ready" in texts(direct)
    assert "Discord only lets me answer for 15 minutes" in texts(direct)
    assert asked.response is not None
    assert "I’ll send you the outcome as a direct message" in texts(asked.response)
    assert seen_by_others(world) == []
    assert await told_by(world) is Route.DIRECT


async def test_one_that_is_put_off_says_in_time_how_it_comes(world: BotWorld) -> None:
    asked = await world.ask("a secret", private=True, image=PHOTO)
    now = world.clock()
    await world.stores.tasks.change(await world.only_task(), **released(now + 3_600_000))
    world.clock.turn(13.5 * 60)
    await world.engine._cards.show_waiting()  # `run` calls this every few seconds
    with world.env.time_context():
        await world.delivery.cards.step()
    assert asked.response is not None
    assert "I’ll send you the outcome as a direct message" in texts(asked.response)


@pytest.mark.sweep
async def test_where_direct_messages_are_closed_as_well_it_is_kept_and_offered(world: BotWorld) -> None:
    world.api.seconds = 20 * 60
    await world.ask("a secret", private=True)
    world.env.inject_error("POST", "/users/@me/channels", status=403, code=50007, times=None)
    await world.work(25 * 60, every=15)
    task = await world.only_task()
    assert (task.state, task.undelivered_at is not None) == (TaskState.SETTLED, True)
    again = await world.ask("another")
    assert again.response is not None
    assert "An earlier request of yours is finished" in texts(again.response)


async def test_an_answer_that_its_asker_has_dismissed_leads_to_a_direct_message(world: BotWorld) -> None:
    await world.ask("a secret", private=True)
    world.env.inject_error("PATCH", "/webhooks/*", status=404, code=10008, times=None)
    await world.work()
    (direct,) = world.alice.user.dm_channel.history()
    assert "Your picture is ready" in texts(direct)
    assert seen_by_others(world) == []


async def test_after_a_restart_the_same_answer_becomes_the_pictures(world: BotWorld) -> None:
    asked = await world.ask("a secret", private=True)
    await world.work(20)
    await world.restart()
    await world.work()
    assert asked.response is not None
    assert "Your picture is ready" in texts(asked.response)
    assert seen_by_others(world) == []


async def test_an_edit_whose_answer_was_lost_is_made_again_and_nothing_else_comes_of_it(world: BotWorld) -> None:
    asked = await world.ask("a secret", private=True)
    await world.work(20)
    world.env.inject_error("PATCH", "/webhooks/*", status=503, times=2)
    await world.work()
    assert asked.response is not None
    assert "Your picture is ready" in texts(asked.response)
    assert world.alice.user.dm_channel.history() == []


async def test_it_can_be_cancelled_while_it_waits(world: BotWorld) -> None:
    asked = await world.ask("a secret", private=True)
    assert asked.response is not None
    await world.alice.click(asked.response, label="Cancel")
    assert (await world.only_task()).state is TaskState.CANCELLED
    assert "Cancelled" in texts(asked.response)


async def test_others_learn_nothing_of_it_by_its_buttons(world: BotWorld) -> None:
    await world.ask("a secret", private=True)
    task = await world.only_task()
    with pytest.raises(NotFound) as cancelled:
        await world.engine.requests.cancel(task.id, world.bob.id)
    with pytest.raises(NotFound) as collected:
        await world.engine.undelivered.collect(task.id, world.bob.id, "token")
    assert cancelled.value.reason is collected.value.reason is Reason.TASK_UNKNOWN


async def test_a_private_question_needs_no_right_to_post(world: BotWorld) -> None:
    me = world.guild.me
    assert me is not None
    closed = discord.PermissionOverwrite(send_messages=False)
    channel = world.guild.create_text_channel("quiet", overwrites={me: closed})
    asked = await world.alice.slash(channel, "imagine", prompt="a secret", private=True)
    await world.work()
    assert asked.response is not None
    assert "Your picture is ready" in texts(asked.response)


async def test_what_only_they_see_can_be_asked_again_by_its_button(world: BotWorld) -> None:
    world.api.next_create = [Refused(400, "failed", Reason.SERVICE_FAULT)]
    asked = await world.ask("a secret", private=True)
    await world.work()
    assert asked.response is not None
    again = await world.alice.click(asked.response, label="Ask again")
    await world.work()
    assert again.ephemeral
    assert again.response is not None
    assert "ready" in texts(again.response)
    assert seen_by_others(world) == []


async def test_it_is_cancelled_by_its_card_when_that_is_old(world: BotWorld) -> None:
    asked = await world.ask("a secret", private=True, image=PHOTO)
    await world.stores.tasks.change(await world.only_task(), **released(world.clock() + 7_200_000))
    world.clock.turn(60 * 60)
    assert asked.response is not None
    await world.alice.click(asked.response, label="Cancel")
    assert "Cancelled" in texts(asked.response)
