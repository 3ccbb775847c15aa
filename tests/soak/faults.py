"""What goes wrong during the soak, each for some seconds, while the process goes on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from tests.soak.turned import FILE
from tests.wire.discord import LoopbackDiscord
from tests.wire.refusals import refusal
from tests.wire.traps import Action, Moment, Traps, page, reset, says

CREATES: Final = "POST /api/v1/*"
POLLS: Final = "GET /api/v1/*ecord*nfo"
RESULTS: Final = "GET /[srp]/*"
POSTS: Final = "POST */channels/*/messages"
MAINTENANCE: Final = {
    "code": 455,
    "msg": "System is currently undergoing maintenance",
    "data": None,
}
FAULT: Final = {"code": 500, "msg": "Server Error", "data": None}
JUMPS_MS: Final = (-3_600_000, -600_000, 600_000, 3_600_000)

Fault = Callable[[], AbstractAsyncContextManager[None]]


def faults(discord: LoopbackDiscord, api: Traps, folder: Path, dice: random.Random) -> Mapping[str, Fault]:
    """Return the faults by name."""
    overloaded = refusal(130000)
    return {
        "Discord is down": partial(_down, discord),
        "the gateway drops": partial(_dropped, discord),
        "the session is invalid": partial(_invalid, discord),
        "Discord refuses posts": partial(_laid, discord.traps, POSTS, Moment.RECEIVED, overloaded),
        "posts get no answer": partial(_laid, discord.traps, POSTS, Moment.DONE, reset),
        "the image API is in maintenance": partial(_laid, api, CREATES, Moment.RECEIVED, says(200, MAINTENANCE)),
        "the image API fails": partial(_laid, api, CREATES, Moment.RECEIVED, says(200, FAULT)),
        "creates get no answer": partial(_laid, api, CREATES, Moment.DONE, reset),
        "polls fail": partial(_laid, api, POLLS, Moment.RECEIVED, page(502, "<html>Bad Gateway</html>")),
        "results are refused": partial(_laid, api, RESULTS, Moment.RECEIVED, page(403, "error code: 1010")),
        "the clock jumps": partial(_jumped, folder, dice),
    }


@asynccontextmanager
async def _down(discord: LoopbackDiscord) -> AsyncIterator[None]:
    async with discord.down():
        yield


@asynccontextmanager
async def _dropped(discord: LoopbackDiscord) -> AsyncIterator[None]:
    discord.gateway.drop()
    yield


@asynccontextmanager
async def _invalid(discord: LoopbackDiscord) -> AsyncIterator[None]:
    await discord.gateway.invalidate(resumable=False)
    yield


@asynccontextmanager
async def _laid(traps: Traps, route: str, moment: Moment, action: Action) -> AsyncIterator[None]:
    trap = traps.lay(route, moment, action, times=None)
    try:
        yield
    finally:
        traps.laid.remove(trap)


@asynccontextmanager
async def _jumped(folder: Path, dice: random.Random) -> AsyncIterator[None]:
    file = folder / FILE
    before = int(await asyncio.to_thread(file.read_text))
    await asyncio.to_thread(file.write_text, str(before + dice.choice(JUMPS_MS)))
    try:
        yield
    finally:
        await asyncio.to_thread(file.write_text, str(before))
