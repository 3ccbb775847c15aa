"""The bot as the process that people start, between the servers of a test."""

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
"""prctl(2), PR_SET_PDEATHSIG: it outlives the exec, so the program itself knows nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """One `python -m bot run`."""

    process: Process
    discord: LoopbackDiscord
    log: Path
    """What it and those before it in the same folder wrote."""
    begun: int
    """Sessions that others began at the gateway before it."""

    async def connected(self, *, shards: int = 1) -> None:
        await self.discord.connected(since=self.begun, shards=shards)

    async def stopped(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(number)
        return await self.ended(STOP_SECONDS)

    async def ended(self, within_seconds: float = LONGEST_SECONDS) -> int:
        """Raises TimeoutError when it does not end; its log then ends with what every thread was at."""
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
        """`kill -9`; it is gone, and so are its connections."""
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
    """Started in this folder, where its database and pictures are; killed at the end if it still runs."""
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
    """The command as one that dies with the process that starts it, however that dies (on Linux)."""
    return (sys.executable, "-I", "-S", "-c", MORTAL, str(os.getpid()), *command)


def called_back() -> dict[str, str]:
    """Settings with which the bot hears of a picture at once, from an emulator with this key; the first poll of a
    schedule that has learned nothing yet comes after half a minute."""
    port = str(unused_port())
    return {"HTTP_PORT": port, "PUBLIC_URL": f"http://127.0.0.1:{port}", "KIE_WEBHOOK_KEY": WEBHOOK_KEY}


def outcomes(discord: LoopbackDiscord) -> list[dict[str, Any]]:
    """Messages that mention somebody; cards do not."""
    return [message for message in discord.messages.values() if message["mentions"]]
