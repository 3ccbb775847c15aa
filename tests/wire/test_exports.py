"""`/privacy export` by many people at once, over real sockets: its memory use and its files."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

import pytest

from sandbox.kie import Emulator
from tests.wire.discord import LoopbackDiscord
from tests.wire.interactions import Interaction
from tests.wire.places import Person
from tests.wire.process import Bot, bot
from tests.worlds.waiting import eventually

pytestmark = [pytest.mark.sweep, pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")]

PEOPLE = 20
PICTURES = 4
PICTURE_BYTES = 4 * 2**20
FILES = 2
"""Files per export: Discord accepts 10 MiB here, which is two pictures each."""
MOST_MIB = 100
"""MiB above what the process had before. Measured: 24; 532 when all exports were built in memory at once."""


async def published(discord: LoopbackDiscord) -> int:
    return discord.published


def _stored(folder: Path, people: list[Person]) -> None:
    """Store a set of pictures for each person, as the bot would. The database is locked only briefly."""
    keys = [(f"{person.id:016x}", n, f"sets/{person.id:016x}/{n:016x}") for person in people for n in range(PICTURES)]
    for _, _, key in keys:
        path = folder / "data" / "pictures" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(PICTURE_BYTES))
    sets = [(f"{person.id:016x}", person.id) for person in people]
    pictures = [(*key, PICTURE_BYTES) for key in keys]
    with sqlite3.connect(folder / "data" / "atelier.db") as database:
        database.executemany("INSERT INTO reference_sets VALUES (?, ?, 'cats', 'cats', 1)", sets)
        database.executemany("INSERT INTO set_pictures VALUES (?, ?, ?, 'cat.png', 'image/png', ?, 10, 10)", pictures)


def _memory(running: Bot, what: str) -> int:
    """Return the MiB that the kernel reports: `VmRSS` now, `VmHWM` at the peak."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith(f"{what}:")]
    return int(line.split()[1]) // 1024


def _files(interactions: list[Interaction]) -> int:
    """Return how many files the interactions received."""
    answers = [answer for asked in interactions for answer in (asked.original, *asked.followups) if answer is not None]
    return sum(len(answer.payload["attachments"]) for answer in answers)


async def test_twenty_at_once_take_little_memory_and_each_gets_their_file(
    tmp_path: Path, discord: LoopbackDiscord, image_api: Emulator
) -> None:
    people = [discord.places.add_person(f"person{n}") for n in range(PEOPLE)]
    async with bot(tmp_path, discord, image_api) as running:
        await running.connected()
        await eventually(lambda: published(discord))
        _stored(tmp_path, people)
        before = _memory(running, "VmRSS")
        asked = [await discord.invoke("export", {}, of_group="privacy", person=person) for person in people]
        await discord.until(lambda: _files(asked) == PEOPLE * FILES)
        peak = _memory(running, "VmHWM") - before
        assert peak < MOST_MIB, f"{before} MiB before"
        assert await running.stopped() == 0
