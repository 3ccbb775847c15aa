"""Store the pictures that an open form offers; the form itself has no room for their URLs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import sqlalchemy as sa

from storage.community import Draft
from storage.database import Database
from storage.models import NewReference, ReferenceKind
from storage.rows import values
from storage.schema import drafts

LIFE_MS: Final = 24 * 60 * 60 * 1000
"""ms. How long a draft is returned: Discord's signed URLs of its pictures expire after the same time."""


class DraftStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, draft: Draft) -> None:
        """Store a draft, without the keys of stored copies, and delete the drafts older than `LIFE_MS`."""
        row = asdict(draft) | {"pictures": [_written(picture) for picture in draft.pictures]}
        async with self._database.write(priority=True) as connection:
            await connection.execute(sa.delete(drafts).where(drafts.c.at <= draft.at - LIFE_MS))
            await connection.execute(sa.insert(drafts).values(row))

    async def get(self, draft_id: str, person_id: int, *, now: int) -> Draft | None:
        """Return the draft; None if it does not exist, belongs to another person or is older than `LIFE_MS`."""
        these = sa.and_(drafts.c.id == draft_id, drafts.c.person_id == person_id, drafts.c.at > now - LIFE_MS)
        async with self._database.read() as connection:
            found = values(_read, await connection.execute(sa.select(drafts).where(these)))
        return found[0] if found else None


def _written(picture: NewReference) -> dict[str, str | int | None]:
    return {
        "url": picture.url,
        "filename": picture.filename,
        "declared_type": picture.declared_type,
        "declared_bytes": picture.declared_bytes,
        "owner_id": picture.owner_id,
        "spoiler": picture.spoiler,
    }


def _read(*, id: str, person_id: int, at: int, pictures: list[dict[str, str | int | None]]) -> Draft:  # noqa: A002  # a column's name
    return Draft(
        id=id,
        person_id=person_id,
        at=at,
        pictures=tuple(NewReference(kind=ReferenceKind.IMAGE, **picture) for picture in pictures),  # type: ignore[arg-type]  # as _written
    )
