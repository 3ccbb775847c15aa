"""Tests for `python -m bot migrate` that is started before its PostgreSQL server, as containers are."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot import app, cli
from tests.worlds.postgres import installed_postgres
from tests.worlds.waiting import eventually

pytestmark = pytest.mark.usefixtures("bare_environment", "logs_as_they_were")

AWAY = "database away, work goes on when it is back"


async def migrated(folder: Path, url: str) -> int:
    env_file = folder / ".env"
    env_file.write_text(f"DATABASE_URL={url}\n")
    return await asyncio.to_thread(cli.main, ["--env-file", str(env_file), "migrate"])


async def test_a_server_that_starts_a_little_later_is_waited_for_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ""

    async def waits() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return AWAY in said

    with installed_postgres() as server:
        running = asyncio.create_task(migrated(tmp_path, server.url("postgres")))
        await eventually(waits)
        with server.running():
            assert await running == 0
    out, err = capsys.readouterr()
    assert "The database is up to date; " in out
    assert (said + err).count(AWAY) == 1


async def test_a_server_that_does_not_come_in_time_is_one_sentence_and_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app, "ONCE_SECONDS", 1.0)
    assert await migrated(tmp_path, f"postgresql://tests@/atelier?host={tmp_path}") == 1
    _, err = capsys.readouterr()
    assert err.count(AWAY) == 1
    assert err.splitlines()[-1] == ("the database cannot be used: it does not run, or not there (waited 1 s for it)")
    assert "Traceback" not in err
