"""Tests for the places where Discord offers the commands, which are sent with each command."""

from __future__ import annotations

from typing import Any

from tests.worlds.bot_world import BotWorld

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
