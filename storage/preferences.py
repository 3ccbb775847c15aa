"""Store what a person has chosen as defaults for their requests."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import sqlalchemy as sa

from storage.community import Preferences
from storage.database import Database
from storage.rows import values
from storage.schema import preferences

NOTHING_PREFERRED: Final = Preferences()
_CHOSEN: Final = sa.select(
    *[column for column in preferences.c if column.name not in {"person_id", "changed_at"}]
).where(preferences.c.person_id == sa.bindparam("of"))


class PreferenceStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, person_id: int) -> Preferences:
        """Return a person's defaults; none are chosen if nothing is stored."""
        async with self._database.read() as connection:
            found = values(Preferences, await connection.execute(_CHOSEN, {"of": person_id}))
        return found[0] if found else NOTHING_PREFERRED

    async def choose(self, person_id: int, chosen: Preferences, *, now: int) -> None:
        """Store all of a person's defaults, in place of earlier ones; nothing stays stored if none is chosen."""
        async with self._database.write(priority=True) as connection:
            await connection.execute(sa.delete(preferences).where(preferences.c.person_id == person_id))
            if chosen != NOTHING_PREFERRED:
                row = {**asdict(chosen), "person_id": person_id, "changed_at": now}
                await connection.execute(sa.insert(preferences).values(row))
