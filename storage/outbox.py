"""
Rows that wait for work outside the database: a message to post, to edit or to delete, data to erase.

A row is due when its due time has passed. A worker claims the row by moving the due time into the future, if that time
is still as read: of two workers, the second one gets nothing. The claimed time proves the claim. Finishing, postponing
and retrying change the due time only if it is still the claimed one, so a row that became due again during the work
stays due; without a lease, its count of failures stays as it is, too. If the worker dies, the row becomes due when the
claim ends.

Rows with a lease (`owner`, `lease_until`) may become due again during the work any number of times, and no second
worker gets them before the lease ends.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

import sqlalchemy as sa

from storage.database import Database
from storage.prepared import Prepared
from storage.shards import KEPT_STATEMENTS, Shards, number_of, within

OWNER_BYTES: Final = 9

Row = TypeVar("Row")


class Outbox(Generic[Row]):
    """Outbox rows of one table, as frozen dataclasses whose fields are named like the columns.

    `due` is the column of the due time (ms; None: nothing to do), `key` matches the row of a value, `select` and `read`
    load rows. Only rows that match `condition` are worked on. `failures` counts failed attempts in a row, `attempted`
    is set when a row is claimed for the first time, `owner` and `lease` are the columns of the lease, if there is one.
    `guild` is the column of the server; rows without one are those of shard 0.
    """

    def __init__(
        self,
        database: Database,
        due: sa.Column[Any],
        *,
        key: Callable[[Row], sa.ColumnElement[bool]],
        select: sa.Select[Any],
        read: Callable[..., Row],
        condition: sa.ColumnElement[bool] | None = None,
        failures: sa.Column[Any] | None = None,
        attempted: sa.Column[Any] | None = None,
        owner: sa.Column[Any] | None = None,
        lease: sa.Column[Any] | None = None,
        guild: sa.Column[Any] | None = None,
    ) -> None:
        self._database = database
        self._due = due
        self._table: Any = due.table
        self._key = key
        self._select = select
        self._read = read
        self._condition = sa.true() if condition is None else condition
        self._failures = failures
        self._attempted = attempted
        self._owner = owner
        self._lease = lease
        self._guild: sa.ColumnElement[Any] = sa.literal_column("0", sa.BigInteger) if guild is None else guild
        self._due_rows = lru_cache(maxsize=KEPT_STATEMENTS)(self._select_due)

    async def due(self, *, now: int, limit: int, shards: Shards | None = None) -> tuple[Row, ...]:
        """Return the rows of these shards (None: of all) that are due and not leased, longest due first."""
        return await self._database.values(self._read, self._due_rows(shards), {"now": now, "most": limit})

    def _select_due(self, shards: Shards | None) -> Prepared:
        these = sa.and_(self._is_due(), within(shards, self._guild))
        most = sa.bindparam("most", type_=sa.Integer)
        return Prepared(self._select.where(these).order_by(self._due).limit(most))

    def shards_due(self, name: str, *, count: int) -> sa.Select[str, int]:
        """Select `name` with each shard, of `count` in all, that has rows which are due at `now` and not leased."""
        shard = number_of(self._guild, count).label("shard")
        return sa.select(sa.literal(name).label("name"), shard).where(self._is_due()).distinct()

    def _is_due(self) -> sa.ColumnElement[bool]:
        now = sa.bindparam("now", type_=sa.BigInteger)
        due = sa.and_(self._due <= now, self._condition)
        return due if self._lease is None else sa.and_(due, self._lease <= now)

    async def claim(self, row: Row, *, now: int, until: int) -> Row | None:
        """
        Claim a row until `until` (ms) and store the attempt. Return the claimed row, or None if another worker was
        faster, the row is not due or there is nothing left to do; without a lease, also if its due time has changed
        since it was read.

        The claimed row has the `attempted_at` from before the claim: if set, an earlier attempt may have had an effect.
        """
        if self._owner is None or self._lease is None:
            free = self._due == getattr(row, self._due.name)
            claim: dict[str, Any] = {self._due.name: until}
        else:
            free = sa.and_(self._owner.is_not_distinct_from(getattr(row, self._owner.name)), self._lease <= now)
            claim = {
                self._due.name: until,
                self._lease.name: until,
                self._owner.name: secrets.token_hex(OWNER_BYTES),
            }
        changes = dict(claim)
        if self._attempted is not None:
            changes[self._attempted.name] = sa.func.coalesce(self._attempted, now)
        these = sa.and_(self._key(row), self._condition, self._due <= now, free)
        async with self._database.write() as connection:
            changed = await connection.execute(sa.update(self._table).where(these).values(changes))
        return dataclasses.replace(row, **claim) if changed.rowcount else None  # type: ignore[type-var]  # a dataclass

    async def finish(self, row: Row) -> None:
        """End the work on a claimed row. A row that became due again during the work stays due; its lease, if there is
        one, ends."""
        await self._settle(row, due=None, failures=0)

    async def postpone(self, row: Row, *, due: int) -> None:
        """Make a claimed row due again at `due` (ms), and reset the count of failures."""
        await self._settle(row, due=due, failures=0)

    async def retry(self, row: Row, *, due: int | None) -> None:
        """Count a failed attempt, and make the row due again at `due` (ms); None gives up: the row is no longer
        due."""
        failures = 0 if self._failures is None else self._failures + 1
        await self._settle(row, due=due, failures=failures)

    async def resume(self, *, now: int) -> None:
        """Make every claimed or postponed row due now, at start. Does nothing if other processes may share the
        database: the rows may be theirs."""
        if not self._database.alone:
            return
        async with self._database.write() as connection:
            if self._owner is not None and self._lease is not None:
                free = {self._owner.name: None, self._lease.name: 0, self._due.name: now}
                await connection.execute(sa.update(self._table).where(self._lease > 0).values(free))
            later = sa.update(self._table).where(self._due > now).values({self._due.name: now})
            await connection.execute(later)

    async def _settle(self, row: Row, *, due: int | None, failures: Any) -> None:
        unchanged = self._due == getattr(row, self._due.name)
        changes: dict[str, Any] = {} if self._failures is None else {self._failures.name: failures}
        if self._owner is None or self._lease is None:
            these = sa.and_(self._key(row), unchanged)
            changes[self._due.name] = due
        else:
            these = sa.and_(self._key(row), self._owner == getattr(row, self._owner.name))
            changes |= {self._owner.name: None, self._lease.name: 0}
            changes[self._due.name] = sa.case((unchanged, due), else_=self._due)
        async with self._database.write() as connection:
            await connection.execute(sa.update(self._table).where(these).values(changes))


def select_due_by_shard(outboxes: tuple[tuple[str, Outbox[Any]], ...], count: int) -> Prepared:
    """Select the names of the outboxes that have rows due at `now`, each with the shards, of `count` in all, that these
    rows are of: one statement, so that one process can look for all."""
    return Prepared(sa.union_all(*[outbox.shards_due(name, count=count) for name, outbox in outboxes]))
