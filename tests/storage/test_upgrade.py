"""Tests that tasks from before a database upgrade work as tasks from after the upgrade do."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from discord import ui

from storage.community import Setting
from storage.database import Database
from storage.late_pictures import LatePictureStore
from storage.migrations import VERSIONS, migrate
from storage.models import Derivation, TaskState
from storage.pictures import PictureStore
from storage.schema import batches, tasks
from storage.stores import Stores
from tests.worlds.bot_world import BotWorld, button_ids, open_bot_world, png, texts
from tests.worlds.engine_world import START

MADE: Final = "0123456789abcdef"
FAILED: Final = "fedcba9876543210"
COMMON: Final[dict[str, Any]] = {
    "interaction_token": "t", "arrived_at": START, "asker_id": 0, "channel_id": 0, "guild_id": None, "locale": "en-US",
    "upload_limit": 10 * 1024 * 1024, "prompt": "a red door", "size": "3:2", "variants": 2, "enhance": 0, "fallback": 0,
    "created_at": START - 60_000, "due_at": START, "lease_until": 0, "failures": 0, "faults": 0, "prepared_at": START,
    "by_upload": 0, "kie_id": "old", "progress": 1.0, "settled_at": START, "reason_parameters": "{}", "charged": 1,
}  # fmt: skip
OLD: Final = ("0001_first.py", "0002_callbacks.py")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[BotWorld]:
    """Yield a world with the database of the previous release: pictures not delivered yet, a delivered failure."""
    await old_database(tmp_path)
    async with open_bot_world(tmp_path) as opened:
        place = {"asker_id": opened.alice.id, "channel_id": opened.channel.id, "guild_id": opened.guild.id}
        async with opened.database.write() as connection:
            await connection.execute(sa.update(tasks).values(place))
        yield opened


async def old_database(folder: Path) -> None:
    path, versions = folder / "atelier.db", folder / "versions"
    await asyncio.to_thread(lay_versions, versions, *OLD)
    async with Database.open(f"sqlite+aiosqlite:///{path}") as database:
        await migrate(database, versions=(versions,))
    await asyncio.to_thread(fill, path)
    picture_store = PictureStore.open(str(folder / "pictures"))
    for position in range(2):
        await picture_store.put(f"pictures/{MADE}/{position}", png())
    async with Database.open(f"sqlite+aiosqlite:///{path}") as database:
        await migrate(database)


def lay_versions(folder: Path, *names: str) -> None:
    folder.mkdir()
    for name in names:
        (folder / name).write_text((VERSIONS / name).read_text())


def fill(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        insert(connection, "tasks", COMMON | {"id": MADE, "state": "settled", "interaction_id": 1})
        failed = {"id": FAILED, "state": "closed", "interaction_id": 2, "reason": "generation_failed", "kie_id": "bad"}
        insert(connection, "tasks", COMMON | failed)
        for position in range(2):
            picture = {"task_id": MADE, "position": position, "url": f"https://results.test/old/{position}.png"}
            kept = {"key": f"pictures/{MADE}/{position}", "content_type": "image/png", "bytes": 99, "unfetchable": 0}
            insert(connection, "pictures", picture | kept)


def insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608  # own names


@pytest.mark.parametrize(("days", "tried_on"), [(1, True), (13, True), (15, False)])
@pytest.mark.sampled(every=3)
async def test_a_picture_that_was_told_as_a_link_is_tried_again_while_it_is_kept(
    tmp_path: Path, days: int, tried_on: bool
) -> None:
    path, versions = tmp_path / "atelier.db", tmp_path / "versions"
    await asyncio.to_thread(lay_versions, versions, *OLD)
    async with Database.open(f"sqlite+aiosqlite:///{path}") as database:
        await migrate(database, versions=(versions,))
    now = time.time_ns() // 1_000_000
    await asyncio.to_thread(fill_with_a_link, path, now - days * 24 * 60 * 60 * 1000)
    async with Database.open(f"sqlite+aiosqlite:///{path}") as database:
        await migrate(database)
        due = await LatePictureStore(database).due(now=now + 60_000, limit=10)
        pictures = await Stores.on(database).pictures.of_task(MADE)
    assert [picture.position for _, picture in due] == ([1] if tried_on else [])
    assert [(picture.tries, picture.due_at is not None, picture.late_at) for picture in pictures] == [
        (0, False, None),
        (0, tried_on, None),
    ]


def fill_with_a_link(path: Path, settled_at: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        told = {"id": MADE, "state": "closed", "interaction_id": 1, "settled_at": settled_at, "closed_at": settled_at}
        insert(connection, "tasks", COMMON | told)
        for position, key in enumerate(["pictures/kept", None]):
            picture = {"task_id": MADE, "position": position, "url": "https://results.test/a.png", "key": key}
            insert(connection, "pictures", picture | {"unfetchable": 0 if key else 1})


async def test_an_update_that_is_due_at_the_upgrade_counts_as_asked_for_when_it_was_due(tmp_path: Path) -> None:
    path, versions = tmp_path / "atelier.db", tmp_path / "versions"
    before = sorted(file.name for file in VERSIONS.glob("0*.py") if file.name < "0015")
    await asyncio.to_thread(lay_versions, versions, *before)
    async with Database.open(f"sqlite+aiosqlite:///{path}") as database:
        await migrate(database, versions=(versions,))
    await asyncio.to_thread(fill_with_an_update, path, START)
    async with Database.open(f"sqlite+aiosqlite:///{path}") as database:
        await migrate(database)
        found = [await Stores.on(database).tasks.get(task_id) for task_id in (MADE, FAILED)]
    assert [task and (task.sync_at, task.sync_asked_at) for task in found] == [(START, START), (None, None)]


def fill_with_an_update(path: Path, sync_at: int) -> None:
    common = {name: value for name, value in COMMON.items() if name != "kie_id"} | {"state": "closed"}
    with closing(sqlite3.connect(path)) as connection, connection:
        insert(connection, "tasks", common | {"id": MADE, "interaction_id": 1, "sync_at": sync_at})
        insert(connection, "tasks", common | {"id": FAILED, "interaction_id": 2})


async def test_a_batch_of_before_the_upgrade_is_not_taken_for_one_that_is_kept(tmp_path: Path) -> None:
    path, versions = tmp_path / "atelier.db", tmp_path / "versions"
    before = sorted(file.name for file in VERSIONS.glob("0*.py") if file.name < "0016")
    await asyncio.to_thread(lay_versions, versions, *before)
    async with Database.open(f"sqlite+aiosqlite:///{path}") as database:
        await migrate(database, versions=(versions,))
    await asyncio.to_thread(fill_with_a_batch, path)
    async with Database.open(f"sqlite+aiosqlite:///{path}") as database:
        await migrate(database)
        stores = Stores.on(database)
        offered = await stores.card_facts.offered([7])
        async with database.read() as connection:
            row = (await connection.execute(sa.select(batches).where(batches.c.id == MADE))).one()
    assert (row.begun_at, row.due_at, row.undelivered_at, row.collect_token, row.collect_at, offered) == (
        *(START, START, None, None, None),
        {},
    )


def fill_with_a_batch(path: Path) -> None:
    batch = {
        "id": MADE, "interaction_id": 1, "asker_id": 7, "channel_id": 9, "prompt": "{a, b}", "tasks": 2, "words": "[]",
        "request": "{}", "created_at": START, "begun_at": START, "due_at": START, "lease_until": 0, "failures": 0,
        "route": "channel", "ending_nonce": "n",
    }  # fmt: skip
    with closing(sqlite3.connect(path)) as connection, connection:
        insert(connection, "batches", batch)


async def told(world: BotWorld) -> Any:
    await world.work(10)
    message = world.channel.history()[-1]
    assert "Your 2 pictures are ready" in texts(message)
    return message


async def test_an_old_result_is_told_with_its_buttons(world: BotWorld) -> None:
    assert {f"a1:pick:{MADE}:0", f"a1:again:{MADE}"} <= {*button_ids(await told(world))}


@pytest.mark.sweep
async def test_an_old_result_is_asked_for_again(world: BotWorld) -> None:
    await world.bob.click(await told(world), label="Again")
    await world.work(60)
    again = await world.only_task(world.bob)
    assert (again.derivation, again.parent_id, again.family_id) == (Derivation.AGAIN, MADE, MADE)
    assert (again.size, again.state) == ("3:2", TaskState.CLOSED)


async def test_an_old_result_is_edited(world: BotWorld) -> None:
    picked = await world.bob.click(await told(world), label="2")
    assert picked.response is not None
    opened = await world.bob.click(picked.response, label="Edit")
    await world.bob.submit_modal(opened, {"words": "a blue door", "picture": ["1"]})
    await world.work(60)
    edited = await world.only_task(world.bob)
    assert (edited.parent_id, edited.parent_picture, edited.reason) == (MADE, 1, None)


@pytest.mark.sweep
async def test_an_old_result_is_varied(world: BotWorld) -> None:
    picked = await world.bob.click(await told(world), label="1")
    assert picked.response is not None
    await world.bob.click(picked.response, label="Vary")
    await world.work(60)
    assert (await world.only_task(world.bob)).state is TaskState.CLOSED


@pytest.mark.sweep
async def test_an_old_failures_button_still_asks_again(world: BotWorld) -> None:
    """The button is posted as the previous release posted it."""
    view = ui.LayoutView(timeout=None)
    button: ui.Button[ui.LayoutView] = ui.Button(label="Ask again", custom_id=f"a1:again:{FAILED}")
    container: ui.Container[ui.LayoutView] = ui.Container(ui.TextDisplay("### No picture this time"))
    view.add_item(container.add_item(ui.ActionRow(button)))
    with world.env.time_context():
        await world.client.get_partial_messageable(world.channel.id).send(view=view)
    old = world.channel.history()[-1]
    await world.alice.click(old, label="Ask again")
    asked = (await world.stores.tasks.of_user(world.alice.id))[0]
    assert asked.parent_id == FAILED
    posted = world.env.backend.get_message(world.channel.id, old.id)
    assert button_ids(posted) == [f"a1:clear:{FAILED}"]


@pytest.mark.sweep
async def test_an_old_result_is_copied_reported_and_removed(world: BotWorld) -> None:
    gallery, room = (world.guild.create_text_channel(name) for name in ("gallery", "moderators"))
    await world.choose(Setting.GALLERY, gallery.id)
    await world.choose(Setting.MODERATORS, room.id)
    result = await told(world)
    await world.alice.select(result, ["gallery"])
    form = await world.bob.select(result, ["report"])
    await world.bob.submit_modal(form, {"why": "it hurts"})
    await world.work(10)
    assert len(gallery.history()[0].attachments) == 2
    assert "it hurts" in texts(room.history()[0])
    asked: Any = await world.alice.click(result, label="Remove")
    await world.alice.click(asked.response, label="Remove everywhere")
    await world.work(10)
    assert world.channel.history() == []
    assert gallery.history() == []


@pytest.mark.sweep
async def test_an_old_result_is_shown_and_posted_again(world: BotWorld) -> None:
    await told(world)
    found: Any = await world.alice.slash(world.channel, "show", what=MADE)
    await world.alice.click(found.response, label="Post here")
    assert "2 earlier pictures" in texts(world.channel.history()[-1])
