"""
Move a task to another state: compare-and-set on the state and owner as read, and a row in the audit trail. The batch
of the task becomes due in the same transaction.

The slower of two concurrent workers gets StaleTask, has changed nothing, and reads the task again or gives up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from storage.models import MOVES, UNCONFIRMED, CreateState, Task, TaskState
from storage.prepared import Prepared
from storage.schema import batches, creates, outcome_parts, task_events, tasks
from storage.transactions import Transaction

EVENT: Final = Prepared(sa.insert(task_events), ("task_id", "at", "before", "after", "why"))
BATCH_DUE: Final = Prepared(sa.update(batches).where(batches.c.id == sa.bindparam("of")), ("due_at",))
NOTHING_COMPUTED: Final[Mapping[str, sa.ColumnElement[Any]]] = {}
LONGEST_WHY: Final = 1000
"""Characters of an entry's cause: the image API's own words may be part of it."""
UNSETTLED: Final[dict[str, Any]] = {
    "settled_at": None,
    "reason": None,
    "reason_parameters": {},
    "undelivered_at": None,
    "collect_token": None,
    "collect_at": None,
    "closed_at": None,
    "consumed_credits": None,
}
"""Columns that an adoption resets, because the outcome known until then was not the real one."""


WITHDRAWN: Final = -1
"""Part number of the first message of a withdrawn outcome."""

NO_DOUBT: Final[dict[str, Any]] = {"unconfirmed_at": None, "claimed_job_id": None}
"""Columns that are reset when the doubt about a create is resolved or another create follows."""


class StaleTask(Exception):
    """The task no longer has the state or the owner it was read with, its part no longer the route, or its parts are
    planned already, because it was changed or deleted since. Nothing was changed."""


async def compare_and_set(
    connection: Transaction,
    task: Task,
    changes: Mapping[str, Any],
    computed: Mapping[str, sa.ColumnElement[Any]] = NOTHING_COMPUTED,
) -> Task:
    """
    Set columns, `computed` ones to the value of an expression, if the task still has the state and the owner it was
    read with. Raises StaleTask.

    `deleted_card` removes this `card_message_id`, and leaves another one that was stored since. `due_at` is left
    unchanged if it changed since the task was read: then something happened that the worker did not know, and the task
    has to be looked at again.
    """
    given = {"state": task.state, **changes, "as_id": task.id, "as_state": task.state, "as_owner": task.owner}
    if "due_at" in given:
        given |= {"as_due": task.due_at, "to_due": given.pop("due_at")}
    columns = ("state", *[name for name in changes if name != "state"])
    statement = _compare_and_set(columns) if not computed else _comparing(columns, computed)
    found = await statement.values(Task, connection, given)
    if not found:
        raise StaleTask(f"task {task.id} is no longer {task.state} owned by {task.owner or 'no worker'}")
    return found[0]


@cache
def _compare_and_set(columns: tuple[str, ...]) -> Prepared:
    return _comparing(columns, NOTHING_COMPUTED)


def _comparing(columns: Collection[str], computed: Mapping[str, sa.ColumnElement[Any]]) -> Prepared:
    as_read = sa.and_(
        tasks.c.id == sa.bindparam("as_id"),
        tasks.c.state == sa.bindparam("as_state"),
        tasks.c.owner.is_not_distinct_from(sa.bindparam("as_owner")),
    )
    computed = dict(computed)
    if "due_at" in columns:
        unmoved = tasks.c.due_at == sa.bindparam("as_due")
        to_due = sa.bindparam("to_due", type_=tasks.c.due_at.type)
        computed["due_at"] = sa.case((unmoved, to_due), else_=tasks.c.due_at)
    if "deleted_card" in columns:
        is_deleted = tasks.c.card_message_id == sa.bindparam("deleted_card", type_=sa.BigInteger)
        computed["card_message_id"] = sa.case((is_deleted, sa.null()), else_=tasks.c.card_message_id)
    given = [name for name in columns if name not in {*computed, "deleted_card"}]
    return Prepared(sa.update(tasks).where(as_read).values(computed).returning(tasks), given)


async def move(
    connection: Transaction, task: Task, to: TaskState, *, now: int, why: str, changes: dict[str, Any]
) -> Task:
    """Move the task, write the event, and store what became of its create. Raises StaleTask, and ValueError for a move
    that MOVES does not have."""
    if to not in MOVES[task.state]:
        raise ValueError(f"a task does not go from {task.state} to {to}")
    moved = await compare_and_set(connection, task, {**_implied(task, to, now), **changes, "state": to})
    if _withdraws(task.state, to):
        await _withdraw_parts(connection, task.id)
    if became := _create_became(task, moved, now):
        answered = {"answered_at": now} if task.state is TaskState.SUBMITTING else {}
        await _change_create(connection, moved, {**became, **answered})
    elif task.state is TaskState.GENERATING and to is TaskState.QUEUED:
        of_task = sa.and_(creates.c.task_id == task.id, creates.c.state == CreateState.FAILED)
        await connection.execute(sa.update(creates).where(of_task).values(state=CreateState.REFUSED, reason=None))
    if to is TaskState.SETTLED and moved.creates_wanted > 1:
        moved = await _with_claim(connection, moved)
    if moved.batch_id is not None:
        await BATCH_DUE.rows(connection, {"of": moved.batch_id, "due_at": now})
    await write_event(connection, task.id, at=now, before=task.state, after=to, why=why)
    return moved


async def _with_claim(connection: Transaction, task: Task) -> Task:
    """Store the claim of an unanswered create, read under the lock of the task's row: a callback may have come since
    the creates were read."""
    open_ = sa.and_(creates.c.claimed_job_id.is_not(None), creates.c.state == CreateState.UNCONFIRMED)
    claims = sa.select(creates.c.claimed_job_id).where(creates.c.task_id == task.id, open_).order_by(creates.c.id)
    claim = (await connection.execute(claims.limit(1))).scalar_one_or_none()
    return task if claim is None else await compare_and_set(connection, task, {"claimed_job_id": claim})


async def _withdraw_parts(connection: Transaction, task_id: str) -> None:
    """Delete the parts of a withdrawn outcome. A first part that was sent, or may have been, is kept as number
    `WITHDRAWN`."""
    of_task = outcome_parts.c.task_id == task_id
    sent = sa.or_(outcome_parts.c.attempted_at.is_not(None), outcome_parts.c.message_id.is_not(None))
    first_part = sa.select(outcome_parts.c.number).where(of_task, outcome_parts.c.number == 0, sent)
    if (await connection.execute(first_part)).first() is None:
        await connection.execute(sa.delete(outcome_parts).where(of_task, outcome_parts.c.number >= 0))
        return
    await connection.execute(sa.delete(outcome_parts).where(of_task, outcome_parts.c.number != 0))
    await connection.execute(sa.update(outcome_parts).where(of_task).values(number=WITHDRAWN))


async def doubt_create(connection: Transaction, task: Task, *, at: int) -> None:
    """Store that since `at` (ms) it is unknown whether the last create of a submitting task was accepted."""
    await _change_create(connection, task, {"state": CreateState.UNCONFIRMED, "answered_at": at})


def _create_became(before: Task, after: Task, now: int) -> dict[str, Any] | None:
    """Return what became of the create by a move of its task; None if it says nothing about a create. The ends of
    several creates are stored one by one, before their task settles or, if all failed, is queued again."""
    if after.state is TaskState.GENERATING:
        fresh = {"claimed_job_id": None, "reason": None, "ended_at": None}
        return {"state": CreateState.TAKEN, "job_id": after.job_id, **fresh}
    if after.state is TaskState.QUEUED and (before.state is TaskState.SUBMITTING or before.creates_wanted == 1):
        return {"state": CreateState.REFUSED, "ended_at": now}
    if before.state is TaskState.SUBMITTING and after.reason == UNCONFIRMED:
        return {"state": CreateState.UNCONFIRMED}
    if before.state is TaskState.SUBMITTING or (before.state is TaskState.GENERATING and before.creates_wanted == 1):
        is_done = after.state is TaskState.SETTLED and after.reason is None
        state = CreateState.DONE if is_done else CreateState.FAILED
        return {
            "state": state,
            "reason": after.reason,
            "ended_at": now,
            "consumed_credits": after.consumed_credits,
        }
    return None


async def _change_create(connection: Transaction, task: Task, changes: dict[str, Any]) -> None:
    """Change the create that a callback claims as the task's job, else the last one. A time of the answer
    (`answered_at`) that is stored already stays."""
    given = {**changes, "of": task.id, "claimed": task.job_id}
    answered = given.pop("answered_at", None)
    if answered is not None:
        given["first_answered_at"] = answered
    columns = tuple(name for name in changes if name != "answered_at")
    await _change_last_create(columns, is_answered=answered is not None).rows(connection, given)


@cache
def _change_last_create(columns: tuple[str, ...], *, is_answered: bool) -> Prepared:
    claims = sa.case((creates.c.claimed_job_id == sa.bindparam("claimed"), 0), else_=1)
    of_task = sa.select(creates.c.id).where(creates.c.task_id == sa.bindparam("of")).order_by(claims)
    this = of_task.order_by(creates.c.id.desc()).limit(1).scalar_subquery()
    changed = sa.update(creates).where(creates.c.id == this)
    if is_answered:
        first = sa.func.coalesce(creates.c.answered_at, sa.bindparam("first_answered_at", type_=sa.BigInteger))
        changed = changed.values(answered_at=first)
    return Prepared(changed, columns)


async def write_event(
    connection: Transaction, task_id: str, *, at: int, before: TaskState | None, after: TaskState, why: str
) -> None:
    event = {"task_id": task_id, "at": at, "before": before, "after": after, "why": why[:LONGEST_WHY]}
    await EVENT.rows(connection, event)


def _implied(task: Task, after: TaskState, now: int) -> dict[str, Any]:
    match after:
        case TaskState.CANCELLED:
            return {"charged": False}
        case TaskState.QUEUED | TaskState.SUBMITTING:
            return {**NO_DOUBT, "next_create_at": None}
        case TaskState.GENERATING:
            if _withdraws(task.state, after):  # the asker has got an outcome and expects no further cost
                return {**NO_DOUBT, **UNSETTLED}
            further = task.creates_wanted > 1 and task.backed_up_at is None
            return {**NO_DOUBT, "next_create_at": now if further else None}
        case TaskState.SETTLED:
            return {"next_create_at": None}
        case TaskState.CLOSED:
            return {}


def _withdraws(before: TaskState, after: TaskState) -> bool:
    return before in {TaskState.SETTLED, TaskState.CLOSED} and after is TaskState.GENERATING
