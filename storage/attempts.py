"""
Count attempts of outbox work (messages of batches, copies for galleries, reports, …), so that work which kills the
process can be found and given up. A row is written before the work begins and deleted when the work ends, whatever its
result. A row that exists at a start therefore belongs to work during which a process died, or to another process that
shares the database. Attempts of a task are a column of its own row.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from storage.database import Database
from storage.schema import attempts

FORGOTTEN_AFTER_MS: Final = 30 * 24 * 60 * 60 * 1000
"""ms. A row left by a dead process is deleted after this time: its work was never due again, so its subject no longer
exists."""
LONGEST_MS: Final = 120_000
"""ms. Longest time that an attempt takes. If several processes share a database, a younger row of another process
may belong to work that is still running."""


class AttemptStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, kind: str, subject: str, *, owner: str, now: int) -> int | None:
        """Count an attempt to work on the subject. Return the number of attempts so far, this one included. An attempt
        that the same `owner` counted and did not end is not counted again. Return None, and count nothing, if another
        process may still be working on the subject: its row is younger than `LONGEST_MS` and the database is shared.
        `owner` names one run of a process."""
        this = _this(kind, subject)
        async with self._database.write() as connection:
            await self._database.serialize(connection, f"attempts of {kind} {subject}")
            found = (await connection.execute(sa.select(attempts).where(this))).first()
            if found is not None and found.owner != owner and found.at > self._latest_of_the_dead(now):
                return None
            if found is None:
                counted = 1
            elif found.owner == owner:
                counted = found.attempts
            else:
                counted = found.attempts + 1
            await connection.execute(sa.delete(attempts).where(this))
            row = {"kind": kind, "subject": subject, "attempts": counted, "owner": owner, "at": now}
            await connection.execute(sa.insert(attempts).values(row))
            return counted

    async def end(self, kind: str, subject: str) -> None:
        """Delete the row: the work has ended and the process is alive."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(attempts).where(_this(kind, subject)))

    async def left(self, *, now: int) -> tuple[tuple[str, str, int], ...]:
        """Return kind, subject and attempts of the work during which a process died, fewest attempts first, and keep
        their rows; if the database is shared, only of work that began at least `LONGEST_MS` ago. Delete old rows
        (`FORGOTTEN_AFTER_MS`). Called at start."""
        old = attempts.c.at <= now - FORGOTTEN_AFTER_MS
        order = (attempts.c.attempts, attempts.c.at)
        async with self._database.write() as connection:
            await connection.execute(sa.delete(attempts).where(old))
            found = sa.select(attempts).where(attempts.c.at <= self._latest_of_the_dead(now)).order_by(*order)
            return tuple((row.kind, row.subject, row.attempts) for row in await connection.execute(found))

    def _latest_of_the_dead(self, now: int) -> int:
        """Return the latest begin time (ms) of attempts that no other process can still be working on."""
        return now if self._database.alone else now - LONGEST_MS


def _this(kind: str, subject: str) -> sa.ColumnElement[bool]:
    return sa.and_(attempts.c.kind == kind, attempts.c.subject == subject)
