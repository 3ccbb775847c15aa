"""
Export a person's data as zip files: the rows in the first file, pictures in it and in as many more files as needed.

The files are written to disk one at a time and sent from there, so only one picture is in memory. Such a file has no
name by which another program could open it, and the system removes it when it is closed or the process ends.
"""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
import zipfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bot.services import Services
from bot.texts import Texts
from storage.pictures import MissingCopy

SPARE_BYTES: Final = 256 * 1024
"""Reserved for the directory of a zip file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One zip file. `left`: number of pictures that did not fit into this file or the earlier ones."""

    number: int
    file: io.BufferedRandom
    """Positioned at the start; closed when the next archive is requested."""
    left: int


async def archives(
    services: Services, person_id: int, say: Texts, *, limit: int, most: int
) -> AsyncGenerator[Archive, None]:
    """Yield at most `most` files, one at a time. The first file contains all rows, whatever their size; a
    picture is added only if the file then has at most `limit` bytes. Close the generator with `aclosing`."""
    keys = list(await services.stores.people.copies(person_id))
    for number in range(1, most + 1):
        file = await asyncio.to_thread(_unnamed)
        try:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                if number == 1:
                    await asyncio.to_thread(_add_rows, archive, await services.stores.people.rows(person_id))
                    await asyncio.to_thread(archive.writestr, "README.txt", say("privacy-export-readme"))
                keys = await _filled(services, archive, file, keys, limit)
            if not archive.namelist():
                return  # each remaining picture is too large for a file
            file.seek(0)
            yield Archive(number=number, file=file, left=len(keys))
        finally:
            io.BufferedRandom.close(file)  # discord.py replaces the file's own `close`
        if not keys:
            return


def _unnamed() -> io.BufferedRandom:
    return tempfile.TemporaryFile()  # the caller closes the file


async def _filled(
    services: Services, archive: zipfile.ZipFile, file: io.BufferedRandom, keys: Sequence[str], limit: int
) -> list[str]:
    """Add each picture that still fits, in order, and return the keys of those that did not. Copies that are gone are
    skipped and not returned."""
    rest = []
    for key in keys:
        try:
            picture = await services.picture_store.get(key)
        except MissingCopy:
            continue
        if file.tell() + len(picture) + SPARE_BYTES > limit:
            rest.append(key)
        else:
            await asyncio.to_thread(archive.writestr, key, picture, zipfile.ZIP_STORED)  # already compressed
    return rest


def _add_rows(archive: zipfile.ZipFile, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    with archive.open("data.json", "w") as entry, io.TextIOWrapper(entry, "utf-8") as text:
        json.dump(_readable(rows), text, ensure_ascii=False, indent=1)


def _readable(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Replace timestamps (ms) with ISO 8601 times in UTC."""
    return {
        kind: [{name: _value(name, value) for name, value in row.items()} for row in of] for kind, of in rows.items()
    }


def _value(name: str, value: Any) -> Any:
    is_time = isinstance(value, int) and (name == "at" or name.endswith("_at"))
    return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="seconds") if is_time else value
