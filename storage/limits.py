"""
What a submit must not pass: open tasks of a person; pictures of a person, and of all, in the last 24 hours.

An outcome that is kept for its asker is no open task: it waits for the very command that it would stand in the way of.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from storage.models import OPEN_STATES, Limits, NewTask
from storage.schema import tasks
from storage.transactions import Transaction

DAY_MS: Final = 24 * 60 * 60 * 1000


class LimitReached(Exception):
    """
    A submit would pass a limit; nothing was stored. `limit` is the name of the field of `Limits`, `allowed` its value.

    `free_at`: for the limits per day, when (ms) enough of the oldest pictures fall out of the last 24 hours, else None
    (also when one request alone asks for more than a day has).
    """

    def __init__(self, limit: str, allowed: int, free_at: int | None = None) -> None:
        super().__init__(limit)
        self.limit, self.allowed, self.free_at = limit, allowed, free_at


async def check_limits(connection: Transaction, new: NewTask, limits: Limits, *, now: int) -> None:
    """Raises LimitReached. Only holds until the end of a transaction that nobody else can submit beside."""
    theirs = tasks.c.asker_id == new.asker_id
    await _check_open(connection, theirs, limits.open_tasks_per_user)
    await _check_day(connection, theirs, "pictures_per_user_per_day", limits.pictures_per_user_per_day, new, now)
    await _check_day(connection, sa.true(), "pictures_per_day", limits.pictures_per_day, new, now)


async def _check_open(connection: Transaction, whose: sa.ColumnElement[bool], allowed: int) -> None:
    if not allowed:
        return
    still_open = sa.and_(whose, tasks.c.state.in_(OPEN_STATES), tasks.c.kept_at.is_(None))
    count = sa.select(sa.func.count()).select_from(tasks).where(still_open)
    if (await connection.execute(count)).scalar_one() >= allowed:
        raise LimitReached("open_tasks_per_user", allowed)


async def _check_day(
    connection: Transaction, whose: sa.ColumnElement[bool], limit: str, allowed: int, new: NewTask, now: int
) -> None:
    if not allowed:
        return
    today = sa.and_(whose, tasks.c.charged, tasks.c.created_at > now - DAY_MS)
    used: int = (
        await connection.execute(sa.select(sa.func.coalesce(sa.func.sum(tasks.c.variants), 0)).where(today))
    ).scalar_one()
    excess = used + new.variants - allowed
    if excess > 0:
        raise LimitReached(limit, allowed, await _free_at(connection, today, excess))


async def _free_at(connection: Transaction, today: sa.ColumnElement[bool], excess: int) -> int | None:
    """When the oldest tasks of `today` that have `excess` pictures between them are a day old."""
    oldest_first = sa.select(tasks.c.created_at, tasks.c.variants).where(today).order_by(tasks.c.created_at)
    for row in await connection.execute(oldest_first):
        excess -= row.variants
        if excess <= 0:
            return int(row.created_at) + DAY_MS
    return None
