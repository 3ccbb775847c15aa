"""Run the migrations with Alembic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from storage.migrations import HERE, DatabaseNewer


def upgrade(connection: Connection, versions: Sequence[Path]) -> None:
    config = _config(versions)
    _known_revision(connection, ScriptDirectory.from_config(config))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def count_pending(connection: Connection, versions: Sequence[Path]) -> int:
    scripts = ScriptDirectory.from_config(_config(versions))
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
