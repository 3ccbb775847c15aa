"""Tests for disk space: little is left, none is left, and space is free again."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from bot.engine.availability.alerts import OperatorAlerts
from bot.engine.availability.disk_space import FULL_MS, DiskSpace
from bot.errors import NoRoom, Reason
from storage.disks import Disks, says_full
from storage.models import TaskState
from storage.pictures import PictureStore
from tests.web.visiting import opened as opened_atelier
from tests.worlds.bot_world import PHOTO, open_bot_world
from tests.worlds.engine_world import EngineWorld, png

LEAST: Final = 500 * 2**20
FULL: Final = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
SMALL_DISK: Final = "6m"


class MeasuredDisks(Disks):
    """Disks with as much free space as the test sets."""

    def __init__(self, free: int | None) -> None:
        super().__init__()
        self.free, self.asked = free, 0

    async def free_bytes(self) -> int | None:
        self.asked += 1
        return self.free


class SmallStore(PictureStore):
    """A picture store on a disk that may be full."""

    full = False

    async def put(self, key: str, data: bytes) -> None:
        if self.full:
            raise FULL
        await super().put(key, data)


async def on_small_store(world: EngineWorld) -> SmallStore:
    store = SmallStore(world.picture_store._store)
    world.picture_store = store
    await world.restart()
    return store


def space_of(world: EngineWorld, disks: Disks) -> DiskSpace:
    operator = OperatorAlerts(stores=world.stores, delivery=world.discord, clock=world.clock)
    return DiskSpace(disks=disks, least_bytes=LEAST, operator=operator, clock=world.clock)


# -- little space ------------------------------------------------------------------------------------------------------


async def test_below_what_must_be_free_no_new_files_are_taken_until_there_is_room_again(world: EngineWorld) -> None:
    disks = MeasuredDisks(LEAST)
    space = space_of(world, disks)
    await space.require()
    for free, taken in ((LEAST - 1, False), (LEAST, False), (int(LEAST * 1.2), True), (LEAST, True)):
        disks.free = free
        world.clock.turn(10)
        if taken:
            await space.require()
        else:
            with pytest.raises(NoRoom) as refused:
                await space.require()
            assert refused.value.reason is Reason.DISK_LOW


async def test_the_operator_is_told_once_and_the_log_says_when_there_is_room_again(world: EngineWorld) -> None:
    disks = MeasuredDisks(1)
    space = space_of(world, disks)
    with capture_logs() as logged:
        for disks.free in (1, 1, LEAST * 2, 1):
            for _ in range(3):
                world.clock.turn(10)
                await space.check()
    assert world.discord.told_operator == [Reason.DISK_LOW]
    assert [entry["event"].partition(":")[0] for entry in logged] == [
        "disk space is short", "disk space is enough again", "disk space is short",
    ]  # fmt: skip


async def test_the_disks_are_asked_every_few_seconds_at_most(world: EngineWorld) -> None:
    disks = MeasuredDisks(LEAST * 2)
    space = space_of(world, disks)
    for _ in range(100):
        await space.require()
    assert disks.asked == 1
    world.clock.turn(3)
    await space.require()
    assert disks.asked == 2


async def test_where_nobody_can_tell_there_is_room(world: EngineWorld, tmp_path: Path) -> None:
    await space_of(world, Disks()).require()
    await space_of(world, Disks([tmp_path / "nowhere"])).require()


async def test_words_alone_are_taken_with_little_room_and_files_are_not(world: EngineWorld) -> None:
    world.engine.disk_space.found_full(FULL)
    reference = world.attach("cat.png", png())
    with pytest.raises(NoRoom):
        await world.ask(references=(reference,))
    assert await world.stores.tasks.of_user(7) == ()
    task = await world.ask()
    await world.work()
    assert (await world.now(task)).state is TaskState.CLOSED
    assert world.discord.told_operator == [Reason.DISK_LOW]


async def test_what_waits_with_a_file_ends_without_cost_when_room_becomes_short(world: EngineWorld) -> None:
    task = await world.ask(references=(world.attach("cat.png", png()),))
    world.engine.disk_space.found_full(FULL)
    await world.work(10)
    task = await world.now(task)
    assert (task.state, task.reason, task.charged) == (TaskState.CLOSED, Reason.DISK_LOW, False)
    assert await world.picture_store.used_bytes() == 0
    assert world.api.taken == []


async def test_paid_results_are_delivered_with_little_room(world: EngineWorld) -> None:
    task = await world.ask(references=(world.attach("cat.png", png()),))
    await world.work(5)
    world.engine.disk_space.found_full(FULL)
    await world.work(60)
    assert (await world.now(task)).state is TaskState.CLOSED
    assert [message.reason for message in world.discord.sent] == [None]
    assert all(picture.key for picture in await world.stores.pictures.of_task(task.id))


@pytest.mark.sweep
async def test_the_setting_reaches_the_disks_of_the_database_and_the_pictures(tmp_path: Path) -> None:
    async with opened_atelier(tmp_path, min_free_mb=100_000_000) as (atelier, _, _):
        with pytest.raises(NoRoom):
            await atelier.engine.disk_space.require()
    async with opened_atelier(tmp_path, min_free_mb=0) as (atelier, _, _):
        await atelier.engine.disk_space.require()


@pytest.mark.parametrize(
    ("pictures_url", "folders"),
    [
        ("data/pictures", [Path("/data"), Path("data/pictures").absolute()]),
        ("file:///data/a%20b", [Path("/data"), Path("/data/a b")]),
        ("s3://bucket/pictures", [Path("/data")]),
    ],
)
def test_disks_are_those_of_folders(pictures_url: str, folders: list[Path]) -> None:
    assert list(Disks.under("sqlite+aiosqlite:////data/atelier.db", pictures_url)._folders) == folders
    server = Disks.under("postgresql+asyncpg://u@h/db", pictures_url)
    assert list(server._folders) == folders[1:]


# -- no space ----------------------------------------------------------------------------------------------------------


async def test_a_copy_that_finds_no_room_ends_its_task_as_our_trouble(world: EngineWorld) -> None:
    store = await on_small_store(world)
    store.full = True
    task = await world.ask(references=(world.attach("cat.png", png()),))
    await world.work(10)
    task = await world.now(task)
    assert (task.reason, task.charged) == (Reason.DISK_FULL, False)
    assert world.api.taken == []
    assert world.discord.told_operator == [Reason.DISK_LOW]


async def test_a_result_that_finds_no_room_is_told_and_so_is_the_operator(world: EngineWorld) -> None:
    task = await world.ask()
    store = await on_small_store(world)
    store.full = True
    await world.work(600)
    assert (await world.now(task)).state is TaskState.CLOSED
    assert [message.reason for message in world.discord.sent] == [None]
    assert world.discord.told_operator == [Reason.DISK_LOW]


async def test_room_is_asked_for_again_a_minute_after_a_full_disk(world: EngineWorld) -> None:
    disks = MeasuredDisks(LEAST * 2)
    space = space_of(world, disks)
    space.found_full(FULL)
    world.clock.now += FULL_MS - 1
    with pytest.raises(NoRoom):
        await space.require()
    world.clock.turn(10)
    await space.require()


def sqlite_full() -> sa.exc.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return sa.exc.OperationalError("INSERT", None, error)


def caused(by: Exception) -> Exception:
    error = RuntimeError("the copy could not be kept")
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (FULL, True),
        (OSError(errno.EDQUOT, "quota"), True),
        (OSError(errno.EACCES, "no"), False),
        (sqlite_full(), True),
        (caused(FULL), True),
        (sa.exc.OperationalError("INSERT", None, sqlite3.OperationalError("database is locked")), False),
        (RuntimeError("No space left on device (os error 28)"), False),
    ],
    ids=str,
)
def test_a_full_disk_is_known_by_its_error(error: Exception, full: bool) -> None:
    assert says_full(error) is full


# -- a real full disk --------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)  # noqa: S603  # own command
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small disk may not be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607  # own command


def fill(disk: Path) -> Path:
    """Fill the rest of the disk. Return the file that fills it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (2**20, 2**12):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    return filler


async def test_a_picture_store_on_a_full_disk_says_so(small_disk: Path) -> None:
    store = PictureStore.open(str(small_disk / "pictures"))
    await asyncio.to_thread(fill, small_disk)
    with pytest.raises(Exception, match="No space left") as failed:
        await store.put("references/a/0", bytes(2**20))
    assert says_full(failed.value)


async def test_on_a_full_disk_people_read_whose_trouble_it_is_and_go_on_when_there_is_room(small_disk: Path) -> None:
    async with open_bot_world(small_disk) as world:
        filler = await asyncio.to_thread(fill, small_disk)
        with capture_logs() as logged:
            answers: list[Any] = []
            while not answers or not answers[-1].ephemeral:  # SQLite uses up the free pages of its files first
                answers.append(await world.ask("x" * 4000))
            mentioned = await world.alice.send(world.channel, f"<@{world.client.user.id}> {'y' * 1500}")  # type: ignore[union-attr]
        assert "no room left" in world.refusal(answers[-1])
        assert "no room left" in world.channel.history()[-1].content
        assert mentioned.id != world.channel.history()[-1].id
        assert not [entry for entry in logged if "unexpected" in entry["event"]]
        await asyncio.to_thread(filler.unlink)
        world.clock.turn(120)
        before = len(await world.stores.tasks.of_user(world.alice.id))
        assert not (await world.ask("a red door")).ephemeral
        assert len(await world.stores.tasks.of_user(world.alice.id)) == before + 1


async def test_with_little_room_a_person_is_told_at_each_door_that_takes_files(tmp_path: Path) -> None:
    async with open_bot_world(tmp_path) as world:
        world.engine.disk_space.found_full(FULL)
        assert "take new pictures" in world.refusal(await world.ask(image=PHOTO))
        saved: Any = await world.alice.slash(world.channel, "reference save", name="cat", image=PHOTO)
        assert "take new pictures" in saved.response.content
        batch = await world.ask("{red, blue} door", image=PHOTO)
        assert "take new pictures" in world.refusal(batch)
        assert await world.stores.tasks.of_user(world.alice.id) == ()
        assert await world.stores.sets.of(world.alice.id) == ()
        assert await world.picture_store.used_bytes() == 0
