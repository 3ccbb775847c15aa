"""
Attempts of work beside the tasks' own (messages of batches, copies for galleries, reports, …) that may end the whole
process. A row is written before the work begins and deleted when it has ended, however it ended; so a row that is there
at a start is about work during which the process died. A task's own attempts are a column of its row.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from storage.database import Database
from storage.schema import attempts

FORGOTTEN_AFTER_MS: Final = 30 * 24 * 60 * 60 * 1000
"""Work whose row is left by a death and that was never due again: its subject is gone."""
LONGEST_MS: Final = 120_000
"""Where several processes share a database, a younger row may belong to another one that is still at it."""


class AttemptStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, kind: str, subject: str, *, owner: str, now: int) -> int | None:
        """Count an attempt; how many that makes. One that the same `owner` counted and could not end is not another.
        None where another process may be at it."""
        this = _this(kind, subject)
        async with self._database.write() as connection:
            await self._database.serialize(connection, f"attempts of {kind} {subject}")
            found = (await connection.execute(sa.select(attempts).where(this))).first()
            if found is not None and found.owner != owner and found.at > self._latest_of_the_dead(now):
                return None
            counted = 1 if found is None else found.attempts + (found.owner != owner)
            await connection.execute(sa.delete(attempts).where(this))
            row = {"kind": kind, "subject": subject, "attempts": counted, "owner": owner, "at": now}
            await connection.execute(sa.insert(attempts).values(row))
            return counted

    async def end(self, kind: str, subject: str) -> None:
        """The work came to an end; the process is alive."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(attempts).where(_this(kind, subject)))

    async def left(self, *, now: int) -> tuple[tuple[str, str, int], ...]:
        """At start: kind, subject and attempts of the work during which a process died, fewest attempts first. Forgets
        what is old."""
        old = attempts.c.at <= now - FORGOTTEN_AFTER_MS
        order = (attempts.c.attempts, attempts.c.at)
        async with self._database.write() as connection:
            await connection.execute(sa.delete(attempts).where(old))
            found = sa.select(attempts).where(attempts.c.at <= self._latest_of_the_dead(now)).order_by(*order)
            return tuple((row.kind, row.subject, row.attempts) for row in await connection.execute(found))

    def _latest_of_the_dead(self, now: int) -> int:
        """What another process began until then, it does no longer."""
        return now if self._database.alone else now - LONGEST_MS


def _this(kind: str, subject: str) -> sa.ColumnElement[bool]:
    return sa.and_(attempts.c.kind == kind, attempts.c.subject == subject)
