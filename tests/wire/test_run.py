"""`python -m bot run` as a process between a loopback Discord and the image API's emulator, all over real sockets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox.kie import Emulator
from tests.wire.discord import ALICE_ID, LoopbackDiscord
from tests.wire.process import KEY, TOKEN, WEBHOOK_KEY, bot, called_back, outcomes
from tests.worlds.waiting import eventually


async def published(discord: LoopbackDiscord) -> int:
    return discord.published


async def taken(image_api: Emulator) -> int:
    return len(image_api.creates)


async def test_a_command_becomes_a_picture_and_sigterm_ends_it_and_no_secret_is_in_the_log(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    async with bot(tmp_path, discord, image_api, **called_back()) as running:
        await running.connected()
        await eventually(lambda: published(discord))
        assert "imagine" in {command["name"] for command in discord.commands}
        asked = await discord.imagine("a red door", image="cat.png")
        assert await asked.acknowledgement() < 3
        await discord.until(lambda: outcomes(discord) and discord.deleted)
        (message,) = discord.messages.values()
        assert [mentioned["id"] for mentioned in message["mentions"]] == [str(ALICE_ID)]
        assert re.fullmatch(r"atelier-[0-9a-f]{16}-1\.png", message["attachments"][0]["filename"])
        ((address,),) = [body["filesUrl"] for body in image_api.creates]
        assert address.startswith(f"{discord.url}/ephemeral-attachments/")
        assert await running.stopped() == 0
    assert "commands published" in running.said()
    assert not [secret for secret in (TOKEN, KEY, WEBHOOK_KEY, "interaction-token") if secret in running.said()]


@pytest.mark.sweep
async def test_what_was_killed_while_generating_is_told_once_by_the_next_one(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    async with bot(tmp_path, discord, image_api) as first:
        await first.connected()
        await discord.imagine("a red door", image="cat.png")
        await eventually(lambda: taken(image_api))
        await first.killed()
        assert not outcomes(discord)
    async with bot(tmp_path, discord, image_api) as second:
        await discord.until(lambda: outcomes(discord))
        assert await second.stopped() == 0
    assert len(outcomes(discord)) == 1
    assert len(image_api.creates) == 1
    assert discord.published == 1


@pytest.mark.sweep
async def test_a_token_that_discord_refuses_is_one_line_and_78(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    async with bot(tmp_path, discord, image_api, DISCORD_TOKEN="MTAx.Gabc.another") as running:
        assert await running.ended() == 78
    assert "DISCORD_TOKEN" in running.said()
    assert "Traceback" not in running.said()
    assert "MTAx.Gabc.another" not in running.said()
