"""Restore a backup into an empty database of either kind."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.backup.archive import BackupArchive, BackupRefused, Listed
from storage.backup.since import mark, release_all
from storage.copying import copy_rows
from storage.database import Database
from storage.migrations import DatabaseNewer, migrate
from storage.models import OPEN_STATES
from storage.pictures import MissingCopy, PictureStore
from storage.schema import key_values, metadata, processes, tasks

OF_PROCESSES: Final = frozenset({"processes", "attempts"})
"""Tables about running processes: not restored."""
RUNS_MS: Final = 60_000
"""ms. A process that was seen within this time is running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    made_at: int
    """When the backup was made (ms)."""
    rows: int
    unfinished: int
    """Tasks that are not closed and go on."""
    waiting: int
    """Tasks that waited and were settled, because they may have been made since."""
    pictures: int
    missing: Sequence[str]
    """Keys of pictures that neither the picture store nor the backup has."""
    damaged: Sequence[str]
    """Keys of pictures whose file in the picture store differs from the one of the backup, and that the backup does not
    have."""


async def restore(
    path: Path, database: Database, picture_store: PictureStore, *, now: int, not_run_since: bool = False
) -> Restored:
    """
    Restore the backup at `path`. `database` has to be empty, and no bot may run with it. The rows are stored in one
    transaction, after the pictures: a restore that failed can be repeated.

    `not_run_since`: the bot has not run since the backup was made, so everything goes on as it was. Otherwise the rows
    are marked as `since` says. Raises BackupRefused.
    """
    with ExitStack() as stack:
        archive = await asyncio.to_thread(stack.enter_context, BackupArchive.opened(path))
        made_at = archive.manifest.made_at
        await _check_is_empty(database, now=now)
        folder = await asyncio.to_thread(stack.enter_context, tempfile.TemporaryDirectory(prefix="atelier-restore-"))
        file = Path(folder) / "rows.db"
        await asyncio.to_thread(archive.extract_database, file)
        async with Database.open(f"sqlite+aiosqlite:///{file}") as source:
            try:
                await migrate(source)
            except DatabaseNewer as newer:
                raise BackupRefused(
                    f"{path} was made by a newer version ({archive.manifest.program}, revision {newer.revision}): "
                    "restore it with that version"
                ) from None
            missing, damaged = await _restore_pictures(archive, picture_store)
            await migrate(database)
            async with source.read(long=True, snapshot=True, limited=False) as reading, database.rebuild() as writing:
                await writing.execute(sa.delete(key_values))
                await writing.execute(sa.delete(processes))
                rows = await copy_rows(reading, writing, leave_out=OF_PROCESSES)
                await release_all(writing)
                waiting = 0 if not_run_since else await mark(writing, backed_up_at=made_at, now=now)
                unfinished = sa.select(sa.func.count()).where(tasks.c.state.in_(OPEN_STATES))
                open_tasks: int = (await writing.execute(unfinished)).scalar_one()
    return Restored(
        made_at=made_at,
        rows=sum(rows.values()),
        unfinished=open_tasks - waiting,
        waiting=waiting,
        pictures=len(archive.pictures),
        missing=missing,
        damaged=damaged,
    )


async def _check_is_empty(database: Database, *, now: int) -> None:
    """Raises BackupRefused if a table has rows other than the program's own notes, or if a process of the bot runs."""
    async with database.read(long=True) as connection:
        if await connection.run_sync(_runs, now):
            raise BackupRefused("a bot is running with this database: stop it first")
        if full := await connection.run_sync(_full_table):
            raise BackupRefused(
                f"the database is not empty (it has rows in {full}): let DATABASE_URL name a new one, or move the old "
                "one away"
            )


def _runs(connection: Connection, now: int) -> bool:
    if not sa.inspect(connection).has_table(processes.name):
        return False
    running = sa.select(processes.c.id).where(processes.c.seen_at > now - RUNS_MS).limit(1)
    return connection.execute(running).first() is not None


def _full_table(connection: Connection) -> str | None:
    """Return the name of a table with rows; None if there is none."""
    there = set(sa.inspect(connection).get_table_names())
    for table in metadata.sorted_tables:
        counts = table.name in there and table.name not in OF_PROCESSES | {key_values.name}
        if counts and connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
            return table.name
    return None


async def _restore_pictures(archive: BackupArchive, picture_store: PictureStore) -> tuple[Sequence[str], Sequence[str]]:
    """Compare the pictures of the store with the list, and store those that are missing or differ, if the archive has
    them. Return the keys of those that are missing and of those that differ then. Pictures that were missing when the
    backup was made are left out."""
    missing: list[str] = []
    damaged: list[str] = []
    for listed in archive.pictures:
        if not listed.sha256:
            continue
        there = await _digest(picture_store, listed)
        if there == listed.sha256:
            continue
        data = await asyncio.to_thread(archive.picture, listed)
        if data is not None:
            await picture_store.put(listed.key, data)
        else:
            (missing if there is None else damaged).append(listed.key)
    return missing, damaged


async def _digest(picture_store: PictureStore, listed: Listed) -> str | None:
    try:
        return hashlib.sha256(await picture_store.get(listed.key)).hexdigest()
    except MissingCopy:
        return None
