"""Make a backup, beside a running bot or while none runs."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from storage.backup.archive import ArchiveWriter, BackupRefused, Listed, Manifest
from storage.copying import copy_rows
from storage.database import Database
from storage.migrations import migrate, pending
from storage.pictures import MissingCopy, PictureStore
from storage.sqlite import path_of

NAMED_IN: Final = ("task_references", "pictures", "style_pictures", "set_pictures")
"""Tables whose column `key` names a picture."""
READ_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    rows: int
    pictures: int
    bytes: int
    """Of the pictures."""
    missing: int
    """Pictures that rows name and that the picture store does not have."""


async def back_up(
    url: str, picture_store: PictureStore, path: Path, *, with_files: bool, program: str, now: int
) -> BackedUp:
    """Write a backup of the database at `url` to `path`; `with_files`: with the pictures. The rows are those of one
    moment. Raises BackupRefused, also if the file cannot be written."""
    try:
        return await _back_up(url, picture_store, path, with_files=with_files, program=program, now=now)
    except (OSError, sqlite3.DatabaseError) as error:
        what = getattr(error, "strerror", None) or str(error)
        raise BackupRefused(f"{path} cannot be written: {what}") from error


async def _back_up(
    url: str, picture_store: PictureStore, path: Path, *, with_files: bool, program: str, now: int
) -> BackedUp:
    path = await asyncio.to_thread(path.resolve)
    if await asyncio.to_thread(path.exists):
        raise BackupRefused(f"{path} exists already: give a name that is not in use")
    with ExitStack() as stack:
        folder = await asyncio.to_thread(
            stack.enter_context, tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-")
        )
        file = Path(folder) / "rows.db"
        await _copy_database(url, file)
        revision, rows, keys = await asyncio.to_thread(_read, file)
        writer = await asyncio.to_thread(stack.enter_context, ArchiveWriter.create(path))
        await asyncio.to_thread(writer.add_database, file)
        listed = await _list_pictures(picture_store, keys, writer if with_files else None)
        origin = make_url(url).get_backend_name()
        manifest = Manifest(
            made_at=now, program=program, revision=revision, origin=origin, rows=rows, has_files=with_files
        )
        await asyncio.to_thread(writer.finish, manifest, listed)
    return BackedUp(
        rows=sum(rows.values()),
        pictures=len(listed),
        bytes=sum(picture.bytes for picture in listed),
        missing=sum(not picture.sha256 for picture in listed),
    )


async def _copy_database(url: str, file: Path) -> None:
    """Copy all rows, as they are at one moment, into a new SQLite file."""
    if make_url(url).get_backend_name() == "sqlite":
        await asyncio.to_thread(_vacuum, path_of(make_url(url)), file)
        return
    async with Database.open(url, exclusive=False) as source:
        if await pending(source):
            raise BackupRefused("the database is older than this program: run `python -m bot migrate` first")
        collected = file.with_name("collected.db")
        async with Database.open(f"sqlite+aiosqlite:///{collected}") as target:
            await migrate(target)
            async with source.read(long=True, snapshot=True, limited=False) as reading, target.rebuild() as writing:
                await copy_rows(reading, writing)
    await asyncio.to_thread(_vacuum, collected, file)


def _vacuum(source: Path, file: Path) -> None:
    """Copy a SQLite database in one read transaction, which holds up no writer. The copy has no free pages, so nothing
    that was deleted."""
    if not source.exists():
        raise BackupRefused(f"there is no database at {source} yet")
    with closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("VACUUM INTO ?", (str(file),))


def _read(file: Path) -> tuple[str, dict[str, int], Sequence[str]]:
    """Return the revision, the number of rows by table, and the keys of the pictures that the rows name, of a database
    of any revision."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "alembic_version" not in names or "tasks" not in names:
            raise BackupRefused("there is nothing to back up: the database is empty")
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        tables = sorted(names - {"alembic_version", "sqlite_sequence"})
        rows = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}  # noqa: S608
        keys = {
            key
            for name in NAMED_IN
            if name in names
            for (key,) in connection.execute(f'SELECT key FROM "{name}" WHERE key IS NOT NULL')  # noqa: S608
        }
    return revision, rows, sorted(keys)


async def _list_pictures(
    picture_store: PictureStore, keys: Sequence[str], writer: ArchiveWriter | None
) -> Sequence[Listed]:
    """Read all pictures, `READ_AT_ONCE` at the same time, and return their digests. With a `writer`, add them to the
    archive."""
    listed: list[Listed] = []
    for at in range(0, len(keys), READ_AT_ONCE):
        some = keys[at : at + READ_AT_ONCE]
        for key, data in zip(some, await asyncio.gather(*[_picture(picture_store, key) for key in some]), strict=True):
            if data is None:
                listed.append(Listed(key=key, bytes=0, sha256=""))
                continue
            listed.append(Listed(key=key, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))
            if writer is not None:
                await asyncio.to_thread(writer.add_picture, key, data)
    return listed


async def _picture(picture_store: PictureStore, key: str) -> bytes | None:
    try:
        return await picture_store.get(key)
    except MissingCopy:
        return None
