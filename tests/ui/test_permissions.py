"""Tests for each permission that the bot can lack alone, at every door: the person hears which, and nothing is paid."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from simcord.backend.serializers import member_payload

from bot.discord_permissions import IN_CHANNEL, IN_THREAD
from bot.texts import texts_in
from cogs.mentions import MUTE
from tests.worlds.bot_world import PHOTO, BotWorld, texts

SECOND: Final = ("dog.png", PHOTO[1])

Answered = Awaitable[Any]
Door = Callable[[BotWorld], Awaitable[Callable[[], Answered]]]
"""Prepares what the person needs before the permission is taken, and returns what they do afterwards."""

WORDS: Final = {name: texts_in(None)(f"permission-{name.replace('_', '-')}") for name in (*IN_CHANNEL, *IN_THREAD)}


async def command(world: BotWorld) -> Callable[[], Answered]:
    return lambda: world.ask()


async def with_a_picture(world: BotWorld) -> Callable[[], Answered]:
    return lambda: world.ask(image=PHOTO)


async def several_prompts(world: BotWorld) -> Callable[[], Answered]:
    return lambda: world.ask("a {red, green} door")


async def confirmation_of_several(world: BotWorld) -> Callable[[], Answered]:
    question: Any = await world.ask("a {red, green} door")
    return lambda: world.alice.click(question.response, label="Make them")


async def blend(world: BotWorld) -> Callable[[], Answered]:
    return lambda: world.alice.slash(world.channel, "blend", image=PHOTO, image2=SECOND)


async def form(world: BotWorld) -> Callable[[], Answered]:
    opened = await world.alice.slash(world.channel, "create")
    return lambda: world.alice.submit_modal(opened, {"words": "a red door"})


async def menu_of_a_message(world: BotWorld) -> Callable[[], Answered]:
    message = await world.bob.send(world.channel, "look", attachments=[PHOTO])
    opened = await world.alice.context_menu(world.channel, "Edit pictures", message)
    return lambda: world.alice.submit_modal(opened, {"words": "make it night"})


async def menu_of_a_person(world: BotWorld) -> Callable[[], Answered]:
    opened = await world.alice.context_menu(world.channel, "Use avatar", world.bob)
    return lambda: world.alice.submit_modal(opened, {"words": "as a knight"})


async def saved_set(world: BotWorld) -> Callable[[], Answered]:
    await world.alice.slash(world.channel, "reference save", name="us", image=PHOTO)
    return lambda: world.alice.slash(world.channel, "reference use", name="us", prompt="at the sea")


async def made(world: BotWorld, **options: Any) -> Any:
    asked = await world.ask(**options)
    await world.work(60)
    return asked.response if options.get("private") else world.channel.history()[-1]


async def again(world: BotWorld) -> Callable[[], Answered]:
    result = await made(world)
    return lambda: world.alice.click(result, label="Again")


async def vary(world: BotWorld) -> Callable[[], Answered]:
    result = await made(world)
    return lambda: world.alice.click(result, label="Vary")


async def edit(world: BotWorld) -> Callable[[], Answered]:
    opened = await world.alice.click(await made(world), label="Edit")
    return lambda: world.alice.submit_modal(opened, {"words": "make it night"})


async def publish(world: BotWorld) -> Callable[[], Answered]:
    result = await made(world, private=True)
    return lambda: world.alice.click(result, label="Publish")


async def post_here(world: BotWorld) -> Callable[[], Answered]:
    await made(world)
    shown: Any = await world.alice.slash(world.channel, "show", what=(await world.only_task()).id)
    return lambda: world.alice.click(shown.response, label="Post here")


DOORS: Final[tuple[Door, ...]] = (
    *(command, with_a_picture, several_prompts, confirmation_of_several, blend, form, menu_of_a_message),
    *(menu_of_a_person, saved_set, again, vary, edit, publish, post_here),
)
CASES: Final = [
    pytest.param(door, lacking, id=f"{door.__name__}: {lacking}") for door in DOORS for lacking in IN_CHANNEL
]


def in_a_channel(world: BotWorld) -> int:
    return len([message for message in world.channel.history() if not message.flags.ephemeral])


@pytest.mark.parametrize(("door", "lacking"), CASES)
@pytest.mark.sampled(every=4)
async def test_the_one_that_is_lacking_is_named_and_nothing_is_paid_or_posted(
    world: BotWorld, door: Door, lacking: str
) -> None:
    enter = await door(world)
    before = (await world.stores.tasks.of_user(world.alice.id), list(world.api.taken), in_a_channel(world))
    world.deny(lacking)
    sentence = world.refusal(await enter())
    named = [name for name in IN_CHANNEL if WORDS[name] in sentence]
    assert named == [lacking]
    await world.work(60)
    after = (await world.stores.tasks.of_user(world.alice.id), list(world.api.taken), in_a_channel(world))
    assert after == before


@pytest.mark.parametrize("lacking", ["send_messages_in_threads", "attach_files"])
async def test_in_a_thread_it_is_the_permission_for_threads(world: BotWorld, lacking: str) -> None:
    world.env.backend.create_thread(world.channel.id, "corner", world.alice.id)
    (thread,) = world.channel.threads
    world.deny(lacking)
    refused = world.refusal(await world.alice.slash(thread, "imagine", prompt="a red door"))
    assert WORDS[lacking] in refused
    assert WORDS["send_messages"] not in refused.replace(WORDS["send_messages_in_threads"], "")
    assert await world.stores.tasks.of_user(world.alice.id) == ()


async def test_all_that_are_lacking_are_named_at_once(world: BotWorld) -> None:
    world.deny("attach_files", "read_message_history")
    refused = world.refusal(await world.ask())
    assert WORDS["attach_files"] in refused
    assert WORDS["read_message_history"] in refused


async def test_what_only_the_asker_sees_needs_none(world: BotWorld) -> None:
    world.deny(*IN_CHANNEL)
    await world.ask(private=True)
    await world.work(60)
    assert (await world.only_task()).closed_at is not None


# -- Mentions, which have no interaction to answer ---------------------------------------------------------------------


async def mention(world: BotWorld, words: str = "a red door") -> Any:
    assert world.client.user is not None
    return await world.alice.send(world.channel, f"{world.client.user.mention} {words}")


def answers(world: BotWorld) -> list[Any]:
    assert world.client.user is not None
    return [message for message in world.channel.history() if message.author.id == world.client.user.id]


def direct(world: BotWorld) -> list[str]:
    return [message.content for message in world.alice.user.dm_channel.history()]


def close_direct_messages(world: BotWorld) -> None:
    channel = world.alice.user.dm_channel
    path = f"/channels/{channel.id}/messages"
    world.env.inject_error(
        "POST", path, status=403, code=50007, message="Cannot send messages to this user", times=None
    )


def reactions(world: BotWorld, message: Any) -> list[str]:
    stored = next(found for found in world.channel.history() if found.id == message.id)
    return [str(reaction.emoji) for reaction in stored.reactions]


async def test_without_the_right_to_attach_the_answer_is_a_reply(world: BotWorld) -> None:
    world.deny("attach_files")
    asked = await mention(world)
    (answer,) = answers(world)
    assert answer.reference.message_id == asked.id
    assert WORDS["attach_files"] in answer.content
    assert await world.stores.tasks.of_user(world.alice.id) == ()


async def test_without_the_right_to_read_the_history_it_refers_to_no_message(world: BotWorld) -> None:
    world.deny("read_message_history")
    await mention(world)
    (answer,) = answers(world)
    assert answer.reference is None
    assert WORDS["read_message_history"] in answer.content
    assert await world.stores.tasks.of_user(world.alice.id) == ()


async def test_without_the_right_to_write_it_is_a_direct_message(world: BotWorld) -> None:
    world.deny("send_messages")
    await mention(world)
    assert answers(world) == []
    (answer,) = direct(world)
    assert WORDS["send_messages"] in answer
    assert await world.stores.tasks.of_user(world.alice.id) == ()


@pytest.mark.parametrize(("status", "code"), [(400, 160005), (403, 50013), (400, 200000), (400, 50083), (404, 10003)])
async def test_where_discord_refuses_the_reply_it_is_a_direct_message(world: BotWorld, status: int, code: int) -> None:
    world.deny("attach_files")
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=status, code=code, times=None)
    await mention(world)
    (answer,) = direct(world)
    assert WORDS["attach_files"] in answer


async def test_where_both_are_closed_it_is_a_reaction(world: BotWorld) -> None:
    world.deny("send_messages")
    close_direct_messages(world)
    asked = await mention(world)
    assert (answers(world), direct(world)) == ([], [])
    assert reactions(world, asked) == [MUTE]


async def test_where_everything_is_closed_the_log_says_so(world: BotWorld, capsys: pytest.CaptureFixture[str]) -> None:
    world.deny("send_messages", "add_reactions")
    close_direct_messages(world)
    asked = await mention(world)
    assert reactions(world, asked) == []
    assert "mention not answered: message, direct message and reaction failed or not allowed" in capsys.readouterr().out
    assert await world.stores.tasks.of_user(world.alice.id) == ()


async def test_a_bot_in_time_out_says_what_it_lacks_directly(world: BotWorld) -> None:
    me = world.guild.me
    assert me is not None
    until = {"timed_out_until": "2999-01-01T00:00:00+00:00"}
    stored = world.env.backend.edit_member(world.guild.id, me.id, until)
    guild = world.env.backend.get_guild(world.guild.id)
    told: Any = dict(member_payload(world.env.backend, guild, stored)) | {"guild_id": str(guild.id)}
    world.client._connection.parse_guild_member_update(told)  # simcord sends it only with the members intent
    await mention(world)
    (answer,) = direct(world)
    assert WORDS["send_messages"] in answer
    assert answers(world) == []


async def test_the_card_of_a_mention_comes_too_if_its_message_is_gone_by_then(world: BotWorld) -> None:
    """Discord posts a plain message in place of the reply if `fail_if_not_exists` is false ("Create Message")."""
    await mention(world)
    (posted,) = world.requests("POST", f"/channels/{world.channel.id}/messages")
    assert posted.json["message_reference"]["fail_if_not_exists"] is False
    assert "a red door" in texts(answers(world)[0])
