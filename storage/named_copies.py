"""Which of the files in the picture store are still needed: those that a row names."""

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
"""By the folder of a key (`<folder>/<id>/<name>`): the column that names it, and that of the id. In other folders of
the picture store no row names a file."""


class NamedCopies:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def among(self, keys: Sequence[str]) -> frozenset[str]:
        """Of these keys the ones that a row names; and the results of a task that is open, which it may be writing
        just now. Found by the id: no table has an index of keys."""
        ids = {key: key.split("/")[1] for key in keys}
        busy = sa.select(tasks.c.id).where(tasks.c.id.in_(sorted(set(ids.values()))), tasks.c.state.in_(_OPEN))
        async with self._database.read(long=True) as connection:
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
    waited_for = sa.select(references.c.kept_key).join(tasks, tasks.c.id == references.c.task_id)
    yield waited_for.where(tasks.c.state.in_(_OPEN), references.c.kept_key.in_(keys))
