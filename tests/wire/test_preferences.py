"""`/preferences` over real sockets, where there is no server: direct messages, groups, servers without the bot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from storage.community import Preferences
from tests.wire import components
from tests.wire.interactions import COMMAND, COMPONENT, UPDATE, Interaction
from tests.wire.places import Channel, Kind, Places
from tests.worlds.discord_world import DiscordWorld, open_discord_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DiscordWorld]:
    async with open_discord_world(tmp_path) as world:
        await world.client.load_extension("cogs.preferences")
        yield world


def elsewhere(places: Places) -> Channel:
    guild = places.add_guild("Elsewhere")
    guild.installed = False
    return places.add_channel(guild)


PLACES = {
    "direct messages": lambda places: places.direct(places.alice),
    "a group": lambda places: places.add(Kind.GROUP),
    "a server without the bot": elsewhere,
}


async def sent(world: DiscordWorld, interaction: Interaction, data: dict[str, Any]) -> Interaction:
    payload = cast("Any", world.discord.interactions.payload(interaction, data))
    world.client._connection.parse_interaction_create(payload)
    await interaction.acknowledgement()
    return interaction


@pytest.mark.parametrize("place", PLACES.values(), ids=list(PLACES))
async def test_a_choice_is_stored_and_the_panel_is_rebuilt(world: DiscordWorld, place: Any) -> None:
    places = world.discord.places
    asked = world.discord.interactions.begin(COMMAND, places.alice, place(places))
    await sent(world, asked, {"id": "7300", "name": "preferences", "type": 1, "options": [], "resolved": {}})
    assert asked.original is not None
    assert asked.answer is not None
    assert asked.answer["flags"] & 64, "not for that person only"
    pressed = world.discord.interactions.begin(COMPONENT, places.alice, asked.channel, asked.original)
    (field,) = [
        component
        for _, component in components.walked(asked.original.payload["components"])
        if component.get("custom_id") == "a1:preference:model"
    ]
    data = {"custom_id": "a1:preference:model", "component_type": 3, "id": field["id"], "values": ["grok"]}
    await sent(world, pressed, data)
    assert pressed.answered_with == UPDATE
    assert await world.stores.preferences.of(places.alice.id) == Preferences(model="grok")
