"""Tests for values that are kept in memory until they change."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from storage.community import Preferences, Setting
from storage.database import Database
from storage.notices import MOST_KEPT, KeptValues, Notices
from storage.schema import guild_settings, preferences
from storage.stores import Stores
from tests.storage.rows import NOW, url_of
from tests.worlds.ready_database import lay_migrated, ready_database

ALICE, GUILD = 7, 70


async def written_past_the_store(database: Database, table: sa.Table, **values: Any) -> None:
    """Change rows as nothing in the bot does, without a notice: a value that is read again shows the change, a kept one
    does not."""
    async with database.write() as connection:
        await connection.execute(sa.update(table).values(values))


async def changed_and_failed(database: Database) -> None:
    async with database.write(changing=f"preferences of {ALICE}") as connection:
        await connection.execute(sa.update(preferences).values(words="in oil"))
        await connection.execute(sa.text("no statement"))


async def test_settings_and_preferences_are_read_once(tmp_path: Path) -> None:
    async with ready_database(tmp_path / "atelier.db") as database:
        stores = Stores.on(database)
        await stores.guilds.choose(GUILD, Setting.VARIANTS, 2, by=ALICE, now=NOW)
        await stores.preferences.choose(ALICE, Preferences(variants=2), now=NOW)
        assert (await stores.guilds.settings(GUILD)).variants == 2
        assert (await stores.preferences.of(ALICE)).variants == 2
        await written_past_the_store(database, guild_settings, variants=4)
        await written_past_the_store(database, preferences, variants=4)
        assert (await stores.guilds.settings(GUILD)).variants == 2
        assert (await stores.preferences.of(ALICE)).variants == 2


async def test_each_change_is_seen_at_once(tmp_path: Path) -> None:
    async with ready_database(tmp_path / "atelier.db") as database:
        stores = Stores.on(database)
        assert await stores.preferences.of(ALICE) == Preferences()
        await stores.preferences.choose(ALICE, Preferences(words="in ink"), now=NOW)
        assert (await stores.preferences.of(ALICE)).words == "in ink"
        await stores.preferences.change(ALICE, {"variants": 4}, now=NOW)
        assert await stores.preferences.of(ALICE) == Preferences(words="in ink", variants=4)
        await stores.erasures.ask(ALICE, removes=False, locale="en-US", token="t", now=NOW)
        assert await stores.preferences.of(ALICE) == Preferences()
        for variants in (2, 4):
            await stores.guilds.choose(GUILD, Setting.VARIANTS, variants, by=ALICE, now=NOW)
            assert (await stores.guilds.settings(GUILD)).variants == variants


async def test_a_change_that_is_rolled_back_leaves_what_is_stored(tmp_path: Path) -> None:
    async with ready_database(tmp_path / "atelier.db") as database:
        stores = Stores.on(database)
        await stores.preferences.choose(ALICE, Preferences(words="in ink"), now=NOW)
        with pytest.raises(sa.exc.OperationalError):
            await changed_and_failed(database)
        assert (await stores.preferences.of(ALICE)).words == "in ink"


async def test_values_read_during_a_change_are_not_kept(tmp_path: Path) -> None:
    async with ready_database(tmp_path / "atelier.db") as database:
        stores = Stores.on(database)
        await stores.preferences.choose(ALICE, Preferences(words="in ink"), now=NOW)
        async with database.write(changing=f"preferences of {ALICE}") as connection:
            await connection.execute(sa.update(preferences).values(words="in oil"))
            assert (await stores.preferences.of(ALICE)).words == "in ink"
        assert (await stores.preferences.of(ALICE)).words == "in oil"


async def test_nothing_is_kept_where_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "atelier.db"
    await lay_migrated(path)
    async with Database.open(url_of(path)) as database, Database.open(url_of(path), exclusive=False) as beside:
        writes, reads = Stores.on(database), Stores.on(beside)
        for variants in (2, 4):
            await writes.guilds.choose(GUILD, Setting.VARIANTS, variants, by=ALICE, now=NOW)
            assert (await reads.guilds.settings(GUILD)).variants == variants


async def test_a_value_is_not_kept_if_it_changed_while_it_was_read() -> None:
    notices = Notices(complete=True)
    kept: KeptValues[int] = KeptValues(notices)
    changes = kept.changes
    await asyncio.sleep(0)
    notices.tell("number of 1")
    kept.keep("number of 1", 1, changes=changes)
    assert kept.get("number of 1") is None
    kept.keep("number of 1", 2, changes=kept.changes)
    assert kept.get("number of 1") == 2


def test_memory_is_bounded() -> None:
    kept: KeptValues[int] = KeptValues(Notices(complete=True))
    for number in range(MOST_KEPT + 5):
        kept.keep(str(number), number, changes=kept.changes)
    assert [kept.get(str(number)) for number in (0, 4)] == [None, None]
    assert [kept.get(str(number)) for number in (5, MOST_KEPT + 4)] == [5, MOST_KEPT + 4]
