"""
Bring a database of any version to the schema of this code, completely or not at all.

upgrade.py run the migrations with Alembic
env.py     the script that Alembic runs; not to be imported
versions/  one module for each change of the schema
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

from storage.availability import DatabaseAway
from storage.database import Database

HERE: Final = Path(__file__).parent
VERSIONS: Final = HERE / "versions"
LOCK_SECONDS: Final = 1
"""How long a migration on PostgreSQL waits for a table in one attempt. All that others begin with that table waits
behind it, and people wait 1.5 seconds at most."""
PAUSE_SECONDS: Final = 3.0
"""Pause before the next attempt, in which the others go on."""
_REVISION: Final = sa.table("alembic_version", sa.column("version_num", sa.String))
"""Alembic's table with the revision of the database."""

log = structlog.get_logger(__name__)


class DatabaseNewer(Exception):
    """The database was written by a newer version of this program; `str()` says what to do."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the database is newer than this program (revision {revision}, which this version does not know); "
            "use the newer version, or the backup from before the upgrade"
        )
        self.revision = revision


async def migrate(database: Database, *, versions: Sequence[Path] = (VERSIONS,)) -> None:
    """Bring the database to the newest revision in the folders `versions`; wait while another process uses a table that
    is to be changed. Raises DatabaseNewer. After any exception nothing has changed."""
    if tuple(versions) == (VERSIONS,) and await _is_newest(database):
        return
    while not await _migrated(database, versions):
        log.info("migration waits: a table is in use by another process, such as a backup")
        await asyncio.sleep(PAUSE_SECONDS)


async def _migrated(database: Database, versions: Sequence[Path]) -> bool:
    """Try to run the migrations. Return False, with nothing changed, if a table was in use for `LOCK_SECONDS`."""
    from storage.migrations.upgrade import upgrade  # here, because most starts never need Alembic

    try:
        async with database.rebuild() as connection:
            await database.serialize(connection, "migrations")
            if database.server is not None:
                await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            await connection.run_sync(upgrade, versions)
    except DatabaseAway as away:
        from storage.server_errors import LOCKED, code_of  # here, because with SQLite its driver is not needed

        if code_of(away) != LOCKED:
            raise
        return False
    return True


async def pending(database: Database) -> int:
    """Return how many migrations are still to be run; all of them for an empty database. Raises DatabaseNewer."""
    if await _is_newest(database):
        return 0
    from storage.migrations.upgrade import count_pending

    async with database.read() as connection:
        return await connection.run_sync(count_pending, (VERSIONS,))


async def _is_newest(database: Database) -> bool:
    """Return whether the database has the newest revision of this code. The name of its file begins with it."""
    newest = max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py"))
    async with database.read() as connection:
        return await connection.run_sync(_revision) == newest


def _revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table(_REVISION.name):
        return None
    revision: str | None = connection.execute(sa.select(_REVISION.c.version_num)).scalar_one_or_none()
    return revision
