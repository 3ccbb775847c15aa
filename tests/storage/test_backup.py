"""Tests for backups: what is in the file, what is refused, and what a restored row says."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from storage.backup import BackupRefused, Restored, back_up, restore
from storage.copying import CopyRefused
from storage.database import Database
from storage.migrations import VERSIONS, migrate
from storage.models import CreateState, NewReference, ReferenceKind, TaskState
from storage.pictures import PictureStore
from storage.processes import Process
from storage.schema import creates, metadata, tasks
from storage.stores import Stores
from tests.storage.rows import BACKENDS, NOW, UNLIMITED, begun, prepared, request, stored, url_of
from tests.worlds.postgres import postgres
from tests.worlds.ready_database import lay_migrated

LATER = NOW + 3_600_000
KEY = "pictures/0123456789abcdef/0"


@asynccontextmanager
async def new_database(backend: str, folder: Path) -> AsyncIterator[str]:
    """Yield the URL of an empty, migrated database."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    if backend == "sqlite":
        await lay_migrated(folder / "atelier.db")
        yield url_of(folder / "atelier.db")
    else:
        async with (await postgres()).database() as url:
            yield url


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Stores]:
    async with Database.open(url) as database:
        yield Stores.on(database)


def pictures_in(folder: Path) -> PictureStore:
    return PictureStore.open(str(folder / "pictures"))


async def fill(stores: Stores) -> None:
    """Store tasks that refer to one another, in several states, with a picture and its settings."""
    first = await prepared(stores)
    await begun(stores)
    references = (NewReference(kind=ReferenceKind.IMAGE, url="", filename="cat.png", stored_key=KEY),)
    again = request(again_of=first.id, parent_id=first.id, asker_id=8)
    child = replace(again, request=replace(again.request, references=references))
    await stores.tasks.add(child, UNLIMITED, now=NOW)
    (reference,) = await stores.references.of_task((await stores.tasks.of_user(8))[0].id)
    await stores.references.save(replace(reference, key=KEY, bytes=5, width=1, height=1, content_type="image/png"))
    await stored(stores, asker_id=9, prompt="a “blue” door\n门")
    await stores.key_values.set("greeted", "yes")


async def backup_of(url: str, folder: Path, *, with_files: bool = False) -> Path:
    path = folder / "backup.zip"
    await back_up(url, pictures_in(folder), path, with_files=with_files, program="1", now=NOW)
    return path


async def restored(path: Path, url: str, folder: Path, **options: Any) -> Restored:
    async with Database.open(url) as database:
        return await restore(path, database, pictures_in(folder), now=LATER, **options)


async def all_rows(url: str) -> dict[str, list[Any]]:
    async with Database.open(url) as database, database.read(long=True) as connection:
        return {
            table.name: sorted(map(repr, await connection.execute(sa.select(table))))
            for table in metadata.sorted_tables
        }


@pytest.mark.parametrize("to", BACKENDS)
@pytest.mark.parametrize("of", BACKENDS)
async def test_a_backup_of_a_stopped_bot_restores_every_row_in_either_database(
    of: str, to: str, tmp_path: Path
) -> None:
    async with new_database(of, tmp_path / "old") as old, new_database(to, tmp_path / "new") as new:
        async with opened(old) as stores:
            await fill(stores)
            await stores.claims.void_leases()
            async with stores.tasks._database.write() as connection:  # held by no process, as after a stop
                await connection.execute(sa.update(tasks).values(owner=None, lease_until=0, attempts=0))
        before = await all_rows(old)
        path = await backup_of(old, tmp_path)
        done = await restored(path, new, tmp_path, not_run_since=True)
        assert await all_rows(new) == before
        assert (done.waiting, done.unfinished, done.made_at) == (0, 3, NOW)
        async with opened(new) as stores:  # numbers of new rows follow the restored ones
            await stored(stores, asker_id=10)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_backup_is_made_while_a_bot_writes_and_has_the_rows_of_one_moment(backend: str, tmp_path: Path) -> None:
    async with new_database(backend, tmp_path / "old") as old, new_database(backend, tmp_path / "new") as new:
        async with opened(old) as stores:
            await fill(stores)
            writing = asyncio.create_task(_write_on(stores))
            path = await backup_of(old, tmp_path)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        await restored(path, new, tmp_path, not_run_since=True)
        rows = await all_rows(new)
        assert len(rows["tasks"]) == len([event for event in rows["task_events"] if "'submit'" in event])


async def _write_on(stores: Stores) -> None:
    while True:
        await stored(stores, asker_id=11)
        await asyncio.sleep(0)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_what_waited_is_not_created_again_and_every_task_says_that_it_was_restored(
    backend: str, tmp_path: Path
) -> None:
    async with new_database(backend, tmp_path / "old") as old, new_database(backend, tmp_path / "new") as new:
        async with opened(old) as stores:
            await fill(stores)
        done = await restored(await backup_of(old, tmp_path), new, tmp_path)
        assert (done.waiting, done.unfinished) == (2, 1)
        async with opened(new) as stores:
            found = [task for asker in (7, 8, 9) for task in await stores.tasks.of_user(asker)]
            assert {task.backed_up_at for task in found} == {NOW}
            assert {task.owner for task in found} == {None}
            states = {task.asker_id: (task.state, task.reason) for task in found}
            waited = (TaskState.SETTLED, "restored")
            assert states == {7: (TaskState.SUBMITTING, None), 8: waited, 9: waited}
            assert await stores.creates.begin("one", PLENTY, now=LATER, lease_ms=1000) is None
            (event,) = [event for event in await stores.tasks.events(found[2].id) if event.before is not None]
            assert (event.at, event.why) == (LATER, "restored from a backup: whether it was made since is unknown")


from tests.storage.rows import PLENTY  # noqa: E402


async def test_a_task_of_several_creates_wants_no_further_one_after_a_restore(tmp_path: Path) -> None:
    async with new_database("sqlite", tmp_path / "old") as old, new_database("sqlite", tmp_path / "new") as new:
        async with opened(old) as stores:
            await prepared(stores, model="flux-kontext", size="1:1", variants=4, creates_wanted=4)
            begun_one = await begun(stores)
            assert begun_one is not None
            await stores.tasks.move(begun_one, TaskState.GENERATING, now=NOW, why="accepted", job_id="job", owner=None)
        await restored(await backup_of(old, tmp_path), new, tmp_path)
        async with opened(new) as stores:
            (task,) = await stores.tasks.of_user(7)
            assert (task.state, task.creates_wanted, task.next_create_at) == (TaskState.GENERATING, 4, None)
            assert await stores.creates.begin("one", PLENTY, now=LATER, lease_ms=1000) is None


async def test_an_adoption_after_a_restore_begins_no_further_create(tmp_path: Path) -> None:
    async with new_database("sqlite", tmp_path / "old") as old, new_database("sqlite", tmp_path / "new") as new:
        async with opened(old) as stores:
            await prepared(stores, model="flux-kontext", size="1:1", variants=4, creates_wanted=4)
            await begun(stores)
        await restored(await backup_of(old, tmp_path), new, tmp_path)
        async with opened(new) as stores:
            (task,) = await stores.tasks.of_user(7)
            await stores.tasks.move(task, TaskState.GENERATING, now=LATER, why="adopted", job_id="job")
            assert await stores.creates.begin("one", PLENTY, now=LATER, lease_ms=1000) is None


# -- pictures ------------------------------------------------------------------------------------------------------


async def test_the_list_of_pictures_says_after_a_restore_which_ones_are_missing_or_differ(tmp_path: Path) -> None:
    async with new_database("sqlite", tmp_path / "old") as old:
        async with opened(old) as stores:
            await fill(stores)
        await pictures_in(tmp_path).put(KEY, b"a cat")
        path = await backup_of(old, tmp_path)
    for number, (data, missing, damaged) in enumerate([(b"a cat", 0, 0), (None, 1, 0), (b"a cot", 0, 1)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        if data is not None:
            await pictures_in(folder).put(KEY, data)
        done = await restored(path, url_of(folder / "atelier.db"), folder)
        assert (len(done.missing), len(done.damaged), done.pictures) == (missing, damaged, 1)


async def test_a_backup_with_pictures_brings_missing_and_damaged_ones(tmp_path: Path) -> None:
    async with new_database("sqlite", tmp_path / "old") as old:
        async with opened(old) as stores:
            await fill(stores)
        await pictures_in(tmp_path).put(KEY, b"a cat")
        path = await backup_of(old, tmp_path, with_files=True)
    for data in (None, b"a cot"):
        folder = tmp_path / f"new {data!r}"
        folder.mkdir()
        if data is not None:
            await pictures_in(folder).put(KEY, data)
        done = await restored(path, url_of(folder / "atelier.db"), folder)
        assert (done.missing, done.damaged) == ([], [])
        assert await pictures_in(folder).get(KEY) == b"a cat"


async def test_a_picture_that_was_missing_already_is_counted_and_not_asked_for(tmp_path: Path) -> None:
    async with new_database("sqlite", tmp_path / "old") as old:
        async with opened(old) as stores:
            await fill(stores)
        path = tmp_path / "backup.zip"
        made = await back_up(old, pictures_in(tmp_path), path, with_files=True, program="1", now=NOW)
        assert (made.pictures, made.missing) == (1, 1)
        done = await restored(path, url_of(tmp_path / "new.db"), tmp_path)
        assert done.missing == []


# -- the file ------------------------------------------------------------------------------------------------------


async def small_backup(folder: Path) -> Path:
    async with new_database("sqlite", folder / "old") as old:
        async with opened(old) as stores:
            await fill(stores)
        return await backup_of(old, folder)


async def test_only_the_bots_user_can_read_the_file_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = await small_backup(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(await asyncio.to_thread(os.listdir, tmp_path)) == ["backup.zip", "old", "pictures"]


async def test_a_backup_that_fails_leaves_no_file_and_one_that_exists_is_not_replaced(tmp_path: Path) -> None:
    async with new_database("sqlite", tmp_path / "old") as old:
        nowhere = tmp_path / "nowhere" / "backup.zip"
        with pytest.raises(BackupRefused, match="cannot be written: No such file"):
            await back_up(old, pictures_in(tmp_path), nowhere, with_files=False, program="1", now=NOW)
        (tmp_path / "backup.zip").write_text("another file")
        with pytest.raises(BackupRefused, match="exists already"):
            await backup_of(old, tmp_path)
        assert (tmp_path / "backup.zip").read_text() == "another file"
    with pytest.raises(BackupRefused, match="there is no database"):
        await back_up(
            url_of(tmp_path / "no.db"), pictures_in(tmp_path), tmp_path / "b", with_files=False, program="1", now=NOW
        )
    assert not (tmp_path / "b").exists()


def without_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-500])


def changed_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


def changed_list(path: Path) -> None:
    """Replace the list of pictures, with right checksums of the archive itself."""
    _rewrite(path, {"pictures.csv": b"ffff,5,pictures/0123456789abcdef/0\r\n"})


def changed_manifest(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        manifest = archive.read("manifest.json")
    _rewrite(path, {"manifest.json": manifest.replace(b'"made_at": 1', b'"made_at": 2')})


def _rewrite(path: Path, changes: dict[str, bytes], comment: bytes | None = None) -> None:
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()} | changes
        comment = comment or archive.comment
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.comment = comment


@pytest.mark.parametrize("damage", [without_end, changed_byte, changed_list, changed_manifest])
async def test_a_damaged_file_is_refused_and_nothing_is_stored(damage: Callable[[Path], None], tmp_path: Path) -> None:
    path = await small_backup(tmp_path)
    await asyncio.to_thread(damage, path)
    with pytest.raises(BackupRefused, match="damaged or incomplete"):
        await restored(path, url_of(tmp_path / "new.db"), tmp_path)
    async with Database.open(url_of(tmp_path / "new.db")) as database, database.read() as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")).scalar_one() == 0


async def test_another_archive_and_another_file_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.zip"
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("a.txt", "hello")
    with pytest.raises(BackupRefused, match="is no backup of Atelier"):
        await restored(foreign, url_of(tmp_path / "new.db"), tmp_path)
    foreign.write_text("hello")
    with pytest.raises(BackupRefused, match="damaged or incomplete"):
        await restored(foreign, url_of(tmp_path / "new.db"), tmp_path)


async def test_a_backup_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    path = await small_backup(tmp_path)
    with zipfile.ZipFile(path) as archive:
        manifest = archive.read("manifest.json").replace(b'"format": 1', b'"format": 2')
    _rewrite(path, {"manifest.json": manifest}, hashlib.sha256(manifest).hexdigest().encode())
    with pytest.raises(BackupRefused, match="made by a newer version"):
        await restored(path, url_of(tmp_path / "new.db"), tmp_path)


async def test_a_backup_with_a_newer_database_is_refused(tmp_path: Path) -> None:
    async with new_database("sqlite", tmp_path / "old") as old:
        with closing(sqlite3.connect(tmp_path / "old" / "atelier.db")) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        path = await backup_of(old, tmp_path)
    with pytest.raises(BackupRefused, match=r"newer version .*revision 9999"):
        await restored(path, url_of(tmp_path / "new.db"), tmp_path)


@pytest.mark.parametrize("to", BACKENDS)
async def test_an_older_backup_is_migrated(to: str, tmp_path: Path) -> None:
    versions = tmp_path / "versions"
    versions.mkdir()
    for name in sorted(path.name for path in VERSIONS.glob("00*.py")):
        if name < "0018":
            (versions / name).write_text((VERSIONS / name).read_text())
    old = url_of(tmp_path / "old.db")
    async with Database.open(old) as database:
        await migrate(database, versions=(versions,))
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection, connection:
        connection.execute("INSERT INTO key_values VALUES ('greeted', 'yes')")
    path = await backup_of(old, tmp_path)
    async with new_database(to, tmp_path / "new") as new:
        await restored(path, new, tmp_path)
        async with opened(new) as stores:
            assert await stores.key_values.get("greeted") == "yes"


# -- the target ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_database_with_rows_is_not_touched(backend: str, tmp_path: Path) -> None:
    path = await small_backup(tmp_path)
    async with new_database(backend, tmp_path / "new") as new:
        async with opened(new) as stores:
            await stored(stores, asker_id=12)
        before = await all_rows(new)
        with pytest.raises(BackupRefused, match="the database is not empty"):
            await restored(path, new, tmp_path)
        assert await all_rows(new) == before


async def test_a_restore_beside_a_running_bot_is_refused_on_postgresql(tmp_path: Path) -> None:
    path = await small_backup(tmp_path)
    async with new_database("postgres", tmp_path / "new") as new:
        async with opened(new) as stores:
            process = Process(id="one", shard_count=None, shard_ids=(), started_at=LATER, seen_at=LATER)
            await stores.processes.seen(process, lease_ms=30_000)
        with pytest.raises(BackupRefused, match="a bot is running"):
            await restored(path, new, tmp_path)


async def test_a_restore_that_fails_stores_nothing_and_can_be_repeated(tmp_path: Path) -> None:
    path = await small_backup(tmp_path)
    new = url_of(tmp_path / "new.db")
    async with Database.open(new) as database:
        await migrate(database)
        async with database.write() as connection:
            fails = "BEGIN SELECT RAISE(ABORT, 'no'); END"
            await connection.exec_driver_sql(f"CREATE TRIGGER broken BEFORE INSERT ON creates {fails}")
    with pytest.raises(CopyRefused, match="table creates: the target does not take a row"):
        await restored(path, new, tmp_path)
    assert not any((await all_rows(new)).values())
    async with Database.open(new) as database, database.write() as connection:
        await connection.exec_driver_sql("DROP TRIGGER broken")
    await restored(path, new, tmp_path)
    async with Database.open(new) as database, database.read() as connection:
        assert (await connection.execute(sa.select(creates.c.state))).scalars().all() == [CreateState.SENT]
