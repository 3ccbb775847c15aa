"""The family of a picture: its sources and its descendants, as far as the viewer is allowed to see them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import discord
import pytest

from bot.errors import Reason, Refused
from storage.models import Reach
from tests.worlds.bot_world import BotWorld, texts


async def made(world: BotWorld, channel: Any = None) -> Any:
    """Return the message with a picture that Alice asked for."""
    here = channel or world.channel
    await world.alice.slash(here, "imagine", prompt="a red door")
    await world.work(60)
    return here.history()[-1]


async def varied(world: BotWorld, who: Any, message: Any, channel: Any = None) -> Any:
    await who.click(message, label="Vary")
    await world.work(60)
    return (channel or world.channel).history()[-1]


async def family(world: BotWorld, who: Any, message: Any) -> str:
    shown = await who.click(message, label="Family")
    assert shown.ephemeral
    return texts(shown.response)


async def test_a_picture_without_any_says_so(world: BotWorld) -> None:
    assert "nothing has been made from it yet" in await family(world, world.bob, await made(world))


async def test_everyone_sees_what_came_from_what_with_its_asker_and_a_link(world: BotWorld) -> None:
    first = await made(world)
    second = await varied(world, world.bob, first)
    await varied(world, world.alice, second)
    await world.restart()
    lines = await family(world, world.bob, second)
    assert lines.index(f"Asked for by <@{world.alice.id}>") < lines.index(f"Varied by <@{world.bob.id}>")
    assert lines.index(f"Varied by <@{world.bob.id}>") < lines.index(f"Varied by <@{world.alice.id}>")
    assert f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{first.id}" in lines
    assert "this one" in lines
    assert f"/{second.id}" not in lines


async def test_the_first_one_shows_what_came_of_it(world: BotWorld) -> None:
    first = await made(world)
    await varied(world, world.bob, first)
    assert f"Varied by <@{world.bob.id}>" in await family(world, world.alice, first)


async def test_one_that_failed_has_no_picture_and_one_in_the_making_is_not_finished(world: BotWorld) -> None:
    first = await made(world)
    world.api.next_create = [Refused(400, "policy", Reason.POLICY)]
    await varied(world, world.bob, first)
    await world.bob.click(first, label="Again")
    lines = (await family(world, world.bob, first)).splitlines()
    facts = {line.split(":")[0]: following for line, following in pairwise(lines) if line.startswith("**")}
    by = f"by <@{world.bob.id}>**"
    assert facts[f"**Varied {by}"].endswith("no picture")
    assert facts[f"**Asked for again {by}"].endswith("not finished yet")
    assert "no picture" not in facts[f"**Asked for by <@{world.alice.id}>**"]


async def test_one_in_a_direct_message_has_a_link_for_its_asker_alone(world: BotWorld) -> None:
    first = await made(world)
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=403, code=50001, times=None)
    world.env.inject_error("PATCH", "/webhooks/*", status=401, code=50027, times=None)
    await world.bob.click(first, label="Vary")
    await world.work(60)
    (direct,) = world.bob.user.dm_channel.history()
    link = f"https://discord.com/channels/@me/{direct.channel.id}/{direct.id}"
    assert link in await family(world, world.bob, first)
    lines = await family(world, world.alice, first)
    assert f"Varied by <@{world.bob.id}>" in lines
    assert link not in lines


async def test_one_that_only_its_asker_was_answered_has_no_link(world: BotWorld) -> None:
    first = await made(world)
    await varied(world, world.bob, first)
    (child,) = await world.stores.tasks.of_user(world.bob.id)
    (part,) = await world.stores.parts.of_task(child.id)
    assert f"/{part.message_id})" in await family(world, world.bob, first)
    await world.stores.tasks.change(child, reach=Reach.ANSWER)  # type: ignore[call-arg]  # as where the bot is no member
    assert f"/{part.message_id})" not in await family(world, world.bob, first)


async def test_private_and_removed_ones_of_others_are_left_out(world: BotWorld) -> None:
    first = await made(world)
    await varied(world, world.bob, first)
    (task,) = await world.stores.tasks.of_user(world.bob.id)
    await world.stores.tasks.change(task, private=True)  # type: ignore[call-arg]  # no code path makes a public task private
    assert "nothing has been made from it yet" in await family(world, world.alice, first)
    assert "Varied by" in await family(world, world.bob, first)
    gone = await world.stores.tasks.change(task, private=False, removed_at=world.clock())  # type: ignore[call-arg]  # set directly
    assert gone.removed_at is not None
    assert "nothing has been made from it yet" in await family(world, world.alice, first)


async def test_what_stands_in_a_channel_they_cannot_read_is_left_out(world: BotWorld) -> None:
    secret = world.guild.create_text_channel(
        "secret", overwrites={world.guild.default_role: discord.PermissionOverwrite(view_channel=False)}
    )
    first = await made(world)
    (task,) = await world.stores.tasks.of_user(world.alice.id)
    await varied(world, world.bob, first)
    (child,) = await world.stores.tasks.of_user(world.bob.id)
    await world.stores.tasks.change(child, channel_id=secret.id)  # type: ignore[call-arg]  # as if made in that channel
    assert task.channel_id == world.channel.id
    assert "nothing has been made from it yet" in await family(world, world.alice, first)


async def test_a_channel_of_this_server_that_they_can_read_counts(world: BotWorld) -> None:
    other = world.guild.create_text_channel("other")
    first = await made(world)
    await varied(world, world.bob, first)
    (child,) = await world.stores.tasks.of_user(world.bob.id)
    await world.stores.tasks.change(child, channel_id=other.id)  # type: ignore[call-arg]  # set directly, as above
    assert "Varied by" in await family(world, world.alice, first)


async def test_another_servers_are_left_out(world: BotWorld) -> None:
    first = await made(world)
    await varied(world, world.bob, first)
    (child,) = await world.stores.tasks.of_user(world.bob.id)
    await world.stores.tasks.change(child, channel_id=1, guild_id=2)  # type: ignore[call-arg]  # set directly, as above
    assert "nothing has been made from it yet" in await family(world, world.alice, first)


@pytest.mark.sweep
async def test_of_a_large_family_the_newest_are_shown(world: BotWorld) -> None:
    first = await made(world)
    for _ in range(13):
        world.clock.turn(1)
        await world.bob.click(first, label="Again")
        await world.work(60)
    lines = await family(world, world.alice, first)
    assert lines.count("Asked for again by") == 10
    assert "4 older ones are not shown" in lines
