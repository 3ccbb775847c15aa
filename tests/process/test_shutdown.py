"""Tests that `python -m bot` ends on request, with the right exit code and its output complete."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.kie import Emulator
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.process import KEY, ROOT, TOKEN, Bot, bot
from tests.wire.traps import Moment, holds
from tests.worlds.waiting import eventually

pytestmark = pytest.mark.sweep

AT_ONCE = 6.0
"""Longest stop (s) if there is nothing to wait for, also on a busy machine."""
HANGING = """
import asyncio, discord
from bot import app
app.STOP_SECONDS = 5.0
async def close(self, *_, **__):
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            {then}
discord.{place}.close = close
"""
STANDING_STILL = """
import time
from bot import app
from bot.engine.engine import Engine
app.STOP_SECONDS = 2.0
Engine.stop = lambda self: time.sleep(600)
"""


@pytest.fixture
async def discord() -> AsyncIterator[LoopbackDiscord]:
    async with loopback_discord(TOKEN) as running:
        yield running


async def ended_after(running: Bot) -> float:
    began = time.monotonic()
    assert await running.stopped() == 0
    return time.monotonic() - began


def planted(folder: Path, code: str) -> dict[str, str]:
    """Return environment variables with which the bot process runs the code before anything else."""
    (folder / "planted").mkdir()
    (folder / "planted" / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": f"{ROOT}:{folder / 'planted'}"}


@pytest.mark.parametrize(
    ("place", "then", "words"),
    [
        ("AutoShardedClient", "raise", "Discord client close timed out: connections abandoned"),
        ("gateway.DiscordWebSocket", "pass", "shutdown took too long: process ended with parts still open"),
    ],
    ids=["until it is cancelled", "whatever is done"],
)
async def test_a_client_that_does_not_close_is_given_up(
    tmp_path: Path, discord: LoopbackDiscord, place: str, then: str, words: str
) -> None:
    settings = planted(tmp_path, HANGING.format(place=place, then=then))
    async with Emulator(key=KEY) as image_api, bot(tmp_path, discord, image_api, **settings) as running:
        await running.connected()
        await ended_after(running)
    assert words in running.said()
    assert ("too long" in running.said()) == ("too long" in words)
    assert "Traceback" not in running.said()


async def test_an_event_loop_that_stands_still_does_not_keep_it_from_ending(
    tmp_path: Path, discord: LoopbackDiscord
) -> None:
    settings = planted(tmp_path, STANDING_STILL)
    async with Emulator(key=KEY) as image_api, bot(tmp_path, discord, image_api, **settings) as running:
        await running.connected()
        assert await ended_after(running) < AT_ONCE
    assert "shutdown took too long" in running.said()


async def test_it_ends_at_once_while_the_gateway_is_silent(tmp_path: Path, discord: LoopbackDiscord) -> None:
    """discord.py would retry its first connection for ever, on a session that is closed already."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        settings = {"DISCORD_GATEWAY_URL": address, "SHARD_COUNT": "1"}
        async with Emulator(key=KEY) as image_api, bot(tmp_path, discord, image_api, **settings) as running:
            await eventually(lambda: said(running, "commands published"))
            assert await ended_after(running) < AT_ONCE
    assert "Traceback" not in running.said()


async def test_it_ends_at_once_while_it_logs_in(tmp_path: Path, discord: LoopbackDiscord) -> None:
    answered = asyncio.Event()
    asked = discord.traps.lay("GET */users/@me", Moment.RECEIVED, holds(answered))
    async with Emulator(key=KEY) as image_api, bot(tmp_path, discord, image_api) as running:
        await asked.sprung.wait()
        assert await ended_after(running) < AT_ONCE
        answered.set()
    assert "Unclosed" not in running.said()
    assert "Traceback" not in running.said()


async def said(running: Bot, words: str) -> bool:
    return words in running.said()


# -- while Discord is unreachable ------------------------------------------------------------------------------------


async def test_each_try_to_log_in_is_one_line_that_says_what_happens_next(
    tmp_path: Path, discord: LoopbackDiscord
) -> None:
    await discord.go_down()
    async with Emulator(key=KEY) as image_api, bot(tmp_path, discord, image_api) as running:
        await eventually(lambda: said(running, "failures=2"))
        await discord.come_up()
        await running.connected()
        await ended_after(running)
    tries = [line for line in running.said().splitlines() if "failures=" in line]
    assert all("Discord login failed, will retry" in line and "in_seconds=" in line for line in tries)
    assert "Unclosed" not in running.said()
    assert "Traceback" not in running.said()


async def test_a_connection_that_is_made_again_is_one_line_a_try(tmp_path: Path, discord: LoopbackDiscord) -> None:
    async with Emulator(key=KEY) as image_api, bot(tmp_path, discord, image_api) as running:
        await running.connected()
        await discord.go_down()
        await eventually(lambda: said(running, "Attempting a reconnect"))
        await discord.come_up()
        await discord.until(lambda: discord.gateway.connected())
        await ended_after(running)
    (line, *_) = [line for line in running.said().splitlines() if "Attempting a reconnect" in line]
    assert "[warning" in line
    assert "ClientConnectorError: Cannot connect to host" in line
    assert "Traceback" not in running.said()


# -- exit code and last output -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "out", "err"),
    [
        ("doctor", "not ok  settings: MAX_IN_FLIGHT should be", ""),
        ("run", "", "MAX_IN_FLIGHT should be"),
        ("sync", "", "MAX_IN_FLIGHT should be"),
    ],
)
async def test_a_wrong_setting_is_said_in_full_and_is_78(tmp_path: Path, command: str, out: str, err: str) -> None:
    """Output and errors are read from pipes, where Python buffers what it prints until it is flushed."""
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "bot", command],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "MAX_IN_FLIGHT": "many"},
        stdout=PIPE,
        stderr=PIPE,
    )
    printed, logged = [text.decode() for text in await process.communicate()]
    assert process.returncode == 78
    assert printed.startswith(out)
    assert bool(printed) == bool(out)
    assert logged.startswith(err)
    assert bool(logged) == bool(err)


async def test_a_second_signal_changes_nothing(tmp_path: Path, discord: LoopbackDiscord) -> None:
    async with Emulator(key=KEY) as image_api, bot(tmp_path, discord, image_api) as running:
        await running.connected()
        running.process.send_signal(signal.SIGINT)
        assert await running.stopped() == 0
