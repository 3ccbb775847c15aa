"""Test the commands `backup` and `restore`: exit codes and output."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot import cli
from storage.database import Database
from storage.migrations import migrate
from storage.stores import Stores
from tests.storage.rows import NOW, begun, prepared, stored

pytestmark = pytest.mark.usefixtures("bare_environment", "logs_as_they_were", "discord_as_it_was")


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Return a folder with a database of two tasks, one of which waits, and settings for it and for an empty one."""
    for name in ("old", "new"):
        text = f"DATABASE_URL=sqlite:///{tmp_path}/{name}.db\nPICTURES_URL={tmp_path}/pictures\n"
        await asyncio.to_thread((tmp_path / f"{name}.env").write_text, text)
    async with Database.open(f"sqlite+aiosqlite:///{tmp_path}/old.db") as database:
        await migrate(database)
        stores = Stores.on(database)
        await prepared(stores)
        await begun(stores)
        await stored(stores, now=NOW)
    return tmp_path


async def command(folder: Path, settings: str, *arguments: str) -> int:
    """Run `main` in a thread of this process, because `main` starts its own event loop."""
    return await asyncio.to_thread(cli.main, ["--env-file", str(folder / f"{settings}.env"), *arguments])


async def test_a_backup_is_made_beside_a_running_bot_and_restored_into_a_new_database(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(folder / "backup.zip")
    async with Database.open(f"sqlite+aiosqlite:///{folder}/old.db"):
        assert await command(folder, "old", "backup", file) == 0
    assert f"The backup is in {file}: " in capsys.readouterr().out
    assert await command(folder, "new", "restore", file) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "Requests that waited then: 1." in said.out
    assert "Other unfinished requests: 1." in said.out


async def test_after_a_move_nothing_is_said_of_what_may_have_happened(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(folder / "backup.zip")
    assert await command(folder, "old", "backup", file, "--pictures") == 0
    assert await command(folder, "new", "restore", file, "--not-run-since") == 0
    assert "since" not in capsys.readouterr().out


async def test_a_refusal_is_one_line_and_78(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "backup.zip"
    assert await command(folder, "old", "backup", str(file)) == 0
    capsys.readouterr()
    refused = [("old", "backup", "exists already"), ("old", "restore", "the database is not empty")]
    for settings, word, said in refused:
        assert await command(folder, settings, word, str(file)) == 78
        line = capsys.readouterr().err
        assert (line.count("\n"), said in line) == (1, True)
    async with Database.open(f"sqlite+aiosqlite:///{folder}/new.db"):
        assert await command(folder, "new", "restore", str(file)) == 78
        assert "in use by another process" in capsys.readouterr().err
    assert await command(folder, "new", "backup", str(folder / "other.zip")) == 78
    assert "there is nothing to back up" in capsys.readouterr().err


async def test_a_backup_of_no_database_and_of_no_file_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await command(folder, "new", "backup", str(folder / "other.zip")) == 78
    assert "there is no database at" in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        await command(folder, "new", "restore", str(folder / "other.zip"))
    assert left.value.code == 2
