"""`/privacy erase` deletes what was stored when the person asked, and sends a receipt. Other people lose nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simcord.actors import MemberActor
from structlog.testing import capture_logs

from storage.community import Setting
from storage.models import Limits, TaskState
from tests.worlds.bot_world import PHOTO, BotWorld, open_bot_world, texts

HOW = {"keep": "Erase", "remove": "Erase, and remove my messages"}


async def made(world: BotWorld, who: MemberActor | None = None, **options: Any) -> Any:
    """Return the message of a finished request."""
    await (who or world.alice).slash(world.channel, "imagine", **({"prompt": "a red door"} | options))
    await world.work(60)
    return world.channel.history()[-1]


async def asked(world: BotWorld, how: str = "keep", who: MemberActor | None = None) -> Any:
    """Request an erasure and return the answer that later becomes the receipt."""
    person = who or world.alice
    question = await person.slash(world.channel, "privacy erase")
    assert question.ephemeral
    assert question.response is not None
    pressed = await person.click(question.response, label=HOW[how])
    return pressed.response


async def erased(world: BotWorld, how: str = "keep", who: MemberActor | None = None) -> Any:
    answer = await asked(world, how, who)
    await world.work(180)
    return answer


async def files(world: BotWorld) -> list[str]:
    return [key async for keys in world.picture_store.older("", 2**62) for key in keys]


# -- the question ------------------------------------------------------------------------------------------------------


async def test_it_is_asked_first_with_what_would_go(world: BotWorld) -> None:
    await made(world, image=PHOTO)
    question: Any = await world.alice.slash(world.channel, "privacy erase")
    assert "Requests: 1" in texts(question.response)
    assert "Copies of pictures: 2" in texts(question.response)
    kept = await world.alice.click(question.response, label="Keep everything")
    assert kept.response is not None
    assert "Nothing was erased" in texts(kept.response)
    await world.work(60)
    assert len(await world.stores.tasks.of_user(world.alice.id)) == 1


# -- what is erased ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
async def test_rows_and_files_go_and_a_receipt_says_so(world: BotWorld, how: str) -> None:
    await made(world, image=PHOTO)
    await world.alice.slash(world.channel, "reference save", name="me", image=PHOTO)
    answer = await erased(world, how)
    assert await world.stores.tasks.of_user(world.alice.id) == ()
    assert await files(world) == []
    receipt = texts(answer)
    assert "### Erased" in receipt
    assert "Requests: 1" in receipt
    assert "Copies of pictures: 3" in receipt
    assert "Sets of pictures: 1" in receipt
    assert "Receipt " in receipt
    assert await world.stores.erasures.of_person(world.alice.id) is None
    assert len(world.channel.history()) == (0 if how == "remove" else 1)


@pytest.mark.sweep
async def test_others_keep_theirs_also_what_came_of_it(world: BotWorld) -> None:
    result = await made(world)
    await world.bob.click(result, label="Vary")
    await world.work(60)
    await erased(world, "remove")
    theirs = await world.only_task(world.bob)
    assert theirs.parent_id is None
    assert (theirs.state, theirs.removed_at) == (TaskState.CLOSED, None)
    (left,) = world.channel.history()
    family = await world.bob.click(left, label="Family")
    assert family.response is not None
    assert f"<@{world.alice.id}>" not in texts(family.response)
    assert len(await files(world)) == 2


@pytest.mark.sweep
async def test_a_button_of_a_message_that_stays_says_that_it_is_known_no_longer(world: BotWorld) -> None:
    result = await made(world)
    await erased(world)
    for label in ("Again", "Edit", "Vary", "Remove"):
        refused = await world.bob.click(result, label=label)
        assert "I no longer know this request" in world.refusal(refused)


@pytest.mark.sweep
async def test_what_is_in_line_is_taken_back_and_what_is_being_made_is_not_posted(world: BotWorld) -> None:
    await world.ask("first")
    await world.work(10)
    assert (await world.only_task()).state is TaskState.GENERATING
    answer = await asked(world)
    await world.work(300)
    assert await world.stores.tasks.of_user(world.alice.id) == ()
    assert await files(world) == []
    assert [message for message in world.channel.history() if message.attachments] == []
    assert "Requests: 1" in texts(answer)


async def test_what_was_asked_for_afterwards_is_made_and_stays(world: BotWorld) -> None:
    await made(world)
    await asked(world)
    world.clock.turn(1)
    await world.ask("a blue door")
    await world.work(300)
    assert (await world.only_task()).prompt == "a blue door"
    assert len(await files(world)) == 1


@pytest.mark.sweep
async def test_two_quick_clicks_are_one_erasure(world: BotWorld) -> None:
    await made(world)
    first = await asked(world)
    second = await asked(world)
    assert "already erasing it" in texts(second)
    await world.work(180)
    assert "### Erased" in texts(first)


async def test_while_it_is_under_way_it_is_said_so(world: BotWorld) -> None:
    await world.ask()
    await world.work(10)
    await asked(world)
    await world.work(5)
    shown = await world.alice.slash(world.channel, "privacy show")
    assert shown.response is not None
    assert "I’m still at it" in shown.response.content


@pytest.mark.sweep
async def test_it_goes_on_after_a_restart(world: BotWorld) -> None:
    await made(world)
    answer = await asked(world, "remove")
    await world.restart()
    await world.work(120)
    assert await world.stores.tasks.of_user(world.alice.id) == ()
    assert world.channel.history() == []
    assert "### Erased" in texts(answer)


@pytest.mark.sweep
async def test_messages_go_first_as_long_as_discord_may_still_take_it(world: BotWorld) -> None:
    await made(world)
    world.env.inject_error("DELETE", "/channels/*/messages/*", status=503, times=3)
    await asked(world, "remove")
    await world.work(60)
    assert len(await world.stores.tasks.of_user(world.alice.id)) == 1
    await world.work(400)
    assert world.channel.history() == []
    assert await world.stores.tasks.of_user(world.alice.id) == ()


async def test_a_servers_record_stays_and_names_nobody(world: BotWorld) -> None:
    await world.stores.guilds.choose(world.guild.id, Setting.SIZE, "3:2", by=world.alice.id, now=world.clock())
    await erased(world)
    (change,) = await world.stores.guilds.changes(world.guild.id, most=5)
    assert change.by == 0


# -- the receipt -------------------------------------------------------------------------------------------------------


@pytest.mark.sweep
async def test_after_a_quarter_of_an_hour_it_comes_as_a_direct_message(world: BotWorld) -> None:
    await made(world)
    await asked(world)
    world.clock.turn(15 * 60)
    await world.work(120)
    (message,) = world.alice.user.dm_channel.history()
    assert "### Erased" in texts(message)
    assert await world.stores.erasures.of_person(world.alice.id) is None


async def test_who_cannot_be_told_finds_it_with_show_once(world: BotWorld) -> None:
    await made(world)
    await asked(world)
    world.clock.turn(15 * 60)
    world.env.inject_error("POST", "/users/@me/channels", status=403, code=50007, times=None)
    await world.work(120)
    shown = await world.alice.slash(world.channel, "privacy show")
    assert "### Erased" in texts(shown.followups[-1])
    again = await world.alice.slash(world.channel, "privacy show")
    assert len(again.followups) < len(shown.followups)


async def test_who_never_looks_is_forgotten_after_a_month(world: BotWorld) -> None:
    await made(world)
    await asked(world)
    world.clock.turn(15 * 60)
    world.env.inject_error("POST", "/users/@me/channels", status=403, code=50007, times=None)
    await world.work(120)
    await world.engine.erasures.sweep()
    assert await world.stores.erasures.of_person(world.alice.id) is not None
    world.clock.turn(31 * 24 * 3600)
    await world.engine.erasures.sweep()
    assert await world.stores.erasures.of_person(world.alice.id) is None


async def test_the_log_has_the_number_of_a_receipt(world: BotWorld) -> None:
    await made(world)
    erasure, _ = await world.engine.erasures.ask(world.alice.id, removes=False, locale="en-US", token="t")
    world.clock.turn(60)
    with capture_logs() as lines:
        await world.engine.erasures.outbox.step()
    (line,) = [line for line in lines if line["event"] == "erasure finished"]
    assert line["erasure"] == erasure.id
    assert str(world.alice.id) not in repr(line)


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.sweep
async def test_the_limits_of_the_day_still_count_what_was_erased(tmp_path: Path) -> None:
    limits = Limits(open_tasks_per_user=0, pictures_per_user_per_day=3, pictures_per_day=0)
    async with open_bot_world(tmp_path, limits=limits) as world:
        await made(world, variants=2)
        await erased(world)
        refused = await world.ask(variants=2)
        assert "You’ve used your 3 pictures" in world.refusal(refused)
        world.clock.turn(24 * 3600)
        await world.engine.erasures.sweep()
        await world.ask(variants=2)
        assert len(await world.stores.tasks.of_user(world.alice.id)) == 1


async def test_who_has_nothing_stored_is_told_so(world: BotWorld) -> None:
    asked = await world.bob.slash(world.channel, "privacy erase")
    assert asked.response is not None
    assert "I have stored nothing about you" in texts(asked.response)


@pytest.mark.parametrize(("how", "left"), [("keep", [2]), ("remove", [])])
@pytest.mark.sweep
async def test_a_batchs_shared_message_stays_unless_it_is_to_go_too(world: BotWorld, how: str, left: list[int]) -> None:
    question: Any = await world.alice.slash(world.channel, "imagine", prompt="a {red, blue} door")
    await world.alice.click(question.response, label="Make them")
    await world.work(120)
    assert [len(message.attachments) for message in world.channel.history() if message.attachments] == [2]
    await erased(world, how)
    assert await world.stores.tasks.of_user(world.alice.id) == ()
    assert [len(message.attachments) for message in world.channel.history() if message.attachments] == left
