"""
Check the limits that a new task or set must keep, so that no person uses up the credits or the disk: open tasks of a
person; pictures of a person, and of all people, in the last 24 hours; bytes stored for a person, in all and in the last
24 hours.

A task whose outcome is kept for its asker does not count as open: it would block the command that delivers the outcome.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from storage.database import Database
from storage.models import OPEN_STATES, Limits, NewTask, TaskState
from storage.prepared import Prepared
from storage.schema import reference_sets, references, set_pictures, spendings, tasks
from storage.transactions import Transaction

DAY_MS: Final = 24 * 60 * 60 * 1000
_OF_DAY: Final = ("pictures_per_user_per_day", "pictures_per_day")
"""Limits of pictures in the last 24 hours, of a person and of all people."""


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
) -> bool:
    """Check whether `count` tasks like `new` may be stored. Return False, whatever the limits, if the task of its
    interaction is stored already. `kept`: stored bytes of the asker that are older than a day, counted before the
    transaction. Raises LimitExceeded. The result holds only until the end of a transaction during which no other submit
    runs."""
    limited = tuple(name for name in ("open_tasks_per_user", *_OF_DAY) if getattr(limits, name))
    given = {"interaction": new.interaction_id, "asker": new.asker_id, "since": now - DAY_MS}
    ((is_stored, *amounts),) = await _in_use(limited).rows(connection, given)
    if is_stored:
        return False
    for limit, used in zip(limited, map(int, amounts), strict=True):
        allowed = getattr(limits, limit)
        if limit not in _OF_DAY:
            if used + count > allowed:
                raise LimitExceeded(limit, allowed)
        elif (excess := used + new.request.variants * count - allowed) > 0:
            today = _today(now - DAY_MS, new.asker_id if limit == "pictures_per_user_per_day" else None)
            raise LimitExceeded(limit, allowed, await _free_at(connection, today, excess), used=used)
    declared_bytes = sum(reference.declared_bytes for reference in new.request.references) * count
    await check_stored(connection, new.asker_id, declared_bytes, limits, now=now, kept=kept)
    return True


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
    if allowed := limits.stored_bytes_per_user_per_day:
        today = _arrived(person_id, now - DAY_MS)
        used = await _used(connection, today)
        if (excess := used + more - allowed) > 0:
            free_at = await _free_at(connection, today, excess)
            raise LimitExceeded("stored_bytes_per_user_per_day", allowed, free_at, used=used)


async def pictures_today(connection: Transaction, asker_id: int, *, now: int) -> int:
    """Return how many pictures a person asked for in the last 24 hours, as the limit per day counts them."""
    return await _used(connection, _today(now - DAY_MS, asker_id))


@cache
def _in_use(limited: tuple[str, ...]) -> Prepared:
    """Select how many tasks the interaction has, and how much of each of these limits is in use, in one row: each
    statement is a round trip to a server."""
    asker, since = sa.bindparam("asker", type_=sa.BigInteger), sa.bindparam("since", type_=sa.BigInteger)
    stored = sa.select(sa.func.count()).where(tasks.c.interaction_id == sa.bindparam("interaction"))
    still_open = sa.and_(tasks.c.asker_id == asker, tasks.c.state.in_(OPEN_STATES), tasks.c.undelivered_at.is_(None))
    counts = {
        "open_tasks_per_user": sa.select(sa.func.count()).select_from(tasks).where(still_open),
        "pictures_per_user_per_day": _amount(_today(since, asker)),
        "pictures_per_day": _amount(_today(since)),
    }
    return Prepared(sa.select(*[count.scalar_subquery() for count in (stored, *[counts[name] for name in limited])]))


def _today(since: int | sa.BindParameter[int], asker: int | sa.BindParameter[int] | None = None) -> sa.Subquery:
    """Select when (`at`) how many pictures (`amount`) were asked for after `since` (ms), by one person or by all
    people. Requests that ended without a charge do not count; pictures erased since then do."""
    made = sa.select(tasks.c.created_at.label("at"), tasks.c.variants.label("amount"))
    made = made.where(tasks.c.charged, tasks.c.created_at > since)
    erased = sa.select(spendings.c.at, spendings.c.pictures.label("amount")).where(spendings.c.at > since)
    if asker is not None:
        made, erased = made.where(tasks.c.asker_id == asker), erased.where(spendings.c.person_id == asker)
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
    return int((await connection.execute(_amount(counted))).scalar_one())


def _amount(counted: sa.Subquery) -> sa.Select[int]:
    return sa.select(sa.func.coalesce(sa.func.sum(counted.c.amount), 0))


async def _free_at(connection: Transaction, today: sa.Subquery, excess: int) -> int | None:
    """Return when (ms) the oldest entries of `today` that together amount to `excess` become a day old."""
    for row in await connection.execute(sa.select(today).order_by(today.c.at)):
        excess -= row.amount
        if excess <= 0:
            return int(row.at) + DAY_MS
    return None
