"""
`python -m tests.wire.limited`: run the bot in a process with limited memory that is killed when the memory is used
up.

Linux kills a process that exceeds its container's limit (SIGKILL). `RLIMIT_AS` works without a container but only
makes allocations fail, so here the process kills itself on MemoryError. One file name, `DEADLY`, uses up all memory
while the file is fetched.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from pathlib import Path
from typing import Final

import aiohttp

from bot.app import Running, open_atelier, open_site
from bot.client import Atelier
from bot.config import Settings, load_settings
from bot.engine.ports import FetchReference
from bot.net.attachments import AttachmentFetcher
from bot.process.logs import configure_logs
from storage.models import Reference

DEADLY: Final = "deadly.png"
SPARE_BYTES: Final = 2 * 2**30
"""Bytes above what the process has mapped at the start. Each thread reserves 72 MiB of addresses: stack and arena."""
BLOCK_BYTES: Final = 32 * 2**20


def fetcher(settings: Settings, session: aiohttp.ClientSession) -> FetchReference:
    fetch = AttachmentFetcher(session, origin=settings.discord_api_url)

    async def fetched(reference: Reference) -> bytes:
        data = await fetch(reference)
        if reference.filename == DEADLY:
            _use_up_memory()
        return data

    return fetched


def _use_up_memory() -> None:
    held = list[bytes]()
    try:
        while True:
            held.append(bytes(BLOCK_BYTES))
    except MemoryError:
        os.kill(os.getpid(), signal.SIGKILL)


def limit_memory() -> None:
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + SPARE_BYTES, mapped + SPARE_BYTES))


async def main() -> None:
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format, secrets=settings.secrets)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        def attachments(_: Atelier) -> FetchReference:
            return fetcher(settings, session)

        async with open_atelier(settings, attachments=attachments) as atelier, open_site(atelier, settings):
            await _run(atelier, settings)


async def _run(atelier: Running, settings: Settings) -> None:
    await atelier.client.login(settings.discord_token.get_secret_value())
    await atelier.client.publish_commands(atelier.stores.key_values)
    limit_memory()
    async with asyncio.TaskGroup() as group:
        group.create_task(atelier.work())
        group.create_task(atelier.client.connect())


if __name__ == "__main__":
    asyncio.run(main())
