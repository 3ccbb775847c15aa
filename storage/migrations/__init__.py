"""
Bring a database of any version to the schema of this code, completely or not at all.

env.py     the script that Alembic runs; not to be imported
versions/  one module for each change of the schema
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from storage.database import Database

HERE: Final = Path(__file__).parent
VERSIONS: Final = HERE / "versions"


class DatabaseNewer(Exception):
    """The database was written by a newer version of this program; `str()` says what to do."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the database is newer than this program (revision {revision}, which this version does not know); "
            "use the newer version, or the backup from before the upgrade"
        )
        self.revision = revision


async def migrate(database: Database, *, versions: Sequence[Path] = (VERSIONS,)) -> None:
    """Bring the database to the newest revision in the folders `versions`. Raises DatabaseNewer. After any exception
    nothing has changed."""
    async with database.rebuild() as connection:
        await database.serialize(connection, "migrations")
        await connection.run_sync(_upgrade, versions)


async def pending(database: Database) -> int:
    """Return how many migrations are still to be run; all of them for an empty database. Raises DatabaseNewer."""
    async with database.read() as connection:
        return await connection.run_sync(_count_pending)


def _upgrade(connection: Connection, versions: Sequence[Path]) -> None:
    config = _config(versions)
    _known_revision(connection, ScriptDirectory.from_config(config))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _count_pending(connection: Connection) -> int:
    scripts = ScriptDirectory.from_config(_config((VERSIONS,)))
    revision = _known_revision(connection, scripts)
    return len(list(scripts.iterate_revisions("head", revision or "base")))


def _known_revision(connection: Connection, scripts: ScriptDirectory) -> str | None:
    """Return the revision of the database; None when it is empty. Raises DatabaseNewer."""
    revision = MigrationContext.configure(connection).get_current_revision()
    try:
        scripts.get_revisions(revision or ())
    except CommandError:
        raise DatabaseNewer(str(revision)) from None
    return revision


def _config(versions: Sequence[Path]) -> Config:
    config = Config()
    config.set_main_option("path_separator", "newline")
    config.set_main_option("script_location", _escaped(HERE))
    config.set_main_option("version_locations", "\n".join(map(_escaped, versions)))
    return config


def _escaped(path: Path) -> str:
    """Return the path with each % doubled, as Alembic's configuration needs."""
    return str(path).replace("%", "%%")
