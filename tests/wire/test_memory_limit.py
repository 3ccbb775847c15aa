"""A process that its memory limit kills while it reads a file continues after a restart and informs the asker."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sandbox.kie import Emulator
from tests.wire.discord import LoopbackDiscord
from tests.wire.limited import DEADLY
from tests.wire.process import bot, called_back, outcomes
from tests.worlds.waiting import eventually

pytestmark = [pytest.mark.sweep, pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS and /proc are Linux's")]

MOST_STARTS = 8


async def test_whoever_attached_it_is_told_once_and_everybody_else_has_their_picture_once(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    discord.files[DEADLY] = discord.files["cat.png"]
    kills, settings = 0, called_back()
    for start in range(MOST_STARTS):
        async with bot(tmp_path, discord, image_api, program=("-m", "tests.wire.limited"), **settings) as running:
            if start == 0:
                await running.connected()
                await eventually(lambda: _published(discord))
                await _ask(discord)
            ended, quiet = asyncio.create_task(running.ended()), asyncio.create_task(_quiet(discord))
            await asyncio.wait({ended, quiet}, return_when=asyncio.FIRST_COMPLETED)
            quiet.cancel()
            if ended.done():
                assert await ended == -signal.SIGKILL, running.said()[-4000:]
                kills += 1
                continue
            ended.cancel()
            await asyncio.gather(ended, quiet, return_exceptions=True)
            break
    assert kills == 3
    refused = [message for message in outcomes(discord) if "couldn’t open" in _text(message)]
    assert len(refused) == 1
    assert len(outcomes(discord)) == 4
    assert len(image_api.creates) == 3
    assert len({body["prompt"] for body in image_api.creates}) == 3


async def _ask(discord: LoopbackDiscord) -> None:
    alice, bob = discord.places.alice, discord.places.add_person("bob")
    asked: Sequence[tuple[str, Any, str]] = [
        ("a red door", bob, "cat.png"),
        ("a deadly door", alice, DEADLY),
        ("a green door", alice, "cat.png"),
        ("a blue door", bob, "cat.png"),
    ]
    for words, person, image in asked:
        await discord.imagine(words, person=person, image=image)


async def _quiet(discord: LoopbackDiscord) -> None:
    await discord.until(lambda: len(outcomes(discord)) == 4)


async def _published(discord: LoopbackDiscord) -> int:
    return discord.published


def _text(message: dict[str, Any]) -> str:
    return str(message["components"])
