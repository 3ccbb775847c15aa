"""Tests for orphaned files: files that no row names are removed; files that a row names, or may soon name, stay."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bot.engine.housekeeping import orphans
from bot.engine.housekeeping.orphans import Orphans
from storage.community import ReferenceSet, StoredPicture, Style
from storage.models import NewReference, ReferenceKind
from storage.pictures import FOLDERS, MissingCopy
from tests.worlds.engine_world import NO_LIMITS, Crash, Deaths, EngineWorld, open_engine_world, png
from tests.worlds.waiting import eventually

HOUR = 3600.0


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[EngineWorld]:
    """Yield a world whose clock starts at the system time, because the modification times of files use it."""
    async with open_engine_world(tmp_path) as opened:
        opened.clock.now = time.time_ns() // 1_000_000
        yield opened


async def sweep(world: EngineWorld) -> int:
    return await Orphans(
        named=world.stores.named_copies, picture_store=world.picture_store, clock=world.clock
    ).sweep_orphans()


async def written(world: EngineWorld, key: str) -> StoredPicture:
    """Store a file without a row and return the description that a row could have."""
    await world.picture_store.put(key, b"a picture")
    return StoredPicture(key=key, filename="a.png", content_type="image/png", bytes=9, width=1, height=1)


async def is_there(world: EngineWorld, key: str) -> bool:
    try:
        return await world.picture_store.get(key) == b"a picture"
    except MissingCopy:
        return False


async def add_style(world: EngineWorld, style_id: str, picture: StoredPicture) -> Style:
    at = world.clock()
    style = Style(
        id=style_id, guild_id=8, name=style_id, template="{prompt}", size=None, variants=None, picture=picture,
        created_at=at, changed_at=at, changed_by=7,
    )  # fmt: skip
    await world.stores.guilds.add_style(style)
    return style


async def save_set(world: EngineWorld, set_id: str, *pictures: StoredPicture) -> None:
    saved = ReferenceSet(id=set_id, owner_id=7, name=set_id, pictures=pictures, created_at=world.clock())
    await world.stores.sets.save(saved, NO_LIMITS)


@pytest.mark.parametrize("key", ["styles/a1/0c", "sets/a1/0c", "references/a1/0", "pictures/a1/0", "check/a1"])
async def test_what_no_row_names_goes_once_it_is_an_hour_old(world: EngineWorld, key: str) -> None:
    await written(world, key)
    world.clock.turn(HOUR - 60)
    assert (await sweep(world), await is_there(world, key)) == (0, True)
    world.clock.turn(120)
    assert (await sweep(world), await is_there(world, key)) == (1, False)
    assert await sweep(world) == 0


async def test_what_a_style_or_a_set_names_stays_and_what_lies_beside_it_goes(world: EngineWorld) -> None:
    await add_style(world, "a1", await written(world, "styles/a1/0c"))
    await save_set(world, "b2", await written(world, "sets/b2/0c"), await written(world, "sets/b2/1c"))
    for key in ("styles/a1/dd", "sets/b2/dd"):
        await written(world, key)
    world.clock.turn(2 * HOUR)
    assert await sweep(world) == 2
    for key in ("styles/a1/0c", "sets/b2/0c", "sets/b2/1c"):
        assert await is_there(world, key)


async def test_what_is_left_of_a_style_that_was_removed_goes(world: EngineWorld) -> None:
    await world.stores.guilds.remove_style(await add_style(world, "a1", await written(world, "styles/a1/0c")))
    world.clock.turn(2 * HOUR)
    assert await sweep(world) == 1


async def test_what_a_waiting_request_begins_with_stays_until_that_is_over(world: EngineWorld) -> None:
    await written(world, "sets/b2/0c")
    begun = NewReference(kind=ReferenceKind.IMAGE, url="", filename="a.png", stored_key="sets/b2/0c")
    task = await world.ask(references=(begun,))
    world.clock.turn(2 * HOUR)
    assert await sweep(world) == 0
    await world.engine.requests.cancel(task.id, task.asker_id)
    assert await sweep(world) == 1


async def test_copies_that_a_task_names_stay_and_those_beside_them_go(world: EngineWorld) -> None:
    attached = NewReference(kind=ReferenceKind.IMAGE, url="https://cdn.discordapp.com/a.png", filename="a.png")
    task = await world.ask(references=(attached,))
    (reference,) = await world.stores.references.of_task(task.id)
    await written(world, f"references/{task.id}/0")
    await written(world, f"references/{task.id}/1")
    await world.stores.references.save(replace(reference, key=f"references/{task.id}/0"))
    world.clock.turn(2 * HOUR)
    assert await sweep(world) == 1
    assert await is_there(world, f"references/{task.id}/0")


async def test_results_that_a_task_names_stay(world: EngineWorld) -> None:
    task = await world.ask()
    await world.work(60)
    (key,) = [picture.key for picture in await world.stores.pictures.of_task(task.id)]
    assert key is not None
    world.clock.turn(2 * HOUR)
    assert await sweep(world) == 0
    await world.picture_store.get(key)


async def test_what_is_not_the_bots_stays(world: EngineWorld) -> None:
    await world.picture_store._store.put_async("holidays/a1/0", b"a picture")
    world.clock.turn(2 * HOUR)
    assert await sweep(world) == 0


async def test_no_more_go_at_a_time_than_that(world: EngineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "MOST", 3)
    for number in range(5):
        await written(world, f"sets/b{number}/0c")
    world.clock.turn(2 * HOUR)
    assert [await sweep(world) for _ in range(3)] == [3, 2, 0]


async def test_one_that_cannot_be_removed_keeps_no_other(world: EngineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("styles/a1/0c", "sets/b2/0c"):
        await written(world, key)
    delete = world.picture_store.delete

    async def deleted(key: str) -> None:
        if key.startswith("styles/"):
            raise PermissionError(key)
        await delete(key)

    monkeypatch.setattr(world.picture_store, "delete", deleted)
    world.clock.turn(2 * HOUR)
    assert await sweep(world) == 1
    assert await is_there(world, "styles/a1/0c")


async def test_an_engine_that_runs_sweeps_them_by_itself(world: EngineWorld) -> None:
    await written(world, "sets/b2/0c")
    world.clock.turn(2 * HOUR)
    running = asyncio.create_task(world.engine.run())

    async def gone() -> bool:
        return not await is_there(world, "sets/b2/0c")

    await eventually(gone)
    world.engine.stop()
    await running


async def erase_while_a_reference_is_fetched(world: EngineWorld, arrives: asyncio.Event) -> asyncio.Task[None]:
    """Erase the asker while a reference is being fetched. Return the engine step, whose fetch is still running."""
    task = await world.ask(references=(world.attach("a.png", arrives),))
    pushing = asyncio.create_task(world.engine.step())
    await world.fetching.wait()
    await world.engine.erasures.ask(task.asker_id, removes=False, locale="en-US", token="t")
    await world.engine.erasures.outbox.step()
    assert await world.stores.tasks.get(task.id) is None
    return pushing


async def files(world: EngineWorld) -> list[str]:
    now = world.clock() + 10**9
    return [key for folder in FOLDERS async for keys in world.picture_store.older(folder, now) for key in keys]


async def test_what_arrives_after_its_request_was_erased_is_not_kept(world: EngineWorld) -> None:
    arrives = asyncio.Event()
    pushing = await erase_while_a_reference_is_fetched(world, arrives)
    arrives.set()
    await pushing
    assert await files(world) == []


async def test_nor_where_the_process_dies_before_it_can_look_whether_the_row_is_there(tmp_path: Path) -> None:
    deaths, arrives = Deaths(), asyncio.Event()
    async with open_engine_world(tmp_path) as world:
        world.wrap = deaths.wrap
        await world.restart()
        world.clock.now = time.time_ns() // 1_000_000
        pushing = await erase_while_a_reference_is_fetched(world, arrives)
        deaths.arm(0, after=True)
        arrives.set()
        with pytest.raises(Crash, match="put"):
            await pushing
        deaths.disarm()
        await world.restart()
        assert len(await files(world)) == 1
        world.clock.turn(2 * HOUR)
        assert await sweep(world) == 1
        assert await files(world) == []


async def test_what_an_open_task_may_be_writing_stays(world: EngineWorld) -> None:
    task = await world.ask()
    await written(world, f"pictures/{task.id}/0")
    world.clock.turn(2 * HOUR)
    assert await sweep(world) == 0


async def test_a_file_that_was_never_written_to_its_end_goes(world: EngineWorld, tmp_path: Path) -> None:
    """If the process is killed, obstore leaves a partial write as `<key>#<number>`, and does not list the file."""
    half = tmp_path / "pictures" / "references" / "a1" / "0#1"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half a pict")
    world.clock.turn(HOUR - 60)
    assert (await sweep(world), half.exists()) == (0, True)
    world.clock.turn(120)
    assert (await sweep(world), half.exists()) == (1, False)


async def test_files_of_rows_that_were_deleted_by_hand_go(world: EngineWorld, tmp_path: Path) -> None:
    await world.ask(references=(world.attach("a.png", png()),))
    await world.work(60)
    with closing(sqlite3.connect(tmp_path / "atelier.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM tasks WHERE asker_id = 7")
        assert connection.execute("SELECT count(*) FROM task_references").fetchone() == (0,)
    world.clock.turn(2 * HOUR)
    assert await sweep(world) == 2
