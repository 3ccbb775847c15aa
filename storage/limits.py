"""
Check the limits that a new task or set must keep, so that no person uses up the credits or the disk: open tasks of a
person; pictures of a person, and of all people, in the last 24 hours; bytes stored for a person, in all and in the last
24 hours.

A task whose outcome is kept for its asker does not count as open: it would block the command that delivers the outcome.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from storage.database import Database
from storage.models import OPEN_STATES, Limits, NewTask, TaskState
from storage.schema import reference_sets, references, set_pictures, spendings, tasks
from storage.transactions import Transaction

DAY_MS: Final = 24 * 60 * 60 * 1000


class LimitExceeded(Exception):
    """
    A new task, set or file would exceed a limit; nothing was stored. `limit` is the name of the field of `Limits`,
    `allowed` its value. `used`: the amount in use already, of bytes or of a limit per day; 0 for open tasks.

    `free_at`: for the limits per day, the time (ms) at which enough of the oldest pictures or bytes leave the last
    24 hours; else None, also if one request alone exceeds the limit.
    """

    def __init__(self, limit: str, allowed: int, free_at: int | None = None, *, used: int = 0) -> None:
        super().__init__(limit)
        self.limit, self.allowed, self.free_at, self.used = limit, allowed, free_at, used


async def check_limits(
    connection: Transaction, new: NewTask, limits: Limits, *, now: int, kept: int = 0, count: int = 1
) -> None:
    """Check whether `count` tasks like `new` may be stored. `kept`: stored bytes of the asker that are older than a
    day, counted before the transaction. Raises LimitExceeded. The result holds only until the end of a transaction
    during which no other submit runs."""
    theirs, pictures = tasks.c.asker_id == new.asker_id, new.request.variants * count
    await _check_open(connection, theirs, limits.open_tasks_per_user, count)
    await _check_day(
        connection, _today(now, new.asker_id), "pictures_per_user_per_day", limits.pictures_per_user_per_day, pictures
    )
    await _check_day(connection, _today(now), "pictures_per_day", limits.pictures_per_day, pictures)
    declared_bytes = sum(reference.declared_bytes for reference in new.request.references) * count
    await check_stored(connection, new.asker_id, declared_bytes, limits, now=now, kept=kept)


async def kept_of_before(database: Database, person_id: int, limits: Limits, *, now: int) -> int:
    """
    Return the bytes that arrived more than a day ago and are stored, or about to be stored, for a person; 0 if stored
    bytes are not limited.

    Call this before the transaction that takes the lock of the person's submits: there may be thousands of rows, and
    until then the number changes little, because such pictures are hardly ever added.
    """
    if not limits.stored_bytes_per_user:
        return 0
    async with database.read(long=True) as connection:
        return await _used(connection, _kept(person_id, until=now - DAY_MS))


async def check_stored(
    connection: Transaction, person_id: int, more: int, limits: Limits, *, now: int, kept: int
) -> None:
    """Check whether `more` further bytes may be stored for a person: all of the person's stored bytes have a limit, and
    those that arrived in the last 24 hours, stored or not, another one. `kept`: the person's stored bytes that are
    older than a day, counted before the transaction. Raises LimitExceeded, never if `more` is 0."""
    if not more:
        return
    allowed = limits.stored_bytes_per_user
    if allowed and (used := kept + await _used(connection, _kept(person_id, since=now - DAY_MS))) + more > allowed:
        raise LimitExceeded("stored_bytes_per_user", allowed, used=used)
    today = _arrived(person_id, now - DAY_MS)
    await _check_day(connection, today, "stored_bytes_per_user_per_day", limits.stored_bytes_per_user_per_day, more)


async def pictures_today(connection: Transaction, asker_id: int, *, now: int) -> int:
    """Return how many pictures a person asked for in the last 24 hours, as the limit per day counts them."""
    return await _used(connection, _today(now, asker_id))


async def _check_open(connection: Transaction, requester: sa.ColumnElement[bool], allowed: int, more: int) -> None:
    if not allowed:
        return
    still_open = sa.and_(requester, tasks.c.state.in_(OPEN_STATES), tasks.c.undelivered_at.is_(None))
    count = sa.select(sa.func.count()).select_from(tasks).where(still_open)
    if (await connection.execute(count)).scalar_one() + more > allowed:
        raise LimitExceeded("open_tasks_per_user", allowed)


async def _check_day(connection: Transaction, today: sa.Subquery, limit: str, allowed: int, more: int) -> None:
    if not allowed:
        return
    used = await _used(connection, today)
    excess = used + more - allowed
    if excess > 0:
        raise LimitExceeded(limit, allowed, await _free_at(connection, today, excess), used=used)


def _today(now: int, asker_id: int | None = None) -> sa.Subquery:
    """Select when (`at`) how many pictures (`amount`) were asked for in the last 24 hours, by one person or by all
    people. Requests that ended without a charge do not count; pictures erased since then do."""
    made = sa.select(tasks.c.created_at.label("at"), tasks.c.variants.label("amount"))
    made = made.where(tasks.c.charged, tasks.c.created_at > now - DAY_MS)
    erased = sa.select(spendings.c.at, spendings.c.pictures.label("amount")).where(spendings.c.at > now - DAY_MS)
    if asker_id is not None:
        made, erased = made.where(tasks.c.asker_id == asker_id), erased.where(spendings.c.person_id == asker_id)
    return sa.union_all(made, erased).subquery()


def _kept(person_id: int, *, since: int | None = None, until: int | None = None) -> sa.Subquery:
    """Select when (`at`) how many bytes (`amount`) arrived in this time that are stored, or about to be stored, for a
    person."""
    there = sa.or_(references.c.key.is_not(None), tasks.c.state == TaskState.QUEUED)
    attached, saved = _attached(person_id).where(there), _saved(person_id)
    if since is not None:
        attached, saved = attached.where(tasks.c.created_at > since), saved.where(reference_sets.c.created_at > since)
    if until is not None:
        attached, saved = attached.where(tasks.c.created_at <= until), saved.where(reference_sets.c.created_at <= until)
    return sa.union_all(attached, saved).subquery()


def _arrived(person_id: int, since: int) -> sa.Subquery:
    """Select when (`at`) how many bytes (`amount`) arrived for a person after `since` (ms): input pictures of
    requests, still stored or not, and sets that were not deleted."""
    attached = _attached(person_id).where(tasks.c.created_at > since)
    return sa.union_all(attached, _saved(person_id).where(reference_sets.c.created_at > since)).subquery()


def _attached(person_id: int) -> sa.Select[Any]:
    """Select the input pictures of a person's requests, attached or reused. A file not checked yet counts with its
    declared size; a file whose task left the queue without the check does not count."""
    size = sa.case(
        (references.c.bytes.is_not(None), references.c.bytes),
        (tasks.c.state == TaskState.QUEUED, references.c.declared_bytes),
        else_=0,
    )
    attached = sa.select(tasks.c.created_at.label("at"), size.label("amount"))
    return attached.join_from(tasks, references, references.c.task_id == tasks.c.id).where(
        tasks.c.asker_id == person_id
    )


def _saved(person_id: int) -> sa.Select[Any]:
    """Select the pictures in a person's sets."""
    saved = sa.select(reference_sets.c.created_at.label("at"), set_pictures.c.bytes.label("amount"))
    return saved.join_from(reference_sets, set_pictures).where(reference_sets.c.owner_id == person_id)


async def _used(connection: Transaction, counted: sa.Subquery) -> int:
    amount = sa.select(sa.func.coalesce(sa.func.sum(counted.c.amount), 0))
    return int((await connection.execute(amount)).scalar_one())


async def _free_at(connection: Transaction, today: sa.Subquery, excess: int) -> int | None:
    """Return when (ms) the oldest entries of `today` that together amount to `excess` become a day old."""
    for row in await connection.execute(sa.select(today).order_by(today.c.at)):
        excess -= row.amount
        if excess <= 0:
            return int(row.at) + DAY_MS
    return None
