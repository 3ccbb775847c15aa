"""Tests for what the doctor finds about a PostgreSQL server, each with what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot import doctor
from bot.config import Settings
from bot.doctor import Finding
from storage.database import Database
from storage.processes import Process
from storage.server_report import ServerReport, report
from storage.stores import Stores
from tests.worlds.postgres import PostgresServer, postgres

ROLE = "tenant"


@pytest.fixture
async def server() -> PostgresServer:
    return await postgres()


@pytest.fixture
async def url(server: PostgresServer) -> AsyncIterator[str]:
    async with server.database() as url:
        yield url


def settings(url: str, **changes: Any) -> Settings:
    return Settings(database_url=url, **changes)


async def findings(url: str, **changes: Any) -> dict[str, Finding]:
    found = await doctor._database(settings(url, **changes))
    assert all(one.ok != bool(one.remedy) for one in found)
    return {one.name: one for one in found}


async def test_a_server_that_is_as_it_should_be(url: str) -> None:
    found = await findings(url)
    assert all(one.ok for one in found.values())
    assert found["database"].detail.startswith("PostgreSQL ")
    assert "UTF8" in found["database"].detail
    assert "in schema public" in found["database rights"].detail
    assert "297 for the bot's role, 11 wanted by 1 process" in found["database connections"].detail
    assert "the clocks agree" in found["database distance"].detail
    assert "shared pictures" not in found


async def test_a_server_without_tables_says_how_many_migrations_there_are(server: PostgresServer) -> None:
    await server.execute("CREATE DATABASE bare")
    try:
        assert "migrations to be done at the next start" in (await findings(server.url("bare")))["database"].detail
    finally:
        await server.execute("DROP DATABASE bare WITH (FORCE)")


async def test_pools_of_all_processes_that_are_more_than_the_server_has_are_found(url: str) -> None:
    async with Database.open(url) as database:
        for number in range(3):
            process = Process(id=f"{number}", shard_count=3, shard_ids=(number,), started_at=1, seen_at=1)
            await Stores.on(database).processes.seen(process, lease_ms=30_000)
    found = (await findings(url, database_pool=120))["database connections"]
    assert (found.ok, found.detail) == (False, "297 for the bot's role, 363 wanted by 3 processes")
    assert found.remedy.startswith("set DATABASE_POOL to 98 at most, or raise")


async def test_a_role_that_may_not_create_tables_is_found(server: PostgresServer, url: str) -> None:
    await server.execute(f"DROP ROLE IF EXISTS {ROLE}")
    await server.execute(f"CREATE ROLE {ROLE} LOGIN CONNECTION LIMIT 5")
    try:
        found = await findings(url.replace("tests@", f"{ROLE}@"))
    finally:
        await server.execute(f"DROP ROLE {ROLE}")
    assert not found["database rights"].ok
    assert (
        "no table may be created" in found["database rights"].detail
        or "another role" in found["database rights"].detail
    )
    assert found["database connections"].detail.startswith("5 for the bot's role, 11 wanted")


async def test_a_database_that_is_set_to_read_only_is_found(server: PostgresServer, url: str) -> None:
    async with Database.open(url) as database, database.write() as connection:
        name = (await connection.execute(sa.text("SELECT current_database()"))).scalar_one()
    await server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    found = (await findings(url))["database rights"]
    assert (found.ok, "no writes" in found.detail, "primary" in found.remedy) == (False, True, True)


async def test_another_encoding_is_found(server: PostgresServer) -> None:
    await server.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        found = (await findings(server.url("latin")))["database"]
    finally:
        await server.execute("DROP DATABASE latin WITH (FORCE)")
    assert (found.ok, "LATIN1" in found.detail, "ENCODING 'UTF8'" in found.remedy) == (False, True, True)


@pytest.mark.parametrize(
    ("wrong", "words", "remedy"),
    [
        ("postgresql://stranger@/postgres?host={}", "refuses the user", "pg_hba.conf"),
        ("postgresql://tests@/nowhere?host={}", "no such database", "CREATE DATABASE"),
        ("postgresql://tests@/postgres?host=/nowhere", "does not run", "check that the server runs"),
        ("postgresql://tests@db.invalid/postgres", "host name", "DNS"),
    ],
)
async def test_a_server_that_cannot_be_used_is_found(
    server: PostgresServer, wrong: str, words: str, remedy: str
) -> None:
    found = await findings(wrong.format(server.folder))
    assert list(found) == ["database"]
    assert not found["database"].ok
    assert words in found["database"].detail
    assert remedy in found["database"].remedy


@pytest.fixture
async def said(url: str) -> ServerReport:
    async with Database.open(url) as database:
        return await report(database)


def test_an_old_release_is_found_and_a_new_one_says_what_was_tried(said: ServerReport) -> None:
    old = doctor._kind_of_server(replace(said, version=13, named="13.22"), 0)
    assert (old.ok, old.detail) == (False, "PostgreSQL 13.22, UTF8 is too old")
    new = doctor._kind_of_server(replace(said, version=19, named="19.0"), 0)
    assert (new.ok, "tried: 14 to 18" in new.detail) == (True, True)


def test_a_line_that_anybody_may_read_is_said(said: ServerReport) -> None:
    far = replace(said, is_local=False, is_encrypted=False)
    assert "not encrypted" in doctor._kind_of_server(far, 0).detail
    assert "not encrypted" not in doctor._kind_of_server(replace(far, is_encrypted=True), 0).detail


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ahead_seconds": 7.4}, "7 seconds ahead of"),
        ({"ahead_seconds": -7.4}, "7 seconds behind"),
        ({"round_trip_seconds": 0.12}, "120.0 ms"),
    ],
)
def test_a_clock_that_differs_and_a_server_that_is_far_are_found(
    said: ServerReport, changes: dict[str, Any], words: str
) -> None:
    found = doctor._distance(replace(said, **changes))
    assert (found.ok, words in found.detail) == (False, True)


@pytest.mark.parametrize(
    ("processes", "is_local", "pictures", "seen"),
    [
        (1, False, "data/pictures", []),
        (2, False, "s3://bucket", []),
        (2, True, "data/pictures", [True]),
        (2, False, "data/pictures", [False]),
        (2, False, "file:///data/pictures", [False]),
    ],
)
def test_a_folder_of_pictures_is_a_problem_only_where_other_machines_may_need_it(
    said: ServerReport, tmp_path: Path, processes: int, is_local: bool, pictures: str, seen: Sequence[bool]
) -> None:
    found = doctor._shared(
        replace(said, processes=processes, is_local=is_local), settings("sqlite:///a.db", pictures_url=pictures)
    )
    assert [one.ok for one in found] == seen
