"""`python -m bot run` as a process between a loopback Discord and the image API's emulator, all over real sockets."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from asyncio.subprocess import STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.kie import Emulator
from tests.engine_world import png
from tests.waiting import eventually
from tests.wire.discord import ALICE_ID, LoopbackDiscord, loopback_discord

ROOT = Path(__file__).parent.parent.parent
TOKEN = "MTAx.Gabc.defghijk"
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def discord() -> AsyncIterator[LoopbackDiscord]:
    async with loopback_discord(TOKEN) as running:
        running.files["cat.png"] = png("orange", (64, 48))
        yield running


@pytest.fixture
async def image_api() -> AsyncIterator[Emulator]:
    async with Emulator(key=KEY, seconds=1, shrink=8) as running:
        yield running


@asynccontextmanager
async def bot(folder: Path, discord: LoopbackDiscord, image_api: Emulator, **settings: str) -> AsyncIterator[Process]:
    """The process, killed at the end if it still runs; what it wrote is in bot.log."""
    environment = {
        "PYTHONPATH": str(ROOT),
        "DISCORD_TOKEN": TOKEN,
        "DISCORD_API_URL": discord.url,
        "DISCORD_GATEWAY_URL": discord.url.replace("http", "ws"),
        "KIE_API_KEY": KEY,
        "KIE_API_URL": image_api.url,
        "KIE_UPLOAD_URL": image_api.url,
        "LOG_LEVEL": "DEBUG",
    }
    with (folder / "bot.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "bot", "run"], cwd=folder, env=environment | settings, stdout=log, stderr=STDOUT
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def stopped(process: Process, number: signal.Signals = signal.SIGTERM) -> int:
    process.send_signal(number)
    async with asyncio.timeout(10):
        return await process.wait()


async def published(discord: LoopbackDiscord) -> int:
    return discord.published


async def taken(image_api: Emulator) -> int:
    return len(image_api.creates)


def outcomes(discord: LoopbackDiscord) -> list[dict[str, Any]]:
    """Messages that mention somebody; cards do not."""
    return [message for message in discord.messages.values() if message["mentions"]]


async def test_a_command_becomes_a_picture_and_sigterm_ends_it_and_no_secret_is_in_the_log(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    async with bot(tmp_path, discord, image_api) as process:
        await discord.connected()
        await eventually(lambda: published(discord))
        assert [command["name"] for command in discord.commands] == ["imagine"]
        await discord.imagine("a red door", image="cat.png")
        await discord.until(lambda: outcomes(discord) and discord.deleted)
        (message,) = discord.messages.values()
        assert [mentioned["id"] for mentioned in message["mentions"]] == [str(ALICE_ID)]
        assert re.fullmatch(r"atelier-[0-9a-f]{16}-1\.png", message["attachments"][0]["filename"])
        assert [body["filesUrl"] for body in image_api.creates] == [[f"{discord.url}/attachments/cat.png"]]
        assert await stopped(process) == 0
    said = (tmp_path / "bot.log").read_text()
    assert "commands published" in said
    assert not [secret for secret in (TOKEN, KEY, "interaction-token") if secret in said]


async def test_what_was_killed_while_generating_is_told_once_by_the_next_one(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    async with bot(tmp_path, discord, image_api) as process:
        await discord.connected()
        await discord.imagine("a red door", image="cat.png")
        await eventually(lambda: taken(image_api))
        process.kill()
        assert not outcomes(discord)
    discord.ready.clear()
    async with bot(tmp_path, discord, image_api) as process:
        await discord.until(lambda: outcomes(discord))
        assert await stopped(process) == 0
    assert len(outcomes(discord)) == 1
    assert len(image_api.creates) == 1
    assert discord.published == 1


async def test_a_token_that_discord_refuses_is_one_line_and_78(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    async with bot(tmp_path, discord, image_api, DISCORD_TOKEN="MTAx.Gabc.another") as process:
        assert await process.wait() == 78
    said = (tmp_path / "bot.log").read_text()
    assert "DISCORD_TOKEN" in said
    assert "Traceback" not in said
    assert "MTAx.Gabc.another" not in said
