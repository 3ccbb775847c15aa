"""Tests for a PostgreSQL server that cannot be used for a while: the errors, the time limits, one log line each way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from storage import postgres as pool
from storage.availability import Availability, for_people
from storage.database import Database, DatabaseAway
from storage.stores import Stores
from tests.storage.rows import NOW, UNLIMITED, request, stored
from tests.worlds.database_line import DatabaseLine, database_line
from tests.worlds.postgres import PORT, PostgresServer, installed_postgres, postgres
from tests.worlds.waiting import eventually

AT_ONCE = 1.0
"""Seconds in which an error that needs no wait is raised, on a busy machine."""


@pytest.fixture
async def server() -> PostgresServer:
    return await postgres()


@pytest.fixture
async def database(server: PostgresServer) -> AsyncIterator[Database]:
    async with server.database() as url, Database.open(url) as opened:
        yield opened


@asynccontextmanager
async def behind_a_line(
    server: PostgresServer, folder: Path, *, size: int = 4
) -> AsyncIterator[tuple[DatabaseLine, Database]]:
    """Open a database through a line that a test can stall and cut."""
    async with server.database() as url, database_line(server, folder) as line:
        name = url.partition("?")[0].rpartition("/")[2]
        async with Database.open(line.url(name), pool=size) as opened:
            yield line, opened


@pytest.fixture
async def line_and_stores(server: PostgresServer, tmp_path: Path) -> AsyncIterator[tuple[DatabaseLine, Stores]]:
    async with behind_a_line(server, tmp_path) as (line, opened):

        async def is_heard() -> bool:
            return opened.notices.complete

        await eventually(is_heard)  # so that the next commit is the test's
        yield line, Stores.on(opened)


@pytest.fixture
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PERSON_SECONDS", 0.2)
    monkeypatch.setattr(pool, "AWAY_SECONDS", 0.1)
    monkeypatch.setattr(pool, "WORK_SECONDS", 0.4)


def lines(logs: list[Any]) -> list[str]:
    return [line["event"] for line in logs if line["event"].startswith("database")]


# -- a server that stops ------------------------------------------------------------------------------------------
async def test_a_server_that_is_stopped_and_started_again_costs_two_log_lines_and_no_restart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("storage.availability.SETTLED_SECONDS", 0.0)
    with installed_postgres() as server, capture_logs() as logs:
        async with Database.open(server.url("postgres")) as database:
            with server.running(synchronous_commit="on"):
                async with database.write() as connection:
                    await connection.execute(sa.text("CREATE TABLE kept (word text)"))
                    await connection.execute(sa.text("INSERT INTO kept VALUES ('red')"))
            for _ in range(20):
                with pytest.raises(DatabaseAway):
                    async with database.read() as connection:
                        await connection.execute(sa.text("SELECT 1"))
            assert database.server is not None
            assert database.server.availability.away
            with server.running():
                async with database.read() as connection:
                    assert (await connection.execute(sa.text("SELECT word FROM kept"))).scalar_one() == "red"
            assert database.server.availability.away is None
    assert lines(logs) == ["database away, work goes on when it is back", "database back"]


async def test_connections_that_the_server_closed_while_idle_are_replaced_without_an_error(
    server: PostgresServer, database: Database
) -> None:
    stores = Stores.on(database)
    await asyncio.gather(*[stores.key_values.get("colour") for _ in range(6)])
    await cut_all(server)
    with capture_logs() as logs:
        for _ in range(6):
            await stores.key_values.set("colour", "red")
        assert await stores.key_values.get("colour") == "red"
    assert lines(logs) == []


async def cut_all(server: PostgresServer) -> None:
    """Let the server end all connections, and the event loop notice."""
    await server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'atelier'")
    for _ in range(20):
        await asyncio.sleep(0.005)


async def test_a_write_whose_connection_is_cut_leaves_nothing_and_is_no_defect(
    server: PostgresServer, database: Database
) -> None:
    async def write() -> None:
        async with database.write() as connection:
            await connection.execute(sa.text("INSERT INTO key_values VALUES ('colour', 'red')"))
            await cut_all(server)
            await connection.execute(sa.text("INSERT INTO key_values VALUES ('form', 'round')"))

    with pytest.raises(DatabaseAway) as raised:
        await write()
    assert not raised.value.uncertain
    stores = Stores.on(database)
    assert await stores.key_values.get("colour") is None
    await stores.key_values.set("colour", "blue")


# -- a line that stalls -------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("short_limits")
async def test_nothing_waits_longer_than_its_limit_for_a_line_that_stalls(
    line_and_stores: tuple[DatabaseLine, Stores],
) -> None:
    line, stores = line_and_stores
    await asyncio.gather(*[stores.key_values.set(f"{number}", "red") for number in range(4)])
    line.open.clear()

    async def for_a_person() -> float:
        began = time.monotonic()
        with for_people(), pytest.raises(DatabaseAway, match="no answer in time"):
            await stores.key_values.get("0")
        return time.monotonic() - began

    waited = await asyncio.gather(*[for_a_person() for _ in range(8)])
    assert max(waited) < pool.PERSON_SECONDS + AT_ONCE
    with pytest.raises(DatabaseAway, match="no answer in time"):
        await stores.key_values.set("0", "blue")
    line.open.set()

    async def works() -> bool:
        try:
            return await stores.key_values.get("0") == "red"
        except DatabaseAway:
            return False

    assert await eventually(works)


@pytest.mark.usefixtures("short_limits")
async def test_people_do_not_wait_behind_work_that_takes_all_its_connections(database: Database) -> None:
    held = asyncio.Event()

    async def work() -> None:
        async with database.read():
            await held.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(30):
            group.create_task(work())
        await asyncio.sleep(0)
        with for_people():
            async with database.read() as connection:
                assert (await connection.execute(sa.text("SELECT 1"))).scalar_one() == 1
        held.set()


async def test_a_commit_whose_answer_is_lost_is_uncertain(line_and_stores: tuple[DatabaseLine, Stores]) -> None:
    line, stores = line_and_stores
    await stores.key_values.set("colour", "red")
    line.loses_commits = True
    with pytest.raises(DatabaseAway) as raised:
        await stores.key_values.set("colour", "blue")
    assert raised.value.uncertain
    line.loses_commits = False
    assert await stores.key_values.get("colour") == "blue"


async def test_a_request_whose_commit_has_no_answer_is_looked_for_and_stored_once(
    line_and_stores: tuple[DatabaseLine, Stores],
) -> None:
    line, stores = line_and_stores
    asked = request()
    line.loses_commits = True

    adding = asyncio.create_task(stores.tasks.add(asked, UNLIMITED, now=NOW))
    await line.lost.wait()
    line.loses_commits = False
    task, is_new, _ = await adding
    assert not is_new
    assert task.interaction_id == asked.interaction_id
    assert [found.id for found in await stores.tasks.of_user(asked.asker_id)] == [task.id]


# -- a server that refuses ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("53100", "disk is full"),
        ("25006", "no writes"),
        ("57P03", "starting"),
        ("57014", "cancelled"),
        ("58030", "read"),
    ],
)
async def test_a_server_that_refuses_for_now_is_away(database: Database, code: str, why: str) -> None:
    refuse = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$"
    with pytest.raises(DatabaseAway, match=why):
        async with database.write() as connection:
            await connection.exec_driver_sql(refuse)


@pytest.mark.parametrize(
    "statement", ["SELECT nothing_of_the_kind", "INSERT INTO creates (task_id, at) VALUES ('x', 1)"]
)
async def test_a_defect_is_not_taken_for_a_server_that_is_away(database: Database, statement: str) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        async with database.write() as connection:
            await connection.execute(sa.text(statement))
    assert database.server is not None
    assert database.server.availability.away is None


async def test_too_many_connections_are_said_so(server: PostgresServer) -> None:
    async with server.database() as url:
        await server.execute("DROP ROLE IF EXISTS visitor")
        await server.execute("CREATE ROLE visitor LOGIN CONNECTION LIMIT 1")
        async with (
            Database.open(url.replace("tests@", "visitor@"), exclusive=False) as first,
            Database.open(url.replace("tests@", "visitor@"), exclusive=False) as second,
            first.read(),
        ):
            with pytest.raises(DatabaseAway, match="no connection left"):
                async with second.read():
                    pass
        await server.execute("DROP ROLE visitor")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://tests@{}/no_such_database?host={}", "no such database"),
        ("postgresql://stranger@{}/postgres?host={}", "user or the password"),
        ("postgresql://tests@db.invalid/postgres", "host name is not known"),
    ],
)
async def test_what_the_operator_has_to_put_right_is_lasting(server: PostgresServer, url: str, why: str) -> None:
    with pytest.raises(DatabaseAway, match=why) as raised:
        async with Database.open(url.format("", server.folder)) as database, database.read():
            pass
    assert raised.value.lasting


async def test_several_hosts_of_which_none_takes_writes_may_change(server: PostgresServer) -> None:
    """After a fail-over, no host may be the primary one yet."""
    hosts = f"host={server.folder},{server.folder}&port={PORT},{PORT}"
    url = f"postgresql://tests@/postgres?{hosts}&target_session_attrs=standby"
    with pytest.raises(DatabaseAway, match="target_session_attrs") as raised:
        async with Database.open(url) as database, database.read():
            pass
    assert not raised.value.lasting
    url = f"postgresql://tests@/postgres?{hosts}&target_session_attrs=read-write"
    async with Database.open(url) as database, database.read() as connection:
        assert (await connection.execute(sa.text("SELECT 1"))).scalar_one() == 1


async def test_a_socket_without_a_server_may_get_one(tmp_path: Path) -> None:
    with pytest.raises(DatabaseAway, match="does not run") as raised:
        async with Database.open(f"postgresql://tests@/atelier?host={tmp_path}") as database, database.read():
            pass
    assert not raised.value.lasting


# -- going and coming back ----------------------------------------------------------------------------------------
def test_a_server_that_works_and_fails_by_turns_is_one_line_until_it_has_settled() -> None:
    now = [0.0]
    availability = Availability(lambda: now[0])
    with capture_logs() as logs:
        for _ in range(50):
            availability.failed("it has no connection left")
            now[0] += 1
            availability.worked(wrote=True)
        assert lines(logs) == ["database away, work goes on when it is back"]
        now[0] += 10
        availability.worked(wrote=False)
    assert availability.away is None
    assert logs[-1] == {"event": "database back", "away_seconds": 49, "log_level": "info"}


def test_a_full_disk_is_over_when_something_was_written() -> None:
    now = [0.0]
    availability = Availability(lambda: now[0])
    availability.failed("its disk is full", writes_alone=True)
    now[0] += 60
    availability.worked(wrote=False)
    assert availability.away
    availability.worked(wrote=True)
    assert availability.away is None


def test_a_server_that_answered_others_since_is_slow_and_not_away() -> None:
    now = [0.0]
    availability = Availability(lambda: now[0])
    availability.worked(wrote=True)
    now[0] += 1
    availability.failed("it gave no answer in time", waited=1.5)
    assert availability.away is None
    now[0] += 1
    availability.failed("it gave no answer in time", waited=1.5)
    assert availability.away == "it gave no answer in time"


async def test_a_transaction_without_a_limit_may_wait_for_another_database(database: Database) -> None:
    limit = sa.text("SELECT current_setting('idle_in_transaction_session_timeout')")
    async with database.rebuild() as connection:
        assert (await connection.execute(limit)).scalar_one() == "0"
    async with database.read(snapshot=True, limited=False) as connection:
        assert (await connection.execute(limit)).scalar_one() == "0"
    async with database.write() as connection:
        assert (await connection.execute(limit)).scalar_one() == "1min"


# -- poolers ------------------------------------------------------------------------------------------------------
async def test_through_a_pooler_a_read_is_a_transaction_and_nothing_of_the_session_is_relied_on(
    server: PostgresServer,
) -> None:
    """A pooler may give each transaction another connection to the server."""
    async with server.database() as url, Database.open(f"{url}&pgbouncer=true") as database:
        stores = Stores.on(database)
        await stored(stores)
        async with database.read() as connection:
            now = sa.text("SELECT now()")
            first = (await connection.execute(now)).scalar_one()
            assert (await connection.execute(now)).scalar_one() == first
            kept = sa.text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%tasks%'")
            assert (await connection.execute(kept)).scalar_one() <= 1, "statements are kept"
            limit = sa.text("SELECT current_setting('idle_in_transaction_session_timeout')")
            assert (await connection.execute(limit)).scalar_one() == "0"


@pytest.mark.parametrize("code", ["08P01", "26000", "42P05"])
async def test_a_pooler_that_the_address_does_not_name_is_said_to_be_one(database: Database, code: str) -> None:
    refuse = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$"
    with pytest.raises(DatabaseAway, match="append pgbouncer=true") as raised:
        async with database.write() as connection:
            await connection.exec_driver_sql(refuse)
    assert raised.value.lasting


# -- reads --------------------------------------------------------------------------------------------------------
async def test_a_read_is_one_round_trip_and_a_snapshot_sees_one_moment(database: Database) -> None:
    stores = Stores.on(database)
    await stored(stores)
    seen: list[str] = []
    async with database.read() as connection:
        isolation = sa.text("SELECT current_setting('transaction_isolation')")
        seen.append((await connection.execute(isolation)).scalar_one())
        first = (await connection.execute(sa.text("SELECT now()"))).scalar_one()
        assert (await connection.execute(sa.text("SELECT now()"))).scalar_one() > first, "one transaction"
    async with database.read(snapshot=True) as connection:
        seen.append((await connection.execute(isolation)).scalar_one())
        before = (await connection.execute(sa.text("SELECT count(*) FROM tasks"))).scalar_one()
        await stored(stores)
        assert (await connection.execute(sa.text("SELECT count(*) FROM tasks"))).scalar_one() == before
    assert seen == ["read committed", "repeatable read"]
