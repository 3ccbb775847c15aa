"""Actions on the pictures of a batch, and where the batch is delivered."""

from __future__ import annotations

import discord
import pytest

from storage.community import Setting
from tests.worlds.bot_batches import DOORS, MADE, answer, begun, choose, posted, proposed, seen, spoilers, tasks_of
from tests.worlds.bot_world import BotWorld, button_ids, texts

# -- actions -----------------------------------------------------------------------------------------------------------


async def test_one_is_opened_with_all_its_buttons_and_asked_again_alone(world: BotWorld) -> None:
    await begun(world)
    await world.work(60)
    await world.restart()
    message, _ = posted(world)
    second = (await tasks_of(world))[1]
    opened = await world.bob.select(message, [second.id])
    assert opened.ephemeral
    assert "red door in ink" in texts(opened.response)
    assert {"a1:again", "a1:edit", "a1:vary"} <= {
        button_id.rpartition(":")[0] for button_id in button_ids(opened.response)
    }
    await world.bob.click(seen(opened), label="Again")
    again = await world.only_task(world.bob)
    assert (again.prompt, again.parent_id, again.batch_id) == ("red door in ink", second.id, None)
    await world.work(60)
    assert "Your picture is ready" in texts(posted(world)[-1])


async def test_vary_takes_words_with_braces_as_they_are(world: BotWorld) -> None:
    await world.ask(r"\{red, green\} door")
    await world.work(60)
    await world.bob.click(posted(world)[-1], label="Vary")
    assert (await world.only_task(world.bob)).prompt == "{red, green} door"


async def test_an_edit_begins_with_words_that_mean_the_same(world: BotWorld) -> None:
    await world.ask(r"\{red, green\} door")
    await world.work(60)
    form = await world.bob.click(posted(world)[-1], label="Edit")
    assert form.modal is not None
    words = next(
        component["component"]
        for component in form.modal["components"]
        if component["component"]["custom_id"] == "words"
    )
    await world.bob.submit_modal(form, {"words": words["value"]})
    assert (await world.only_task(world.bob)).prompt == "{red, green} door"


@pytest.mark.sweep
async def test_all_of_them_are_found_again_by_number_and_by_the_message(world: BotWorld) -> None:
    await begun(world)
    await world.work(60)
    message, _ = posted(world)
    third = (await tasks_of(world))[2]
    assert "green door in oil" in texts((await world.alice.slash(world.channel, "show", what=third.id)).response)
    link = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{message.id}"
    assert "red door in oil" in texts((await world.bob.slash(world.channel, "show", what=link)).response)
    page = texts((await world.alice.slash(world.channel, "tasks")).response)
    assert all(words in page for words in MADE)


async def test_the_rest_is_cancelled_by_its_asker_alone(world: BotWorld) -> None:
    await begun(world)
    await world.work(5)
    await world.restart()
    (message,) = posted(world)
    assert "Only the person who asked" in answer(world, await world.bob.click(message, label="Cancel what is waiting"))
    pressed = await world.alice.click(message, label="Cancel what is waiting")
    assert pressed.ephemeral
    assert "3 requests are cancelled and cost nothing. 1 more is already being made" in answer(world, pressed)
    await world.work(60)
    message, ending = posted(world)
    assert "1 of 4 done · 3 cancelled" in texts(message)
    assert "Your picture is ready" in texts(ending)


async def test_a_picture_is_hidden_and_removed_in_the_shared_message(world: BotWorld) -> None:
    await begun(world)
    await world.work(60)
    first, second, *_ = await tasks_of(world)
    await world.stores.curation.hide(first.id, hidden=True, now=world.clock())
    await world.work(10)
    message, _ = posted(world)
    assert spoilers(message) == [True, False, False, False]
    assert "hidden until the moderators decide" in texts(message)
    opened = await world.alice.select(message, [second.id])
    asked = await world.alice.click(seen(opened), label="Remove")
    await world.alice.click(seen(asked), label="Remove everywhere")
    await world.work(10)
    message, _ = posted(world)
    assert "red door in ink" not in "".join(texts(message).splitlines()[2:])
    assert "**2.** *removed*" in texts(message)
    assert [attachment.filename.split("-")[1] for attachment in message.attachments] == [
        task.id for task in await tasks_of(world) if task.id != second.id
    ]


async def test_a_message_that_is_deleted_meanwhile_is_posted_afresh(world: BotWorld) -> None:
    await begun(world)
    await world.work(10)
    (before,) = posted(world)
    moderator = world.guild.add_member(
        world.env.create_user("mod"),
        roles=[world.guild.create_role("mods", permissions=discord.Permissions(manage_messages=True))],
    )
    await moderator.delete(before)
    await world.work(60)
    message, ending = posted(world)
    assert message.id != before.id
    assert len(message.attachments) == 4
    assert world.pinged(ending) == [world.alice.id]


async def test_pictures_that_stand_there_are_kept_when_our_copies_are_gone(world: BotWorld) -> None:
    await begun(world)
    await world.work(60)
    first, *others = await tasks_of(world)
    for task in others:
        await world.picture_store.delete(f"pictures/{task.id}/0")
    await world.stores.curation.hide(first.id, hidden=True, now=world.clock())
    await world.work(10)
    assert len(posted(world)[0].attachments) == 4


async def test_one_goes_on_from_what_the_message_shows_when_our_copy_is_gone(world: BotWorld) -> None:
    await begun(world)
    await world.work(60)
    message, _ = posted(world)
    second = (await tasks_of(world))[1]
    (picture,) = await world.stores.pictures.of_task(second.id)
    await world.stores.retention.forget_copy(picture)
    opened = await world.bob.select(message, [second.id])
    await world.bob.click(seen(opened), label="Vary")
    (reference,) = await world.stores.references.of_task((await world.only_task(world.bob)).id)
    assert reference.filename == f"atelier-{second.id}-1.png"


@pytest.mark.sweep
async def test_its_family_leads_to_the_shared_message(world: BotWorld) -> None:
    await begun(world)
    await world.work(60)
    message, _ = posted(world)
    second = (await tasks_of(world))[1]
    opened = await world.bob.select(message, [second.id])
    await world.bob.click(seen(opened), label="Vary")
    await world.work(60)
    family = await world.bob.click(posted(world)[-1], label="Family")
    assert f"/{world.channel.id}/{message.id})" in texts(family.response)


async def test_a_report_leads_the_moderators_to_the_shared_message(world: BotWorld) -> None:
    room = world.guild.create_text_channel("moderators")
    await choose(world, Setting.MODERATORS, room.id)
    await begun(world)
    await world.work(60)
    message, _ = posted(world)
    opened = await world.bob.select(message, [(await tasks_of(world))[2].id])
    form = await world.bob.select(seen(opened), ["report"])
    await world.bob.submit_modal(form, {"why": "It hurts"})
    await world.work(10)
    (told,) = room.history()
    assert f"/{world.channel.id}/{message.id}" in texts(told)


async def test_a_copy_in_a_gallery_leads_to_the_shared_message(world: BotWorld) -> None:
    gallery = world.guild.create_text_channel("gallery")
    await choose(world, Setting.GALLERY, gallery.id)
    await begun(world)
    await world.work(60)
    message, _ = posted(world)
    opened = await world.alice.select(message, [(await tasks_of(world))[2].id])
    await world.alice.select(seen(opened), ["gallery"])
    await world.work(10)
    (copy,) = gallery.history()
    assert f"/{world.channel.id}/{message.id})" in texts(copy)


# -- where a batch is delivered ----------------------------------------------------------------------------------------


async def test_a_private_one_comes_by_direct_message_alone(world: BotWorld) -> None:
    question = await proposed(world, private=True)
    assert "They’ll come as direct messages, only to you." in texts(question)
    await world.alice.click(question, label="Make them")
    await world.work(60)
    assert posted(world) == []
    message, ending = world.alice.user.dm_channel.history()
    assert len(message.attachments) == 4
    assert "/channels/@me/" in texts(ending)
    opened = await world.alice.user.select(message, [(await tasks_of(world))[0].id])
    assert "Only you can see this" in texts(opened.response)


async def test_where_we_may_no_longer_post_it_comes_by_direct_message(world: BotWorld) -> None:
    await begun(world)
    await world.work(10)
    for method in ("POST", "PATCH"):
        path = f"/channels/{world.channel.id}/messages" + ("/*" if method == "PATCH" else "")
        world.env.inject_error(method, path, status=403, code=50013, times=None)
    await world.work(60)
    message, ending = world.alice.user.dm_channel.history()
    assert "4 of 4 done" in texts(message)
    assert f"could not be posted in <#{world.channel.id}>" in texts(message) or f"<#{world.channel.id}>" in texts(
        message
    )
    assert world.pinged(ending) == [world.alice.id]


async def test_a_post_whose_answer_is_lost_is_found_again(world: BotWorld) -> None:
    question = await proposed(world)
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=503)
    await world.alice.click(question, label="Make them")
    await world.work(90)
    assert len(posted(world)) == 2


async def test_in_direct_messages_it_works_too(world: BotWorld) -> None:
    asked = await world.alice.user.slash("imagine", prompt=DOORS)
    await world.alice.user.click(asked.response, label="Make them")
    await world.work(60)
    message, ending = (message for message in world.alice.user.dm_channel.history() if not message.flags.ephemeral)
    assert "4 of 4 done" in texts(message)
    assert "Your 4 pictures are ready" in texts(ending)


async def test_it_speaks_the_askers_language(world: BotWorld) -> None:
    world.locales[world.alice.id] = "zh-CN"
    question = await proposed(world, "{红, 绿} 门")
    assert "要把它变成 2 个请求吗？" in texts(question)
    await world.alice.click(question, label="开始画图")
    await world.work(60)
    message, ending = posted(world)
    assert "已完成 2 / 2" in texts(message)
    assert "你的 2 张图片都好了" in texts(ending)
