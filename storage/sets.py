"""
Store people's named sets of pictures. A set belongs to one person alone; the bot has its own copy of each picture.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, fields
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa

from storage.community import ReferenceSet, StoredPicture
from storage.database import Database
from storage.guilds import folded
from storage.limits import check_stored, kept_of_before
from storage.models import Limits
from storage.schema import reference_sets, set_pictures
from storage.transactions import Transaction

MOST_SETS: Final = 25
"""Sets per person: as many as Discord offers while an option is typed."""
_PICTURE: Final = tuple(field.name for field in fields(StoredPicture))
_SETS: Final = (
    sa.select(
        *[column for column in reference_sets.c if column is not reference_sets.c.folded],
        *[set_pictures.c[name].label(f"picture_{name}") for name in _PICTURE],
    )
    .join_from(reference_sets, set_pictures)
    .order_by(reference_sets.c.folded, set_pictures.c.position)
)


class SetNameTaken(Exception):
    """The person has another set of this name."""


class TooManySets(Exception):
    """The person has `MOST_SETS`."""


class SetStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, owner_id: int) -> tuple[ReferenceSet, ...]:
        """Return the person's sets, by name."""
        return await self._found(reference_sets.c.owner_id == owner_id)

    async def named(self, owner_id: int, name: str) -> ReferenceSet | None:
        """Return the person's set with this name, compared as `guilds.folded` says."""
        return _one(await self._found(reference_sets.c.owner_id == owner_id, reference_sets.c.folded == folded(name)))

    async def get(self, owner_id: int, set_id: str) -> ReferenceSet | None:
        """Return the set; None if it does not exist or belongs to another person."""
        return _one(await self._found(reference_sets.c.owner_id == owner_id, reference_sets.c.id == set_id))

    async def check(self, owner_id: int, name: str, size: int, limits: Limits, *, now: int) -> None:
        """Check whether a set with this name and of `size` bytes could be saved now. Raises what `save` raises."""
        kept = await kept_of_before(self._database, owner_id, limits, now=now)
        async with self._database.read() as connection:
            await _check(connection, owner_id, name)
            await check_stored(connection, owner_id, size, limits, now=now, kept=kept)

    async def save(self, saved: ReferenceSet, limits: Limits) -> None:
        """Store a set. Raises TooManySets, SetNameTaken or LimitExceeded. Takes the lock of the person's submits, so
        that no request is counted at the same time."""
        kept = await kept_of_before(self._database, saved.owner_id, limits, now=saved.created_at)
        async with self._sets_of(saved.owner_id) as connection:
            await self._database.serialize(connection, f"submits of {saved.owner_id}")
            await _check(connection, saved.owner_id, saved.name)
            size = sum(picture.bytes for picture in saved.pictures)
            await check_stored(connection, saved.owner_id, size, limits, now=saved.created_at, kept=kept)
            await connection.execute(sa.insert(reference_sets).values(_row(saved)))
            rows = [
                {"set_id": saved.id, "position": at, **asdict(picture)} for at, picture in enumerate(saved.pictures)
            ]
            await connection.execute(sa.insert(set_pictures), rows)

    async def remove(self, removed: ReferenceSet) -> bool:
        """Delete a set; the caller deletes the files. Return False if it was gone already."""
        async with self._sets_of(removed.owner_id) as connection:
            gone = await connection.execute(sa.delete(reference_sets).where(reference_sets.c.id == removed.id))
            return gone.rowcount > 0

    async def _found(self, *where: sa.ColumnElement[bool]) -> tuple[ReferenceSet, ...]:
        async with self._database.read() as connection:
            rows = [row._asdict() for row in await connection.execute(_SETS.where(*where))]
        return tuple(_set(list(group)) for _, group in groupby(rows, key=lambda row: row["id"]))

    @asynccontextmanager
    async def _sets_of(self, owner_id: int) -> AsyncIterator[Transaction]:
        async with self._database.write(priority=True) as connection:
            await self._database.serialize(connection, f"sets of {owner_id}")
            yield connection


async def _check(connection: Transaction, owner_id: int, name: str) -> None:
    theirs = reference_sets.c.owner_id == owner_id
    same = sa.select(reference_sets.c.id).where(theirs, reference_sets.c.folded == folded(name))
    if (await connection.execute(same)).first() is not None:
        raise SetNameTaken
    count = sa.select(sa.func.count()).select_from(reference_sets).where(theirs)
    if (await connection.execute(count)).scalar_one() >= MOST_SETS:
        raise TooManySets


def _row(saved: ReferenceSet) -> dict[str, Any]:
    return {
        "id": saved.id,
        "owner_id": saved.owner_id,
        "name": saved.name,
        "folded": folded(saved.name),
        "created_at": saved.created_at,
    }


def _set(rows: list[dict[str, Any]]) -> ReferenceSet:
    """Build a set from its rows, one for each picture."""
    first = rows[0]
    pictures = tuple(StoredPicture(**{name: row[f"picture_{name}"] for name in _PICTURE}) for row in rows)
    return ReferenceSet(
        id=first["id"],
        owner_id=first["owner_id"],
        name=first["name"],
        created_at=first["created_at"],
        pictures=pictures,
    )


def _one(found: tuple[ReferenceSet, ...]) -> ReferenceSet | None:
    return found[0] if found else None
