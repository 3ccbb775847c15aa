"""Test `/imagine`, from the command to the pictures in the channel."""

from __future__ import annotations

from pathlib import Path

import discord
import pytest
from simcord.components import walk_components

from bot.engine.ports import Card
from bot.errors import NotFound, Reason, Refused
from storage.models import Limits, ReferenceKind, TaskState
from tests.worlds.bot_world import PHOTO, BotWorld, button_ids, new_client, open_bot_world, png, texts


async def test_words_become_a_picture_in_the_channel(world: BotWorld) -> None:
    asked = await world.ask("a red door")
    assert asked.response is not None
    assert "Waiting in line" in texts(asked.response)
    await world.work()
    (message,) = world.channel.history()
    assert "Your picture is ready" in texts(message)
    assert [attachment.filename for attachment in message.attachments] == [
        f"atelier-{(await world.only_task()).id}-1.png"
    ]
    assert (await world.only_task()).state is TaskState.CLOSED


async def test_pictures_and_options_reach_the_image_api(world: BotWorld) -> None:
    await world.ask(
        "make it blue", image=PHOTO, image2=("dog.png", png()), size="3:2", variants=2, enhance=True, fallback=True
    )
    await world.work()
    (request,) = world.api.taken
    assert (request.request.prompt, request.request.size, request.request.variants) == ("make it blue", "3:2", 2)
    assert (request.request.enhance, request.request.fallback) == (True, True)
    assert [url.rsplit("/")[-1] for url in request.files] == ["cat.png", "dog.png"]
    assert len(world.channel.history()[-1].attachments) == 2


async def test_a_mask_goes_with_its_picture(world: BotWorld) -> None:
    await world.ask(image=("cat.png", png("orange")), mask=("mask.png", png("black")))
    await world.work()
    (request,) = world.api.taken
    assert request.mask is not None
    references = await world.stores.references.of_task((await world.only_task()).id)
    assert [reference.kind for reference in references] == [ReferenceKind.IMAGE, ReferenceKind.MASK]


async def test_five_pictures_of_25_mib_are_answered_before_one_of_them_is_fetched(
    world: BotWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []

    async def get_from_cdn(url: str) -> bytes:
        fetched.append(url)
        return PHOTO[1]

    monkeypatch.setattr(world.client.http, "get_from_cdn", get_from_cdn)
    large = ("large.png", bytes(25 * 1024 * 1024))
    asked = await world.ask("mix them", **dict.fromkeys(("image", "image2", "image3", "image4", "image5"), large))
    assert asked.response is not None
    assert "Checking what you attached" in texts(asked.response)
    assert fetched == []
    await world.work(10)
    assert len(fetched) == 5


async def test_five_pictures_and_four_variants(world: BotWorld) -> None:
    files = dict.fromkeys(("image", "image2", "image3", "image4", "image5"), PHOTO)
    await world.ask("mix them", variants=4, **files)
    await world.work()
    assert len(world.api.taken[0].files) == 5
    assert len(world.channel.history()[-1].attachments) == 4


async def test_it_works_in_a_thread(world: BotWorld) -> None:
    with world.env.time_context():
        channel = world.client.get_channel(world.channel.id)
        assert isinstance(channel, discord.TextChannel)
        await channel.create_thread(name="corner", type=discord.ChannelType.public_thread)
    (thread,) = world.channel.threads
    await world.alice.slash(thread, "imagine", prompt="a red door")
    await world.work()
    assert "Your picture is ready" in texts(thread.history()[-1])


async def test_it_works_in_direct_messages(world: BotWorld) -> None:
    await world.alice.user.slash("imagine", prompt="a red door", image=PHOTO)
    await world.work()
    messages = world.alice.user.dm_channel.history()
    assert [len(message.attachments) for message in messages] == [1]
    assert (await world.only_task()).guild_id is None


async def test_the_prompt_is_kept_as_it_was_typed(world: BotWorld) -> None:
    await world.ask("**bold** @everyone\nשלום")
    assert (await world.only_task()).prompt == "**bold** @everyone\nשלום"


async def test_blank_words_are_fine_with_a_picture_only(world: BotWorld) -> None:
    await world.ask("   ", image=PHOTO)
    assert (await world.only_task()).prompt == ""
    refused = await world.ask(" \u200b \n \u2800\u3164")
    assert "Write what you’d like to see" in world.refusal(refused)


async def test_a_mask_without_a_picture_is_refused(world: BotWorld) -> None:
    refused = await world.ask(mask=PHOTO)
    assert "needs the picture it belongs to" in world.refusal(refused)


async def test_a_mask_with_several_pictures_is_refused(world: BotWorld) -> None:
    refused = await world.ask(image=PHOTO, image2=PHOTO, mask=PHOTO)
    assert "exactly one picture" in world.refusal(refused)
    assert await world.stores.tasks.of_user(world.alice.id) == ()


async def test_a_file_that_cannot_be_a_picture_is_refused_by_its_name(world: BotWorld) -> None:
    asked = await world.ask(image=("no_te*s.pdf", b"%PDF-1.7"))
    await world.work()
    assert "no\\_te\\*s.pdf" in texts(asked.followups[0])


async def test_an_empty_file_is_refused_before_anything_is_stored(world: BotWorld) -> None:
    refused = await world.ask(image=("cat.png", b""))
    assert "is empty" in world.refusal(refused)
    assert await world.stores.tasks.of_user(world.alice.id) == ()


async def test_too_large_a_file_is_refused_by_its_declared_size(world: BotWorld) -> None:
    refused = await world.ask(image=("cat.png", bytes(50 * 1024 * 1024 + 1)))
    assert "is larger than" in world.refusal(refused)


@pytest.mark.parametrize("missing", ["view_channel", "send_messages", "attach_files", "read_message_history"])
async def test_a_missing_permission_is_named_and_nothing_is_paid(world: BotWorld, missing: str) -> None:
    me = world.guild.me
    assert me is not None
    overwrite = discord.PermissionOverwrite(**{missing: False})
    channel = world.guild.create_text_channel("quiet", overwrites={me: overwrite})
    refused = await world.alice.slash(channel, "imagine", prompt="a red door")
    named = {"view_channel": "see this channel", "read_message_history": "read the message history"}
    assert named.get(missing, missing.replace("_", " ")) in world.refusal(refused)
    assert await world.stores.tasks.of_user(world.alice.id) == ()


async def test_a_limit_is_told_to_the_asker_alone(tmp_path: Path) -> None:
    limits = Limits(open_tasks_per_user=2, pictures_per_user_per_day=0, pictures_per_day=0)
    async with open_bot_world(tmp_path, limits=limits) as world:
        await world.ask()
        await world.ask()
        refused = await world.ask()
        assert "already have 2 requests" in world.refusal(refused)
        assert len(await world.stores.tasks.of_user(world.alice.id)) == 2


async def test_other_servers_and_direct_messages_are_refused_where_servers_are_named(tmp_path: Path) -> None:
    async with open_bot_world(tmp_path, client=new_client(allowed_guilds=frozenset({1}))) as world:
        assert "not allowed to make pictures here" in world.refusal(await world.ask())
        direct = await world.alice.user.slash("imagine", prompt="a red door")
        assert "not allowed to make pictures here" in world.refusal(direct)


async def test_a_button_from_before_is_refused_where_servers_are_named(world: BotWorld) -> None:
    world.api.next_create = [Refused(433, "quota", Reason.ACCOUNT_QUOTA)]
    await world.ask("a red door")
    await world.work()
    (failure,) = world.channel.history()
    world.client.allowed_guilds = frozenset({1})  # as after a restart with ALLOWED_GUILDS set
    refused = await world.alice.click(failure, label="Ask again")
    assert "not allowed to make pictures here" in world.refusal(refused)
    assert len(await world.stores.tasks.of_user(world.alice.id)) == 1
    assert button_ids(world.channel.history()[0]) != []


@pytest.mark.parametrize(("status", "code"), [(404, 10062), (400, 40060), (502, 0)])
@pytest.mark.sampled(every=3)
async def test_an_answer_that_discord_lost_is_made_up_for_by_a_fresh_card(
    world: BotWorld, status: int, code: int
) -> None:
    world.env.inject_error("POST", "/interactions/*/callback", status=status, code=code)
    world.api.seconds = 100
    await world.ask("a red door")
    world.acknowledged = world.env.error_cursor
    await world.work(20)
    (card,) = world.channel.history()
    assert "Making your picture" in texts(card)
    await world.work(120)
    assert ["Your picture is ready" in texts(message) for message in world.channel.history()] == [True]


async def test_a_defect_is_told_with_a_number_that_the_log_has_too(
    world: BotWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(new: object, make: object) -> None:
        raise ZeroDivisionError("the secret formula")

    world.engine.requests.accept_and = broken  # type: ignore[method-assign, assignment]
    said = world.refusal(await world.ask())
    number = said.rsplit(" ", 1)[-1].strip(".")
    assert "secret" not in said
    logged = capsys.readouterr().out
    assert number in logged
    assert "ZeroDivisionError" in logged


async def test_an_error_that_cannot_be_told_is_logged_and_ends_there(
    world: BotWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.env.inject_error("POST", "/interactions/*/callback", status=400, code=50035, times=None)
    asked = await world.ask(" ")
    world.acknowledged = world.env.error_cursor
    assert not asked.acknowledged
    assert "error reply to a person not delivered" in capsys.readouterr().out


async def test_a_refusal_after_the_answer_is_told_behind_it(world: BotWorld) -> None:
    async def late(card: Card, message_id: int) -> None:
        raise NotFound(Reason.TASK_UNKNOWN)

    world.engine.requests.card_posted = late  # type: ignore[method-assign]  # the task is gone after the card was posted
    asked = await world.ask()
    world.acknowledged = world.env.error_cursor
    (told,) = asked.followups
    assert told.ephemeral
    assert "I no longer know this request" in told.content


async def test_a_defect_after_the_answer_is_only_logged(world: BotWorld, capsys: pytest.CaptureFixture[str]) -> None:
    async def broken(card: Card, message_id: int) -> None:
        raise ZeroDivisionError

    world.engine.requests.card_posted = broken  # type: ignore[method-assign]  # fails after the card was posted
    asked = await world.ask()
    world.acknowledged = world.env.error_cursor
    assert asked.followups == []
    assert "ZeroDivisionError" in capsys.readouterr().out


async def test_an_answer_that_discord_refuses_does_not_invite_to_ask_again(
    world: BotWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.env.inject_error("POST", "/interactions/*/callback", status=400, code=50035)
    asked = await world.ask()
    world.acknowledged = world.env.error_cursor
    assert (asked.response, asked.followups) == (None, [])
    assert "interaction answer refused by Discord" in capsys.readouterr().out
    await world.work()
    assert "Your picture is ready" in texts(world.channel.history()[-1])


async def test_a_failure_is_told_with_its_reason_and_can_be_asked_again(world: BotWorld) -> None:
    world.api.next_create = [Refused(433, "sub-key usage exceeds the limit", Reason.ACCOUNT_QUOTA)]
    await world.ask("a red door", image=PHOTO)
    await world.work()
    (failure,) = world.channel.history()
    task = await world.only_task()
    assert "quota" in texts(failure)
    assert button_ids(failure) == [f"a1:again:{task.id}", f"a1:clear:{task.id}"]
    again = await world.alice.click(failure, label="Ask again")
    assert again.response is not None
    await world.work()
    assert "Your picture is ready" in texts(world.channel.history()[-1])
    assert [task.again_of for task in await world.stores.tasks.of_user(world.alice.id)] == [task.id, None]


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.sampled(every=2)
async def test_what_was_asked_again_cannot_be_asked_again_by_accident(world: BotWorld, *, lost: bool) -> None:
    world.api.lose_answer = 1
    prompt = "a red door and " * 200
    await world.ask(prompt)
    await world.work()
    (failure,) = world.channel.history()
    if lost:
        world.env.inject_error("POST", "/interactions/*/callback", status=502)
    await world.alice.click(failure, label="Ask again (may cost a second time)")
    world.acknowledged = world.env.error_cursor
    pressed = world.channel.history()[0]
    assert (pressed.id, [found.split(":")[1] for found in button_ids(pressed)]) == (failure.id, ["clear"])
    assert texts(pressed) == texts(failure)
    assert [attachment.filename for attachment in pressed.attachments] == ["prompt.txt"]
    edited = world.requests("PATCH", str(failure.id))[-1].json
    assert [part["file"]["url"] for part in walk_components(edited["components"]) if part["type"] == 13] == [
        "attachment://prompt.txt"
    ]
    await world.work()
    assert len(world.api.taken) == 2


async def test_commands_are_published_only_when_they_changed(world: BotWorld) -> None:
    with world.env.time_context():
        assert await world.client.publish_commands(world.stores.key_values) is False
        assert await world.client.publish_commands(world.stores.key_values, force=True) is True
        world.client.tree.remove_command("imagine")
        assert await world.client.publish_commands(world.stores.key_values) is True


async def test_no_privileged_intent_is_needed() -> None:
    intents = new_client().intents
    assert (intents.message_content, intents.members, intents.presences) == (False, False, False)
