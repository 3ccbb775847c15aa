"""Tests for the group commit of SQLite: each write is atomic by itself, and none returns before it is on the disk."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage import group_commit
from storage.database import Database
from storage.disks import says_full
from storage.migrations import migrate
from storage.schema import key_values
from storage.sqlite import BUSY_SECONDS
from storage.transactions import InlineConnection
from tests.storage.rows import url_of

TOGETHER = 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "atelier.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    async with Database.open(url_of(path)) as database:
        await migrate(database)
        yield database


async def write(database: Database, name: str) -> None:
    async with database.write() as connection:
        await connection.execute(sa.insert(key_values), {"name": name, "value": "x"})
        if name.startswith("bad"):
            raise RuntimeError(name)


def on_disk(path: Path) -> set[str]:
    """Return the committed names, as another connection sees them."""
    with closing(sqlite3.connect(path)) as other:
        return {name for (name,) in other.execute("SELECT name FROM key_values")}


async def test_a_write_that_fails_takes_nothing_of_the_others_along(database: Database, path: Path) -> None:
    names = [f"{'bad' if number % 3 == 0 else 'good'} {number}" for number in range(TOGETHER)]
    ended = await asyncio.gather(*[write(database, name) for name in names], return_exceptions=True)
    assert [str(error) if error else None for error in ended] == [
        name if name.startswith("bad") else None for name in names
    ]
    assert on_disk(path) == {name for name in names if name.startswith("good")}


async def test_writes_that_wait_at_the_same_time_share_a_commit(database: Database) -> None:
    statements: list[str] = []
    async with database.write() as connection:
        assert isinstance(connection, InlineConnection)
        connection.driver.set_trace_callback(statements.append)
    await asyncio.gather(*[write(database, f"{number}") for number in range(TOGETHER)])
    assert 1 <= statements.count("COMMIT") <= TOGETHER / 2


async def test_a_write_has_ended_only_when_everybody_sees_it(database: Database, path: Path) -> None:
    async def seen(name: str) -> bool:
        await write(database, name)
        return name in on_disk(path)

    assert all(await asyncio.gather(*[seen(f"{number}") for number in range(TOGETHER)]))


async def test_what_sqlite_takes_back_is_told_to_each_of_the_group(database: Database, path: Path) -> None:
    """SQLite rolls back a whole transaction by itself when the disk is full."""
    async with database.write() as connection:
        await connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON key_values WHEN NEW.name = 'too much' "
            "BEGIN SELECT RAISE(ROLLBACK, 'disk is full'); END"
        )
    names = ["before", "too much", "after"]
    ended = await asyncio.gather(*[write(database, name) for name in names], return_exceptions=True)
    assert on_disk(path) == {name for name, error in zip(names, ended, strict=True) if error is None} != set(names)
    assert isinstance(ended[1], sa.exc.DatabaseError)
    await write(database, "later")
    assert "later" in on_disk(path)


async def test_a_commit_that_fails_is_rolled_back_and_the_next_write_works(database: Database, path: Path) -> None:
    """SQLite checks a deferred foreign key with the commit, and leaves the transaction open if it fails."""
    async with database.write() as connection:
        await connection.exec_driver_sql(
            "CREATE TABLE late (name TEXT REFERENCES key_values (name) DEFERRABLE INITIALLY DEFERRED)"
        )
        await connection.exec_driver_sql(
            "CREATE TRIGGER lonely AFTER INSERT ON key_values WHEN NEW.name = 'lonely' "
            "BEGIN INSERT INTO late VALUES ('nobody'); END"
        )
    with pytest.raises(sa.exc.IntegrityError):
        await write(database, "lonely")
    assert on_disk(path) == set()
    await write(database, "later")
    assert on_disk(path) == {"later"}


async def test_each_write_of_a_group_says_that_the_disk_is_full(database: Database, path: Path) -> None:
    async def write_pages(name: str, *, most: int) -> None:
        async with database.write() as connection:
            await connection.exec_driver_sql(f"PRAGMA max_page_count={most}")
            value = "x" * 10**6 if name == "too much" else "x"
            await connection.execute(sa.insert(key_values), {"name": name, "value": value})

    await write(database, "compiled")
    async with database.read() as connection:
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
    names = ["alone", "before", "too much"]
    ended = await asyncio.gather(*[write_pages(name, most=pages + 5) for name in names], return_exceptions=True)
    assert [error is not None and says_full(error) for error in ended] == [False, True, True]
    assert on_disk(path) == {"compiled", "alone"}
    await write_pages("too much", most=2**30)
    assert on_disk(path) == {"compiled", "alone", "too much"}


@pytest.mark.sweep
async def test_all_of_a_group_that_are_cancelled_leave_the_way_free(database: Database, path: Path) -> None:
    for turns in range(12):
        writing = [asyncio.create_task(write(database, f"{turns} {number}")) for number in range(TOGETHER)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in writing:
            task.cancel()
        await asyncio.gather(*writing, return_exceptions=True)
        async with asyncio.timeout(5):
            await write(database, f"after {turns}")
    assert {f"after {turns}" for turns in range(12)} <= on_disk(path)


@pytest.mark.sweep
async def test_while_somebody_else_holds_the_file_a_write_fails_and_the_next_one_works(
    database: Database, path: Path
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sa.exc.OperationalError, match="locked"):
            await write(database, "one")
        other.execute("ROLLBACK")
    await write(database, "two")
    assert on_disk(path) == {"two"}


async def test_while_another_process_writes_the_others_go_on_and_the_write_follows(
    database: Database, path: Path
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(write(database, "late"))
        for _ in range(50):
            await asyncio.sleep(0)
        async with database.read() as connection:
            assert (await connection.execute(sa.select(key_values.c.name))).all() == []
        assert not writing.done()
        other.execute("ROLLBACK")
    await writing
    assert on_disk(path) == {"late"}


@pytest.mark.sweep
async def test_a_write_that_begins_at_once_leaves_others_the_time_they_may_wait(database: Database) -> None:
    await write(database, "one")
    async with database.read() as connection:
        assert (await connection.exec_driver_sql("PRAGMA busy_timeout")).scalar_one() == BUSY_SECONDS * 1000


async def test_every_write_that_waits_hears_that_the_file_can_no_longer_be_opened(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "BUSY_SECONDS", 0)
    away = path.parent.with_name("away")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        path.parent.rename(away)
        async with asyncio.timeout(5):
            ended = await asyncio.gather(*[write(database, f"{number}") for number in range(3)], return_exceptions=True)
        assert all(isinstance(error, sa.exc.OperationalError) for error in ended)
        away.rename(path.parent)
        other.execute("ROLLBACK")
    await write(database, "later")
    assert on_disk(path) == {"later"}
