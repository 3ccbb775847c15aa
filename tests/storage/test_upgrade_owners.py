"""Tests that the upgrade finds the owner of each reference of older requests: who attached the picture first."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from storage.database import Database
from storage.migrations import VERSIONS, migrate
from tests.storage.test_upgrade import COMMON

ANNA, BOB, AVATAR = 7, 8, 123456789012345678
NO_USER = 0
LINK = "https://cdn.discordapp.com"

REFERENCES: Final[list[tuple[str, int, str, str, str | None]]] = [
    ("first", 0, f"{LINK}/attachments/1/2/cat.png", "cat.png", None),
    ("first", 1, "", "me.png", "sets/s1/0a"),
    ("first", 2, "", "ink.png", "styles/i1/0a"),
    ("again", 0, f"{LINK}/attachments/1/2/cat.png", "cat.png", "references/first/0"),
    ("again", 1, "", "me.png", "references/first/1"),
    ("again", 2, "", "ink.png", None),
    ("vary", 0, f"{LINK}/attachments/1/3/atelier-0123456789abcdef-1.png", "atelier-0123456789abcdef-1", "pictures/x/0"),
    ("avatar", 0, f"{LINK}/avatars/{AVATAR}/aa.png?size=1024", "avatar.png", None),
    ("avatar", 1, f"{LINK}/guilds/99/users/{AVATAR}/avatars/aa.png", "avatar.png", None),
    ("lost", 0, f"{LINK}/attachments/1/2/cat.png", "cat.png", "references/gone/0"),
]
"""Task, position, address, file name, and the key of the copy that the request began with."""
OWNERS: Final = {
    "first": [ANNA, ANNA, NO_USER],
    "again": [ANNA, ANNA, NO_USER],
    "vary": [NO_USER],
    "avatar": [AVATAR, AVATAR],
    "lost": [NO_USER],
}


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Create a database of the previous version and return its path."""
    file, versions = tmp_path / "atelier.db", tmp_path / "versions"
    await asyncio.to_thread(_lay_versions, versions)
    async with Database.open(f"sqlite+aiosqlite:///{file}") as database:
        await migrate(database, versions=(versions,))
    await asyncio.to_thread(_fill, file)
    return file


def _lay_versions(folder: Path) -> None:
    folder.mkdir()
    for name in ("0001_first.py", "0002_callbacks.py", "0003_community.py"):
        shutil.copy(VERSIONS / name, folder / name)


def _fill(file: Path) -> None:
    askers = {"first": ANNA, "again": BOB, "vary": BOB, "avatar": BOB, "lost": BOB}
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for number, (task_id, asker_id) in enumerate(askers.items()):
            row: dict[str, Any] = COMMON | {
                "id": task_id, "state": "closed", "interaction_id": number, "asker_id": asker_id,
                "created_at": number, "again_of": "first" if task_id == "again" else None,
                "kinship": "again" if task_id in {"again", "lost"} else None,
            }  # fmt: skip
            _insert(connection, "tasks", row)
        for task_id, position, url, filename, stored_key in REFERENCES:
            attached = {"url": url, "filename": filename, "kept_key": stored_key, "kind": "image", "declared_bytes": 1}
            _insert(connection, "task_references", {"task_id": task_id, "position": position, **attached})


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))  # noqa: S608  # own names


@pytest.mark.sweep
async def test_what_was_asked_again_is_of_whoever_attached_it_first(path: Path) -> None:
    async with Database.open(f"sqlite+aiosqlite:///{path}") as database:
        await migrate(database)
    with closing(sqlite3.connect(path)) as connection:
        for task_id, owners in OWNERS.items():
            found = connection.execute(
                "SELECT owner_id FROM task_references WHERE task_id = ? ORDER BY position", (task_id,)
            ).fetchall()
            assert [owner for (owner,) in found] == owners, task_id
