"""
Export a person's data as zip files: the rows first, then the pictures, in as many files as needed and allowed. If
something was left out, the last file lists it, and why.

The files are written to disk one at a time and sent from there, so only one picture is in memory. Such a file has no
name by which another program could open it, and the system removes it when it is closed or the process ends.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Final

from bot.imaging.formats import CONTENT_TYPES, EXTENSIONS, format_of
from bot.services import Services
from bot.texts import Texts
from bot.texts.discord_text import shortened
from storage.personal_data import CopyKind, PersonalCopy
from storage.pictures import MissingCopy

SPARE_BYTES: Final = 256 * 1024
"""Reserved for the directory of a zip file, and for the list of what was left out."""
ROWS_BYTES: Final = 1024 * 1024
"""Most bytes of rows in one file of data, without line breaks; a larger row has a file of its own."""
NAME_UNITS: Final = 60
"""Most UTF-16 units of words in the name of a file, so that the path stays short enough for Windows."""

_NO_FILE_NAME: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\s]+')
"""What Windows does not allow in the name of a file, and what is not shown or would change the direction."""
_FOLDERS: Final = {
    CopyKind.PICTURE: "privacy-folder-pictures",
    CopyKind.ATTACHED: "privacy-folder-attached",
    CopyKind.SET: "privacy-folder-sets",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One zip file, with its number from 1. `left_out`: in the last file, the number of files of rows and pictures
    that are in none of the zip files; 0 in the others."""

    number: int
    file: io.BufferedRandom
    """Positioned at the start; closed when the next archive is requested."""
    left_out: int


async def archives(
    services: Services, person_id: int, say: Texts, *, limit: int, most: int
) -> AsyncGenerator[Archive, None]:
    """Yield one to `most` files of at most `limit` bytes each, one at a time. Close the generator with `aclosing`."""
    export = _Export(services, say, limit)
    export.data = _data(await services.stores.people.rows(person_id))
    export.copies = await services.stores.people.copies(person_id)
    for number in range(1, most + 1):
        file = await asyncio.to_thread(_unnamed)
        try:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                if number == 1:
                    await asyncio.to_thread(archive.writestr, "README.txt", say("privacy-export-readme"))
                await export.fill(archive, file)
                is_last = number == most or (not export.data and not export.copies)
                if is_last:
                    await export.close(archive)
            file.seek(0)
            yield Archive(number=number, file=file, left_out=len(export.left_out) if is_last else 0)
        finally:
            io.BufferedRandom.close(file)  # discord.py replaces the file's own `close`
        if is_last:
            return


class _Export:
    """What of an export is still to be written, and what cannot be."""

    def __init__(self, services: Services, say: Texts, limit: int) -> None:
        self._picture_store = services.picture_store
        self._say = say
        self._limit = limit
        self._names = Counter[str]()
        self.data: Sequence[tuple[str, bytes]] = ()
        self.copies: Sequence[PersonalCopy] = ()
        self.left_out: list[str] = []

    async def fill(self, archive: zipfile.ZipFile, file: io.BufferedRandom) -> None:
        """Add the files of rows and then the pictures that still fit; what does not fit waits for the next file, also
        if something after it fits. The first remaining file of rows is always added."""
        rest = []
        for place, (name, written) in enumerate(self.data):
            if place and file.tell() + len(written) + SPARE_BYTES > self._limit:
                rest.append((name, written))
            else:  # the first one is far smaller than the smallest limit of a file, 10 MiB
                await asyncio.to_thread(archive.writestr, name, written)
        self.data = rest
        self.copies = [copy for copy in self.copies if not await self._is_added(archive, file, copy)]

    async def close(self, archive: zipfile.ZipFile) -> None:
        """Add the list of what was left out, if there is anything."""
        self.left_out += [f"{name}: {self._say('privacy-left-no-room')}" for name, _ in self.data]
        self.left_out += [self._line(copy, "privacy-left-no-room") for copy in self.copies]
        if self.left_out:
            lines = [self._say("privacy-left-heading"), "", *self.left_out, ""]
            await asyncio.to_thread(archive.writestr, self._say("privacy-left-file"), "\n".join(lines))

    async def _is_added(self, archive: zipfile.ZipFile, file: io.BufferedRandom, copy: PersonalCopy) -> bool:
        """Add the picture; if it is gone or too large for any file, list it as left out. Return False, and do neither,
        if it has to wait for the next file."""
        try:
            picture = await self._picture_store.get(copy.key)
        except MissingCopy:
            self.left_out.append(self._line(copy, "privacy-left-gone"))
            return True
        if len(picture) + SPARE_BYTES > self._limit:
            self.left_out.append(self._line(copy, "privacy-left-too-large"))
            return True
        if file.tell() + len(picture) + SPARE_BYTES > self._limit:
            return False
        path = self._path(copy, picture)
        await asyncio.to_thread(archive.writestr, path, picture, zipfile.ZIP_STORED)  # already compressed
        return True

    def _line(self, copy: PersonalCopy, why: str) -> str:
        return f"{self._say(_FOLDERS[copy.kind])}/{self._stem(copy)}: {self._say(why)}"

    def _path(self, copy: PersonalCopy, picture: bytes) -> str:
        extension = EXTENSIONS[CONTENT_TYPES[found]] if (found := format_of(picture)) in CONTENT_TYPES else "bin"
        stem = f"{self._say(_FOLDERS[copy.kind])}/{self._stem(copy)}"
        self._names[stem.casefold()] += 1
        count = self._names[stem.casefold()]
        return f"{stem}.{extension}" if count == 1 else f"{stem} ({count}).{extension}"

    def _stem(self, copy: PersonalCopy) -> str:
        """Return the name without its ending: the day in UTC, the first words, and the number."""
        day = datetime.fromtimestamp(copy.at / 1000, UTC).date().isoformat()
        words = PurePath(copy.words).stem if copy.kind is CopyKind.ATTACHED else copy.words
        readable = shortened(_NO_FILE_NAME.sub(" ", words).strip(" ."), NAME_UNITS).strip(" .")
        return " ".join(filter(None, [day, readable, str(copy.position + 1)]))


def _unnamed() -> io.BufferedRandom:
    return tempfile.TemporaryFile()  # the caller closes the file


def _data(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[tuple[str, bytes]]:
    """Return the rows as JSON files: `data.json`, or `data-1.json` and so on if there are many. Times are in ISO 8601,
    in UTC."""
    parts: list[dict[str, list[dict[str, Any]]]] = [{}]
    size = 0
    for kind, of in rows.items():
        parts[-1].setdefault(kind, [])
        for row in of:
            readable = {name: _value(name, value) for name, value in row.items()}
            length = len(json.dumps(readable, ensure_ascii=False).encode())
            if size and size + length > ROWS_BYTES:
                parts.append({kind: []})
                size = 0
            parts[-1][kind].append(readable)
            size += length
    names = ["data.json"] if len(parts) == 1 else [f"data-{number}.json" for number in range(1, len(parts) + 1)]
    written = [json.dumps(part, ensure_ascii=False, indent=1).encode() for part in parts]
    return list(zip(names, written, strict=True))


def _value(name: str, value: Any) -> Any:
    is_time = isinstance(value, int) and (name == "at" or name.endswith("_at"))
    return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="seconds") if is_time else value
