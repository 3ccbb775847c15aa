"""Processes on one PostgreSQL database hear of each other's changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa
import structlog

from storage import listening
from storage.community import Preferences, Setting
from storage.database import Database
from storage.notices import ANYTHING
from storage.schema import guild_settings
from storage.stores import Stores
from tests.storage.rows import NOW
from tests.worlds.postgres import installed_postgres, postgres
from tests.worlds.waiting import eventually

ALICE, GUILD = 7, 70


async def hears(*databases: Database) -> None:
    async def all_hear() -> bool:
        return all(database.notices.complete for database in databases)

    await eventually(all_hear)


@asynccontextmanager
async def two_processes() -> AsyncIterator[tuple[Database, Database]]:
    async with (await postgres()).database() as url, Database.open(url) as one, Database.open(url) as other:
        await hears(one, other)
        yield one, other


async def cut(database: Database) -> None:
    """End the connections of all processes but the one that does it, as an operator or a restart does."""
    async with database.read() as connection:
        mine = sa.text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await connection.execute(mine)


async def test_a_change_by_another_process_is_seen() -> None:
    async with two_processes() as (one, other):
        writes, reads = Stores.on(one), Stores.on(other)
        for variants in (2, 4):
            await writes.guilds.choose(GUILD, Setting.VARIANTS, variants, by=ALICE, now=NOW)
            await writes.preferences.choose(ALICE, Preferences(variants=variants), now=NOW)

            async def is_seen(expected: int = variants) -> bool:
                found = (await reads.guilds.settings(GUILD)).variants, (await reads.preferences.of(ALICE)).variants
                return found == (expected, expected)

            await eventually(is_seen)


async def test_a_value_that_nobody_changed_is_read_once() -> None:
    async with two_processes() as (one, other):
        stores = Stores.on(one)
        await stores.guilds.choose(GUILD, Setting.VARIANTS, 2, by=ALICE, now=NOW)
        await stores.guilds.choose(GUILD, Setting.VARIANTS, 3, by=ALICE, now=NOW)

        async def is_kept() -> bool:
            """Change the row as nothing in the bot does: a kept value does not show that."""
            before = (await stores.guilds.settings(GUILD)).variants
            async with other.write() as connection:
                await connection.execute(sa.update(guild_settings).values(variants=guild_settings.c.variants + 1))
            return (await stores.guilds.settings(GUILD)).variants == before

        await eventually(is_kept)


async def test_nothing_is_kept_while_the_connection_is_lost_and_all_is_read_anew_after() -> None:
    async with two_processes() as (one, other):
        heard: list[str] = []
        one.notices.listen(heard.append)
        await cut(other)

        async def is_lost() -> bool:
            return not one.notices.complete

        await eventually(is_lost)
        await hears(one)
        assert heard[-1] == ANYTHING


async def test_a_change_that_is_rolled_back_is_not_told_to_others() -> None:
    async with two_processes() as (one, other):
        heard: list[str] = []
        other.notices.listen(heard.append)
        with pytest.raises(sa.exc.ProgrammingError):
            async with one.write(changing="a change that fails") as connection:
                await connection.execute(sa.text("no statement"))
        async with one.write(changing="a change"):
            pass

        async def is_heard() -> bool:
            return "a change" in heard

        await eventually(is_heard)
        assert "a change that fails" not in heard


async def test_notices_that_do_not_arrive_are_not_counted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As behind a pooler that gives each transaction another connection: LISTEN succeeds, and nothing comes."""
    monkeypatch.setattr(listening, "ARRIVES_WITHIN_SECONDS", 0.2)
    monkeypatch.setattr(listening, "AGAIN_SECONDS", 0.01)
    attempts = []

    async def unheard(self: Database, connection: object, subject: str) -> None:
        attempts.append(subject)

    async def tried_thrice() -> bool:
        return len(attempts) >= 3

    monkeypatch.setattr(Database, "notify", unheard)
    with structlog.testing.capture_logs() as logs:
        async with (await postgres()).database() as url, Database.open(url) as database:
            await eventually(tried_thrice)
            assert not database.notices.complete
    assert [line["log_level"] for line in logs if line["log_level"] != "debug"] == ["warning"]


async def test_listening_begins_when_the_server_comes_back() -> None:
    with installed_postgres() as server:
        with server.running():
            await server.prepare()
            await server.execute("CREATE DATABASE shared TEMPLATE migrated")
        async with Database.open(server.url("shared")) as database:
            assert not database.notices.complete
            with server.running():
                await hears(database)


async def test_read_only_processes_do_not_listen() -> None:
    async with (await postgres()).database() as url, Database.open(url, exclusive=False) as beside:
        async with beside.read() as connection:
            listens = sa.text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
            assert (await connection.execute(listens)).scalar_one() == 0
        assert not beside.notices.complete
