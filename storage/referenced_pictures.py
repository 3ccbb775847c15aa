"""Find which files in the picture store are still named by a row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from storage.database import Database
from storage.models import OPEN_STATES
from storage.schema import pictures, references, set_pictures, style_pictures, tasks

_OPEN: Final = sorted(OPEN_STATES)
_TABLES: Final[Mapping[str, tuple[sa.Column[Any], sa.Column[Any]]]] = {
    "references": (references.c.key, references.c.task_id),
    "pictures": (pictures.c.key, pictures.c.task_id),
    "styles": (style_pictures.c.key, style_pictures.c.style_id),
    "sets": (set_pictures.c.key, set_pictures.c.set_id),
}
"""By folder of a key (`<folder>/<id>/<name>`): the column of the key, and the column of the id. No row names a file in
another folder of the picture store."""


class ReferencedPictures:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def among(self, keys: Sequence[str]) -> frozenset[str]:
        """Return those of these keys that a row names, and the keys of results of open tasks, which a worker may be
        writing now. Nearly all rows are found by the id in the key, because no table has an index of keys."""
        ids = {key: key.split("/")[1] for key in keys}
        busy = sa.select(tasks.c.id).where(tasks.c.id.in_(sorted(set(ids.values()))), tasks.c.state.in_(_OPEN))
        async with self._database.read(long=True, snapshot=True) as connection:
            named = set((await connection.execute(sa.union_all(*_named(keys)))).scalars())
            open_ids = set((await connection.execute(busy)).scalars())
        return frozenset(named | {key for key, of in ids.items() if of in open_ids and key.startswith("pictures/")})


def _named(keys: Sequence[str]) -> Iterator[sa.Select[Any]]:
    ids = defaultdict[str, set[str]](set)
    for key in keys:
        folder, _, rest = key.partition("/")
        ids[folder].add(rest.partition("/")[0])
    for folder, owners in ids.items():
        if folder in _TABLES:
            named, owner = _TABLES[folder]
            yield sa.select(named).where(owner.in_(sorted(owners)), named.is_not(None))
    waited_for = sa.select(references.c.stored_key).join(tasks, tasks.c.id == references.c.task_id)
    yield waited_for.where(tasks.c.state.in_(_OPEN), references.c.stored_key.in_(keys))
