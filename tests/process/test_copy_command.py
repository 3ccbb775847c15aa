"""Tests for `python -m bot copy`: output, exit codes, and no password in either."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot import cli
from storage.database import Database
from storage.migrations import migrate
from storage.stores import Stores
from tests.worlds.postgres import postgres

pytestmark = pytest.mark.usefixtures("bare_environment", "logs_as_they_were")


async def command(*arguments: str) -> int:
    return await asyncio.to_thread(cli.main, arguments)


@pytest.fixture
async def options(tmp_path: Path) -> Sequence[str]:
    """The options with which the command reads a database that has one row."""
    async with Database.open(f"sqlite+aiosqlite:///{tmp_path}/a.db") as database:
        await migrate(database)
        await Stores.on(database).key_values.set("colour", "red")
    (tmp_path / ".env").write_text(f"DATABASE_URL=sqlite:///{tmp_path}/a.db\n", encoding="utf-8")
    return ("--env-file", str(tmp_path / ".env"), "copy", "--to")


async def test_a_copy_says_how_many_rows_each_table_has(
    options: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    server = await postgres()
    await server.execute("CREATE DATABASE copied")
    try:
        assert await command(*options, server.url("copied")) == 0
        async with Database.open(server.url("copied")) as database:
            assert await Stores.on(database).key_values.get("colour") == "red"
        said = capsys.readouterr()
        assert "           1  key_values\n" in said.out
        assert "           0  tasks\n" in said.out
        assert said.out.endswith("1  rows copied. Let DATABASE_URL name the other database before the next start.\n")
        assert await command(*options, server.url("copied")) == 78
        assert capsys.readouterr().err == "the target is not empty: table key_values has rows; name a new database\n"
    finally:
        await server.execute("DROP DATABASE copied WITH (FORCE)")


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("mysql://u:secret-word@h/d", "--to must be like sqlite:///"),
        ("postgresql://u:secret-word@h/d?sslmode=strict", "--to has sslmode=strict"),
        ("postgresql://u:secret-word@db.invalid/d", "--to names a place that cannot be used: its host name"),
        ("postgresql://u:secret-word@/d?host={}", "--to names a place that cannot be used: it does not run"),
        ("sqlite:///{}/a.db", "--to names the database of DATABASE_URL itself"),
    ],
)
async def test_a_target_that_cannot_be_used_is_one_line_and_78(
    options: Sequence[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], to: str, words: str
) -> None:
    assert await command(*options, to.format(tmp_path)) == 78
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith(words)
    assert "secret-word" not in said.err


async def test_a_source_that_is_in_use_is_one_line_and_78(
    options: Sequence[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Database.open(f"sqlite+aiosqlite:///{tmp_path}/a.db"):
        assert await command(*options, f"sqlite:///{tmp_path}/b.db") == 78
    assert "is in use by another process" in capsys.readouterr().err
    assert not (tmp_path / "b.db").exists()
