"""Tests for the CHECK constraints of the tables: as declared, as migrated, and on rows that are older than them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from storage.database import Database
from storage.migrations import VERSIONS, migrate
from storage.models import NewReference, ReferenceKind, TaskState
from storage.schema import metadata
from storage.stores import Stores
from tests.storage.rows import NOW, stored, url_of
from tests.worlds.ready_database import ready_database

GUILD: Final = {"guild_id": 8, "channels": "[]", "greatest_batch": 10, "size": "1:1", "variants": 1}
STYLE: Final = {
    "id": "s1", "guild_id": 8, "name": "ink", "folded": "ink", "template": "{prompt}", "size": "1:1", "variants": 1,
    "created_at": 0, "changed_at": 0, "changed_by": 1,
}  # fmt: skip
TASK: Final = {
    "interaction_token": "t", "arrived_at": NOW, "asker_id": 7, "channel_id": 9, "locale": "en-US",
    "upload_limit": 10_000_000, "prompt": "a red door", "size": "3:2", "variants": 2, "enhance": 0, "fallback": 0,
    "created_at": NOW, "due_at": NOW, "lease_until": 0, "failures": 0, "faults": 0, "by_upload": 0, "progress": 0.0,
    "reason_parameters": "{}", "charged": 1,
}  # fmt: skip


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with ready_database(tmp_path / "atelier.db") as opened:
        yield opened


def declared() -> dict[str, set[str]]:
    checks = sa.CheckConstraint
    found = {
        name: {str(constraint.name) for constraint in table.constraints if isinstance(constraint, checks)}
        for name, table in tables()
    }
    return {name: names for name, names in found.items() if names}


def tables() -> list[tuple[str, sa.Table]]:
    return [(table.name, table) for table in metadata.sorted_tables]


async def test_migrated_tables_have_the_constraints_that_are_declared(database: Database) -> None:
    def found(connection: sa.Connection) -> dict[str, set[str]]:
        looked = sa.inspect(connection)
        checks = {
            name: {str(constraint["name"]) for constraint in looked.get_check_constraints(name)} for name, _ in tables()
        }
        return {name: names for name, names in checks.items() if names}

    async with database.read(long=True) as connection:
        assert await connection.run_sync(found) == declared()
    assert all(constraint.startswith(f"ck_{name}_") for name, names in declared().items() for constraint in names)


@pytest.mark.parametrize(
    "changes",
    [
        *({"variants": number} for number in (-1000, 0)),
        *({column: -1} for column in ("upload_limit", "parent_picture", "batch_position")),
    ],
    ids=str,
)
async def test_a_task_that_was_never_offered_is_refused_by_its_table(
    database: Database, changes: dict[str, Any]
) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="CHECK constraint failed: ck_tasks_"):
        await stored(Stores.on(database), **changes)
    assert await Stores.on(database).tasks.of_user(7) == ()


async def test_more_references_than_go_in_are_refused_by_their_table(database: Database) -> None:
    reference = NewReference(kind=ReferenceKind.IMAGE, url="https://cdn.test/a", filename="a.png")
    await stored(Stores.on(database), references=(reference,) * 21)
    with pytest.raises(sa.exc.IntegrityError, match="ck_task_references_position"):
        await stored(Stores.on(database), references=(reference,) * 22)


@pytest.mark.parametrize(
    ("table", "row"),
    [
        *[
            ("guild_settings", GUILD | values)
            for values in ({"greatest_batch": 0}, {"greatest_batch": 21}, {"variants": -1})
        ],
        ("styles", STYLE | {"variants": 0}),
        ("preferences", {"person_id": 7, "variants": 0, "words": "", "changed_at": 0}),
        ("spendings", {"person_id": 7, "at": 0, "pictures": -160}),
    ],
    ids=str,
)
async def test_a_choice_that_was_never_offered_is_refused_by_its_table(
    database: Database, table: str, row: dict[str, Any]
) -> None:
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    with pytest.raises(sa.exc.IntegrityError, match=f"ck_{table}_"):
        async with database.write() as connection:
            await connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), row)  # noqa: S608


# -- rows older than the constraints -----------------------------------------------------------------------------


async def test_rows_of_before_are_ended_or_counted_as_the_nearest_there_is(tmp_path: Path) -> None:
    """No old row with a bad value blocks the migration, and rows that refer to such a row stay."""
    path = tmp_path / "atelier.db"
    await before_bounds(path, tmp_path / "versions")
    async with Database.open(url_of(path)) as database:
        await migrate(database)
        stores = Stores.on(database)
        found = {task_id: await stores.tasks.get(task_id) for task_id in ("sound", "waits", "made", "many", "words")}
        known = {name: task for name, task in found.items() if task is not None}
        made = {name: (task.state, task.size, task.variants, task.charged) for name, task in known.items()}
        assert made == {
            "sound": (TaskState.QUEUED, "3:2", 2, True),
            "waits": (TaskState.SETTLED, "1:1", 1, False),
            "made": (TaskState.CLOSED, "1:1", 1, True),
            "many": (TaskState.GENERATING, "3:2", 4, True),
            "words": (TaskState.CLOSED, "3:2", 4, True),
        }
        assert (known["waits"].reason, known["waits"].settled_at is not None) == ("choice_unknown", True)
        assert [(event.before, event.after) for event in await stores.tasks.events("waits")] == [
            (TaskState.QUEUED, TaskState.SETTLED)
        ]
        assert [reference.declared_bytes for reference in await stores.references.of_task("made")] == [0]
        assert known["many"].parent_id == "made"
        assert await rows(database, "SELECT greatest_batch, size, variants FROM guild_settings") == [(None, None, None)]
        assert await rows(database, "SELECT size, variants FROM styles") == [(None, None)]
        assert await rows(database, "SELECT pictures FROM spendings") == [(0,)]
        async with database.write() as connection:
            await connection.exec_driver_sql("DELETE FROM tasks WHERE id = 'made'")
        many = await stores.tasks.get("many")
        assert many is not None
        assert many.parent_id is None
        assert await stores.references.of_task("made") == ()


async def before_bounds(path: Path, versions: Path) -> None:
    def laid() -> None:
        versions.mkdir()
        for version in sorted(VERSIONS.glob("000[123]_*.py")):
            (versions / version.name).write_text(version.read_text())

    await asyncio.to_thread(laid)
    async with Database.open(url_of(path)) as database:
        await migrate(database, versions=(versions,))
    await asyncio.to_thread(filled, path)


def filled(path: Path) -> None:
    bad = {"size": "9:9", "variants": -1000}
    given: list[dict[str, Any]] = [
        {"id": "sound", "state": "queued"},
        {"id": "waits", "state": "queued", "owner": "gone", "lease_until": NOW} | bad,
        {"id": "made", "state": "closed", "kie_id": "k"} | bad,
        {"id": "many", "state": "generating", "variants": 10**6, "parent_id": "made", "parent_picture": -1},
        {"id": "words", "state": "closed", "variants": "abc", "upload_limit": -5},
    ]
    with closing(sqlite3.connect(path)) as connection, connection:
        for number, values in enumerate(given):
            insert(connection, "tasks", TASK | {"interaction_id": number} | values)
        reference = {"task_id": "made", "position": 0, "kind": "image", "url": "u", "filename": "a.png"}
        insert(connection, "task_references", reference | {"declared_bytes": -5, "bytes": -1, "width": 0, "height": 0})
        insert(connection, "guild_settings", GUILD | bad | {"greatest_batch": 10**6})
        insert(connection, "styles", STYLE | bad)
        insert(connection, "spendings", {"person_id": 7, "at": 0, "pictures": -160})


def insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608  # own names


async def rows(database: Database, statement: str) -> list[tuple[Any, ...]]:
    async with database.read() as connection:
        return [tuple(row) for row in await connection.exec_driver_sql(statement)]
