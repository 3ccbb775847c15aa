"""Tests for file modes: access is for the owner only; a mode that cannot be changed is no error."""

from __future__ import annotations

from pathlib import Path

from storage.database import Database
from storage.pictures import PictureStore
from storage.private_files import make_private


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_a_database_and_what_lies_beside_it_are_its_users_alone_whatever_the_process_allows(
    tmp_path: Path,
) -> None:
    async with Database.open(f"sqlite+aiosqlite:///{tmp_path}/atelier.db") as database:
        async with database.write() as connection:
            await connection.exec_driver_sql("CREATE TABLE anything (id INTEGER)")
        names = ["atelier.db", "atelier.db-wal", "atelier.db-shm", "atelier.db.lock"]
        assert {name: mode(tmp_path / name) for name in names} == dict.fromkeys(names, 0o600)


async def test_a_folder_of_pictures_that_was_open_is_closed(tmp_path: Path) -> None:
    for number, url in enumerate([str(tmp_path / "0"), (tmp_path / "1").as_uri(), (tmp_path / "a b").as_uri()]):
        folder = tmp_path / (str(number) if number < 2 else "a b")
        folder.mkdir(0o755)
        PictureStore.open(url)
        assert mode(folder) == 0o700


def test_what_is_not_there_is_no_reason_to_stop(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(0o644)
    make_private(tmp_path / "missing", file)
    assert mode(file) == 0o600
