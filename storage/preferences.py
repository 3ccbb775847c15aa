"""Store what a person has chosen as defaults for their requests."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Final

import sqlalchemy as sa

from storage.community import PreferenceChanges, Preferences
from storage.database import Database
from storage.notices import KeptValues
from storage.rows import values
from storage.schema import preferences
from storage.transactions import Transaction

NOTHING_PREFERRED: Final = Preferences()
_CHOSEN: Final = sa.select(
    *[column for column in preferences.c if column.name not in {"person_id", "changed_at"}]
).where(preferences.c.person_id == sa.bindparam("of"))


class PreferenceStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: KeptValues[Preferences] = KeptValues(database.notices)

    async def of(self, person_id: int) -> Preferences:
        """Return a person's defaults; none are chosen if nothing is stored."""
        if (kept := self._kept.get(changes_of(person_id))) is not None:
            return kept
        changes = self._kept.changes
        async with self._database.read() as connection:
            chosen = await _stored(connection, person_id)
        self._kept.keep(changes_of(person_id), chosen, changes=changes)
        return chosen

    async def choose(self, person_id: int, chosen: Preferences, *, now: int) -> None:
        """Store all of a person's defaults, in place of earlier ones; nothing stays stored if none is chosen."""
        async with self._database.write(priority=True, changing=changes_of(person_id)) as connection:
            await _put(connection, person_id, chosen, now=now)

    async def change(self, person_id: int, changes: PreferenceChanges, *, now: int) -> None:
        """Change some of a person's defaults, whatever others change at the same time."""
        async with self._database.write(priority=True, changing=changes_of(person_id)) as connection:
            chosen = replace(await _stored(connection, person_id), **changes)
            await _put(connection, person_id, chosen, now=now)


def changes_of(person_id: int) -> str:
    """Return the name by which changes of a person's defaults are serialized and told."""
    return f"preferences of {person_id}"


async def _stored(connection: Transaction, person_id: int) -> Preferences:
    found = values(Preferences, await connection.execute(_CHOSEN, {"of": person_id}))
    return found[0] if found else NOTHING_PREFERRED


async def _put(connection: Transaction, person_id: int, chosen: Preferences, *, now: int) -> None:
    await connection.execute(sa.delete(preferences).where(preferences.c.person_id == person_id))
    if chosen != NOTHING_PREFERRED:
        row = {**asdict(chosen), "person_id": person_id, "changed_at": now}
        await connection.execute(sa.insert(preferences).values(row))
