"""With many people at once, and after a restart with many waiting tasks, the bot stays within Discord's rate limit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sandbox.kie import Emulator
from tests.wire.discord import LoopbackDiscord
from tests.wire.limits import most_in_a_second
from tests.wire.places import Channel
from tests.wire.process import bot, called_back, outcomes
from tests.worlds.waiting import eventually

pytestmark = pytest.mark.sweep

PEOPLE = 30
UNLIMITED = {"MAX_OPEN_TASKS_PER_USER": "0", "MAX_PICTURES_PER_USER_PER_DAY": "0", "MAX_PICTURES_PER_DAY": "0"}
PACED = ("result", "person", "card", "edit")


def limit_as_discord_does(discord: LoopbackDiscord) -> None:
    """Set Discord's limits, except the 3 s of a first response: a busy machine needs longer for so many."""
    discord.limits.everywhere, discord.limits.slides = (50, 1.0), True
    discord.interactions.first_answer = timedelta(minutes=1)


async def all_ask(discord: LoopbackDiscord, channels: Iterable[Channel]) -> None:
    asked = [await discord.imagine("a red door", channel=channel) for channel in channels]
    await asyncio.gather(*[interaction.acknowledgement() for interaction in asked])


async def requests_by_purpose(address: str) -> dict[str, int]:
    """Return the request counts by purpose, as the process's metrics report them."""
    async with aiohttp.ClientSession() as session, session.get(f"{address}/metrics") as answer:
        families = text_string_to_metric_families(await answer.text())
    samples = [sample for family in families for sample in family.samples]
    return {
        sample.labels["purpose"]: int(sample.value)
        for sample in samples
        if sample.name == "atelier_discord_requests_total"
    }


async def test_thirty_at_once_stay_below_the_limit_and_every_request_is_counted_by_its_purpose(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    limit_as_discord_does(discord)
    channels = [discord.places.add_channel(name=f"c{number}") for number in range(PEOPLE)]
    settings = called_back()
    async with bot(tmp_path, discord, image_api, **settings, **UNLIMITED) as running:
        await running.connected()
        await all_ask(discord, channels)
        await discord.until(lambda: len(outcomes(discord)) == PEOPLE and len(discord.deleted) == PEOPLE)
        counted = await requests_by_purpose(settings["PUBLIC_URL"])
        arrived = len(discord.limits.arrived)
        assert await running.stopped() == 0
    assert sum(counted[purpose] for purpose in PACED) == arrived
    assert (counted["result"], counted["interaction"]) == (PEOPLE, PEOPLE)
    assert most_in_a_second(discord.limits.arrived) <= 50
    assert discord.limits.throttled == 0


async def test_after_a_restart_the_cards_of_all_who_wait_are_edited_within_the_limit(
    tmp_path: Path, discord: LoopbackDiscord
) -> None:
    limit_as_discord_does(discord)
    channels = [discord.places.add_channel(name=f"c{number}") for number in range(2 * PEOPLE)]
    async with Emulator(seconds=3600) as image_api:
        async with bot(tmp_path, discord, image_api, **UNLIMITED) as first:
            await first.connected()
            await all_ask(discord, channels)
            await first.killed()
        before, acts = len(discord.limits.arrived), len(discord.acts)
        async with bot(tmp_path, discord, image_api, **UNLIMITED) as second:

            async def all_edited() -> bool:
                return {act.channel_id for act in discord.acts[acts:]} == {str(channel.id) for channel in channels}

            await eventually(all_edited)
            await second.killed()
    assert most_in_a_second(discord.limits.arrived[before:]) <= 50
    assert discord.limits.throttled == 0
