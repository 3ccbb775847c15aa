"""Tests for the greeting in a server that the bot joins."""

from __future__ import annotations

from typing import Any

import discord
from simcord.backend.models.channel import Overwrite
from simcord.enums import OverwriteType

from tests.worlds.bot_world import BotWorld, button_ids, texts


def guild_of(world: BotWorld) -> discord.Guild:
    guild = world.client.get_guild(world.guild.id)
    assert guild is not None
    return guild


async def join(world: BotWorld) -> None:
    """Announce the server as Discord does when the bot has joined it."""
    joined = guild_of(world).me.joined_at
    assert joined is not None
    world.clock.now = int(joined.timestamp() * 1000) + 1000
    await announce(world)


async def announce(world: BotWorld) -> None:
    with world.env.time_context():
        for listener in world.client.extra_events["on_guild_join"]:
            await listener(guild_of(world))


def said(world: BotWorld, channel: Any = None) -> list[Any]:
    assert world.client.user is not None
    return [message for message in (channel or world.channel).history() if message.author.id == world.client.user.id]


def close(world: BotWorld, channel: Any) -> None:
    me = world.guild.me
    assert me is not None
    deny = discord.Permissions(send_messages=True).value
    world.env.backend.set_overwrite(channel.id, Overwrite(target_id=me.id, type=OverwriteType.MEMBER, deny=deny))


async def test_a_server_is_greeted_where_the_bot_may_write_and_nobody_is_pinged(world: BotWorld) -> None:
    await join(world)
    (greeting,) = said(world)
    assert "I make pictures from words and photos" in texts(greeting)
    assert button_ids(greeting) == ["a1:help"]
    assert not world.pinged(greeting)
    shown = await world.bob.click(greeting, custom_id="a1:help")
    assert shown.ephemeral


async def test_it_is_greeted_once_over_restarts_and_later_joins(world: BotWorld) -> None:
    await join(world)
    await announce(world)
    await world.restart()
    await announce(world)
    assert len(said(world)) == 1


async def test_a_server_that_the_bot_has_been_in_for_long_is_not_greeted(world: BotWorld) -> None:
    joined = guild_of(world).me.joined_at
    assert joined is not None
    world.clock.now = int(joined.timestamp() * 1000) + 2 * 60 * 60 * 1000
    await announce(world)
    assert not said(world)


async def test_at_start_no_server_is_greeted(world: BotWorld) -> None:
    await world.restart()
    assert not said(world)


async def test_the_first_open_channel_is_used(world: BotWorld) -> None:
    other = world.guild.create_text_channel("other")
    close(world, world.channel)
    await join(world)
    assert not said(world)
    assert len(said(world, other)) == 1


async def test_where_the_bot_may_write_nowhere_the_owner_is_told_directly(world: BotWorld) -> None:
    close(world, world.channel)
    await join(world)
    owner_id = guild_of(world).owner_id
    assert owner_id is not None
    messages = world.env.backend.messages[world.env.backend.get_dm_channel(owner_id).id].values()
    (greeting,) = messages
    assert "Thank you for adding me to" in str(greeting.components)
    assert "Studio" in str(greeting.components)


async def test_whoever_added_the_bot_is_told_where_the_bot_may_read_that(world: BotWorld) -> None:
    close(world, world.channel)
    assert world.client.user is not None
    world.env.backend.record_audit_log(
        world.guild.id, discord.AuditLogAction.bot_add.value, user_id=world.bob.id, target_id=world.client.user.id
    )
    await join(world)
    (greeting,) = world.bob.user.dm_channel.history()
    assert "Thank you for adding me to" in texts(greeting)


async def test_a_server_that_is_not_allowed_is_not_greeted(world: BotWorld) -> None:
    world.client.allowed_guilds = frozenset({1})
    await join(world)
    assert not said(world)
