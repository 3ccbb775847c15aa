"""Fixtures: a loopback Discord, a caller for it, and the image API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.kie import Emulator
from tests.wire.caller import Caller
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.process import KEY, TOKEN, WEBHOOK_KEY
from tests.worlds.engine_world import png


@pytest.fixture
async def discord() -> AsyncIterator[LoopbackDiscord]:
    """
    Yield a loopback Discord with a picture of a cat that people can attach. At the end there must be no violations of
    Discord's rules.
    """
    async with loopback_discord(TOKEN) as running:
        running.files["cat.png"] = png("orange", (96, 72))
        yield running


@pytest.fixture
async def caller(discord: LoopbackDiscord) -> AsyncIterator[Caller]:
    """Yield a caller. Its own violations of Discord's rules are deliberate and are removed at the end."""
    async with aiohttp.ClientSession() as session:
        yield Caller(discord, session)
    discord.violations[:] = [fault for fault in discord.violations if " was sent: " not in fault]


@pytest.fixture
async def image_api() -> AsyncIterator[Emulator]:
    async with Emulator(key=KEY, seconds=1, shrink=8, webhook_key=WEBHOOK_KEY) as running:
        yield running
