"""Run the bot as the process that operators start, between the servers of a test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import STDOUT, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp.test_utils import unused_port

from sandbox.kie import Emulator
from tests.wire.discord import LONGEST_SECONDS, LoopbackDiscord

ROOT = Path(__file__).parent.parent.parent
TOKEN = "MTAx.Gabc.defghijk"
KEY = "0123456789abcdef0123456789abcdef"
WEBHOOK_KEY = "webhook-key-of-the-tests"
LOG = "bot.log"
STOP_SECONDS = 15.0
DUMP_SECONDS = 5.0
MORTAL = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""
"""prctl(2), PR_SET_PDEATHSIG: the setting survives the exec, so the program itself needs no change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """One process of `python -m bot run`."""

    process: Process
    discord: LoopbackDiscord
    log: Path
    """Log file of this process and of earlier ones in the same folder."""
    begun: int
    """Gateway sessions that began before this process."""

    async def connected(self, *, shards: int = 1) -> None:
        await self.discord.connected(since=self.begun, shards=shards)

    async def stopped(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and wait for the end; return the exit code."""
        self.process.send_signal(number)
        return await self.ended(STOP_SECONDS)

    async def ended(self, within_seconds: float = LONGEST_SECONDS) -> int:
        """
        Wait for the end and return the exit code. Raises TimeoutError; the log then ends with every thread's stack.
        """
        try:
            async with asyncio.timeout(within_seconds):
                return await self.process.wait()
        except TimeoutError:
            await self._dumped()
            raise

    async def _dumped(self) -> None:
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            self.process.send_signal(signal.SIGABRT)
            async with asyncio.timeout(DUMP_SECONDS):
                await self.process.wait()

    async def killed(self) -> None:
        """Kill the process (`kill -9`) and wait until it has ended, and its connections with it."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    def said(self) -> str:
        return self.log.read_text()


@asynccontextmanager
async def bot(
    folder: Path,
    discord: LoopbackDiscord,
    image_api: Emulator,
    *,
    program: Sequence[str] = ("-m", "bot", "run"),
    **settings: str,
) -> AsyncIterator[Bot]:
    """Start the bot in this folder, which holds its database and pictures; kill it at the end if it still runs."""
    environment = {
        "PYTHONPATH": str(ROOT),
        "PYTHONFAULTHANDLER": "1",
        "DISCORD_TOKEN": TOKEN,
        "DISCORD_API_URL": discord.url,
        "DISCORD_GATEWAY_URL": discord.gateway.url,
        "KIE_API_KEY": KEY,
        "KIE_API_URL": image_api.url,
        "KIE_UPLOAD_URL": image_api.url,
        "HTTP_PORT": "0",
        "LOG_LEVEL": "DEBUG",
    }
    begun = discord.gateway.begun
    with (folder / LOG).open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *mortal(sys.executable, *program),
            cwd=folder,
            env=environment | settings,
            stdout=log,
            stderr=STDOUT,
        )
    running = Bot(process=process, discord=discord, log=folder / LOG, begun=begun)
    try:
        yield running
    finally:
        await running.killed()


def mortal(*command: str) -> tuple[str, ...]:
    """
    Return the command such that its process dies with the process that starts it, even if that is killed (on Linux).
    """
    return (sys.executable, "-I", "-S", "-c", MORTAL, str(os.getpid()), *command)


def called_back() -> dict[str, str]:
    """
    Return settings with which the image API's emulator calls the bot back, using this key. Without callbacks the
    first poll of a schedule without history comes after half a minute.
    """
    port = str(unused_port())
    return {"HTTP_PORT": port, "PUBLIC_URL": f"http://127.0.0.1:{port}", "KIE_WEBHOOK_KEY": WEBHOOK_KEY}


def outcomes(discord: LoopbackDiscord) -> list[dict[str, Any]]:
    """Return the messages that mention a person, which cards do not, and the follow-ups that only the asker sees."""
    follow_ups = [kept for interaction in discord.interactions.all for kept in interaction.followups]
    for_one = {kept.id for kept in follow_ups if kept.only_for is not None}
    return [message for number, message in discord.messages.items() if message["mentions"] or number in for_one]
