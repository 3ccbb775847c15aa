"""
What a submit must not pass: open tasks of a person; pictures of a person, and of all, in the last 24 hours.

An outcome that is kept for its asker is no open task: it waits for the very command that it would stand in the way of.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from storage.models import OPEN_STATES, Limits, NewTask
from storage.schema import spendings, tasks
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


async def check_limits(connection: Transaction, new: NewTask, limits: Limits, *, now: int, count: int = 1) -> None:
    """Whether so many tasks like this one may be stored. Raises LimitReached. Only holds until the end of a transaction
    that nobody else can submit beside."""
    theirs, pictures = tasks.c.asker_id == new.asker_id, new.variants * count
    await _check_open(connection, theirs, limits.open_tasks_per_user, count)
    await _check_day(
        connection, _today(now, new.asker_id), "pictures_per_user_per_day", limits.pictures_per_user_per_day, pictures
    )
    await _check_day(connection, _today(now), "pictures_per_day", limits.pictures_per_day, pictures)


async def pictures_today(connection: Transaction, asker_id: int, *, now: int) -> int:
    """Of a person, as the limit per day counts them."""
    return await _used(connection, _today(now, asker_id))


async def _check_open(connection: Transaction, whose: sa.ColumnElement[bool], allowed: int, more: int) -> None:
    if not allowed:
        return
    still_open = sa.and_(whose, tasks.c.state.in_(OPEN_STATES), tasks.c.kept_at.is_(None))
    count = sa.select(sa.func.count()).select_from(tasks).where(still_open)
    if (await connection.execute(count)).scalar_one() + more > allowed:
        raise LimitReached("open_tasks_per_user", allowed)


async def _check_day(connection: Transaction, today: sa.Subquery, limit: str, allowed: int, more: int) -> None:
    if not allowed:
        return
    excess = await _used(connection, today) + more - allowed
    if excess > 0:
        raise LimitReached(limit, allowed, await _free_at(connection, today, excess))


def _today(now: int, asker_id: int | None = None) -> sa.Subquery:
    """When (`at`) how many `pictures` of the last 24 hours were asked for, by one person or by all; what was erased
    since counts as well."""
    made = sa.select(tasks.c.created_at.label("at"), tasks.c.variants.label("pictures"))
    made = made.where(tasks.c.charged, tasks.c.created_at > now - DAY_MS)
    erased = sa.select(spendings.c.at, spendings.c.pictures).where(spendings.c.at > now - DAY_MS)
    if asker_id is not None:
        made, erased = made.where(tasks.c.asker_id == asker_id), erased.where(spendings.c.person_id == asker_id)
    return sa.union_all(made, erased).subquery()


async def _used(connection: Transaction, today: sa.Subquery) -> int:
    pictures = sa.select(sa.func.coalesce(sa.func.sum(today.c.pictures), 0))
    return int((await connection.execute(pictures)).scalar_one())


async def _free_at(connection: Transaction, today: sa.Subquery, excess: int) -> int | None:
    """When the oldest of `today` that have `excess` pictures between them are a day old."""
    for row in await connection.execute(sa.select(today).order_by(today.c.at)):
        excess -= row.pictures
        if excess <= 0:
            return int(row.at) + DAY_MS
    return None
