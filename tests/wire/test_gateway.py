"""
`python -m bot run` with faults of the connection to Discord: every person gets a response, and no task is created
twice. The image API refuses each request, so that every outcome comes at once.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.kie import Emulator
from tests.wire.components import walked
from tests.wire.discord import LoopbackDiscord
from tests.wire.messages import Doing, Way
from tests.wire.process import Bot, bot, outcomes
from tests.wire.refusals import throttled
from tests.wire.traps import Moment
from tests.worlds.waiting import eventually

pytestmark = pytest.mark.sweep

IN_TIME = 3.0
REFUSED = "[422]"


def texts(message: dict[str, Any]) -> str:
    return "\n".join(component.get("content", "") for _, component in walked(message["components"]))


async def told(discord: LoopbackDiscord, count: int = 1) -> list[dict[str, Any]]:
    await discord.until(lambda: len(outcomes(discord)) >= count)
    return outcomes(discord)


async def test_an_event_that_comes_twice_is_one_task_and_one_that_was_missed_is_not_lost(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    """Uses uncompressed frames; all other tests use compressed ones."""
    gateway = discord.gateway
    gateway.compresses, gateway.repeats = False, 1
    async with bot(tmp_path, discord, image_api) as running:
        await running.connected()
        first = await discord.imagine(f"a red door {REFUSED}")
        assert await first.acknowledgement() < IN_TIME
        gateway.drop()
        missed = await discord.imagine(f"a blue door {REFUSED}")
        assert await missed.acknowledgement() < IN_TIME
        assert (gateway.begun, gateway.resumed) == (1, 1)
        await told(discord, 2)
        assert await running.stopped() == 0
    asked = sorted(body["prompt"] for _, body in image_api.attempts)
    assert asked == [f"a blue door {REFUSED}", f"a red door {REFUSED}"]
    assert len(outcomes(discord)) == 2
    assert [act.way for act in discord.acts if act.doing is Doing.POSTED].count(Way.CHANNEL) == 2


async def test_it_reconnects_as_it_is_told_and_goes_on(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    gateway = discord.gateway
    async with bot(tmp_path, discord, image_api) as running:
        await running.connected()
        await gateway.ask_to_reconnect()
        await discord.until(lambda: gateway.resumed == 1)
        await gateway.invalidate(resumable=True)
        await discord.until(lambda: gateway.resumed == 2)
        await gateway.close(4000)
        await discord.until(lambda: gateway.resumed == 3)
        await gateway.invalidate(resumable=False)
        await discord.until(lambda: gateway.begun == 2)
        asked = await discord.imagine(f"a red door {REFUSED}")
        assert await asked.acknowledgement() < IN_TIME
        await told(discord)
        assert await running.stopped() == 0


async def test_it_waits_for_a_discord_that_is_down_and_serves_each_shard_then(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    places = discord.places
    alice, bob = places.alice, places.add_person("bob")
    elsewhere = places.add_channel(places.add_guild("Second", lane=1))
    await discord.go_down()
    async with bot(tmp_path, discord, image_api, SHARD_COUNT="2") as running:
        await eventually(lambda: tried(running))
        await discord.come_up()
        await running.connected(shards=2)
        asked = [
            await discord.imagine(f"here {REFUSED}"),
            await discord.imagine(f"there {REFUSED}", channel=elsewhere),
            await discord.imagine(f"between us {REFUSED}", person=bob, channel=places.direct(bob)),
        ]
        assert max([await interaction.acknowledgement() for interaction in asked]) < IN_TIME
        found = await told(discord, 3)
        assert await running.stopped() == 0
    mentioned = {message["channel_id"]: message["mentions"][0]["id"] for message in found}
    direct = str(places.direct(bob).id)
    assert mentioned == {str(places.channel.id): str(alice.id), str(elsewhere.id): str(alice.id), direct: str(bob.id)}


async def tried(running: Bot) -> bool:
    return "Discord login failed" in running.said()


async def test_a_picture_whose_address_has_run_out_is_told_and_a_throttled_post_is_posted_once(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    limited = discord.traps.lay("POST */webhooks/*", Moment.RECEIVED, throttled(0.2), times=2)
    async with bot(tmp_path, discord, image_api) as running:
        await running.connected()
        discord.cdn.life = timedelta(seconds=-1)
        await discord.imagine("a red door", image="cat.png")
        (message,) = await told(discord)
        assert await running.stopped() == 0
    assert limited.met == 3
    assert "Discord no longer has" in texts(message)
    assert not image_api.attempts


async def test_an_event_that_makes_no_sense_stops_nothing(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    gateway, guild = discord.gateway, discord.places.guild
    async with bot(tmp_path, discord, image_api) as running:
        await running.connected()
        await gateway.dispatch("SOMETHING_NEW", {"of": "tomorrow"}, guild=guild)
        await gateway.dispatch("THREAD_CREATE", None, guild=guild)
        asked = discord.interactions.begin(2, discord.places.alice, discord.places.channel)
        broken = discord.interactions.payload(asked, {"id": "7300", "name": "imagine", "type": 1})
        broken["member"]["roles"] = None
        await gateway.dispatch("INTERACTION_CREATE", broken, guild=guild)
        answered = await discord.imagine(f"a red door {REFUSED}")
        assert await answered.acknowledgement() < IN_TIME
        await told(discord)
        assert await running.stopped() == 0
    assert (gateway.begun, gateway.resumed) == (1, 0)
    assert asked.token not in running.said()
