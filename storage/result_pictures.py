"""Store the pictures of results: addresses, stored copies, and whether a picture is delivered as a link."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Final

import sqlalchemy as sa

from storage.database import Database
from storage.models import Picture
from storage.prepared import Prepared
from storage.schema import pictures
from storage.transactions import Transaction

PICTURES: Final = Prepared(
    sa.select(pictures).where(pictures.c.task_id == sa.bindparam("of")).order_by(pictures.c.position)
)
SAVED: Final = sa.update(pictures).where(
    pictures.c.task_id == sa.bindparam("of"), pictures.c.position == sa.bindparam("at")
)


class ResultPictureStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_task(self, task_id: str) -> tuple[Picture, ...]:
        return await self._database.values(Picture, PICTURES, {"of": task_id})

    async def save(self, changed: Sequence[Picture]) -> None:
        """Store all columns of pictures that `settle` created, in one transaction. A picture without a row is left
        out."""
        if changed:
            async with self._database.write() as connection:
                await save_pictures(connection, changed)

    async def deliver_as_links(self, task_ids: Collection[str], *, due: int) -> int:
        """Mark the pictures of these tasks for delivery as links from now on; the download of those without a copy is
        retried from `due` (ms) on. Return how many pictures were not marked before."""
        missing = sa.and_(pictures.c.key.is_(None), pictures.c.due_at.is_(None))
        changes = {"unfetchable": True, "due_at": sa.case((missing, due), else_=pictures.c.due_at)}
        these = sa.and_(pictures.c.task_id.in_(task_ids), sa.not_(pictures.c.unfetchable))
        async with self._database.write() as connection:
            return (await connection.execute(sa.update(pictures).where(these).values(changes))).rowcount


async def save_pictures(connection: Transaction, changed: Sequence[Picture]) -> None:
    if changed:
        rows = [{**asdict(picture), "of": picture.task_id, "at": picture.position} for picture in changed]
        await connection.execute(SAVED, rows)
