"""
Select which tasks a worker may claim, and in which order creates begin.

A create goes to the asker with the fewest tasks in flight, then to the oldest task. To predict the order, an asker's
n-th waiting task (from 0) gets the level "in flight + n"; lower levels come first, and within a level the oldest task.
This is exactly the order in which creates begin while nothing else happens.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from storage.models import OPEN_STATES, TaskState
from storage.schema import tasks

QUEUED: Final = tasks.c.state == TaskState.QUEUED
PREPARED: Final = tasks.c.prepared_at.is_not(None)
IN_FLIGHT: Final = sa.and_(
    tasks.c.state.in_([TaskState.SUBMITTING, TaskState.GENERATING]), tasks.c.overdue_notified_at.is_(None)
)
IN_QUESTION: Final = sa.and_(tasks.c.claimed_job_id.is_not(None), tasks.c.state == TaskState.CLOSED)
"""The task is closed, but a callback says that its create was accepted."""
RISKY: Final = sa.or_(sa.and_(QUEUED, sa.not_(PREPARED)), tasks.c.state == TaskState.SETTLED)
"""Work that processes bytes from outside (attachments, results) and may kill the process: its attempts are counted."""
AGE: Final = (tasks.c.created_at, tasks.c.id)


def waiting(now: int) -> sa.ColumnElement[bool]:
    """Match tasks that are due and have no owner, or an owner whose lease has expired."""
    return sa.and_(tasks.c.due_at <= now, _unowned(now))


def claimable(now: int, owner: str, *, risky: bool) -> sa.Select[str]:
    """Select due and unowned tasks that wait for work, oldest due time first, but no prepared queued ones: their
    creates begin in fair order (`next_create`). `RISKY` work is selected only with `risky`, and without `suspects` of
    other owners."""
    claimed = sa.or_(tasks.c.state.in_([TaskState.SUBMITTING, TaskState.GENERATING]), IN_QUESTION)
    if risky:
        unsuspected = sa.or_(tasks.c.attempts == 0, tasks.c.owner == owner)
        claimed = sa.or_(claimed, sa.and_(RISKY, unsuspected))
    return sa.select(tasks.c.id).where(claimed, waiting(now)).order_by(tasks.c.due_at, tasks.c.id)


def suspects(now: int) -> sa.ColumnElement[bool]:
    """Match unowned tasks with `RISKY` work that did not end: the process died or ran out of memory during it, or the
    lease expired."""
    return sa.and_(RISKY, tasks.c.attempts > 0, _unowned(now))


def next_due(now: int) -> sa.Select[int | None]:
    """Select the earliest due time (ms), past or future, of the unowned tasks that wait for any work; one NULL if there
    is none."""
    wanting = sa.or_(tasks.c.state.in_(OPEN_STATES), IN_QUESTION)
    return sa.select(sa.func.min(tasks.c.due_at)).where(wanting, _unowned(now))


def next_create(now: int) -> sa.Select[Any]:
    """Select the prepared and waiting task whose create comes next."""
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
    """Select a row if `next_create` has one."""
    return sa.select(tasks.c.id).where(QUEUED, PREPARED, waiting(now)).limit(1)


def queue() -> sa.Select[Any]:
    """Select the prepared tasks in the order in which their creates begin, postponed ones as if they were due."""
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
"""Select the place (from 1) of the task `of` in the order of `queue`, as if the task were prepared; no row if the task
is not queued."""
