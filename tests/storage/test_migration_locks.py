"""Tests for a migration on PostgreSQL beside processes that work with the tables that it changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from storage.availability import for_people
from storage.database import Database
from storage.migrations import migrate
from tests.storage.test_database import later_migration
from tests.worlds.postgres import postgres

COUNT = sa.text("SELECT count(*) FROM tasks")


async def test_people_do_not_wait_for_a_migration_that_waits_for_a_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.migrations.PAUSE_SECONDS", 0.01)
    versions = later_migration(tmp_path / "later", "op.add_column('tasks', sa.Column('colour', sa.Text))")
    async with (
        (await postgres()).database() as url,
        Database.open(url) as older,
        Database.open(url) as newer,
    ):
        with capture_logs() as logs:

            def has_waited_twice() -> bool:
                return sum("migration waits" in str(line["event"]) for line in logs) >= 2

            async with older.read(snapshot=True, limited=False) as backup:
                await backup.execute(COUNT)
                migrating = asyncio.create_task(migrate(newer, versions=versions))
                with for_people():
                    while not has_waited_twice():
                        async with older.read() as connection:
                            await connection.execute(COUNT)
                assert not migrating.done()
            await migrating
        async with older.read() as connection:
            assert (await connection.execute(sa.text("SELECT colour FROM tasks"))).all() == []
