"""Which of the files in the picture store are still needed: those that a row names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from storage.database import Database
from storage.models import OPEN_STATES
from storage.schema import pictures, references, set_pictures, style_pictures, tasks


class NamedCopies:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def among(self, keys: Sequence[str]) -> frozenset[str]:
        """Of these keys (`<folder>/<id of the task, style or set>/<name>`) the ones that a row names: a reference, a
        result, a style, a set, or a task that is still open and begins with the file. Found by the id: no table has an
        index of keys."""
        owners = sorted({key.split("/")[1] for key in keys})
        async with self._database.read(long=True) as connection:
            return frozenset((await connection.execute(_named(keys, owners))).scalars())


def _named(keys: Sequence[str], owners: Sequence[str]) -> sa.CompoundSelect[Any]:
    of_references = sa.select(references.c.key).where(references.c.task_id.in_(owners), references.c.key.in_(keys))
    of_results = sa.select(pictures.c.key).where(pictures.c.task_id.in_(owners), pictures.c.key.in_(keys))
    of_styles = sa.select(style_pictures.c.key).where(style_pictures.c.style_id.in_(owners))
    of_sets = sa.select(set_pictures.c.key).where(set_pictures.c.set_id.in_(owners))
    waited_for = sa.select(references.c.kept_key).join(tasks, tasks.c.id == references.c.task_id)
    these = sa.and_(tasks.c.state.in_(sorted(OPEN_STATES)), references.c.kept_key.in_(keys))
    return sa.union_all(of_references, of_results, of_styles, of_sets, waited_for.where(these))
