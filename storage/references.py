"""Store the input pictures of tasks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from storage.database import Database
from storage.models import Reference
from storage.prepared import Prepared
from storage.rows import row_of, values
from storage.schema import references

REFERENCES: Final = Prepared(
    sa.select(references).where(references.c.task_id == sa.bindparam("of")).order_by(references.c.position)
)


class ReferenceStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_task(self, task_id: str) -> tuple[Reference, ...]:
        return await self._database.values(Reference, REFERENCES, {"of": task_id})

    async def of_tasks(self, task_ids: Sequence[str]) -> Mapping[str, tuple[Reference, ...]]:
        """Return the references by task id. Tasks without references are left out."""
        statement = sa.select(references).where(references.c.task_id.in_(task_ids))
        async with self._database.read() as connection:
            found = values(Reference, await connection.execute(statement.order_by(references.c.position)))
        by_task = defaultdict[str, tuple[Reference, ...]](tuple)
        for reference in found:
            by_task[reference.task_id] += (reference,)
        return by_task

    async def save(self, reference: Reference) -> bool:
        """Store what is known of the copy and of the upload, and the filename. Do nothing and return False if the row
        is gone or its owner was erased since it was read."""
        changes = {
            "key": reference.key,
            "content_type": reference.content_type,
            "bytes": reference.bytes,
            "width": reference.width,
            "height": reference.height,
            "uploaded_url": reference.uploaded_url,
            "uploaded_at": reference.uploaded_at,
            "change_share": reference.change_share,
            "filename": reference.filename,
            "is_converted": reference.is_converted,
            "is_first_frame": reference.is_first_frame,
            "is_reduced": reference.is_reduced,
            "is_cut": reference.is_cut,
        }
        as_read = sa.and_(row_of(references, reference), references.c.owner_id.is_not_distinct_from(reference.owner_id))
        async with self._database.write() as connection:
            return bool((await connection.execute(sa.update(references).where(as_read).values(changes))).rowcount)
