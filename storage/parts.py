"""Store the messages (parts) of outcomes: planned first, then attempted, then posted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from storage.community import batch_message_number
from storage.database import Database
from storage.models import NewPart, OutcomePart, Picture, Route, Task, TaskState, first_route
from storage.prepared import Prepared
from storage.result_pictures import save_pictures
from storage.rows import values
from storage.schema import batch_messages, batches, outcome_parts, tasks
from storage.transactions import Transaction
from storage.transitions import WITHDRAWN, StaleTask, compare_and_set

OF_OUTCOME: Final = sa.and_(outcome_parts.c.task_id == sa.bindparam("of"), outcome_parts.c.number >= 0)
PARTS: Final = Prepared(sa.select(outcome_parts).where(OF_OUTCOME).order_by(outcome_parts.c.number))
ANY_PART: Final = Prepared(sa.select(outcome_parts.c.number).where(OF_OUTCOME).limit(1))
WITHDRAWN_PART: Final = Prepared(
    sa.select(outcome_parts).where(outcome_parts.c.task_id == sa.bindparam("of"), outcome_parts.c.number == WITHDRAWN)
)
PLANNED: Final = sa.insert(outcome_parts).returning(outcome_parts)


class PartStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_task(self, task_id: str) -> tuple[OutcomePart, ...]:
        """Return the parts of the present outcome by number, those with late pictures included. The message of a batch
        is no part."""
        return await self._database.values(OutcomePart, PARTS, {"of": task_id})

    async def withdrawn(self, task_id: str) -> OutcomePart | None:
        """Return the first message of the outcome that an adoption withdrew, if the message was sent or may have
        been."""
        found = await self._database.values(OutcomePart, WITHDRAWN_PART, {"of": task_id})
        return found[0] if found else None

    async def plan(
        self, task: Task, parts: Sequence[NewPart], *, fetched: Sequence[Picture] = ()
    ) -> tuple[OutcomePart, ...]:
        """
        Store the parts of an outcome, each with its first route, and the `fetched` pictures. If parts are stored
        already, return those and store no parts.

        An adoption deletes the parts: the next outcome is planned again.
        """
        async with self._database.write() as connection:
            await save_pictures(connection, fetched)
            planned = await self._plan(connection, task, parts)
            return planned or await PARTS.values(OutcomePart, connection, {"of": task.id})

    async def begin_delivery(
        self, task: Task, parts: Sequence[NewPart], *, fetched: Sequence[Picture], now: int, until: int
    ) -> tuple[OutcomePart, ...]:
        """Store the parts as `plan` does, and the attempt to send the first one as `attempt` does, in one transaction.
        Raises StaleTask, also if parts exist already."""
        async with self._database.write() as connection:
            await compare_and_set(connection, task, {"lease_until": until})
            await save_pictures(connection, fetched)
            begun = await self._plan(connection, task, parts, attempted_at=now)
            if begun is None:
                raise StaleTask(f"task {task.id} has its parts already")
            return begun

    async def attempt(self, part: OutcomePart, task: Task, *, now: int, until: int) -> OutcomePart:
        """
        Store the attempt before the part is sent, and extend the lease of the task to `until` (ms). Keep the first
        `attempted_at`.

        Raises StaleTask if the worker no longer holds the task and, as `reroute` and `posted` do, if the part has
        another route now or no longer belongs to the outcome.
        """
        async with self._database.write() as connection:
            await compare_and_set(connection, task, {"lease_until": until})
            return await _change_part(connection, part, {"attempted_at": now})

    async def reroute(self, part: OutcomePart, route: Route) -> OutcomePart:
        """Change the route of the part. A part that was attempted stays uncertain: the attempt by the former route may
        have succeeded."""
        return await self._change_part(part, {"route": route})

    async def posted(self, part: OutcomePart, *, channel_id: int, message_id: int) -> OutcomePart:
        return await self._change_part(part, {"message_channel_id": channel_id, "message_id": message_id})

    async def collected(self, parts: Sequence[OutcomePart], *, channel_id: int, message_id: int) -> None:
        """Store that one message carries all these parts, by the route `collected`, in one transaction."""
        keys = [(part.task_id, part.number) for part in parts]
        these = sa.and_(
            outcome_parts.c.task_id.in_(sorted({part.task_id for part in parts})),  # SQLite has no index for a tuple
            sa.tuple_(outcome_parts.c.task_id, outcome_parts.c.number).in_(keys),
        )
        place = {"message_channel_id": channel_id, "message_id": message_id, "route": Route.COLLECTED}
        async with self._database.write() as connection:
            await connection.execute(sa.update(outcome_parts).where(these).values(place))

    async def first_of(self, task_ids: Sequence[str]) -> Mapping[str, OutcomePart]:
        """Return the first message of each task's outcome, by task id; for a closed task of a batch, the message of the
        batch that delivers the task. Tasks without such a posted message are left out."""
        first_posted = sa.and_(outcome_parts.c.number == 0, outcome_parts.c.message_id.is_not(None))
        statement = sa.select(outcome_parts).where(first_posted, outcome_parts.c.task_id.in_(task_ids))
        async with self._database.read() as connection:
            parts = [
                *await _in_batches(connection, task_ids),
                *values(OutcomePart, await connection.execute(statement)),
            ]
        return {part.task_id: part for part in parts}

    async def _plan(
        self, connection: Transaction, task: Task, parts: Sequence[NewPart], *, attempted_at: int | None = None
    ) -> tuple[OutcomePart, ...] | None:
        """Store the parts. Return None if parts are stored already. `attempted_at` applies to the first part. Of a task
        that was restored from a backup, every part may have been posted since."""
        await self._database.serialize(connection, f"parts of {task.id}")
        if await ANY_PART.rows(connection, {"of": task.id}):
            return None
        rows = [
            {
                "task_id": task.id,
                "number": number,
                **asdict(part),
                "route": part.route or first_route(task.reach),
                "attempted_at": task.backed_up_at or (None if number else attempted_at),
            }
            for number, part in enumerate(parts)
        ]
        stored = values(OutcomePart, await connection.execute(PLANNED, rows))
        return tuple(sorted(stored, key=lambda part: part.number))

    async def _change_part(self, part: OutcomePart, changes: dict[str, Any]) -> OutcomePart:
        async with self._database.write() as connection:
            return await _change_part(connection, part, changes)


async def _in_batches(connection: Transaction, task_ids: Sequence[str]) -> list[OutcomePart]:
    """Return the posted messages of batches that deliver these tasks, if closed, as outcome parts."""
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


async def _change_part(connection: Transaction, part: OutcomePart, changes: dict[str, Any]) -> OutcomePart:
    as_read = {"of": part.task_id, "this": part.number, "by": part.route}
    found = await _changed(tuple(changes)).values(OutcomePart, connection, {**changes, **as_read})
    if not found:
        raise StaleTask(f"part {part.number} of task {part.task_id} is no longer delivered by {part.route}")
    return found[0]


@cache
def _changed(columns: tuple[str, ...]) -> Prepared:
    """Change a part that still has its route. The time of the first attempt stays."""
    changes: dict[str, sa.ColumnElement[Any]] = {
        name: sa.bindparam(name, type_=outcome_parts.c[name].type) for name in columns
    }
    if "attempted_at" in columns:
        changes["attempted_at"] = sa.func.coalesce(outcome_parts.c.attempted_at, changes["attempted_at"])
    as_read = sa.and_(
        outcome_parts.c.task_id == sa.bindparam("of"),
        outcome_parts.c.number == sa.bindparam("this"),
        outcome_parts.c.route == sa.bindparam("by"),
    )
    return Prepared(sa.update(outcome_parts).where(as_read).values(changes).returning(outcome_parts))
