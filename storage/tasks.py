"""
Store tasks: one method per query or move. Every method that writes is one transaction under the database's write lock.

`now` is the caller's clock in milliseconds. Reads return frozen values; changes go through the methods.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final, Unpack

import sqlalchemy as sa

from storage import turns
from storage.creates import CreateStore, digest
from storage.limits import LimitExceeded, check_limits, check_stored, kept_of_before
from storage.models import (
    OPEN_STATES,
    Changes,
    CreateLimits,
    Derivation,
    Limits,
    NewReference,
    NewTask,
    Task,
    TaskEvent,
    TaskState,
    new_task_id,
)
from storage.moves import StaleTask, compare_and_set, move, write_event
from storage.rows import values
from storage.schema import creates, key_values, pictures, references, task_events, tasks
from storage.transactions import Transaction

__all__ = ["LimitExceeded", "StaleTask", "TaskStore"]

BY_ID: Final = sa.select(tasks).where(tasks.c.id == sa.bindparam("of"))
INSERTED: Final = sa.insert(tasks).returning(tasks)
ATTACHED: Final = sa.insert(references)
ASKED: Final = [field.name for field in fields(NewTask) if field.name != "references"]
BY_INTERACTION: Final = sa.select(tasks).where(tasks.c.interaction_id == sa.bindparam("interaction"))


class TaskStore(CreateStore):
    # -- people --------------------------------------------------------------------------------------------------
    async def submit(self, new: NewTask, limits: Limits, *, now: int, prepared: bool = False) -> tuple[Task, bool]:
        """
        Store a task as `queued`, due now, with its references and first event; return (task, True). `prepared`: the
        task needs no preparation.

        Return (existing task, False) and store nothing, whatever the limits, for the same interaction_id; also for a
        request to repeat the same task, or to vary the same picture, while such a task of the asker is open. Raises
        LimitReached. The check of the limits and the insert happen under one lock.
        """
        kept = await kept_of_before(self._database, new.asker_id, limits, now=now) if new.references else 0
        async with self._database.write(priority=True) as connection:
            await self._database.serialize(connection, f"submits of {new.asker_id}")
            if found := await _same(connection, new):
                return found[0], False
            if limits.pictures_per_day:
                await self._database.serialize(connection, "submits of all")
            await check_limits(connection, new, limits, now=now, kept=kept)
            return await insert_task(connection, new, now=now, prepared=prepared), True

    async def check_stored(self, person_id: int, more: int, limits: Limits, *, now: int) -> None:
        """Check whether `more` bytes may be stored for a person. Raises LimitExceeded."""
        kept = await kept_of_before(self._database, person_id, limits, now=now)
        async with self._database.read() as connection:
            await check_stored(connection, person_id, more, limits, now=now, kept=kept)

    async def get(self, task_id: str) -> Task | None:
        async with self._database.read() as connection:
            found = values(Task, await connection.execute(BY_ID, {"of": task_id}))
        return found[0] if found else None

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

    # -- moves (compare-and-set on id, state and owner as read) --------------------------------------------------
    async def move(self, task: Task, to: TaskState, *, now: int, why: str, **changes: Unpack[Changes]) -> Task:
        """
        Move the task and write the event. Raises StaleTask, and ValueError (a defect) for a move that MOVES does not
        have.

        `cancelled` is not charged. An adoption (back to `generating` from `settled` or `closed`) withdraws the
        outcome: settled_at, the reason, closed_at and the parts.
        """
        async with self._database.write() as connection:
            return await move(connection, task, to, now=now, why=why, changes={**changes})

    async def change(self, task: Task, **changes: Unpack[Changes]) -> Task:
        """Set columns without moving (no event). Raises StaleTask."""
        async with self._database.write() as connection:
            return await compare_and_set(connection, task, {**changes})

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
        Move to `settled` with the outcome: result URLs (rows in `pictures`), or a reason. Sets settled_at=now.

        Raises ValueError for an outcome with both or neither.
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

    async def set_card(self, task_id: str, message_id: int | None) -> Task | None:
        """Set the card's message id in any state, without compare-and-set (the card belongs to no move). Return None
        if there is no such task."""
        statement = sa.update(tasks).where(tasks.c.id == task_id).values(card_message_id=message_id).returning(tasks)
        async with self._database.write() as connection:
            found = values(Task, await connection.execute(statement))
        return found[0] if found else None

    async def want(self, task_id: str, *, withheld_at: int | None) -> Task | None:
        """Set whether the outcome is to be posted, without compare-and-set (no worker depends on it). Return None if
        it is too late, or too early: before its create, a task is cancelled instead."""
        states = [TaskState.SUBMITTING, TaskState.GENERATING]
        these = sa.and_(tasks.c.id == task_id, tasks.c.state.in_(states))
        statement = sa.update(tasks).where(these).values(withheld_at=withheld_at).returning(tasks)
        async with self._database.write() as connection:
            found = values(Task, await connection.execute(statement))
        return found[0] if found else None

    # -- work ----------------------------------------------------------------------------------------------------
    async def claim(
        self,
        owner: str,
        *,
        now: int,
        lease_ms: int,
        limit: int,
        except_ids: Collection[str] = (),
        risky: bool = True,
    ) -> tuple[Task, ...]:
        """
        Claim due tasks that no worker holds: queued and unprepared, submitting, generating, settled, and those in
        question. Skip the tasks in `except_ids`, which the owner is about to release.

        Queued and prepared tasks are claimed by `begin_create` alone, suspects by `claim_suspects`. Oldest due time
        first. An attempt is counted with the claim, before the work begins; without `risky`, only work whose attempts
        are not counted is claimed.
        """
        due = turns.claimable(now, owner, risky=risky).limit(limit).with_for_update(skip_locked=True)
        if except_ids:
            due = due.where(tasks.c.id.not_in(except_ids))
        async with self._database.write() as connection:
            ids = (await connection.execute(due)).scalars().all()
            taken = sa.update(tasks).where(tasks.c.id.in_(ids)).values(_taken(owner, now + lease_ms))
            claimed = values(Task, await connection.execute(taken.returning(tasks))) if ids else ()
        return tuple(sorted(claimed, key=lambda task: (task.due_at, task.id)))

    async def suspects(self, *, now: int) -> tuple[tuple[str, int], ...]:
        """Return the ids of tasks that a worker held when its process died, and how often that happened, fewest deaths
        first."""
        order = (tasks.c.attempts, tasks.c.due_at, tasks.c.id)
        found = sa.select(tasks.c.id, tasks.c.attempts).where(turns.suspects(now)).order_by(*order)
        async with self._database.read() as connection:
            return tuple((row.id, row.attempts) for row in await connection.execute(found))

    async def claim_suspects(
        self, owner: str, task_ids: Collection[str], *, now: int, lease_ms: int
    ) -> tuple[Task, ...]:
        """Claim those of these tasks that are still `suspects`, and count the attempt."""
        these = sa.and_(tasks.c.id.in_(task_ids), turns.suspects(now))
        taken = sa.update(tasks).where(these).values(_taken(owner, now + lease_ms))
        async with self._database.write() as connection:
            return values(Task, await connection.execute(taken.returning(tasks)))

    async def take_back_attempts(self, owner: str) -> None:
        """Uncount the current attempts of this owner: its work is interrupted in order, not by a crash."""
        mine = sa.and_(tasks.c.owner == owner, tasks.c.attempts > 0)
        async with self._database.write() as connection:
            await connection.execute(sa.update(tasks).where(mine).values(attempts=tasks.c.attempts - 1))

    async def begin_create(
        self, owner: str, limits: CreateLimits, *, now: int, lease_ms: int, token: str | None = None
    ) -> Task | None:
        """
        Store the next create and return its task, now `submitting` under the owner's lease. `token` is what the
        callback of the create will carry; only a digest of the token is stored.

        In one transaction: count the creates of the window and the tasks in flight; select the next prepared, due,
        unowned queued task in fair order (the asker with the fewest in flight first, then the oldest); insert a row in
        `creates` and move the task. Return None if there is no such task or a limit is reached.
        """
        async with self._database.read() as connection:
            if (await connection.execute(turns.any_waiting(now))).first() is None:
                return None  # without a write, for which other writes would wait
        async with self._database.write() as connection:
            await self._database.serialize(connection, "creates")
            if not await _may_create(connection, limits, now):
                return None
            found = values(Task, await connection.execute(turns.next_create(now)))
            if not found:
                return None
            written = {"task_id": found[0].id, "at": now, "token_digest": digest(token) if token else None}
            await connection.execute(sa.insert(creates).values(written))
            lease: dict[str, Any] = {"owner": owner, "lease_until": now + lease_ms}
            return await move(connection, found[0], TaskState.SUBMITTING, now=now, why="create", changes=lease)

    async def expedite(self, state: TaskState, *, now: int) -> int:
        """Make the postponed tasks of a state due at once. Return how many."""
        statement = sa.update(tasks).where(tasks.c.state == state, tasks.c.due_at > now).values(due_at=now)
        async with self._database.write() as connection:
            return (await connection.execute(statement)).rowcount

    async def renew(self, owner: str, task_ids: Sequence[str], *, until: int) -> frozenset[str]:
        """Extend the leases. Return the ids that the owner still holds."""
        held = sa.and_(tasks.c.owner == owner, tasks.c.id.in_(task_ids))
        statement = sa.update(tasks).where(held).values(lease_until=until).returning(tasks.c.id)
        async with self._database.write() as connection:
            return frozenset((await connection.execute(statement)).scalars())

    async def void_leases(self) -> int:
        """Void all leases at start: if one process has the file, no other process can be working. Does nothing on
        PostgreSQL."""
        if not self._database.alone:
            return 0
        statement = sa.update(tasks).where(tasks.c.owner.is_not(None)).values(owner=None, lease_until=0)
        async with self._database.write() as connection:
            return (await connection.execute(statement)).rowcount

    async def next_due(self, *, now: int) -> int | None:
        """Return the earliest due time (ms; may be past) of unowned open tasks, or None. Queued and prepared tasks
        count too, whether or not `begin_create` may begin now."""
        async with self._database.read() as connection:
            due: int | None = (await connection.execute(turns.next_due(now))).scalar_one()
        return due

    # -- queries -------------------------------------------------------------------------------------------------
    async def queue(self, *, limit: int = 1000) -> tuple[Task, ...]:
        """Return the prepared tasks that wait for a create, in the order in which `begin_create` takes them while
        nothing else happens. Postponed tasks are included."""
        return await self._tasks(turns.queue().limit(limit))

    async def waiting_since(self, before: int, *, limit: int) -> tuple[Task, ...]:
        """Return the tasks of `queue` that were created no later than `before` (ms), oldest first."""
        old = sa.and_(turns.QUEUED, turns.PREPARED, tasks.c.created_at <= before)
        return await self._tasks(sa.select(tasks).where(old).order_by(*turns.AGE).limit(limit))

    async def waiting_at_start(self, *, limit: int) -> tuple[Task, ...]:
        """Return the tasks that have a card and whose outcome is not known yet, oldest first."""
        states = [TaskState.QUEUED, TaskState.SUBMITTING, TaskState.GENERATING]
        carded = sa.and_(tasks.c.state.in_(states), tasks.c.card_message_id.is_not(None))
        return await self._tasks(sa.select(tasks).where(carded).order_by(*turns.AGE).limit(limit))

    async def generating(self, *, limit: int) -> tuple[Task, ...]:
        """Return the tasks that are `generating` and not overdue, oldest first."""
        at_work = sa.and_(tasks.c.state == TaskState.GENERATING, tasks.c.overdue_notified_at.is_(None))
        return await self._tasks(sa.select(tasks).where(at_work).order_by(tasks.c.generating_at).limit(limit))

    async def place_in_queue(self, task: Task) -> int:
        """Return the place of the task in `queue`, from 1, as if the task were prepared; 0 if it is no longer
        queued."""
        async with self._database.read() as connection:
            return (await connection.execute(turns.PLACE, {"of": task.id})).scalar_one_or_none() or 0

    async def recent_seconds(self, *, limit: int = 200) -> tuple[float, ...]:
        """Return how long (s) the last successful tasks took from create to outcome (settled_at - generating_at),
        newest first."""
        succeeded = sa.and_(
            tasks.c.settled_at.is_not(None), tasks.c.generating_at.is_not(None), tasks.c.reason.is_(None)
        )
        took = sa.select(tasks.c.settled_at - tasks.c.generating_at).where(succeeded)
        newest = took.order_by(tasks.c.settled_at.desc()).limit(limit)
        async with self._database.read() as connection:
            return tuple(milliseconds / 1000 for milliseconds in (await connection.execute(newest)).scalars())

    async def count_by_state(self) -> Mapping[TaskState, int]:
        """Return the number of tasks in each state; every state has an entry."""
        statement = sa.select(tasks.c.state, sa.func.count().label("tasks")).group_by(tasks.c.state)
        async with self._database.read() as connection:
            counted = {row.state: row.tasks for row in await connection.execute(statement)}
        return {state: counted.get(state, 0) for state in TaskState}

    # -- facts (small named values of the program itself) --------------------------------------------------------
    async def key_value(self, name: str) -> str | None:
        async with self._database.read() as connection:
            return (
                await connection.execute(sa.select(key_values.c.value).where(key_values.c.name == name))
            ).scalar_one_or_none()

    async def set_key_value(self, name: str, value: str | None) -> None:
        """Set a fact; None deletes the fact."""
        async with self._database.write() as connection:
            await self._database.serialize(connection, f"fact {name}")
            await connection.execute(sa.delete(key_values).where(key_values.c.name == name))
            if value is not None:
                await connection.execute(sa.insert(key_values).values(name=name, value=value))

    async def _tasks(self, statement: sa.Select[Any]) -> tuple[Task, ...]:
        async with self._database.read() as connection:
            return values(Task, await connection.execute(statement))


async def _same(connection: Transaction, new: NewTask) -> tuple[Task, ...]:
    """Return the stored tasks for this request: the task of the same interaction, or the asker's open task that
    repeats the same task or varies the same picture (two quick clicks)."""
    found = values(Task, await connection.execute(BY_INTERACTION, {"interaction": new.interaction_id}))
    if found or (new.again_of is None and new.derivation is not Derivation.VARY):
        return found
    still_open = sa.and_(
        _varied(new) if new.again_of is None else tasks.c.again_of == new.again_of,
        tasks.c.asker_id == new.asker_id,
        tasks.c.state.in_(OPEN_STATES),
        tasks.c.undelivered_at.is_(None),
    )
    return values(Task, await connection.execute(sa.select(tasks).where(still_open).order_by(tasks.c.created_at)))


def _varied(new: NewTask) -> sa.ColumnElement[bool]:
    """Match variations of the same picture, which add nothing to the prompt."""
    return sa.and_(
        tasks.c.derivation == Derivation.VARY,
        tasks.c.parent_id == new.parent_id,
        tasks.c.parent_picture == new.parent_picture,
    )


async def insert_task(connection: Transaction, new: NewTask, *, now: int, prepared: bool) -> Task:
    """Insert a task as `queued`, with its references and first event, without a check of the limits."""
    asked = {name: getattr(new, name) for name in ASKED} | {"family_id": await _family(connection, new)}
    fresh = {
        "id": new_task_id(),
        "state": TaskState.QUEUED,
        "created_at": now,
        "due_at": now,
        "prepared_at": now if prepared else None,
        "lease_until": 0,
        "failures": 0,
        "faults": 0,
        "by_upload": False,
        "progress": 0.0,
        "reason_parameters": {},
        "charged": True,
    }
    (task,) = values(Task, await connection.execute(INSERTED, {**asked, **fresh}))
    if new.references:
        rows = [
            {"task_id": task.id, "position": at, **asdict(one), "owner_id": _owner(one, new.asker_id)}
            for at, one in enumerate(new.references)
        ]
        await connection.execute(ATTACHED, rows)
    await write_event(connection, task.id, at=now, before=None, after=TaskState.QUEUED, why="submit")
    return task


def _owner(reference: NewReference, asker_id: int) -> int:
    return reference.owner_id if reference.owner_id is not None else asker_id


async def _family(connection: Transaction, new: NewTask) -> str | None:
    """Return the id of the first task of the family; None if the new task is the first."""
    if new.parent_id is None:
        return None
    family = sa.select(sa.func.coalesce(tasks.c.family_id, tasks.c.id)).where(tasks.c.id == new.parent_id)
    return (await connection.execute(family)).scalar_one_or_none()


def _taken(owner: str, lease_until: int) -> dict[str, Any]:
    """Return the columns of a claim. Another claim by the same owner, which could not release the task, is not another
    attempt."""
    counted = sa.and_(turns.RISKY, tasks.c.owner.is_distinct_from(owner))
    attempts = sa.case((counted, tasks.c.attempts + 1), else_=tasks.c.attempts)
    return {"owner": owner, "lease_until": lease_until, "attempts": attempts}


async def _may_create(connection: Transaction, limits: CreateLimits, now: int) -> bool:
    recent = sa.select(sa.func.count()).where(creates.c.at > now - limits.window_ms)
    in_flight = sa.select(sa.func.count()).select_from(tasks).where(turns.IN_FLIGHT)
    begun: int = (await connection.execute(recent)).scalar_one()
    if begun >= limits.per_window:
        return False
    flying: int = (await connection.execute(in_flight)).scalar_one()
    return flying < limits.in_flight
