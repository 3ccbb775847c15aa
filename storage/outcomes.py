"""The part of `TaskStore` about references, pictures, the messages of an outcome, and kept outcomes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import sqlalchemy as sa

from storage.community import batch_message_number
from storage.database import Database
from storage.models import NewPart, OutcomePart, Picture, Reach, Reference, Route, Task, TaskState, first_route
from storage.moves import TAKEN_BACK, StaleTask, compare_and_set
from storage.rows import values
from storage.schema import batch_messages, batches, outcome_parts, pictures, references, tasks
from storage.transactions import Transaction

# Used for every card, or while a person waits for a picture: building them each time would cost more than running them.
REFERENCES: Final = (
    sa.select(references).where(references.c.task_id == sa.bindparam("of")).order_by(references.c.position)
)
PICTURES: Final = sa.select(pictures).where(pictures.c.task_id == sa.bindparam("of")).order_by(pictures.c.position)
SAVED: Final = sa.update(pictures).where(
    pictures.c.task_id == sa.bindparam("of"), pictures.c.position == sa.bindparam("at")
)
OF_OUTCOME: Final = sa.and_(outcome_parts.c.task_id == sa.bindparam("of"), outcome_parts.c.number >= 0)
PARTS: Final = sa.select(outcome_parts).where(OF_OUTCOME).order_by(outcome_parts.c.number)
ANY_PART: Final = sa.select(outcome_parts.c.number).where(OF_OUTCOME).limit(1)
PLANNED: Final = sa.insert(outcome_parts).returning(outcome_parts)
KEPT: Final = (
    sa.select(tasks.c.asker_id, tasks.c.id)
    .where(
        tasks.c.asker_id.in_(sa.bindparam("askers", expanding=True)),
        tasks.c.state == TaskState.SETTLED,
        tasks.c.undelivered_at.is_not(None),
        tasks.c.collect_token.is_(None),
    )
    .order_by(tasks.c.created_at.desc(), tasks.c.id.desc())
)


class OutcomeStore:
    """The part of `TaskStore` about the rows that belong to a task."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- references and pictures ---------------------------------------------------------------------------------
    async def references(self, task_id: str) -> tuple[Reference, ...]:
        async with self._database.read() as connection:
            return values(Reference, await connection.execute(REFERENCES, {"of": task_id}))

    async def references_of(self, task_ids: Sequence[str]) -> Mapping[str, tuple[Reference, ...]]:
        """Return the references by task id. Tasks without references are left out."""
        statement = sa.select(references).where(references.c.task_id.in_(task_ids))
        async with self._database.read() as connection:
            found = values(Reference, await connection.execute(statement.order_by(references.c.position)))
        by_task = defaultdict[str, tuple[Reference, ...]](tuple)
        for reference in found:
            by_task[reference.task_id] += (reference,)
        return by_task

    async def pictures(self, task_id: str) -> tuple[Picture, ...]:
        async with self._database.read() as connection:
            return values(Picture, await connection.execute(PICTURES, {"of": task_id}))

    async def save_reference(self, reference: Reference) -> bool:
        """Store key, content_type, bytes, width, height, uploaded_url, uploaded_at and filename. Do nothing and return
        False if the row is gone or its owner was erased since it was read."""
        changes = {
            "key": reference.key,
            "content_type": reference.content_type,
            "bytes": reference.bytes,
            "width": reference.width,
            "height": reference.height,
            "uploaded_url": reference.uploaded_url,
            "uploaded_at": reference.uploaded_at,
            "filename": reference.filename,
        }
        as_read = sa.and_(_same(references, reference), references.c.owner_id.is_not_distinct_from(reference.owner_id))
        async with self._database.write() as connection:
            return bool((await connection.execute(sa.update(references).where(as_read).values(changes))).rowcount)

    async def expects(self, picture: Picture) -> bool:
        """Return whether there is a row for this picture."""
        this = sa.select(pictures.c.position).where(_same(pictures, picture))
        async with self._database.read() as connection:
            return (await connection.execute(this)).first() is not None

    async def save_pictures(self, changed: Sequence[Picture]) -> None:
        """Store all columns of pictures that `settle` created, in one transaction."""
        if changed:
            async with self._database.write() as connection:
                await _save(connection, changed)

    async def tell_as_links(self, task_ids: Collection[str], *, due: int) -> int:
        """Deliver the pictures of these tasks as links from now on; the download of those without a copy is retried
        from `due` (ms) on. Return how many pictures changed."""
        missing = sa.and_(pictures.c.key.is_(None), pictures.c.due_at.is_(None))
        changes = {"unfetchable": True, "due_at": sa.case((missing, due), else_=pictures.c.due_at)}
        these = sa.and_(pictures.c.task_id.in_(task_ids), sa.not_(pictures.c.unfetchable))
        async with self._database.write() as connection:
            return (await connection.execute(sa.update(pictures).where(these).values(changes))).rowcount

    # -- the sweep of old copies ---------------------------------------------------------------------------------
    async def kept_before(self, before: int, *, limit: int = 100) -> tuple[Reference | Picture, ...]:
        """Return stored copies of closed or cancelled tasks older than `before` (by closed_at, else created_at)."""
        async with self._database.read(long=True) as connection:
            old: tuple[Reference | Picture, ...] = values(
                Reference, await connection.execute(_kept_before(references, before, limit))
            )
            if len(old) < limit:
                old += values(Picture, await connection.execute(_kept_before(pictures, before, limit - len(old))))
        return old

    async def uncharged_before(self, before: int, *, limit: int = 100) -> tuple[Reference, ...]:
        """Return stored copies of references of tasks that ended before `before` (ms) and cost nothing."""
        ended = sa.func.coalesce(tasks.c.closed_at, tasks.c.due_at)  # a cancelled task was due when it was cancelled
        over = tasks.c.state.in_([TaskState.CLOSED, TaskState.CANCELLED])
        these = sa.and_(references.c.key.is_not(None), over, ~tasks.c.charged, ended < before)
        found = sa.select(references).join(tasks, tasks.c.id == references.c.task_id).where(these).limit(limit)
        async with self._database.read(long=True) as connection:
            return values(Reference, await connection.execute(found))

    async def forget_copy(self, copy: Reference | Picture) -> None:
        """Set the copy's key to NULL, after the file was deleted."""
        table = references if isinstance(copy, Reference) else pictures
        async with self._database.write() as connection:
            await connection.execute(sa.update(table).where(_same(table, copy)).values(key=None))

    # -- parts ---------------------------------------------------------------------------------------------------
    async def parts(self, task_id: str) -> tuple[OutcomePart, ...]:
        async with self._database.read() as connection:
            return await _parts(connection, task_id)

    async def taken_back(self, task_id: str) -> OutcomePart | None:
        """Return the first message of the outcome that an adoption withdrew, if the message was sent or may have
        been."""
        these = sa.and_(outcome_parts.c.task_id == task_id, outcome_parts.c.number == TAKEN_BACK)
        async with self._database.read() as connection:
            found = values(OutcomePart, await connection.execute(sa.select(outcome_parts).where(these)))
        return found[0] if found else None

    async def plan(
        self, task: Task, parts: Sequence[NewPart], *, fetched: Sequence[Picture] = ()
    ) -> tuple[OutcomePart, ...]:
        """
        Store the parts of an outcome, all with the `first_route`, and the `fetched` pictures. If parts are stored
        already, return those and store no parts.

        An adoption deletes the parts: the next outcome is planned again.
        """
        async with self._database.write() as connection:
            await _save(connection, fetched)
            return await self._plan(connection, task, parts) or await _parts(connection, task.id)

    async def begin_telling(
        self, task: Task, parts: Sequence[NewPart], *, fetched: Sequence[Picture], now: int, until: int
    ) -> tuple[OutcomePart, ...]:
        """Do `plan`, and `attempt_part` for the first part, in one transaction. Raises StaleTask, also if parts exist
        already."""
        async with self._database.write() as connection:
            await compare_and_set(connection, task, {"lease_until": until})
            await _save(connection, fetched)
            begun = await self._plan(connection, task, parts, attempted_at=now)
            if begun is None:
                raise StaleTask(f"task {task.id} has its parts already")
            return begun

    async def attempt_part(self, part: OutcomePart, task: Task, *, now: int, until: int) -> OutcomePart:
        """
        Store the attempt before the part is sent, and extend the lease of the task to `until` (ms). Keep the first
        `attempted_at`.

        Raises StaleTask if the worker no longer holds the task. Like the two methods below, it also raises StaleTask
        if the part has another route now or no longer belongs to the outcome.
        """
        async with self._database.write() as connection:
            await compare_and_set(connection, task, {"lease_until": until})
            first = sa.func.coalesce(outcome_parts.c.attempted_at, now)
            return await _change_part(connection, part, {"attempted_at": first})

    async def reroute_part(self, part: OutcomePart, route: Route) -> OutcomePart:
        """Change the route of the part. The part stays uncertain: the attempt by the former route may have
        succeeded."""
        return await self._change_part(part, {"route": route})

    async def part_posted(self, part: OutcomePart, *, channel_id: int, message_id: int) -> OutcomePart:
        return await self._change_part(part, {"message_channel_id": channel_id, "message_id": message_id})

    async def parts_collected(self, parts: Sequence[OutcomePart], *, channel_id: int, message_id: int) -> None:
        """Store that one message carries all these parts, by the route `collected`, in one transaction."""
        keys = [(part.task_id, part.number) for part in parts]
        these = sa.tuple_(outcome_parts.c.task_id, outcome_parts.c.number).in_(keys)
        place = {"message_channel_id": channel_id, "message_id": message_id, "route": Route.COLLECTED}
        async with self._database.write() as connection:
            await connection.execute(sa.update(outcome_parts).where(these).values(place))

    # -- tasks derived from one another --------------------------------------------------------------------------
    async def family(self, task: Task, *, limit: int) -> tuple[Task, ...]:
        """Return the tasks of the same family, including this task: the newest `limit`, oldest first."""
        first = task.family_id or task.id
        kin = sa.or_(tasks.c.family_id == first, tasks.c.id == first)
        newest = sa.select(tasks).where(kin).order_by(tasks.c.created_at.desc(), tasks.c.id.desc()).limit(limit)
        async with self._database.read() as connection:
            return values(Task, await connection.execute(newest))[::-1]

    async def first_parts(self, task_ids: Sequence[str]) -> Mapping[str, OutcomePart]:
        """Return the first message of each task's outcome, which may be a message of its batch, by task id. Tasks
        whose outcome was not delivered are left out."""
        told = sa.and_(outcome_parts.c.number == 0, outcome_parts.c.message_id.is_not(None))
        statement = sa.select(outcome_parts).where(told, outcome_parts.c.task_id.in_(task_ids))
        async with self._database.read() as connection:
            parts = [
                *await _in_batches(connection, task_ids),
                *values(OutcomePart, await connection.execute(statement)),
            ]
        return {part.task_id: part for part in parts}

    async def untold_answers(self, *, since: int, until: int, limit: int) -> tuple[Task, ...]:
        """Return the unsettled tasks that arrived between `since` and `until` (ms) and whose outcome can only be
        delivered through the interaction, oldest first."""
        unsettled = (TaskState.QUEUED, TaskState.SUBMITTING, TaskState.GENERATING)
        these = sa.and_(
            tasks.c.state.in_(unsettled), tasks.c.reach == Reach.ANSWER, tasks.c.arrived_at.between(since, until)
        )
        async with self._database.read() as connection:
            statement = sa.select(tasks).where(these).order_by(tasks.c.arrived_at).limit(limit)
            return values(Task, await connection.execute(statement))

    # -- outcomes that could not be delivered --------------------------------------------------------------------
    async def keep(self, task: Task, *, now: int, due: int) -> Task:
        """
        Keep the outcome for its asker, release the task, and make the task due again at `due` (ms).

        Keep the first `undelivered_at`. Forget the interaction with which the asker came for the outcome: the delivery
        through that interaction failed too. If the asker came by another interaction since the task was read, keep that
        interaction and the due time that it set. Raises StaleTask.
        """
        came = sa.and_(tasks.c.collect_token.is_not(None), tasks.c.collect_token.is_distinct_from(task.collect_token))
        changes = {
            "undelivered_at": sa.func.coalesce(tasks.c.undelivered_at, now),
            "collect_token": sa.case((came, tasks.c.collect_token), else_=sa.null()),
            "due_at": due,
            "owner": None,
            "lease_until": 0,
            "failures": 0,
            "attempts": 0,
        }
        async with self._database.write() as connection:
            return await compare_and_set(connection, task, changes)

    async def collect(self, task_id: str, token: str, *, now: int, due: int, lapsed: int) -> bool:
        """
        Store the token of the interaction with which the asker came for a kept outcome, whatever worker owns the task.
        The task is due at `due` (ms).

        Do nothing and return False if the outcome is not kept, or if the asker came by another interaction after
        `lapsed` (ms).
        """
        free = sa.or_(tasks.c.collect_token.is_(None), tasks.c.collect_token == token, tasks.c.collect_at <= lapsed)
        kept = sa.and_(tasks.c.id == task_id, tasks.c.state == TaskState.SETTLED, tasks.c.undelivered_at.is_not(None))
        coming = {"collect_token": token, "collect_at": now, "due_at": due}
        async with self._database.write() as connection:
            statement = sa.update(tasks).where(kept, free).values(coming)
            return bool((await connection.execute(statement)).rowcount)

    async def kept_for(self, asker_ids: Iterable[int]) -> Mapping[int, tuple[str, ...]]:
        """Return, by asker, the ids of tasks with a kept outcome that the asker has not come for yet, newest first."""
        by_asker = defaultdict[int, tuple[str, ...]](tuple)
        async with self._database.read() as connection:
            for row in await connection.execute(KEPT, {"askers": sorted(set(asker_ids))}):
                by_asker[row.asker_id] += (row.id,)
        return by_asker

    async def _plan(
        self, connection: Transaction, task: Task, parts: Sequence[NewPart], *, attempted_at: int | None = None
    ) -> tuple[OutcomePart, ...] | None:
        """Store the parts. Return None if parts are stored already. `attempted_at` applies to the first part."""
        await self._database.serialize(connection, f"parts of {task.id}")
        if (await connection.execute(ANY_PART, {"of": task.id})).first():
            return None
        rows = [
            {
                "task_id": task.id,
                "number": number,
                "route": first_route(task.reach),
                "attempted_at": None if number else attempted_at,
                **asdict(part),
            }
            for number, part in enumerate(parts)
        ]
        stored = values(OutcomePart, await connection.execute(PLANNED, rows))
        return tuple(sorted(stored, key=lambda part: part.number))

    async def _change_part(self, part: OutcomePart, changes: dict[str, Any]) -> OutcomePart:
        async with self._database.write() as connection:
            return await _change_part(connection, part, changes)


async def _in_batches(connection: Transaction, task_ids: Sequence[str]) -> list[OutcomePart]:
    """Return the messages of batches that deliver these tasks, as outcome parts."""
    columns = [tasks.c.id.label("task_id"), tasks.c.batch_position, tasks.c.variants, *batch_messages.c]
    statement = (
        sa.select(*[column for column in columns if column.name not in {"batch_id", "shows", "shown_at"}])
        .join(batches, batches.c.id == tasks.c.batch_id)
        .join(
            batch_messages,
            sa.and_(batch_messages.c.batch_id == batches.c.id, batch_messages.c.route == batches.c.route),
        )
        .where(tasks.c.id.in_(task_ids), tasks.c.state == TaskState.CLOSED, batch_messages.c.message_id.is_not(None))
    )
    return [
        OutcomePart(
            task_id=row.task_id,
            number=0,
            pictures=tuple(range(row.variants)),
            nonce=row.nonce,
            route=row.route,
            attempted_at=row.attempted_at,
            message_id=row.message_id,
            message_channel_id=row.message_channel_id,
        )
        for row in await connection.execute(statement)
        if row.number == batch_message_number(row.batch_position, row.variants)
    ]


async def _save(connection: Transaction, changed: Sequence[Picture]) -> None:
    if changed:
        rows = [{**asdict(one), "of": one.task_id, "at": one.position} for one in changed]
        await connection.execute(SAVED, rows)


async def _change_part(connection: Transaction, part: OutcomePart, changes: dict[str, Any]) -> OutcomePart:
    as_read = sa.and_(
        outcome_parts.c.task_id == part.task_id,
        outcome_parts.c.number == part.number,
        outcome_parts.c.route == part.route,
    )
    statement = sa.update(outcome_parts).where(as_read).values(changes).returning(outcome_parts)
    found = values(OutcomePart, await connection.execute(statement))
    if not found:
        raise StaleTask(f"part {part.number} of task {part.task_id} is no longer to be told by {part.route}")
    return found[0]


async def _parts(connection: Transaction, task_id: str) -> tuple[OutcomePart, ...]:
    return values(OutcomePart, await connection.execute(PARTS, {"of": task_id}))


def _same(table: sa.Table, copy: Reference | Picture) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.task_id == copy.task_id, table.c.position == copy.position)


def _kept_before(table: sa.Table, before: int, limit: int) -> sa.Select[Any]:
    age = sa.func.coalesce(tasks.c.closed_at, tasks.c.created_at)
    over = tasks.c.state.in_([TaskState.CLOSED, TaskState.CANCELLED])
    return (
        sa.select(table)
        .join(tasks, tasks.c.id == table.c.task_id)
        .where(table.c.key.is_not(None), over, age < before)
        .order_by(age, table.c.task_id, table.c.position)
        .limit(limit)
    )
