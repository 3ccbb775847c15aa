"""Visit the bot's site, in this process and without Discord."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import unused_port
from pydantic import SecretStr

from bot.app import Running, open_atelier, open_site
from bot.config import Settings
from bot.web.readiness import Readiness
from tests.wire.process import KEY, TOKEN, Bot
from tests.worlds.waiting import eventually


class Visitor:
    """A visitor of the site."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self.address = address

    async def get(self, path: str) -> tuple[int, str]:
        async with self._session.get(f"{self.address}{path}") as answer:
            assert "Server" not in answer.headers
            return answer.status, await answer.text()

    async def post(self, path: str, body: Any, **headers: str) -> int:
        async with self._session.post(f"{self.address}{path}", data=body, headers=headers) as answer:
            return answer.status


@asynccontextmanager
async def visiting(address: str) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession() as session:
        yield Visitor(session, address)


def settings_of(folder: Path, **settings: Any) -> Settings:
    """Return settings of a bot that connects to no service."""
    given: dict[str, Any] = {
        "discord_token": SecretStr(TOKEN),
        "kie_api_key": SecretStr(KEY),
        "kie_api_url": f"http://127.0.0.1:{unused_port()}",
        "database_url": f"sqlite:///{folder}/atelier.db",
        "pictures_url": str(folder / "pictures"),
        "http_port": unused_port(),
    }
    return Settings(**(given | settings))


@asynccontextmanager
async def opened(folder: Path, **settings: Any) -> AsyncIterator[tuple[Running, Readiness, Visitor]]:
    """Open the bot, without connections, and its site."""
    values = settings_of(folder, **settings)
    async with AsyncExitStack() as stack:
        atelier = await stack.enter_async_context(open_atelier(values))
        readiness = await stack.enter_async_context(open_site(atelier, values))
        visitor = await stack.enter_async_context(visiting(f"http://127.0.0.1:{values.http_port}"))
        yield atelier, readiness, visitor


async def address_of(running: Bot) -> str:
    async def said() -> str | None:
        found = re.search(r"web endpoint open.* address=(\S+)", running.said())
        return found[1] if found else None

    return str(await eventually(said))
