"""
Who may work on what, and whose turn it is.

A create goes to the asker with the fewest tasks in flight, and there to the oldest task. Seen ahead, an asker's n-th
waiting task (from 0) has its turn at the level "in flight + n"; levels come one after the other, and within a level the
oldest comes first. That is exactly the order in which creates begin while nothing else happens.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from storage.models import OPEN_STATES, TaskState
from storage.schema import tasks

QUEUED: Final = tasks.c.state == TaskState.QUEUED
PREPARED: Final = tasks.c.prepared_at.is_not(None)
IN_FLIGHT: Final = sa.and_(
    tasks.c.state.in_([TaskState.SUBMITTING, TaskState.GENERATING]), tasks.c.overdue_told_at.is_(None)
)
IN_QUESTION: Final = sa.and_(tasks.c.claimed_kie_id.is_not(None), tasks.c.state == TaskState.CLOSED)
"""Its outcome was told, but a callback says that there is another one."""
RISKY: Final = sa.or_(sa.and_(QUEUED, sa.not_(PREPARED)), tasks.c.state == TaskState.SETTLED)
"""Work that handles bytes of others, and may end the whole process: its attempts are counted."""
AGE: Final = (tasks.c.created_at, tasks.c.id)


def waiting(now: int) -> sa.ColumnElement[bool]:
    """Due, and in nobody's hands: without an owner, or with one whose lease ran out."""
    return sa.and_(tasks.c.due_at <= now, _unowned(now))


def claimable(now: int, owner: str, *, risky: bool) -> sa.Select[str]:
    """Due work, oldest due first, but for creates: those begin in turn. With `risky`, also `RISKY` work, but for what
    was under way when another process died."""
    claimed = sa.or_(tasks.c.state.in_([TaskState.SUBMITTING, TaskState.GENERATING]), IN_QUESTION)
    if risky:
        unsuspected = sa.or_(tasks.c.attempts == 0, tasks.c.owner == owner)
        claimed = sa.or_(claimed, sa.and_(RISKY, unsuspected))
    return sa.select(tasks.c.id).where(claimed, waiting(now)).order_by(tasks.c.due_at, tasks.c.id)


def suspects(now: int) -> sa.ColumnElement[bool]:
    """What was under way when a process died."""
    return sa.and_(RISKY, tasks.c.attempts > 0, _unowned(now))


def next_due(now: int) -> sa.Select[int | None]:
    wanting = sa.or_(tasks.c.state.in_(OPEN_STATES), IN_QUESTION)
    return sa.select(sa.func.min(tasks.c.due_at)).where(wanting, _unowned(now))


def next_create(now: int) -> sa.Select[Any]:
    """The task whose create comes next, of those that are prepared and waiting."""
    busy = _in_flight_by_asker()
    return (
        sa.select(tasks)
        .outerjoin(busy, busy.c.asker_id == tasks.c.asker_id)
        .where(QUEUED, PREPARED, waiting(now))
        .order_by(sa.func.coalesce(busy.c.tasks, 0), *AGE)
        .limit(1)
        .with_for_update(skip_locked=True, of=tasks)
    )


def any_waiting(now: int) -> sa.Select[Any]:
    """A row, if `next_create` has one."""
    return sa.select(tasks.c.id).where(QUEUED, PREPARED, waiting(now)).limit(1)


def queue() -> sa.Select[Any]:
    """The prepared tasks in the order in which their creates begin, whether they are due or put off."""
    turns = _turns(PREPARED)
    return sa.select(tasks).join(turns, turns.c.id == tasks.c.id).order_by(turns.c.turn)


def _place() -> sa.Select[int]:
    this: sa.BindParameter[str] = sa.bindparam("of")
    turns = _turns(sa.or_(PREPARED, tasks.c.id == this))
    return sa.select(turns.c.turn).where(turns.c.id == this)


def _turns(which: sa.ColumnElement[bool]) -> sa.Subquery:
    busy = _in_flight_by_asker()
    nth = sa.func.row_number().over(partition_by=tasks.c.asker_id, order_by=AGE) - 1
    levels = (
        sa.select(*AGE, (sa.func.coalesce(busy.c.tasks, 0) + nth).label("level"))
        .outerjoin(busy, busy.c.asker_id == tasks.c.asker_id)
        .where(QUEUED, which)
        .subquery()
    )
    order = (levels.c.level, levels.c.created_at, levels.c.id)
    return sa.select(levels.c.id, sa.func.row_number().over(order_by=order).label("turn")).subquery()


def _unowned(now: int) -> sa.ColumnElement[bool]:
    return sa.or_(tasks.c.owner.is_(None), tasks.c.lease_until <= now)


def _in_flight_by_asker() -> sa.Subquery:
    counted = sa.select(tasks.c.asker_id, sa.func.count().label("tasks"))
    return counted.where(IN_FLIGHT).group_by(tasks.c.asker_id).subquery()


PLACE: Final = _place()
"""The place in that order of the task `of`, from 1, as if it were prepared; no row when it is not queued."""
