"""Free actions are limited. The table in docs/reliability.md lists every command, menu and button, correctly."""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands, ui

from bot.app import EXTENSIONS
from bot.discord_limits import BYTES_PER_MESSAGE, CHOICES, OPTIONS_PER_SELECT
from bot.engine.lifecycle import preparation, reference_fetching
from bot.engine.lifecycle.outcome_delivery import FETCHES_AT_ONCE, FETCHES_PER_PERSON
from bot.engine.outbox.batches import MESSAGES_AT_ONCE, MESSAGES_PER_PERSON
from bot.engine.work import fair_slots, picture_work
from bot.imaging.decoding import MAX_BYTES
from bot.intake.stored_pictures import FETCH_SECONDS
from bot.ui.library.sets import SETS_A_PAGE
from bot.ui.results.lineage import LOOKED_AT
from bot.ui.waiting.task_list import A_PAGE
from cogs.privacy import MOST_PARTS
from storage.bounds import MOST_REFERENCES
from storage.guilds import MOST_STYLES
from storage.sets import MOST_SETS
from tests.imaging.picture_files import file_of, noise
from tests.project.test_docs import cog_commands, read
from tests.worlds.bot_world import PHOTO, BotWorld

KINDS = {"answer", "form", "request", "look", "post", "file", "export"}
ROW = re.compile(r"^\| `([^`]+)` \| (\w+) \|(.*)\|$", re.MULTILINE)


def section() -> str:
    page = read("docs/reliability.md")
    begun = page.index("## Free actions and their limits")
    return page[begun : page.find("\n## ", begun + 1)]


def kinds() -> dict[str, str]:
    """Return the kind of every row of the table by its name."""
    return {name: kind for name, kind, _ in ROW.findall(section())}


def _items(of: type[Any] = ui.DynamicItem) -> Iterator[type[Any]]:
    """Yield the classes of all buttons and selects in the bot's messages."""
    for item in of.__subclasses__():
        yield from _items(item)
        if item.__module__.startswith(("bot.", "cogs.")):
            yield item


def published() -> set[str]:
    modules = [importlib.import_module(extension) for extension in EXTENSIONS]
    menus = [
        value for module in modules for value in vars(module).values() if isinstance(value, app_commands.ContextMenu)
    ]
    templates = [item.__discord_ui_compiled_template__.pattern for item in _items()]
    named = [found[0] for template in templates if (found := re.match(r"a1:[a-z-]+", template))]
    return {*(f"/{name}" for name in cog_commands()), *(menu.name for menu in menus), *named}


def test_the_table_has_everything_that_people_can_do_and_nothing_else() -> None:
    every = published() - {"a1:decide"}  # the base class of three buttons
    assert set(kinds()) == every
    assert set(kinds().values()) <= KINDS


def test_the_numbers_in_it_are_those_of_the_code() -> None:
    text = " ".join(section().split())
    mib = 2**20
    for said in (
        f"downloaded by {reference_fetching.FETCHES_AT_ONCE} at once",
        f"of them {reference_fetching.FETCHES_PER_PERSON} for each person",
        f"{reference_fetching.FETCHES_PER_HOST} from each of Discord's proxies",
        f"{picture_work.FILE_BYTES // mib} MiB of them are in memory, {MAX_BYTES // mib} MiB for each person",
        f"{preparation.UPLOADS_AT_ONCE} are uploaded at once, {preparation.UPLOADS_PER_PERSON} for each person",
        f"{fair_slots.LOOKS_AT_ONCE} at once in total, one of them for each person",
        f"waits {FETCH_SECONDS:g} s for each file",
        f"at most {CHOICES} choices",
        f"{MOST_SETS} sets for each person",
        f"{MOST_STYLES} styles for each server",
        f"{fair_slots.EXPORTS_AT_ONCE} at once in total; {MOST_PARTS} files of {BYTES_PER_MESSAGE // mib} MiB",
        f"at most {OPTIONS_PER_SELECT} pictures of a message",
        f"at most {BYTES_PER_MESSAGE // mib} MiB of files",
        f"the newest {LOOKED_AT} rows of a family",
        f"results are downloaded by {FETCHES_AT_ONCE} at once, {FETCHES_PER_PERSON} for each person",
        f"messages of batches are {MESSAGES_AT_ONCE} at once, {MESSAGES_PER_PERSON} for each person",
    ):
        assert said in text, said
    assert fair_slots.LOOKS_ASKED == 5, "the sixth"
    assert (A_PAGE, SETS_A_PAGE, SETS_A_PAGE * MOST_REFERENCES) == (5, 5, 25)
    assert picture_work.FILE_BYTES >= 2 * MAX_BYTES


@asynccontextmanager
async def looking(world: BotWorld, person_id: int) -> AsyncIterator[None]:
    """Occupy all look-ups that one person may have running or waiting."""
    leave = asyncio.Event()

    async def look() -> None:
        async with world.engine.lookup_slots.taken(person_id):
            await leave.wait()

    looks = [asyncio.create_task(look()) for _ in range(fair_slots.LOOKS_ASKED)]
    await asyncio.sleep(0)
    try:
        yield
    finally:
        leave.set()
        await asyncio.gather(*looks)


async def made(world: BotWorld) -> Any:
    """Return the message of a result."""
    await world.alice.slash(world.channel, "reference save", name="me", image=PHOTO)
    await world.ask("a red door")
    await world.work()
    return world.channel.history()[-1]


async def test_every_look_takes_a_place_and_the_sixth_is_refused(world: BotWorld) -> None:
    result, task = await made(world), await world.only_task()
    await world.ask("two doors", variants=2)
    await world.work()
    several = world.channel.history()[-1]
    shown: Any = await world.alice.slash(world.channel, "show", what=task.id)
    listed: Any = await world.alice.slash(world.channel, "tasks")
    async with looking(world, world.alice.id):
        for asked in (
            await world.alice.slash(world.channel, "tasks"),
            await world.alice.slash(world.channel, "show", what=task.id),
            await world.alice.slash(world.channel, "reference list"),
            await world.alice.click(result, label="Full size"),
            await world.alice.click(several, label="2"),
            await world.alice.click(shown.response, label="Post here"),
        ):
            assert "several things at once" in said(world, asked)
        await world.bob.slash(world.channel, "tasks")
    assert "several things at once" not in str(listed.response.content)


def said(world: BotWorld, asked: Any) -> str:
    world.acknowledged = world.env.error_cursor
    return " ".join(str(answer.content) for answer in (asked.response, *asked.followups) if answer is not None)


async def test_a_second_export_of_the_same_person_is_refused_and_anothers_is_not(world: BotWorld) -> None:
    await made(world)
    async with world.engine.export_slots.taken(world.alice.id):
        refused: Any = await world.alice.slash(world.channel, "privacy export")
        assert "already putting your files together" in said(world, refused)
        others: Any = await world.bob.slash(world.channel, "privacy export")
        assert others.response.attachments or any(answer.attachments for answer in others.followups)
    again: Any = await world.alice.slash(world.channel, "privacy export")
    assert again.response.attachments or any(answer.attachments for answer in again.followups)


async def test_an_export_lies_on_the_disk_without_a_name_and_is_gone_whatever_happens(
    world: BotWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, opened = tmp_path / "temporary", list[int]()
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    world.api.next_fetch = [file_of(noise(40, 24))]
    await made(world)
    before = _open_files(folder)
    send = discord.Webhook.send

    async def looked_at(self: Any, *args: Any, **kwargs: Any) -> Any:
        opened.append(len(_open_files(folder)))
        assert list(folder.iterdir()) == []
        return await send(self, *args, **kwargs)

    monkeypatch.setattr(discord.Webhook, "send", looked_at)
    await world.alice.slash(world.channel, "privacy export")
    world.env.inject_error("POST", "/webhooks/", status=400)
    failed = await world.alice.slash(world.channel, "privacy export")
    world.acknowledged = world.env.error_cursor
    assert failed is not None
    assert opened
    assert _open_files(folder) == before
    assert list(folder.iterdir()) == []


def _open_files(folder: Path) -> list[str]:
    """Return the open files of this process in a folder, including files without a name."""
    every = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()] if _linux() else []
    return [str(path) for path in every if str(path).startswith(str(folder))]


def _linux() -> bool:
    return Path("/proc/self/fd").is_dir()
