"""Tests for reports: from the button below a result to the moderators' channel, and what their decision does."""

from __future__ import annotations

from typing import Any

import discord
import pytest
import sqlalchemy as sa
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle
from simcord.results import InteractionResult

from bot.texts import texts_in
from bot.ui.curation.buttons import ReportButton
from storage.community import ReportState, Setting
from storage.models import Task
from storage.schema import report_cases
from tests.worlds.bot_batches import begun, posted, tasks_of
from tests.worlds.bot_world import BotWorld, button_ids, components, texts


@pytest.fixture
def moderator(world: BotWorld) -> MemberActor:
    return world.add_moderator()


@pytest.fixture
async def room(world: BotWorld) -> ChannelHandle:
    """Create the channel where moderators read reports, and choose it in the settings."""
    channel = world.guild.create_text_channel("moderators")
    await world.choose(Setting.MODERATORS, channel.id)
    return channel


async def made(world: BotWorld, **options: Any) -> tuple[Task, Any]:
    await world.ask(**options)
    await world.work(60)
    return await world.only_task(), world.channel.history()[-1]


async def removed(who: MemberActor, message: Any) -> InteractionResult:
    """Press Remove below a report, and confirm."""
    asked: Any = await who.click(message, label="Remove")
    assert asked.ephemeral
    return await who.click(asked.response, label="Remove")


async def report(world: BotWorld, who: MemberActor, result: Any, why: str = "It hurts") -> str:
    opened = await who.select(result, ["report"])
    answered = await who.submit_modal(opened, {"why": why})
    world.acknowledged = world.env.error_cursor
    assert answered.ephemeral
    assert answered.response is not None
    return str(answered.response.content)


async def told(world: BotWorld, room: ChannelHandle) -> Any:
    """Return the message in the moderators' channel."""
    await world.work(10)
    (message,) = room.history()
    return message


async def press(world: BotWorld, who: MemberActor, message: Any, label: str) -> Any:
    pressed = await (removed(who, message) if label == "Remove" else who.click(message, label=label))
    await world.work(10)
    return pressed


def spoilers(message: Any) -> list[bool]:
    return [bool(item.get("spoiler")) for part in components(message) if part["type"] == 12 for item in part["items"]]


# -- reporting ---------------------------------------------------------------------------------------------------------


async def test_a_report_reaches_the_moderators_with_the_picture_as_a_spoiler(
    world: BotWorld, room: ChannelHandle
) -> None:
    task, result = await made(world, variants=2)
    assert "Thank you" in await report(world, world.bob, result)
    message = await told(world, room)
    said = texts(message)
    assert "A result was reported" in said
    assert "It hurts" in said
    assert "a red door" in said
    assert f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{result.id}" in said
    assert spoilers(message) == [True, True]
    assert world.pinged(message) == []
    assert button_ids(message) == [f"a1:decide-{what}:{task.id}" for what in ("remove", "hide", "dismiss")]


async def test_the_result_stays_as_it_is_until_somebody_decides(world: BotWorld, room: ChannelHandle) -> None:
    _, result = await made(world)
    await report(world, world.bob, result)
    await told(world, room)
    assert spoilers(world.channel.history()[0]) == [False]


async def test_more_reports_come_to_the_same_message(
    world: BotWorld, room: ChannelHandle, moderator: MemberActor
) -> None:
    _, result = await made(world)
    await report(world, world.bob, result, "It hurts")
    await told(world, room)
    await report(world, moderator, result, "")
    said = texts(await told(world, room))
    assert "reported by 2 people" in said
    assert "It hurts" in said
    assert f"<@{moderator.id}> gave no reason" in said


async def test_one_of_a_batch_is_reported_from_the_answer_in_which_it_was_opened(
    world: BotWorld, room: ChannelHandle
) -> None:
    await begun(world)
    await world.work(60)
    message = posted(world)[0]
    second = (await tasks_of(world))[1]
    opened = await world.bob.select(message, [second.id])
    assert "Thank you" in await report(world, world.bob, opened.response)
    said = texts(await told(world, room))
    assert "red door in ink" in said
    assert f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{message.id}" in said


async def test_one_that_was_not_posted_is_reported_with_a_link_to_where_it_was_looked_up(
    world: BotWorld, room: ChannelHandle
) -> None:
    await world.ask()
    await world.work(10)
    task = await world.only_task()
    await world.engine.requests.withhold(task.id, world.alice.id, withheld=True)
    await world.work(60)
    found: Any = await world.bob.slash(world.channel, "show", what=task.id)
    assert "Thank you" in await report(world, world.bob, found.response)
    said = texts(await told(world, room))
    assert "a red door" in said
    assert f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/" in said


async def test_one_that_was_looked_up_is_reported_with_a_link_to_where_everyone_sees_it(
    world: BotWorld, room: ChannelHandle
) -> None:
    task, result = await made(world)
    found: Any = await world.bob.slash(world.channel, "show", what=task.id)
    assert "Thank you" in await report(world, world.bob, found.response)
    link = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{result.id}"
    assert link in texts(await told(world, room))


async def test_the_same_person_reports_once(world: BotWorld, room: ChannelHandle) -> None:
    _, result = await made(world)
    await report(world, world.bob, result)
    assert "already reported this one" in await report(world, world.bob, result)
    assert "A result was reported" in texts(await told(world, room))


async def test_words_of_a_report_can_neither_ping_nor_format(world: BotWorld, room: ChannelHandle) -> None:
    _, result = await made(world)
    await report(world, world.bob, result, "@everyone **look** [here](https://evil.test)")
    message = await told(world, room)
    assert "**look**" not in texts(message)
    assert world.pinged(message) == []


async def test_without_a_channel_for_reports_an_old_button_says_whom_to_tell(world: BotWorld) -> None:
    task, _ = await made(world)
    old = await world.post_item(ReportButton(task.id, texts_in("en-US")))
    refused = await world.bob.click(old, label="Report")
    assert "Tell a moderator directly" in world.refusal(refused)


@pytest.mark.sweep
async def test_a_report_reaches_them_after_a_restart_and_trouble_of_discord_once(
    world: BotWorld, room: ChannelHandle
) -> None:
    _, result = await made(world)
    world.env.inject_error("POST", f"/channels/{room.id}/messages", status=503, times=2)
    await report(world, world.bob, result)
    await world.work(5)
    await world.restart()
    await world.work(60)
    assert len(room.history()) == 1


async def test_one_whose_answer_was_lost_is_found_and_not_posted_twice(world: BotWorld, room: ChannelHandle) -> None:
    _, result = await made(world)
    await report(world, world.bob, result)
    await told(world, room)
    async with world.database.write() as connection:
        await connection.execute(sa.update(report_cases).values(message_id=None, channel_id=None, due_at=world.clock()))
    await world.restart()
    await told(world, room)


@pytest.mark.sweep
async def test_a_channel_that_is_closed_to_us_is_tried_again_and_another_one_taken(world: BotWorld) -> None:
    assert world.guild.me is not None
    denied = discord.PermissionOverwrite(send_messages=False)
    closed = world.guild.create_text_channel("closed", overwrites={world.guild.me: denied})
    await world.choose(Setting.MODERATORS, closed.id)
    _, result = await made(world)
    await report(world, world.bob, result)
    await world.work(10)
    opened = world.guild.create_text_channel("opened")
    await world.choose(Setting.MODERATORS, opened.id)
    world.clock.turn(3600)
    await told(world, opened)


async def test_a_moderators_message_that_was_deleted_comes_again_with_the_next_report(
    world: BotWorld, room: ChannelHandle, moderator: MemberActor
) -> None:
    _, result = await made(world)
    await report(world, world.bob, result)
    await moderator.delete(await told(world, room))
    await report(world, moderator, result)
    assert "reported by 2 people" in texts(await told(world, room))


# -- deciding ----------------------------------------------------------------------------------------------------------


async def test_hidden_is_a_spoiler_until_it_is_dismissed(
    world: BotWorld, room: ChannelHandle, moderator: MemberActor
) -> None:
    _, result = await made(world, variants=2)
    await report(world, world.bob, result)
    await press(world, moderator, await told(world, room), "Hide for now")
    hidden = world.channel.history()[0]
    assert spoilers(hidden) == [True, True]
    assert "Hidden until the moderators decide" in texts(hidden)
    assert len(hidden.attachments) == 2
    assert f"<@{moderator.id}>" in texts(await told(world, room))
    await world.restart()
    await press(world, moderator, await told(world, room), "Show again")
    shown = world.channel.history()[0]
    assert spoilers(shown) == [False, False]
    assert "Hidden" not in texts(shown)
    message = await told(world, room)
    assert button_ids(message) == []
    assert "Dismissed: it stays" in texts(message)


async def test_removed_is_gone_with_its_copies_and_for_good(
    world: BotWorld, room: ChannelHandle, moderator: MemberActor
) -> None:
    gallery = world.guild.create_text_channel("gallery")
    await world.choose(Setting.GALLERY, gallery.id)
    task, result = await made(world)
    await world.alice.select(result, ["gallery"])
    await report(world, world.bob, result)
    await press(world, moderator, await told(world, room), "Remove")
    assert world.channel.history() == []
    assert gallery.history() == []
    message = await told(world, room)
    assert button_ids(message) == []
    assert message.attachments == []
    found: Any = await world.alice.slash(world.channel, "show", what=task.id)
    assert "I can’t find anything like that" in world.refusal(found)


async def test_the_question_before_a_removal_shows_the_prompt_and_keeping_it_decides_nothing(
    world: BotWorld, room: ChannelHandle, moderator: MemberActor
) -> None:
    _, result = await made(world)
    await report(world, world.bob, result)
    message = await told(world, room)
    asked: Any = await moderator.click(message, label="Remove")
    assert "a red door" in texts(asked.response)
    await world.restart()
    await moderator.click(asked.response, label="Keep it")
    assert texts(asked.response) == "Nothing was removed. It stays as it is."
    assert button_ids(asked.response) == []
    assert "Not decided yet" in texts(await told(world, room))
    assert len(world.channel.history()) == 1


async def test_dismissed_is_not_reported_again(world: BotWorld, room: ChannelHandle, moderator: MemberActor) -> None:
    _, result = await made(world)
    await report(world, world.bob, result)
    await press(world, moderator, await told(world, room), "Dismiss")
    assert "have already decided about this one" in await report(world, world.alice, result)


async def test_only_moderators_decide(world: BotWorld, room: ChannelHandle) -> None:
    _, result = await made(world)
    await report(world, world.bob, result)
    refused = await world.bob.click(await told(world, room), label="Remove")
    assert "Only people who can manage this server or its messages" in world.refusal(refused)
    await world.work(10)
    assert len(world.channel.history()) == 1


async def test_of_two_moderators_the_second_is_told_that_it_is_decided(
    world: BotWorld, room: ChannelHandle, moderator: MemberActor
) -> None:
    _, result = await made(world)
    await report(world, world.bob, result)
    message = await told(world, room)
    await moderator.click(message, label="Dismiss")
    late = await removed(moderator, message)
    assert "already decided about this one" in world.refusal(late)
    await world.work(10)
    assert len(world.channel.history()) == 1


async def test_a_decision_is_carried_out_after_a_restart(
    world: BotWorld, room: ChannelHandle, moderator: MemberActor
) -> None:
    _, result = await made(world)
    await report(world, world.bob, result)
    await removed(moderator, await told(world, room))
    await world.restart()
    await world.work(10)
    assert world.channel.history() == []


async def test_what_its_asker_removes_closes_the_report(world: BotWorld, room: ChannelHandle) -> None:
    task, result = await made(world)
    await report(world, world.bob, result)
    await told(world, room)
    asked: Any = await world.alice.click(result, label="Remove")
    await world.alice.click(asked.response, label="Remove everywhere")
    message = await told(world, room)
    assert button_ids(message) == []
    found = await world.stores.reports.get(task.id, world.guild.id)
    assert found is not None
    assert found.state is ReportState.REMOVED


async def test_what_is_hidden_is_not_posted_elsewhere_meanwhile(
    world: BotWorld, room: ChannelHandle, moderator: MemberActor
) -> None:
    task, result = await made(world)
    await report(world, world.bob, result)
    await press(world, moderator, await told(world, room), "Hide for now")
    found: Any = await world.alice.slash(world.channel, "show", what=task.id)
    assert spoilers(found.response) == [True]
    again = await world.alice.click(found.response, label="Post here")
    assert "hidden until the moderators decide" in world.refusal(again)


# -- results of other places -------------------------------------------------------------------------------------------


async def test_a_server_decides_over_what_was_posted_there_and_not_over_where_it_was_made(
    world: BotWorld, room: ChannelHandle, moderator: MemberActor
) -> None:
    other = world.env.create_guild("Elsewhere")
    far = other.create_text_channel("far")
    alice = other.add_member(world.alice.user)
    await alice.slash(far, "imagine", prompt="a red door")
    await world.work(60)
    task = await world.only_task(alice)
    found: Any = await world.alice.slash(world.channel, "show", what=task.id)
    await world.alice.click(found.response, label="Post here")
    (here,) = world.channel.history()
    await report(world, world.bob, here)
    message = await told(world, room)
    await press(world, moderator, message, "Hide for now")
    assert spoilers(world.channel.history()[0]) == [True]
    assert spoilers(far.history()[0]) == [False]
    await press(world, moderator, await told(world, room), "Remove")
    assert world.channel.history() == []
    assert len(far.history()) == 1


async def test_a_report_is_decided_where_it_was_told_though_another_channel_was_chosen_since(
    world: BotWorld, room: ChannelHandle, moderator: MemberActor
) -> None:
    _, result = await made(world)
    await report(world, world.bob, result)
    message = await told(world, room)
    another = world.guild.create_text_channel("another")
    await world.choose(Setting.MODERATORS, another.id)
    await press(world, moderator, message, "Dismiss")
    assert "Dismissed: it stays" in texts(await told(world, room))
    assert another.history() == []
