"""Publish, repost, copy to the gallery, and remove: each message is posted once, and deleted with the result."""

from __future__ import annotations

import re
from typing import Any

import discord
import pytest
import sqlalchemy as sa
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle

from bot.engine.outbox.curation import Role
from bot.errors import NotFound
from bot.texts import texts_in
from bot.ui.curation.buttons import GalleryButton
from cogs.gallery import STAR
from storage.community import Setting
from storage.models import Task
from storage.schema import reposts
from tests.worlds.bot_world import BotWorld, button_ids, texts


@pytest.fixture
def moderator(world: BotWorld) -> MemberActor:
    return world.add_moderator()


@pytest.fixture
async def gallery(world: BotWorld) -> ChannelHandle:
    channel = world.guild.create_text_channel("gallery")
    await world.choose(Setting.GALLERY, channel.id)
    return channel


async def made(world: BotWorld, **options: Any) -> tuple[Task, Any]:
    """Return a finished task and the message with its result."""
    asked = await world.ask(**options)
    await world.work(60)
    return await world.only_task(), asked.response if options.get("private") else world.channel.history()[-1]


async def said(world: BotWorld, who: MemberActor, message: Any, label: str) -> str:
    """Press a button and return the text of the ephemeral answer."""
    option = {"To gallery": "gallery", "Report": "report"}.get(label)
    pressed = await (who.select(message, [option]) if option else who.click(message, label=label))
    assert pressed.ephemeral
    assert pressed.response is not None
    world.acknowledged = world.env.error_cursor
    return str((pressed.followups or [pressed.response])[-1].content)


async def confirmed(world: BotWorld, who: MemberActor, message: Any, label: str = "Remove everywhere") -> None:
    asked: Any = await who.click(message, label="Remove")
    assert asked.ephemeral
    answered = await who.click(asked.response, label=label)
    assert "gone from Discord in a moment" in texts(answered.response)
    await world.work(10)


# -- Publish -----------------------------------------------------------------------------------------------------------


async def test_what_was_private_is_published_where_it_was_asked_for(world: BotWorld) -> None:
    task, result = await made(world, private=True)
    assert not world.channel.history()
    assert "Posted: https://discord.com/channels/" in await said(world, world.alice, result, "Publish")
    (message,) = world.channel.history()
    assert "now for everyone here" in texts(message)
    assert f"for <@{world.alice.id}>" in texts(message)
    assert world.pinged(message) == []
    assert message.attachments[0].filename == f"atelier-{task.id}-1.png"
    assert f"a1:publish:{task.id}" not in button_ids(message)
    assert (await world.only_task()).private is False


async def test_what_was_published_is_open_to_others_by_its_buttons(world: BotWorld) -> None:
    _, result = await made(world, private=True)
    await said(world, world.alice, result, "Publish")
    await world.bob.click(world.channel.history()[0], label="Again")
    assert (await world.only_task(world.bob)).parent_id is not None


async def test_publishing_twice_posts_once_and_leads_to_it(world: BotWorld) -> None:
    _, result = await made(world, private=True)
    first = await said(world, world.alice, result, "Publish")
    assert await said(world, world.alice, result, "Publish") == first
    assert len(world.channel.history()) == 1


async def test_publishing_works_after_a_restart(world: BotWorld) -> None:
    _, result = await made(world, private=True)
    await world.restart()
    await said(world, world.alice, result, "Publish")
    assert len(world.channel.history()) == 1


async def test_what_discord_does_not_take_now_is_published_later_once(world: BotWorld) -> None:
    _, result = await made(world, private=True)
    world.env.inject_error("POST", "/channels/*/messages", status=503)
    answer = await said(world, world.alice, result, "Publish")
    assert "It’s on its way to" in answer
    assert not world.channel.history()
    await world.restart()
    await world.work(60)
    assert len(world.channel.history()) == 1


@pytest.mark.parametrize(("status", "code"), [(400, 50035), (403, 50013), (500, 0)])
async def test_who_sees_thinking_is_answered_though_discord_refuses_the_answer(
    world: BotWorld, status: int, code: int
) -> None:
    _, result = await made(world, private=True)
    world.env.inject_error("PATCH", "/webhooks/*/messages/@original", status=status, code=code, times=None)
    assert "Try again in a few minutes" in await said(world, world.alice, result, "Publish")
    assert len(world.channel.history()) == 1


async def test_a_posting_whose_answer_was_lost_is_found_and_not_posted_twice(world: BotWorld) -> None:
    task, result = await made(world, private=True)
    await said(world, world.alice, result, "Publish")
    await unheard(world, task)
    await world.restart()
    await world.work(60)
    assert len(world.channel.history()) == 1
    (repost,) = await world.stores.reposts.of_task(task.id)
    assert repost.message_id == world.channel.history()[0].id


async def unheard(world: BotWorld, task: Task) -> None:
    """Restore the row to the state of a process that died after the post and before the row was written."""
    async with world.database.write() as connection:
        these = sa.update(reposts).where(reposts.c.task_id == task.id)
        await connection.execute(these.values(message_id=None, due_at=world.clock()))


async def test_where_nothing_may_be_posted_it_is_said_and_can_be_tried_again(world: BotWorld) -> None:
    assert world.guild.me is not None
    denied = discord.PermissionOverwrite(send_messages=False)
    world.channel = world.guild.create_text_channel("quiet", overwrites={world.guild.me: denied})
    task, result = await made(world, private=True)
    assert "permission to send messages" in await said(world, world.alice, result, "Publish")
    assert await world.stores.reposts.of_task(task.id) == ()


async def test_what_discord_refuses_is_said_and_can_be_tried_again(world: BotWorld) -> None:
    task, result = await made(world, private=True)
    world.env.inject_error("POST", "/channels/*/messages", status=403, code=50013)
    assert "I can’t post in" in await said(world, world.alice, result, "Publish")
    assert await world.stores.reposts.of_task(task.id) == ()
    assert (await world.only_task()).private
    await said(world, world.alice, result, "Publish")
    assert len(world.channel.history()) == 1


async def test_nobody_else_publishes_it_and_not_even_a_moderator_knows_of_it(world: BotWorld) -> None:
    task, _ = await made(world, private=True)
    who = Role(person_id=world.bob.id, guild_id=world.guild.id, moderates=True)
    for refused in (world.engine.curation.postable, world.engine.curation.remove):
        with pytest.raises(NotFound):
            await refused(task.id, who)


# -- Post here ---------------------------------------------------------------------------------------------------------


async def test_what_was_looked_up_is_posted_where_they_are(world: BotWorld) -> None:
    task, result = await made(world, variants=2)
    assert f"a1:post-here:{task.id}" not in button_ids(result)
    elsewhere = world.guild.create_text_channel("elsewhere")
    found = await world.alice.slash(elsewhere, "show", what=task.id)
    assert "Posted" in await said(world, world.alice, found.response, "Post here")
    (message,) = elsewhere.history()
    assert "2 earlier pictures" in texts(message)
    assert len(message.attachments) == 2
    assert f"a1:pick:{task.id}:1" in button_ids(message)
    assert world.pinged(message) == []


async def test_the_same_button_posts_once_and_another_look_posts_again(world: BotWorld) -> None:
    task, _ = await made(world)
    found = await world.alice.slash(world.channel, "show", what=task.id)
    await said(world, world.alice, found.response, "Post here")
    await said(world, world.alice, found.response, "Post here")
    assert len(world.channel.history()) == 2
    found = await world.alice.slash(world.channel, "show", what=task.id)
    await said(world, world.alice, found.response, "Post here")
    assert len(world.channel.history()) == 3


async def test_only_its_asker_posts_it_again_and_no_moderator(world: BotWorld, moderator: MemberActor) -> None:
    task, _ = await made(world)
    for who in (world.bob, moderator):
        found = await who.slash(world.channel, "show", what=task.id)
        refused = await said(world, who, found.response, "Post here")
        assert "Only the person who asked for this picture" in refused
    assert len(world.channel.history()) == 1


async def test_what_was_posted_again_can_be_looked_up_by_its_link(world: BotWorld) -> None:
    task, _ = await made(world)
    found = await world.alice.slash(world.channel, "show", what=task.id)
    _, _, link = (await said(world, world.alice, found.response, "Post here")).partition(" ")
    again = await world.bob.slash(world.channel, "show", what=link)
    assert f"a1:again:{task.id}" in button_ids(again.response)


# -- Gallery -----------------------------------------------------------------------------------------------------------


async def test_the_asker_copies_a_result_to_the_gallery_with_credit_and_a_link_back(
    world: BotWorld, gallery: ChannelHandle
) -> None:
    task, result = await made(world)
    await said(world, world.alice, result, "To gallery")
    (copy,) = gallery.history()
    assert "In the gallery" in texts(copy)
    assert f"<@{world.alice.id}>" in texts(copy)
    assert f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{result.id}" in texts(copy)
    assert copy.attachments[0].filename == f"atelier-{task.id}-1.png"
    assert world.pinged(copy) == []


async def test_a_copy_of_a_result_that_came_directly_has_no_link_back(world: BotWorld, gallery: ChannelHandle) -> None:
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=403, code=50001, times=None)
    world.env.inject_error("PATCH", "/webhooks/*", status=401, code=50027)
    task, _ = await made_directly(world)
    found: Any = await world.alice.slash(world.channel, "show", what=task.id)
    await said(world, world.alice, found.response, "To gallery")
    (copy,) = gallery.history()
    assert "In the gallery" in texts(copy)
    assert "https://discord.com/channels/" not in texts(copy)


async def made_directly(world: BotWorld) -> tuple[Task, Any]:
    await world.ask()
    await world.work(60)
    (message,) = world.alice.user.dm_channel.history()
    return await world.only_task(), message


async def test_where_the_bot_serves_no_longer_nothing_is_posted_again(world: BotWorld) -> None:
    task, _ = await made(world)
    found: Any = await world.alice.slash(world.channel, "show", what=task.id)
    world.client.allowed_guilds = frozenset({1})
    assert "I can only answer you here" in await said(world, world.alice, found.response, "Post here")
    assert len(world.channel.history()) == 1


async def test_a_published_result_is_led_back_to_where_it_was_published(
    world: BotWorld, gallery: ChannelHandle
) -> None:
    _, result = await made(world, private=True)
    await said(world, world.alice, result, "Publish")
    (published,) = world.channel.history()
    await said(world, world.alice, published, "To gallery")
    assert f"{world.channel.id}/{published.id}" in texts(gallery.history()[0])


async def test_a_copy_leads_back_to_no_message_that_was_removed(world: BotWorld, gallery: ChannelHandle) -> None:
    task, result = await made(world, private=True)
    await said(world, world.alice, result, "Publish")
    (published,) = world.channel.history()
    found = await world.alice.slash(world.channel, "show", what=task.id)
    await said(world, world.alice, found.response, "Post here")
    await confirmed(world, world.alice, published, "Only this message")
    (shown,) = world.channel.history()
    await said(world, world.alice, shown, "To gallery")
    assert "discord.com/channels" not in texts(gallery.history()[0])


async def test_a_result_is_copied_once_whoever_asks_and_however(
    world: BotWorld, gallery: ChannelHandle, moderator: MemberActor
) -> None:
    _, result = await made(world)
    await said(world, world.alice, result, "To gallery")
    await said(world, moderator, result, "To gallery")
    await world.alice.react(result, STAR)
    await world.work(10)
    assert len(gallery.history()) == 1


async def test_others_do_not_copy_it(world: BotWorld, gallery: ChannelHandle) -> None:
    _, result = await made(world)
    answer = await said(world, world.bob, result, "To gallery")
    assert "Only the person who asked for it and the moderators" in answer
    await world.bob.react(result, STAR)
    await world.work(10)
    assert gallery.history() == []


@pytest.mark.parametrize("by", ["asker", "moderator"])
async def test_a_star_copies_it_also_after_a_restart(
    world: BotWorld, gallery: ChannelHandle, moderator: MemberActor, by: str
) -> None:
    _, result = await made(world)
    await world.restart()
    await (world.alice if by == "asker" else moderator).react(result, STAR)
    await world.work(10)
    assert len(gallery.history()) == 1


async def test_a_star_on_a_copy_makes_no_other(world: BotWorld, gallery: ChannelHandle) -> None:
    _, result = await made(world)
    await said(world, world.alice, result, "To gallery")
    await world.alice.react(gallery.history()[0], STAR)
    await world.work(10)
    assert len(gallery.history()) == 1


async def test_another_reaction_is_just_that(world: BotWorld, gallery: ChannelHandle) -> None:
    _, result = await made(world)
    await world.alice.react(result, "\N{THUMBS UP SIGN}")
    await world.work(10)
    assert gallery.history() == []


async def test_without_a_gallery_an_old_button_says_who_can_choose_one(world: BotWorld) -> None:
    task, result = await made(world)
    old = await world.post_item(GalleryButton(task.id, texts_in("en-US")))
    refused = world.refusal(await world.alice.click(old, label="To gallery"))
    assert re.search("can choose a channel with </settings:[0-9]+>", refused)
    await world.alice.react(result, STAR)
    await world.work(10)


async def test_a_gallery_that_we_may_not_write_in_is_said_with_what_to_allow(world: BotWorld) -> None:
    assert world.guild.me is not None
    denied = discord.PermissionOverwrite(attach_files=False)
    closed = world.guild.create_text_channel("closed", overwrites={world.guild.me: denied})
    await world.choose(Setting.GALLERY, closed.id)
    _, result = await made(world)
    assert "attach files" in await said(world, world.alice, result, "To gallery")


async def test_a_deleted_original_takes_its_copy_along(
    world: BotWorld, gallery: ChannelHandle, moderator: MemberActor
) -> None:
    _, result = await made(world)
    await said(world, world.alice, result, "To gallery")
    await moderator.delete(result)
    await world.work(10)
    assert gallery.history() == []


async def test_a_deleted_second_showing_leaves_the_gallery_alone(
    world: BotWorld, gallery: ChannelHandle, moderator: MemberActor
) -> None:
    task, result = await made(world)
    await said(world, world.alice, result, "To gallery")
    found = await world.alice.slash(world.channel, "show", what=task.id)
    await said(world, world.alice, found.response, "Post here")
    await moderator.delete(world.channel.history()[-1])
    await world.work(10)
    assert len(gallery.history()) == 1


# -- Remove ------------------------------------------------------------------------------------------------------------


async def test_the_asker_removes_it_with_all_its_copies(world: BotWorld, gallery: ChannelHandle) -> None:
    task, result = await made(world, variants=4)
    await said(world, world.alice, result, "To gallery")
    await confirmed(world, world.alice, result)
    assert world.channel.history() == []
    assert gallery.history() == []
    found = await world.alice.slash(world.channel, "show", what=task.id)
    assert f"a1:again:{task.id}" in button_ids(found.response)


async def test_a_moderator_removes_it_and_nobody_looks_it_up_any_more(world: BotWorld, moderator: MemberActor) -> None:
    task, result = await made(world)
    await confirmed(world, moderator, result)
    assert world.channel.history() == []
    for who in (world.alice, world.bob):
        found = await who.slash(world.channel, "show", what=task.id)
        assert "I can’t find anything like that" in world.refusal(found)


async def test_the_question_shows_the_prompt_and_keeping_it_removes_nothing_after_a_restart(
    world: BotWorld, gallery: ChannelHandle
) -> None:
    _, result = await made(world, prompt="a *red* door " * 50)
    await said(world, world.alice, result, "To gallery")
    for message in (result, gallery.history()[0]):
        asked: Any = await world.alice.click(message, label="Remove")
        assert "a \\*red\\* door" in texts(asked.response)
        assert len(texts(asked.response)) < 1000
        await world.restart()
        await world.alice.click(asked.response, label="Keep it")
        assert texts(asked.response) == "Nothing was removed. It stays as it is."
        assert button_ids(asked.response) == []
        await world.work(10)
    assert len(world.channel.history()) == len(gallery.history()) == 1


async def test_nobody_else_removes_it(world: BotWorld) -> None:
    _, result = await made(world)
    asked = await world.bob.click(result, label="Remove")
    assert "tell one of them" in world.refusal(asked)
    await world.work(10)
    assert len(world.channel.history()) == 1


async def test_a_copy_alone_can_be_removed_and_does_not_come_back(world: BotWorld, gallery: ChannelHandle) -> None:
    _, result = await made(world)
    await said(world, world.alice, result, "To gallery")
    await confirmed(world, world.alice, gallery.history()[0], "Only this message")
    assert gallery.history() == []
    assert len(world.channel.history()) == 1
    assert "was removed" in await said(world, world.alice, result, "To gallery")
    assert gallery.history() == []


async def test_a_removal_is_done_after_a_restart_and_while_discord_has_trouble(world: BotWorld) -> None:
    _, result = await made(world)
    world.env.inject_error("DELETE", "/channels/*/messages/*", status=503, times=2)
    asked: Any = await world.alice.click(result, label="Remove")
    await world.alice.click(asked.response, label="Remove everywhere")
    await world.work(5)
    assert len(world.channel.history()) == 1
    await world.restart()
    await world.work(200)
    assert world.channel.history() == []


@pytest.mark.sweep
async def test_what_is_removed_before_its_copy_was_posted_is_not_posted(
    world: BotWorld, gallery: ChannelHandle
) -> None:
    _, result = await made(world)
    world.env.inject_error("POST", f"/channels/{gallery.id}/messages", status=503)
    await said(world, world.alice, result, "To gallery")
    await confirmed(world, world.alice, result)
    await world.work(300)
    assert gallery.history() == []
    assert len(world.requests("POST", f"/channels/{gallery.id}/messages")) == 1, "the one that was refused"


async def test_what_came_of_a_removed_picture_stays_and_names_nobody(world: BotWorld) -> None:
    _, result = await made(world)
    await world.bob.click(result, label="Vary")
    await world.work(60)
    await confirmed(world, world.alice, result)
    assert len(world.channel.history()) == 1
    varied = await world.only_task(world.bob)
    found = await world.bob.slash(world.channel, "show", what=varied.id)
    assert f"<@{world.alice.id}>" not in texts(found.response)


async def test_a_private_result_is_removed_from_the_answer_too(world: BotWorld) -> None:
    _, result = await made(world, private=True)
    await confirmed(world, world.alice, result)
    assert (await world.only_task()).sync_at is None
    assert world.requests("DELETE", "/messages/@original")


# -- where the button is pressed -------------------------------------------------------------------------------------


async def told_directly(world: BotWorld) -> Any:
    """Return the direct message of a private result that was delivered after the token's 15 minutes."""
    asked = await world.ask(private=True)
    assert asked.response is not None
    world.clock.turn(16 * 60)
    await world.work(60)
    return world.alice.user.dm_channel.history()[-1]


async def test_a_direct_message_publishes_into_the_channel_where_it_was_asked_for(world: BotWorld) -> None:
    result = await told_directly(world)
    await said_to_user(world, result)
    assert len(world.channel.history()) == 1


async def test_who_has_left_the_server_publishes_nothing_there(world: BotWorld) -> None:
    result = await told_directly(world)
    world.guild.remove_member(world.alice)
    assert "I can’t post in" in await said_to_user(world, result)
    assert world.channel.history() == []
    assert (await world.only_task()).private


async def test_into_a_channel_that_was_deleted_nothing_is_published(world: BotWorld) -> None:
    result = await told_directly(world)
    world.env.backend.delete_channel(world.channel.id)
    assert f"I can’t post in <#{world.channel.id}>" in await said_to_user(world, result)
    assert (await world.only_task()).private
    assert world.requests("POST", f"/channels/{world.channel.id}/messages") == []


async def said_to_user(world: BotWorld, message: Any) -> str:
    pressed: Any = await world.alice.user.click(message, label="Publish")
    world.acknowledged = world.env.error_cursor
    return str((pressed.followups or [pressed.response])[-1].content)


async def test_a_posting_that_never_arrived_is_not_taken_for_the_original_beside_it(world: BotWorld) -> None:
    task, _ = await made(world)
    found: Any = await world.alice.slash(world.channel, "show", what=task.id)
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=503)
    await said(world, world.alice, found.response, "Post here")
    assert len(world.channel.history()) == 1
    await world.work(60)
    assert len(world.channel.history()) == 2


async def test_where_we_may_not_attach_nothing_is_posted_again_and_it_is_said_what_to_allow(world: BotWorld) -> None:
    assert world.guild.me is not None
    task, _ = await made(world)
    denied = discord.PermissionOverwrite(attach_files=False)
    quiet = world.guild.create_text_channel("quiet", overwrites={world.guild.me: denied})
    found: Any = await world.alice.slash(quiet, "show", what=task.id)
    assert "permission to attach files" in await said(world, world.alice, found.response, "Post here")
    assert quiet.history() == []


async def test_an_answer_that_can_no_longer_be_deleted_is_named_in_the_question_and_after_it(world: BotWorld) -> None:
    _, result = await made(world, private=True)
    world.clock.turn(16 * 60)
    asked: Any = await world.alice.click(result, label="Remove")
    assert "One message that shows it stays" in texts(asked.response)
    answered = await world.alice.click(asked.response, label="Remove everywhere")
    assert "Delete or dismiss it yourself" in texts(answered.response)
    assert "gone from Discord in a moment" not in texts(answered.response)
