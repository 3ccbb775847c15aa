"""Tests for the published commands: where Discord offers them, and how answers name them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import discord
import pytest

from bot import client
from bot.client import COMMAND_IDS_FACT, PUBLISHING_FACT
from bot.texts import link_commands, texts_in
from storage.database import Database
from storage.key_values import KeyValueStore
from storage.stores import Stores
from tests.wire.traps import Moment, reset
from tests.worlds.bot_world import BotWorld
from tests.worlds.discord_world import open_discord_world
from tests.worlds.postgres import postgres

SERVER_ONLY = {"settings", "style"}
"""Commands about what belongs to a server. They are offered in servers only."""


def payloads(world: BotWorld) -> dict[str, dict[str, Any]]:
    return {command.name: command.to_dict(world.client.tree) for command in world.client.tree.get_commands()}


async def test_whatever_makes_pictures_is_offered_everywhere_and_to_people_who_bring_the_app(world: BotWorld) -> None:
    told = payloads(world)
    assert "imagine" in told
    for name in told.keys() - SERVER_ONLY:
        assert set(told[name]["integration_types"]) == {0, 1}, name
        assert set(told[name]["contexts"]) == {0, 1, 2}, name


async def test_what_is_a_servers_is_offered_in_servers_that_have_us(world: BotWorld) -> None:
    told = payloads(world)
    for name in SERVER_ONLY:
        assert told[name]["integration_types"] == [0], name
        assert told[name]["contexts"] == [0], name


async def test_a_command_in_an_answer_can_be_pressed(world: BotWorld) -> None:
    said = texts_in("en-US")("reference-how")
    ids = {command.name: command.id for command in await _fetched(world)}
    assert f"</reference use:{ids['reference']}>" in said
    assert f"</imagine:{ids['imagine']}>" in said


async def test_the_ids_are_known_after_a_restart_without_asking_again(world: BotWorld) -> None:
    said = texts_in("zh-CN")("card-nothing-spent")
    link_commands({})
    asked = len(world.env.http_requests)
    with world.env.time_context():
        assert await world.client.publish_commands(world.stores.key_values) is False
    assert len(world.env.http_requests) == asked
    assert texts_in("zh-CN")("card-nothing-spent") == said
    assert "</imagine:" in said


async def test_after_an_upgrade_they_are_asked_for_and_stored(world: BotWorld) -> None:
    await world.stores.key_values.set(COMMAND_IDS_FACT, None)
    link_commands({})
    with world.env.time_context():
        assert await world.client.publish_commands(world.stores.key_values) is False
    assert "</imagine:" in texts_in("en-US")("card-nothing-spent")
    assert "imagine" in (await world.stores.key_values.get(COMMAND_IDS_FACT) or "")


async def test_commands_are_published_again_when_one_of_their_translations_has_changed(
    world: BotWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = texts_in("zh-CN")._sources
    monkeypatch.setitem(sources, "option-prompt", f"{sources['option-prompt'].rstrip()}x\n")
    with world.env.time_context():
        assert await world.client.publish_commands(world.stores.key_values) is True
        assert await world.client.publish_commands(world.stores.key_values) is False


async def test_where_discord_does_not_tell_the_ids_commands_are_shown_by_name(world: BotWorld) -> None:
    await world.stores.key_values.set(COMMAND_IDS_FACT, None)
    link_commands({})
    world.env.inject_error("GET", "/applications/*/commands", status=403, code=50001)
    with world.env.time_context():
        assert await world.client.publish_commands(world.stores.key_values) is False
    assert "`/imagine`" in texts_in("en-US")("card-nothing-spent")
    assert "`/画图`" in texts_in("zh-CN")("card-nothing-spent")


async def test_without_a_network_for_the_ids_commands_are_shown_by_name(tmp_path: Path) -> None:
    async with open_discord_world(tmp_path) as world:
        await world.client.publish_commands(world.stores.key_values)
        assert "</imagine:" in texts_in("en-US")("card-nothing-spent")
        await world.stores.key_values.set(COMMAND_IDS_FACT, None)
        world.discord.traps.lay("GET */applications/*/commands", Moment.RECEIVED, reset, times=None)
        assert await world.client.publish_commands(world.stores.key_values) is False
        assert "`/imagine`" in texts_in("en-US")("card-nothing-spent")


async def _fetched(world: BotWorld) -> list[discord.app_commands.AppCommand]:
    with world.env.time_context():
        return await world.client.tree.fetch_commands()


async def test_of_processes_that_start_at_the_same_moment_one_publishes(
    world: BotWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PUBLISHED_LOOK_SECONDS", 0.01)
    async with (await postgres()).database() as url, Database.open(url) as one, Database.open(url) as other:
        stores = [Stores.on(database).key_values for database in (one, other)]
        with world.env.time_context():
            results = await asyncio.gather(*[world.client.publish_commands(key_values) for key_values in stores])
            assert sorted(results) == [False, True]
            assert await world.client.publish_commands(stores[0]) is False
            assert await world.client.publish_commands(stores[0], force=True) is True
        assert await stores[0].get(PUBLISHING_FACT) is None


async def test_commands_that_were_published_before_the_own_turn_are_not_published_again(world: BotWorld) -> None:
    class SlowToTakeTurns(KeyValueStore):
        async def take_turn(self, name: str, *, clock: Callable[[], int], every_ms: int) -> int:
            assert await world.client.publish_commands(other) is True
            return await super().take_turn(name, clock=clock, every_ms=every_ms)

    async with (await postgres()).database() as url, Database.open(url) as database:
        other = Stores.on(database).key_values
        with world.env.time_context():
            assert await world.client.publish_commands(SlowToTakeTurns(database)) is False
        assert await other.get(PUBLISHING_FACT) is None
