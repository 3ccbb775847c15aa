"""
Store tasks: one method per query or move. Every method that writes is one transaction.

`now` is the caller's clock in milliseconds. Reads return frozen values; changes go through the methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final, NamedTuple, Unpack

import sqlalchemy as sa

from storage.availability import DatabaseAway
from storage.card_facts import CardFacts, card_facts, plain_facts
from storage.catalogue import MODELS
from storage.database import Database
from storage.limits import check_limits, check_stored, kept_of_before
from storage.models import (
    OPEN_STATES,
    Changes,
    Derivation,
    Limits,
    NewReference,
    NewTask,
    PictureRequest,
    Task,
    TaskEvent,
    TaskState,
    new_id,
)
from storage.prepared import Prepared
from storage.rows import values
from storage.schema import outcome_parts, pictures, references, task_events, tasks
from storage.transactions import Transaction
from storage.transitions import compare_and_set, doubt_create, move, write_event

BY_ID: Final = Prepared(sa.select(tasks).where(tasks.c.id == sa.bindparam("of")))
BY_INTERACTION: Final = Prepared(sa.select(tasks).where(tasks.c.interaction_id == sa.bindparam("interaction")))
WITH_CARD_USE: Final = Prepared(
    sa.select(
        *tasks.c,
        sa.exists()
        .where(
            outcome_parts.c.task_id == tasks.c.id,
            outcome_parts.c.number >= 0,
            outcome_parts.c.message_id == tasks.c.card_message_id,
        )
        .label("is_outcome"),
    ).where(tasks.c.id == sa.bindparam("of"))
)
SET_CARD: Final = Prepared(
    sa.update(tasks).where(tasks.c.id == sa.bindparam("of")).returning(tasks.c.state, tasks.c.prepared_at),
    ("card_message_id",),
)
ATTACHED: Final = sa.insert(references)
ORIGIN: Final = [field.name for field in fields(NewTask) if field.name != "request"]
REQUEST: Final = [field.name for field in fields(PictureRequest) if field.name != "references"]
FRESH: Final[Mapping[str, Any]] = {
    "state": TaskState.QUEUED,
    "lease_until": 0,
    "failures": 0,
    "faults": 0,
    "attempts": 0,
    "by_upload": False,
    "progress": 0.0,
    "reason_parameters": {},
    "charged": True,
}
"""Columns of every new task."""
INSERTED: Final = (
    *ORIGIN,
    *REQUEST,
    *FRESH,
    "id",
    "created_at",
    "due_at",
    "prepared_at",
    "spoiler",
    "provider",
    "family_id",
)
INSERT: Final = Prepared(sa.insert(tasks), INSERTED)
EMPTY: Final[Mapping[str, Any]] = {column.name: None for column in tasks.c if column.name not in INSERTED}
"""Columns that are empty in every new task."""


class Added(NamedTuple):
    task: Task
    is_new: bool
    facts: CardFacts
    """What its first card shows."""


class Progress(NamedTuple):
    """How far a task has come, without a read of the whole row."""

    state: TaskState
    prepared_at: int | None


def nothing(_: Added) -> None:
    """Do nothing with an added task."""


class TaskStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        new: NewTask,
        limits: Limits,
        *,
        now: int,
        prepared: bool = False,
        written: Callable[[Added], object] = nothing,
    ) -> Added:
        """
        Store a task as `queued`, due now, with its references and first event. `prepared`: the task needs no
        preparation. `written` is called before the commit, which may still fail.

        Return the existing task and store nothing, whatever the limits, for the same interaction_id; also for a
        request to repeat the same task, or to vary the same picture, while such a task of the asker is open and not
        undelivered. Raises LimitExceeded. The check of the limits and the insert happen under one lock. If the answer
        to the commit is lost, this is repeated once, which finds the task if it was stored.
        """
        try:
            return await self._added(new, limits, now=now, prepared=prepared, written=written)
        except DatabaseAway as away:
            if not away.uncertain:
                raise
            return await self._added(new, limits, now=now, prepared=prepared, written=written)

    async def _added(
        self, new: NewTask, limits: Limits, *, now: int, prepared: bool, written: Callable[[Added], object]
    ) -> Added:
        kept = await kept_of_before(self._database, new.asker_id, limits, now=now) if new.request.references else 0
        async with self._database.write(priority=True) as connection:
            await self._database.serialize(connection, f"submits of {new.asker_id}")
            added = await self._add(connection, new, limits, now=now, prepared=prepared, kept=kept)
            written(added)
        return added

    async def _add(
        self, connection: Transaction, new: NewTask, limits: Limits, *, now: int, prepared: bool, kept: int
    ) -> Added:
        if repeated := await _repeated(connection, new):
            return Added(repeated[0], False, await card_facts(connection, repeated[0]))
        if limits.pictures_per_day:
            await self._database.serialize(connection, "submits of all")
        if not await check_limits(connection, new, limits, now=now, kept=kept):
            (task,) = await BY_INTERACTION.values(Task, connection, {"interaction": new.interaction_id})
            return Added(task, False, await card_facts(connection, task))
        task = await insert_task(connection, new, now=now, prepared=prepared)
        is_plain = prepared and not new.request.references
        return Added(task, True, await (plain_facts if is_plain else card_facts)(connection, task))

    async def check_stored(self, person_id: int, more: int, limits: Limits, *, now: int) -> None:
        """Check whether `more` further bytes may be stored for a person. Raises LimitExceeded, never if `more` is
        0."""
        kept = await kept_of_before(self._database, person_id, limits, now=now)
        async with self._database.read() as connection:
            await check_stored(connection, person_id, more, limits, now=now, kept=kept)

    async def get(self, task_id: str) -> Task | None:
        found = await self._database.values(Task, BY_ID, {"of": task_id})
        return found[0] if found else None

    async def with_card_use(self, task_id: str) -> tuple[Task, bool] | None:
        """Return a task, and whether its card was edited into its outcome; None if there is no such task."""
        found = await self._database.rows(WITH_CARD_USE, {"of": task_id})
        if not found:
            return None
        *columns, is_outcome = found[0]
        return Task(**dict(zip(tasks.c.keys(), columns, strict=True))), bool(is_outcome)

    async def of_user(self, asker_id: int, *, limit: int = 50) -> tuple[Task, ...]:
        """Return a person's tasks, newest first."""
        newest_first = (tasks.c.created_at.desc(), tasks.c.id.desc())
        return await self._tasks(
            sa.select(tasks).where(tasks.c.asker_id == asker_id).order_by(*newest_first).limit(limit)
        )

    async def events(self, task_id: str) -> tuple[TaskEvent, ...]:
        """Return the audit trail of a task, oldest first."""
        columns = [column for column in task_events.c if column is not task_events.c.id]
        statement = sa.select(*columns).where(task_events.c.task_id == task_id).order_by(task_events.c.id)
        async with self._database.read() as connection:
            return values(TaskEvent, await connection.execute(statement))

    async def move(self, task: Task, to: TaskState, *, now: int, why: str, **changes: Unpack[Changes]) -> Task:
        """
        Move the task and write the event. Raises StaleTask, and ValueError (a defect) for a move that MOVES does not
        have.

        `cancelled` is not charged. An adoption (back to `generating` from `settled` or `closed`) withdraws the
        outcome: settled_at, the reason, closed_at and the parts; a first part that may have been sent is kept as
        number -1.
        """
        async with self._database.write() as connection:
            return await move(connection, task, to, now=now, why=why, changes={**changes})

    async def change(self, task: Task, **changes: Unpack[Changes]) -> Task:
        """Set columns without moving (no event), `due_at` only as `compare_and_set` says. With `unconfirmed_at`, the
        last create becomes unconfirmed. Raises StaleTask."""
        async with self._database.write() as connection:
            changed = await compare_and_set(connection, task, {**changes})
            if changed.unconfirmed_at is not None and task.unconfirmed_at is None:
                await doubt_create(connection, changed, at=changed.unconfirmed_at)
            return changed

    async def settle(
        self,
        task: Task,
        *,
        now: int,
        why: str,
        reason: str | None,
        parameters: Mapping[str, str | int] = {},
        urls: Sequence[str] = (),
        **changes: Unpack[Changes],
    ) -> Task:
        """
        Move to `settled` with the outcome: result URLs (rows in `pictures`, in place of earlier ones), or a reason.
        Sets settled_at=now.

        Raises StaleTask, and ValueError (a defect) for an outcome with both or neither, or a move that MOVES does not
        have.
        """
        if (reason is None) != bool(urls):
            raise ValueError("an outcome is either pictures or a reason why there are none")
        outcome = {"settled_at": now, "reason": reason, "reason_parameters": dict(parameters)}
        async with self._database.write() as connection:
            settled = await move(connection, task, TaskState.SETTLED, now=now, why=why, changes={**changes, **outcome})
            await connection.execute(sa.delete(pictures).where(pictures.c.task_id == task.id))
            if urls:
                rows = [
                    {"task_id": task.id, "position": n, "url": url, "unfetchable": False} for n, url in enumerate(urls)
                ]
                await connection.execute(sa.insert(pictures), rows)
            return settled

    async def set_card(self, task_id: str, message_id: int | None) -> Progress | None:
        """Set the card's message id in any state, without compare-and-set (the card belongs to no move). Return None
        if there is no such task."""
        async with self._database.write() as connection:
            found = await SET_CARD.values(Progress, connection, {"of": task_id, "card_message_id": message_id})
        return found[0] if found else None

    async def withhold(self, task_id: str, *, withheld_at: int | None) -> Task | None:
        """Store that the outcome is to be kept for the asker and not posted, or with None that it is to be posted after
        all; without compare-and-set. Return None, and change nothing, unless the task is `submitting` or `generating`:
        a queued task is cancelled instead, and later it is too late."""
        states = [TaskState.SUBMITTING, TaskState.GENERATING]
        these = sa.and_(tasks.c.id == task_id, tasks.c.state.in_(states))
        statement = sa.update(tasks).where(these).values(withheld_at=withheld_at).returning(tasks)
        async with self._database.write() as connection:
            found = values(Task, await connection.execute(statement))
        return found[0] if found else None

    async def family(self, task: Task, *, limit: int) -> tuple[Task, ...]:
        """Return the newest `limit` tasks of the family, oldest first. This task is one of the family; it is left out
        only if `limit` newer ones exist."""
        first = task.family_id or task.id
        kin = sa.or_(tasks.c.family_id == first, tasks.c.id == first)
        newest = sa.select(tasks).where(kin).order_by(tasks.c.created_at.desc(), tasks.c.id.desc()).limit(limit)
        async with self._database.read() as connection:
            return values(Task, await connection.execute(newest))[::-1]

    async def count_by_state(self) -> Mapping[TaskState, int]:
        """Return the number of tasks in each state; every state has an entry."""
        statement = sa.select(tasks.c.state, sa.func.count().label("tasks")).group_by(tasks.c.state)
        async with self._database.read() as connection:
            counted = {row.state: row.tasks for row in await connection.execute(statement)}
        return {state: counted.get(state, 0) for state in TaskState}

    async def _tasks(self, statement: sa.Select[Any]) -> tuple[Task, ...]:
        async with self._database.read() as connection:
            return values(Task, await connection.execute(statement))


async def _repeated(connection: Transaction, new: NewTask) -> tuple[Task, ...]:
    """Return the stored tasks for a request to repeat a task or to vary a picture: the task of the same interaction, or
    else the asker's open and not undelivered tasks, oldest first, that do the same (two quick clicks)."""
    if new.again_of is None and new.derivation is not Derivation.VARY:
        return ()
    if found := await BY_INTERACTION.values(Task, connection, {"interaction": new.interaction_id}):
        return found
    still_open = sa.and_(
        _varied(new) if new.again_of is None else tasks.c.again_of == new.again_of,
        tasks.c.asker_id == new.asker_id,
        tasks.c.state.in_(OPEN_STATES),
        tasks.c.undelivered_at.is_(None),
    )
    return values(Task, await connection.execute(sa.select(tasks).where(still_open).order_by(tasks.c.created_at)))


def _varied(new: NewTask) -> sa.ColumnElement[bool]:
    """Match variations of the same picture."""
    return sa.and_(
        tasks.c.derivation == Derivation.VARY,
        tasks.c.parent_id == new.parent_id,
        tasks.c.parent_picture == new.parent_picture,
    )


async def insert_task(connection: Transaction, new: NewTask, *, now: int, prepared: bool) -> Task:
    """Insert a task as `queued`, with its references and first event, without a check of the limits."""
    asked = {name: getattr(new, name) for name in ORIGIN} | {name: getattr(new.request, name) for name in REQUEST}
    row = {
        **FRESH,
        **asked,
        "id": new_id(),
        "created_at": now,
        "due_at": now,
        "prepared_at": now if prepared else None,
        "spoiler": any(reference.spoiler for reference in new.request.references),
        "provider": MODELS[new.request.model].form.value,
        "family_id": await _family(connection, new),
    }
    await INSERT.rows(connection, row)
    task = Task(**EMPTY, **row)  # RETURNING takes longer than the rest of the insert
    if new.request.references:
        rows = [
            {"task_id": task.id, "position": at, **_columns(reference), "owner_id": _owner(reference, new.asker_id)}
            for at, reference in enumerate(new.request.references)
        ]
        await connection.execute(ATTACHED, rows)
    await write_event(connection, task.id, at=now, before=None, after=TaskState.QUEUED, why="submit")
    return task


def _columns(reference: NewReference) -> dict[str, Any]:
    """Return the fields of a reference that have a column: the task's row says whether it has spoilers."""
    return {name: value for name, value in asdict(reference).items() if name != "spoiler"}


def _owner(reference: NewReference, asker_id: int) -> int:
    return reference.owner_id if reference.owner_id is not None else asker_id


async def _family(connection: Transaction, new: NewTask) -> str | None:
    """Return the id of the first task of the family; None if the new task is the first."""
    if new.parent_id is None:
        return None
    family = sa.select(sa.func.coalesce(tasks.c.family_id, tasks.c.id)).where(tasks.c.id == new.parent_id)
    return (await connection.execute(family)).scalar_one_or_none()
