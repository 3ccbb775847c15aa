"""Tests for copying a whole database: from SQLite to PostgreSQL and back, and what keeps a copy from being made."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from storage import copying
from storage.copying import CopyRefused, copy
from storage.database import Database
from storage.migrations import migrate
from storage.processes import Process
from storage.schema import creates, metadata, tasks
from storage.stores import Stores
from tests.storage.rows import NOW, begun, prepared, stored, url_of
from tests.worlds.postgres import postgres
from tests.worlds.ready_database import lay_migrated

ROWS: Final = 40
LATE: Final = 2**62 + copying.SEEN_MS + 1
"""Later than every time in the rows."""
TEXTS: Final = ("", "a red door", "猫が好き 🦊", "quotes \" and ' and \\", "%s :name $1", "\n\t", "x" * 3000)


def row(table: sa.Table, number: int, made: dict[str, list[dict[str, Any]]], chance: random.Random) -> dict[str, Any]:
    """Return a row with a value of its own, or none where none is needed, in each column."""
    return {column.name: value_of(column, number, made, chance) for column in table.columns}


def value_of(
    column: sa.Column[Any], number: int, made: dict[str, list[dict[str, Any]]], chance: random.Random
) -> object:
    if column.nullable and chance.random() < 0.3:
        return None
    for key in column.foreign_keys:
        others = made[key.column.table.name]
        if others and column.primary_key:
            return others[number % len(others)][key.column.name]
        return chance.choice(others)[key.column.name] if others else None
    kind = column.type
    if isinstance(kind, sa.types.TypeDecorator):
        return (1, 2**53) if kind.__class__.__name__ == "Positions" else TEXTS
    match kind:
        case sa.Enum():
            return chance.choice(list(kind.enum_class or []))
        case sa.JSON():
            return chance.choice([{}, {"deep": [1, 2.5, None, "猫"]}, [], 0, False, "word"])
        case sa.Boolean():
            return chance.random() < 0.5
        case sa.Float():
            return chance.choice([0.0, 0.1, 1e300, -1.5])
        case sa.BigInteger():
            return 2**60 + number if column.primary_key or column.unique else chance.choice([1, 2**62, number])
        case sa.Integer():
            return number + 1 if column.primary_key and column.name != "position" else min(number, 4) or 1
        case sa.String():
            text = f"{number}" if column.primary_key or column.unique or not column.nullable else chance.choice(TEXTS)
            return text[: kind.length] if kind.length else text
    raise AssertionError(f"no value for {column}")


async def fill(database: Database) -> None:
    """Store rows in every table, in any order within a table: a task may name one that was stored after it."""
    made: dict[str, list[dict[str, Any]]] = {}
    chance = random.Random(7)
    async with database.write() as connection:
        for table in metadata.sorted_tables:
            made[table.name] = []
            rows = [row(table, number, made, chance) for number in range(ROWS)]
            if table.name == "task_references":
                rows = [one | {"position": number % 2} for number, one in enumerate(rows)]
            await connection.execute(sa.insert(table), rows)
            made[table.name] = rows
        await connection.execute(sa.update(tasks).where(tasks.c.id == "3").values(parent_id="39", again_of="38"))
        await connection.execute(sa.text("UPDATE setting_changes SET before = 'null' WHERE id = 2"))
        await connection.execute(sa.text("UPDATE setting_changes SET before = NULL WHERE id = 3"))


def everything(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of a file, with the types in which they are stored."""
    with closing(sqlite3.connect(path)) as file:
        return {
            table.name: file.execute(
                f"SELECT *, {', '.join(f'typeof({column.name})' for column in table.columns if column.name != 'by')}"  # noqa: S608
                f" FROM {table.name} ORDER BY {', '.join(column.name for column in table.primary_key.columns)}"
            ).fetchall()
            for table in metadata.sorted_tables
        }


@asynccontextmanager
async def file(path: Path) -> AsyncIterator[Database]:
    await lay_migrated(path)
    async with Database.open(url_of(path)) as database:
        yield database


@asynccontextmanager
async def on_server() -> AsyncIterator[Database]:
    async with (await postgres()).database() as url, Database.open(url) as database:
        yield database


async def test_every_row_of_every_table_is_the_same_after_the_way_there_and_back(tmp_path: Path) -> None:
    async with (await postgres()).database() as url:
        async with Database.open(url) as server, file(tmp_path / "a.db") as first:
            await fill(first)
            there = await copy(first, server, now=NOW)
        async with (
            Database.open(url, exclusive=False) as server,
            Database.open(url_of(tmp_path / "b.db")) as second,
        ):
            back = await copy(server, second, now=LATE)
    assert there == back == dict.fromkeys((table.name for table in metadata.sorted_tables), ROWS)
    assert everything(tmp_path / "a.db") == everything(tmp_path / "b.db")


async def test_what_was_copied_can_be_worked_with(tmp_path: Path) -> None:
    """The numbers of new rows continue behind the copied ones, and the stores read the rows."""
    async with on_server() as server:
        async with file(tmp_path / "a.db") as first:
            stores = Stores.on(first)
            for _ in range(3):
                await prepared(stores)
            begun_there = await begun(stores)
            assert begun_there is not None
            await copy(first, server, now=NOW)
        stores = Stores.on(server)
        assert await stores.tasks.get(begun_there.id) == begun_there
        assert await begun(stores, owner="two") is not None
        await stored(stores)
        async with server.read() as connection:
            numbers = (await connection.execute(sa.select(creates.c.id).order_by(creates.c.id))).scalars().all()
        assert numbers == [1, 2]


async def test_a_target_with_rows_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    async with on_server() as server, file(tmp_path / "a.db") as first:
        await stored(Stores.on(first))
        await Stores.on(server).key_values.set("colour", "red")
        with pytest.raises(CopyRefused, match="not empty: table key_values has rows"):
            await copy(first, server, now=NOW)
        assert await Stores.on(server).key_values.get("colour") == "red"
        assert await Stores.on(server).tasks.of_user(7) == ()


async def test_a_source_that_another_process_works_on_is_refused(tmp_path: Path) -> None:
    server = await postgres()
    process = Process(id="one", shard_count=1, shard_ids=(0,), started_at=NOW, seen_at=NOW)
    async with (
        server.database() as url,
        Database.open(url, exclusive=False) as source,
        file(tmp_path / "a.db") as target,
    ):
        async with Database.open(url) as other, other.read():
            with pytest.raises(CopyRefused, match="stop every process"):
                await copy(source, target, now=LATE)
            await Stores.on(other).processes.seen(process, lease_ms=30_000)
        with pytest.raises(CopyRefused, match="stop every process"):
            await copy(source, target, now=NOW + 1000)
        assert sum((await copy(source, target, now=NOW + copying.SEEN_MS + 1)).values()) == 1


async def test_a_source_of_an_older_version_is_refused(tmp_path: Path) -> None:
    async with Database.open(url_of(tmp_path / "a.db")) as first, file(tmp_path / "b.db") as second:
        with pytest.raises(CopyRefused, match=r"migrations to be done: run `python -m bot migrate` first"):
            await copy(first, second, now=NOW)


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
async def test_a_copy_that_is_interrupted_leaves_an_empty_target(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = asyncio.Event()
    add = copying._add_references_to_itself

    async def hanging(*given: Any) -> None:
        if given[2] is tasks:
            reached.set()
            await asyncio.Event().wait()
        await add(*given)

    monkeypatch.setattr(copying, "_add_references_to_itself", hanging)
    other = file(tmp_path / "b.db") if backend == "sqlite" else on_server()
    async with file(tmp_path / "a.db") as first, other as second:
        await fill(first)
        copying_it = asyncio.create_task(copy(first, second, now=NOW))
        await asyncio.wait({copying_it, asyncio.create_task(reached.wait())}, return_when=asyncio.FIRST_COMPLETED)
        assert reached.is_set()
        copying_it.cancel()
        with pytest.raises(asyncio.CancelledError):
            await copying_it
        monkeypatch.undo()
        assert sum((await copy(first, second, now=NOW)).values()) == ROWS * len(metadata.sorted_tables)


async def test_a_row_that_the_server_does_not_take_is_named_by_its_table_and_shows_no_words(tmp_path: Path) -> None:
    async with on_server() as server, file(tmp_path / "a.db") as first:
        async with first.write() as connection:
            await connection.execute(sa.text("INSERT INTO key_values VALUES ('colour', 'a secret' || char(0))"))
        with pytest.raises(CopyRefused, match="table key_values: the target does not take a row \\(Char") as refused:
            await copy(first, server, now=NOW)
    assert "secret" not in str(refused.value)


async def test_an_empty_database_can_be_copied(tmp_path: Path) -> None:
    async with on_server() as server, Database.open(url_of(tmp_path / "a.db")) as first:
        await migrate(first)
        assert set((await copy(first, server, now=NOW)).values()) == {0}
