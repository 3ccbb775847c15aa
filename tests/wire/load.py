"""Send commands at a fixed rate to all shards, and count what the bot made of them."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tests.wire.discord import LoopbackDiscord
from tests.wire.interactions import Interaction
from tests.wire.limits import most_within
from tests.wire.messages import Doing

UNLIMITED: Final = {"MAX_OPEN_TASKS_PER_USER": "0", "MAX_PICTURES_PER_USER_PER_DAY": "0", "MAX_PICTURES_PER_DAY": "0"}
"""Settings without limits for people."""
WINDOW_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.25


@dataclass(slots=True, kw_only=True)
class Create:
    """A create at the image API."""

    prompt: str
    came: float
    """When it arrived (s, monotonic)."""
    code: int = 0
    """Of the API's answer; 0 while there is none."""
    answered: float | None = None
    """When the answer had been written."""


@dataclass
class Creates:
    """Records every create that arrives at the image API, refused ones too."""

    all: list[Create] = field(default_factory=list)

    @property
    def middleware(self) -> Middleware:
        @web.middleware
        async def watched(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.method != "POST" or not request.path.endswith(("/generate", "/createTask")):
                return await handler(request)
            came, body = time.monotonic(), await request.json()
            self.all.append(create := Create(prompt=str((body.get("input") or body)["prompt"]), came=came))
            response = await handler(request)
            if isinstance(response, web.Response) and isinstance(response.body, bytes):
                create.code = json.loads(response.body)["code"]
            await response.prepare(request)
            await response.write_eof()
            create.answered = time.monotonic()
            return response

        return watched

    def most_in_a_window(self) -> int:
        """Return the most creates that arrived within any 10 s."""
        return most_within([create.came for create in self.all], WINDOW_SECONDS)

    def accepted(self) -> dict[str, tuple[tuple[float, float | None], ...]]:
        """Return when each accepted create arrived and was answered, by prompt."""
        found: dict[str, list[tuple[float, float | None]]] = {}
        for create in self.all:
            if create.code == 200:
                found.setdefault(create.prompt, []).append((create.came, create.answered))
        return {prompt: tuple(times) for prompt, times in found.items()}


@dataclass
class Load:
    """Commands of different people in different channels, whose servers belong to each shard in turn."""

    discord: LoopbackDiscord
    shards: int
    asked: dict[str, Interaction] = field(default_factory=dict)
    """By prompt."""

    async def ask(self, commands: int, *, seconds: float, halfway: Callable[[], Any] = lambda: None) -> None:
        """
        Send this many commands within this time, without waiting for responses. Call `halfway` after half of them.
        """
        places, loop, before = self.discord.places, asyncio.get_running_loop(), len(self.asked)
        guilds = [places.add_guild(f"server of shard {shard}", lane=shard) for shard in range(self.shards)]
        began = loop.time()
        for number in range(commands):
            await asyncio.sleep(began + number * seconds / commands - loop.time())
            if number == commands // 2:
                halfway()
            channel = places.add_channel(guilds[number % self.shards], name=f"channel {number}")
            prompt = f"door number {before + number} in a white wall"
            person = places.add_person(f"person {number}")
            self.asked[prompt] = await self.discord.imagine(prompt, person=person, channel=channel)

    def shard_of(self, interaction: Interaction) -> int:
        guild = interaction.channel.guild
        return guild.shard(self.shards) if guild else 0

    async def answered(self, *, within_seconds: float) -> None:
        """Wait until every command has its first response, or for so long."""
        waiting = [asyncio.ensure_future(each.acknowledged.wait()) for each in self.asked.values()]
        _, late = await asyncio.wait(waiting, timeout=within_seconds)
        for wait in late:
            wait.cancel()

    def acknowledged(self) -> frozenset[str]:
        """Return the prompts of the commands that have a response."""
        return frozenset(prompt for prompt, each in self.asked.items() if each.acknowledged_after is not None)

    def card_edits(self) -> int:
        return sum(act.doing is Doing.EDITED for act in self.discord.acts)


def processor_seconds(processes: Sequence[int]) -> float:
    """
    Return the processor time that these processes (by id) and their children have used, the ended ones too. Linux only;
    0 elsewhere.
    """
    if not Path("/proc/self/stat").exists():
        return 0.0
    known = {int(folder.name): fields for folder in Path("/proc").glob("[0-9]*") if (fields := _stat(folder))}
    family, found = set(processes) & known.keys(), set[int]()
    while family:
        found |= family
        family = {number for number, fields in known.items() if int(fields[1]) in family} - found
    ticks = sum(int(ticks) for number in found for ticks in known[number][11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def _stat(folder: Path) -> list[str]:
    """Return the fields of a process after its name: state, parent, …; none if it has ended."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
