"""What is stored about somebody as zip files: the rows in the first, pictures in it and in as many more as needed."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bot.services import Services
from bot.texts import Texts
from storage.pictures import MissingCopy

SPARE_BYTES: Final = 256 * 1024
"""For an archive's own list of what is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One zip file. `left`: pictures that found no room in it or in those before."""

    number: int
    data: bytes
    left: int


async def archives(services: Services, person_id: int, say: Texts, *, limit: int, most: int) -> AsyncIterator[Archive]:
    """At most `most` files of at most `limit` bytes each, one in memory at a time. The rows are in the first, whole."""
    keys = list(await services.people.copies(person_id))
    opened = io.BytesIO()
    rows = _readable(await services.people.rows(person_id))
    await asyncio.to_thread(_add, opened, "data.json", json.dumps(rows, ensure_ascii=False, indent=1).encode())
    await asyncio.to_thread(_add, opened, "README.txt", say("privacy-export-readme").encode())
    for number in range(1, most + 1):
        keys = await _filled(services, opened, keys, limit)
        if not opened.tell():
            return  # what is left is too large for any
        yield Archive(number=number, data=opened.getvalue(), left=len(keys))
        if not keys:
            return
        opened = io.BytesIO()


async def _filled(services: Services, opened: io.BytesIO, keys: Sequence[str], limit: int) -> list[str]:
    """Put in what fits, in order; the rest is given back."""
    rest = []
    for key in keys:
        try:
            picture = await services.copies.get(key)
        except MissingCopy:
            continue
        if opened.tell() + len(picture) + SPARE_BYTES > limit:
            rest.append(key)
        else:
            await asyncio.to_thread(_add, opened, key, picture)
    return rest


def _add(archive: io.BytesIO, name: str, content: bytes) -> None:
    """Pictures are compressed already."""
    packed = zipfile.ZIP_DEFLATED if name.endswith((".json", ".txt")) else zipfile.ZIP_STORED
    with zipfile.ZipFile(archive, "a", packed) as opened:
        opened.writestr(name, content)
    archive.seek(0, io.SEEK_END)


def _readable(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Times as people write them, in UTC."""
    return {
        kind: [{name: _value(name, value) for name, value in row.items()} for row in of] for kind, of in rows.items()
    }


def _value(name: str, value: Any) -> Any:
    is_time = isinstance(value, int) and (name == "at" or name.endswith("_at"))
    return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="seconds") if is_time else value
