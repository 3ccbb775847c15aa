"""Tests for the greeting in a server that the bot joins."""

from __future__ import annotations

from typing import Any

import discord
import pytest
from simcord.backend.models.channel import Overwrite
from simcord.enums import OverwriteType
from structlog.testing import capture_logs

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


async def test_a_channel_that_discord_closes_at_that_moment_is_passed_over(world: BotWorld) -> None:
    other = world.guild.create_text_channel("other")
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=403, code=50013)
    await join(world)
    assert not said(world)
    assert len(said(world, other)) == 1


async def test_no_more_than_three_channels_are_tried_before_the_owner_is_told(world: BotWorld) -> None:
    channels = [world.channel, *(world.guild.create_text_channel(f"room-{number}") for number in range(3))]
    for channel in channels[:3]:
        world.env.inject_error("POST", f"/channels/{channel.id}/messages", status=403, code=50013)
    await join(world)
    assert not any(said(world, channel) for channel in channels)
    owner_id = guild_of(world).owner_id
    assert owner_id is not None
    assert len(world.env.backend.messages[world.env.backend.get_dm_channel(owner_id).id]) == 1


@pytest.mark.parametrize(("status", "code"), [(403, 50007), (503, 0)])
async def test_where_every_way_is_closed_nothing_is_said_then_or_later(world: BotWorld, status: int, code: int) -> None:
    close(world, world.channel)
    world.env.inject_error("POST", "/channels/*/messages", status=status, code=code)
    with capture_logs() as logged:
        await join(world)
        await announce(world)
    assert [entry["log_level"] for entry in logged if "server not greeted" in entry["event"]] == ["info"]
    assert not said(world)


async def test_who_added_another_bot_is_not_told(world: BotWorld) -> None:
    close(world, world.channel)
    world.env.backend.record_audit_log(
        world.guild.id, discord.AuditLogAction.bot_add.value, user_id=world.bob.id, target_id=world.alice.id
    )
    await join(world)
    owner_id = guild_of(world).owner_id
    assert owner_id is not None
    assert len(world.env.backend.messages[world.env.backend.get_dm_channel(owner_id).id]) == 1


async def test_where_the_bot_may_not_read_who_added_it_the_owner_is_told(world: BotWorld) -> None:
    close(world, world.channel)
    assert world.client.user is not None
    world.env.backend.record_audit_log(
        world.guild.id, discord.AuditLogAction.bot_add.value, user_id=world.bob.id, target_id=world.client.user.id
    )
    me = guild_of(world).me
    (own,) = [role for role in me.roles if role.managed]
    allowed = own.permissions
    allowed.view_audit_log = False
    world.env.backend.edit_role(world.guild.id, own.id, {"permissions": allowed.value})
    await join(world)
    owner_id = guild_of(world).owner_id
    assert owner_id is not None
    assert len(world.env.backend.messages[world.env.backend.get_dm_channel(owner_id).id]) == 1
    assert world.requests("GET", "/audit-logs") == []


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
