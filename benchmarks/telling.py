"""The process that `tell` measures: `python -m benchmarks.telling case number size rounds`, with a bot's settings."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import time
from itertools import count
from typing import Final

import discord

from benchmarks.results import Row, resident_mib
from benchmarks.store import NO_LIMITS, new_task, now_ms
from benchmarks.tell import CHANNELS, Times
from bot.app import Running, open_atelier
from bot.config import Settings, load_settings
from bot.net.sessions import open_session
from storage.models import TaskState, released

BYTES_PER_MESSAGE: Final = 24 * 2**20
_numbers = count(1)


async def _compared(settings: Settings, number: int, size: float, rounds: int) -> Times:
    times = Times(bare=[], atelier=[])
    async with open_atelier(settings) as atelier:
        await _ready(atelier, settings)
        urls = _urls(settings, number, size)
        for _ in range(rounds + 1):
            times["bare"].append(await _bare(atelier.client, settings, urls))
            times["atelier"].append(await _deliver(atelier, [urls]))
    return Times(bare=times["bare"][1:], atelier=times["atelier"][1:])


async def _peak(settings: Settings, waiting: int, size: float) -> Row:
    async with open_atelier(settings) as atelier:
        await _ready(atelier, settings)
        before = resident_mib("VmHWM")
        began, ended = await _deliver(atelier, [_urls(settings, 1, size)] * waiting)
        return {
            "waiting": waiting,
            "before MiB": before,
            "more at peak MiB": resident_mib("VmHWM") - before,
            "all delivered s": ended - began,
        }


async def _ready(atelier: Running, settings: Settings) -> None:
    await atelier.client.login(settings.discord_token.get_secret_value())
    await atelier.engine.start()


def _urls(settings: Settings, number: int, size: float) -> list[str]:
    return [f"{settings.kie_api_url}/{size}/{position}.png" for position in range(number)]


async def _deliver(atelier: Running, outcomes: list[list[str]]) -> tuple[float, float]:
    """Deliver results that are known and stored. Return when the delivery began, and when all were posted and stored as
    delivered (s)."""
    for urls in outcomes:
        await _settle(atelier, urls)
    began = time.perf_counter()
    await atelier.engine.step()
    ended = time.perf_counter()
    tasks = await atelier.stores.tasks.count_by_state()
    assert tasks[TaskState.SETTLED] == 0, "not all were delivered"
    return began, ended


async def _settle(atelier: Running, urls: list[str]) -> None:
    number = next(_numbers)
    new = new_task(number, channel_id=CHANNELS[number % len(CHANNELS)])
    task, *_ = await atelier.stores.tasks.add(new, NO_LIMITS, now=now_ms())
    task = await atelier.stores.tasks.move(task, TaskState.SUBMITTING, now=now_ms(), why="create")
    task = await atelier.stores.tasks.move(task, TaskState.GENERATING, now=now_ms(), why="taken", job_id=f"kie{number}")
    await atelier.stores.tasks.settle(task, now=now_ms(), why="done", reason=None, urls=urls, **released(now_ms()))


async def _bare(client: discord.Client, settings: Settings, urls: list[str]) -> tuple[float, float]:
    """Download all at once and post them in as few messages as possible; nothing is checked or stored."""
    async with open_session(settings) as session:
        began = time.perf_counter()

        async def fetch(url: str) -> bytes:
            async with session.get(url) as response:
                return await response.read()

        pictures = await asyncio.gather(*[fetch(url) for url in urls])
        channel = client.get_partial_messageable(CHANNELS[next(_numbers) % len(CHANNELS)])
        at_once = max(1, BYTES_PER_MESSAGE // max(len(data) for data in pictures))
        for first in range(0, len(pictures), at_once):
            batch = pictures[first : first + at_once]
            await channel.send(files=[discord.File(io.BytesIO(data), f"{n}.png") for n, data in enumerate(batch)])
        return began, time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=["compare", "memory"])
    parser.add_argument("number", type=int)
    parser.add_argument("size", type=float)
    parser.add_argument("rounds", type=int)
    given = parser.parse_args()
    settings = load_settings()
    if given.case == "compare":
        print(json.dumps(asyncio.run(_compared(settings, given.number, given.size, given.rounds))))
    else:
        print(json.dumps(asyncio.run(_peak(settings, given.number, given.size))))


if __name__ == "__main__":
    main()
