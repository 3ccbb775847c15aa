"""
The file of a backup: a ZIP archive.

`atelier.db`     all rows, as a SQLite file of the version that made the backup, whichever database they come from.
                 So an older backup is migrated by the same migrations as an older database.
`pictures.csv`   the pictures that the rows name: SHA-256 (empty if the file was missing), bytes, key
`pictures/…`     the pictures themselves, if they were asked for
`manifest.json`  when and by which version the backup was made, and SHA-256 and size of the two files above

The archive's comment is the SHA-256 of the manifest, so that any changed byte is noticed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from storage.private_files import FILE_MODE

FORMAT: Final = 1
"""Version of the archive. A program refuses archives with a higher one."""
DATABASE: Final = "atelier.db"
PICTURES: Final = "pictures.csv"
FOLDER: Final = "pictures/"
MANIFEST: Final = "manifest.json"
CHUNK_BYTES: Final = 1024 * 1024


class BackupRefused(Exception):
    """The backup cannot be made or restored; `str()` is one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A picture that the rows of a backup name."""

    key: str
    bytes: int
    sha256: str
    """Empty if the picture store had no such file when the backup was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    made_at: int
    """When the rows were read (ms)."""
    program: str
    """Version of the program that made the backup."""
    revision: str
    """The last migration of the database."""
    origin: str
    """`sqlite` or `postgresql`."""
    rows: Mapping[str, int]
    """Number of rows by table."""
    has_files: bool
    """Whether the archive has the pictures themselves."""


class ArchiveWriter:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._files: dict[str, dict[str, Any]] = {}

    @classmethod
    @contextmanager
    def create(cls, path: Path) -> Iterator[Self]:
        """Write the archive as `<path>.partial`, readable only by the bot's user, and give it its name once it is
        complete and on the disk. After an error there is no file."""
        partial = path.with_name(f"{path.name}.partial")
        partial.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, FILE_MODE), "w+b") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                    yield cls(archive)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            _sync_folder(path.parent)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    def add_database(self, file: Path) -> None:
        digest = hashlib.sha256()
        with file.open("rb") as source, self._archive.open(DATABASE, "w", force_zip64=True) as target:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                target.write(chunk)
        self._files[DATABASE] = {"sha256": digest.hexdigest(), "bytes": file.stat().st_size}

    def add_picture(self, key: str, data: bytes) -> None:
        self._archive.writestr(zipfile.ZipInfo(FOLDER + key), data, zipfile.ZIP_STORED)

    def finish(self, manifest: Manifest, pictures: Sequence[Listed]) -> None:
        """Add the list of pictures and the manifest."""
        text = io.StringIO()
        csv.writer(text).writerows((listed.sha256, listed.bytes, listed.key) for listed in pictures)
        data = text.getvalue().encode()
        self._archive.writestr(PICTURES, data)
        self._files[PICTURES] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        told = {
            "format": FORMAT,
            "made_at": manifest.made_at,
            "program": manifest.program,
            "revision": manifest.revision,
            "origin": manifest.origin,
            "rows": dict(manifest.rows),
            "has_files": manifest.has_files,
            "files": self._files,
        }
        written = json.dumps(told, indent=1).encode()
        self._archive.writestr(MANIFEST, written)
        self._archive.comment = hashlib.sha256(written).hexdigest().encode()


class BackupArchive:
    """An archive whose checksums were compared. `manifest` and `pictures` are what it says."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest, pictures: Sequence[Listed]) -> None:
        self._archive = archive
        self.manifest = manifest
        self.pictures = pictures

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator[Self]:
        """Open the archive and compare its checksums, but not those of the pictures, which are compared one by one.
        Raises BackupRefused."""
        try:
            with zipfile.ZipFile(path) as archive:
                manifest, pictures = _checked(archive, path)
                yield cls(archive, manifest, pictures)
        except zipfile.BadZipFile:
            raise _damaged(path) from None

    def extract_database(self, to: Path) -> None:
        with self._archive.open(DATABASE) as source, to.open("wb") as target:
            shutil.copyfileobj(source, target, CHUNK_BYTES)

    def picture(self, listed: Listed) -> bytes | None:
        """Return the picture; None if the archive does not have it, or if its digest is another one."""
        try:
            data = self._archive.read(FOLDER + listed.key)
        except (KeyError, zipfile.BadZipFile):
            return None
        return data if hashlib.sha256(data).hexdigest() == listed.sha256 else None


def _checked(archive: zipfile.ZipFile, path: Path) -> tuple[Manifest, Sequence[Listed]]:
    try:
        written = archive.read(MANIFEST)
        told = json.loads(written)
        version = int(told["format"])
    except (KeyError, ValueError, TypeError):
        raise BackupRefused(f"{path} is no backup of Atelier: give a file that `python -m bot backup` made") from None
    if hashlib.sha256(written).hexdigest().encode() != archive.comment:
        raise _damaged(path)
    if version > FORMAT:
        raise BackupRefused(f"{path} was made by a newer version ({told['program']}): restore it with that version")
    for name, known in told["files"].items():
        if _digest(archive, name) != known["sha256"]:
            raise _damaged(path)
    rows = csv.reader(io.StringIO(archive.read(PICTURES).decode()))
    pictures = [Listed(key=key, bytes=int(size), sha256=digest) for digest, size, key in rows]
    names = ("made_at", "program", "revision", "origin", "rows", "has_files")
    return Manifest(**{name: told[name] for name in names}), pictures


def _digest(archive: zipfile.ZipFile, name: str) -> str:
    """Return the SHA-256 of a file of the archive; empty if it is missing."""
    digest = hashlib.sha256()
    try:
        with archive.open(name) as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    except KeyError:
        return ""
    return digest.hexdigest()


def _damaged(path: Path) -> BackupRefused:
    return BackupRefused(f"{path} is damaged or incomplete: restore another backup, or copy this one again")


def _sync_folder(folder: Path) -> None:
    """Store the new name on the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
