"""
Select which tasks a worker may claim, and in which order creates begin.

A create goes to the asker with the fewest creates in flight, then to the oldest task; so a task that wants several
creates holds up other people's tasks as much as several tasks of its asker would. To predict the order, a waiting
task gets the level "in flight + creates that the asker's older waiting tasks still want"; lower levels come first, and
within a level the oldest task. This is exactly the order in which the first creates of tasks begin while nothing else
happens.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from storage.models import ENDED_STATES, OPEN_STATES, CreateState, TaskState
from storage.prepared import Prepared
from storage.schema import creates, found_in_state, tasks
from storage.shards import Shards, within

Moment: TypeAlias = int | sa.BindParameter[int]
"""A time (ms)."""
QUEUED: Final = tasks.c.state == TaskState.QUEUED
PREPARED: Final = tasks.c.prepared_at.is_not(None)
IN_FLIGHT: Final = sa.and_(
    tasks.c.state.in_([TaskState.SUBMITTING, TaskState.GENERATING]), tasks.c.overdue_notified_at.is_(None)
)
KEPT_STATEMENTS: Final = 32
"""Forms of a statement that are kept: which shards are passed over changes when a process joins or is gone."""
FURTHER: Final = sa.and_(
    tasks.c.state == TaskState.GENERATING,
    tasks.c.next_create_at.is_not(None),
    tasks.c.withheld_at.is_(None),
    tasks.c.removed_at.is_(None),
)
"""The task wants a further create: its first one was accepted, and its asker still wants the pictures posted."""
FURTHER_BY_TIME: Final = sa.and_(
    found_in_state(TaskState.GENERATING),
    tasks.c.withheld_at.is_(None),
    tasks.c.removed_at.is_(None),
)
"""Together with a bound of `next_create_at`: `FURTHER`."""
IN_QUESTION: Final = sa.and_(tasks.c.claimed_job_id >= "", found_in_state(*ENDED_STATES))
"""The task is closed, but a callback says that its create was accepted."""
RISKY: Final = sa.or_(sa.and_(QUEUED, sa.not_(PREPARED)), tasks.c.state == TaskState.SETTLED)
"""Work that processes bytes from outside (attachments, results) and may kill the process: its attempts are counted."""
UNDER_WAY: Final = creates.c.state.in_([CreateState.SENT, CreateState.TAKEN, CreateState.UNCONFIRMED])
AGE: Final = (tasks.c.created_at, tasks.c.id)


def waiting(now: Moment) -> sa.ColumnElement[bool]:
    """Match tasks that are due and have no owner, or an owner whose lease has expired."""
    return sa.and_(tasks.c.due_at <= now, _unowned(now))


def claimable(
    now: Moment, owner: str | sa.BindParameter[str], *, risky: bool, shards: Shards | None = None
) -> sa.Select[str]:
    """Select due and unowned tasks that wait for work, oldest due time first, but no prepared queued ones: their
    creates begin in fair order (`next_create`). `RISKY` work is selected only with `risky`, and without `suspects` of
    other owners."""
    kinds: sa.ColumnElement[bool] = tasks.c.state.in_([TaskState.SUBMITTING, TaskState.GENERATING])
    if risky:
        unsuspected = sa.or_(tasks.c.attempts == 0, tasks.c.owner == owner)
        kinds = sa.or_(kinds, sa.and_(RISKY, unsuspected))
    opened = sa.and_(tasks.c.state.in_(OPEN_STATES), waiting(now), kinds)
    claimed = sa.or_(opened, sa.and_(IN_QUESTION, waiting(now)))
    own = within(shards, tasks.c.guild_id)
    return sa.select(tasks.c.id).where(claimed, own).order_by(tasks.c.due_at, tasks.c.id)


def suspects(now: Moment) -> sa.ColumnElement[bool]:
    """Match unowned tasks with `RISKY` work that did not end: the process died or ran out of memory during it, or the
    lease expired."""
    return sa.and_(RISKY, tasks.c.attempts > 0, _unowned(now))


def longest_due(now: Moment, *, shards: Shards | None = None) -> sa.Select[int]:
    """Select as `due` the earliest due time (ms; not in the future) of the unowned tasks that wait for any work but a
    create; NULL if there is none."""
    past, unprepared = tasks.c.due_at <= now, sa.not_(PREPARED)
    firsts = [
        _first(tasks.c.due_at, tasks.c.state == state, past, *([unprepared] if state is TaskState.QUEUED else []))
        for state in sorted(OPEN_STATES)
    ]
    return _earliest([*firsts, _first(tasks.c.due_at, IN_QUESTION, past)], now, shards)


def next_after(now: Moment, *, shards: Shards | None = None) -> sa.Select[int]:
    """Select as `due` the earliest time (ms) after `now` at which an unowned task becomes due for any work, a further
    create included; NULL if there is none."""
    firsts = [_first(tasks.c.due_at, tasks.c.state == state, tasks.c.due_at > now) for state in sorted(OPEN_STATES)]
    further = _first(tasks.c.next_create_at, FURTHER_BY_TIME, tasks.c.next_create_at > now)
    return _earliest([*firsts, _first(tasks.c.due_at, IN_QUESTION, tasks.c.due_at > now), further], now, shards)


def _first(due: sa.Column[Any], *which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(due).where(*which).order_by(due).limit(1)


def _earliest(firsts: Sequence[sa.Select[Any]], now: Moment, shards: Shards | None) -> sa.Select[int]:
    """Select the minimum of what each of `firsts` selects of the unowned tasks of these shards. Each finds its row at
    the beginning of an index; for the minimum of all rows, the databases would read all of them."""
    own = [first.where(_unowned(now), within(shards, tasks.c.guild_id)).scalar_subquery() for first in firsts]
    due = sa.union_all(*[sa.select(first.label("due")) for first in own]).subquery().c.due
    return sa.select(sa.func.min(due).label("due"))


@functools.lru_cache(maxsize=KEPT_STATEMENTS)
def next_create(*, first: bool = True, passing: Shards | None = None, lock: bool = True) -> Prepared:
    """
    Select the first `most` of the tasks that wait for a create at `now`, in the order in which these begin, and as
    `flying` how many creates the tasks in flight want.

    Without `first`: only a further create of a task that has begun. None of the shards in `passing`. `lock` the rows,
    and skip locked ones.
    """
    now = sa.bindparam("now", type_=sa.BigInteger)
    busy = _in_flight_by_asker()
    flying = sa.select(sa.func.coalesce(sa.func.sum(tasks.c.creates_wanted), 0)).where(IN_FLIGHT).correlate(None)
    following = (
        sa.select(*tasks.c, flying.scalar_subquery().label("flying"))
        .outerjoin(busy, busy.c.asker_id == tasks.c.asker_id)
        .where(_wants_create(now) if first else _wants_further(now))
        .order_by(sa.func.coalesce(busy.c.creates, 0), *AGE)
        .limit(sa.bindparam("most", type_=sa.Integer))
    )
    if passing is not None:
        following = following.where(sa.not_(passing.match(tasks.c.guild_id)))
    return Prepared(following.with_for_update(skip_locked=True, of=tasks) if lock else following)


def waiting_creates(now: Moment) -> sa.Select[str]:
    """Select the ids of the tasks of which `next_create` selects one."""
    return sa.select(tasks.c.id).where(_wants_create(now))


def _wants_create(now: Moment) -> sa.ColumnElement[bool]:
    return sa.or_(sa.and_(QUEUED, PREPARED, waiting(now)), _wants_further(now))


def _wants_further(now: Moment) -> sa.ColumnElement[bool]:
    return sa.and_(FURTHER_BY_TIME, tasks.c.next_create_at <= now, _unowned(now))


def queue() -> sa.Select[Any]:
    """Select the prepared tasks in the order in which their creates begin, postponed ones as if they were due."""
    turns = _turns(PREPARED)
    return sa.select(tasks).join(turns, turns.c.id == tasks.c.id).order_by(turns.c.turn)


def head(limit: sa.BindParameter[int], shards: Shards | None) -> sa.Select[Any]:
    """Select the ids of the tasks of some shards among the first `limit` of `queue`, and as `turn` their places from
    1."""
    turns = _turns(PREPARED)
    return (
        sa.select(tasks.c.id, turns.c.turn)
        .join(turns, turns.c.id == tasks.c.id)
        .where(turns.c.turn <= limit, within(shards, tasks.c.guild_id))
    )


def _place() -> sa.Select[int]:
    """Count the tasks that are not behind the task, which takes less than to sort all of them."""
    this: sa.BindParameter[str] = sa.bindparam("of")
    levels = _levels(sa.or_(PREPARED, tasks.c.id == this)).cte("levels")
    own = levels.alias("own")
    is_behind = sa.tuple_(levels.c.level, levels.c.created_at, levels.c.id) > sa.tuple_(
        own.c.level, own.c.created_at, own.c.id
    )
    before = sa.select(sa.func.count()).where(levels.c.state == TaskState.QUEUED, sa.not_(is_behind)).correlate(own)
    turn = before.scalar_subquery().label("turn")
    return sa.select(turn).where(own.c.id == this, own.c.state == TaskState.QUEUED)


def _place_by_sums() -> sa.Select[int]:
    """
    Count the tasks that are not behind a prepared one from sums for each asker, which takes a third of the time of
    `_place`: that computes the level of each task.

    The sums do not tell the place, and 0 is selected, if a further create waits, or if another asker has tasks on both
    sides of this one and wants several creates with one of them.
    """
    this: sa.BindParameter[str] = sa.bindparam("of", type_=sa.Text)
    asker, at, wanted = (sa.bindparam(name, type_=sa.BigInteger) for name in ("asker", "at", "wanted"))
    is_older = sa.or_(tasks.c.created_at < at, sa.and_(tasks.c.created_at == at, tasks.c.id <= this))
    line = (
        sa.select(
            tasks.c.asker_id,
            sa.func.count().label("tasks"),
            sa.func.sum(tasks.c.creates_wanted).label("creates"),
            sa.func.sum(sa.case((is_older, 1), else_=0)).label("older_tasks"),
            sa.func.sum(sa.case((is_older, tasks.c.creates_wanted), else_=0)).label("older_creates"),
        )
        .where(QUEUED, PREPARED)
        .group_by(tasks.c.asker_id)
        .subquery()
    )
    busy = _in_flight_by_asker()
    begun = sa.func.coalesce(busy.c.creates, 0).label("begun")
    lines = sa.select(*line.c, begun).outerjoin(busy, busy.c.asker_id == line.c.asker_id).cte("lines")
    own = lines.alias("own")
    level = own.c.begun + own.c.older_creates - wanted
    below = level - lines.c.begun
    """How many tasks of a line have a lower level, if each wants one create and the line is long enough."""
    not_behind = sa.case(
        (lines.c.asker_id == asker, lines.c.older_tasks),
        (below < 0, 0),
        (lines.c.creates <= below, lines.c.tasks),
        (lines.c.creates > lines.c.tasks, None),
        (lines.c.older_tasks > below, below + 1),
        else_=below,
    )
    further = sa.exists().where(FURTHER_BY_TIME, tasks.c.next_create_at > 0)
    is_known = sa.and_(sa.func.count(not_behind) == sa.func.count(), sa.not_(further))
    turn = sa.case((is_known, sa.func.sum(not_behind)), else_=0).label("turn")
    return sa.select(turn).select_from(lines.join(own, own.c.asker_id == asker))


def _turns(which: sa.ColumnElement[bool]) -> sa.Subquery:
    levels = _levels(which).subquery()
    order = (levels.c.level, levels.c.created_at, levels.c.id)
    turn = sa.func.row_number().over(order_by=order).label("turn")
    return sa.select(levels.c.id, turn).where(levels.c.state == TaskState.QUEUED).subquery()


def _levels(which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Select the level of each queued task that matches, and of those that want a further create."""
    busy = _in_flight_by_asker()
    left = sa.case((QUEUED, tasks.c.creates_wanted), else_=tasks.c.creates_wanted - _begun())
    older = sa.func.sum(left).over(partition_by=tasks.c.asker_id, order_by=AGE, rows=(None, -1))
    level = (sa.func.coalesce(busy.c.creates, 0) + sa.func.coalesce(older, 0)).label("level")
    return (
        sa.select(*AGE, tasks.c.state, level)
        .outerjoin(busy, busy.c.asker_id == tasks.c.asker_id)
        .where(sa.or_(sa.and_(QUEUED, which), FURTHER))
    )


def _unowned(now: Moment) -> sa.ColumnElement[bool]:
    return sa.or_(tasks.c.owner.is_(None), tasks.c.lease_until <= now)


def _in_flight_by_asker() -> sa.Subquery:
    """Select how many creates of each asker are in flight: one for a task with a single create, else those that have
    begun and not ended."""
    begun = sa.case((tasks.c.creates_wanted > 1, _of_task(UNDER_WAY)), else_=1)
    counted = sa.select(tasks.c.asker_id, sa.func.sum(begun).label("creates"))
    return counted.where(IN_FLIGHT).group_by(tasks.c.asker_id).subquery()


def _begun() -> sa.ScalarSelect[int]:
    """Select how many of the creates that a task wants have begun; a refused one is replaced by another."""
    return _of_task(creates.c.state != CreateState.REFUSED)


def _of_task(which: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    of_task = sa.select(sa.func.count(creates.c.number.distinct())).where(creates.c.task_id == tasks.c.id, which)
    return of_task.correlate(tasks).scalar_subquery()


PLACE: Final = _place()
"""Select the place (from 1) of the task `of` in the order of `queue`, as if the task were prepared; no row if the task
is not queued."""

PLACE_BY_SUMS: Final = _place_by_sums()
"""Select what `PLACE` selects for the prepared task `of` of the person `asker`, created at `at` (ms), that wants
`wanted` creates; 0 if only `PLACE` has the place."""
