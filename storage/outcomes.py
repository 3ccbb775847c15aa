"""What belongs to a task: pictures that went in and came out, the messages that tell of it, outcomes that are kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import sqlalchemy as sa

from storage.database import Database
from storage.models import NewPart, OutcomePart, Picture, Reference, Route, Task, TaskState
from storage.moves import StaleTask, compare_and_set
from storage.rows import values
from storage.schema import outcome_parts, pictures, references, tasks
from storage.transactions import Transaction

# Asked for every card: building them each time would cost more than running them.
REFERENCES: Final = (
    sa.select(references).where(references.c.task_id == sa.bindparam("of")).order_by(references.c.position)
)
KEPT: Final = (
    sa.select(tasks.c.asker_id, tasks.c.id)
    .where(
        tasks.c.asker_id.in_(sa.bindparam("askers", expanding=True)),
        tasks.c.state == TaskState.SETTLED,
        tasks.c.kept_at.is_not(None),
        tasks.c.collect_token.is_(None),
    )
    .order_by(tasks.c.created_at.desc(), tasks.c.id.desc())
)


class OutcomeStore:
    """The half of `TaskStore` that is about what belongs to a task."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- references and pictures ---------------------------------------------------------------------------------
    async def references(self, task_id: str) -> tuple[Reference, ...]:
        async with self._database.read() as connection:
            return values(Reference, await connection.execute(REFERENCES, {"of": task_id}))

    async def references_of(self, task_ids: Sequence[str]) -> Mapping[str, tuple[Reference, ...]]:
        """By task; a task without any is not in it."""
        statement = sa.select(references).where(references.c.task_id.in_(task_ids))
        async with self._database.read() as connection:
            found = values(Reference, await connection.execute(statement.order_by(references.c.position)))
        by_task = defaultdict[str, tuple[Reference, ...]](tuple)
        for reference in found:
            by_task[reference.task_id] += (reference,)
        return by_task

    async def pictures(self, task_id: str) -> tuple[Picture, ...]:
        statement = sa.select(pictures).where(pictures.c.task_id == task_id).order_by(pictures.c.position)
        async with self._database.read() as connection:
            return values(Picture, await connection.execute(statement))

    async def save_reference(self, reference: Reference) -> None:
        """Write back key, content_type, bytes, width, height, uploaded_url, uploaded_at, filename."""
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
        async with self._database.write() as connection:
            await connection.execute(sa.update(references).where(_same(references, reference)).values(changes))

    async def save_picture(self, picture: Picture) -> None:
        """Write back everything of a picture that `settle` stored."""
        async with self._database.write() as connection:
            await connection.execute(sa.update(pictures).where(_same(pictures, picture)).values(asdict(picture)))

    # -- the sweep of old copies ---------------------------------------------------------------------------------
    async def kept_before(self, before: int, *, limit: int = 100) -> tuple[Reference | Picture, ...]:
        """Copies still kept of closed or cancelled tasks older than `before` (by closed_at, else created_at)."""
        async with self._database.read(long=True) as connection:
            old: tuple[Reference | Picture, ...] = values(
                Reference, await connection.execute(_kept_before(references, before, limit))
            )
            if len(old) < limit:
                old += values(Picture, await connection.execute(_kept_before(pictures, before, limit - len(old))))
        return old

    async def forget_copy(self, copy: Reference | Picture) -> None:
        """Set its key to NULL, after the file is gone."""
        table = references if isinstance(copy, Reference) else pictures
        async with self._database.write() as connection:
            await connection.execute(sa.update(table).where(_same(table, copy)).values(key=None))

    # -- parts ---------------------------------------------------------------------------------------------------
    async def parts(self, task_id: str) -> tuple[OutcomePart, ...]:
        async with self._database.read() as connection:
            return await _parts(connection, task_id)

    async def plan(self, task: Task, parts: Sequence[NewPart]) -> tuple[OutcomePart, ...]:
        """
        Store the parts of an outcome, all by Route.CHANNEL; if parts are stored already return those and store nothing.

        An adoption forgets them: the next outcome is planned anew.
        """
        async with self._database.write() as connection:
            await self._database.serialize(connection, f"parts of {task.id}")
            if stored := await _parts(connection, task.id):
                return stored
            rows = [
                {"task_id": task.id, "number": number, "route": Route.CHANNEL, **asdict(part)}
                for number, part in enumerate(parts)
            ]
            await connection.execute(sa.insert(outcome_parts), rows)
            return await _parts(connection, task.id)

    async def attempt_part(self, part: OutcomePart, *, now: int) -> OutcomePart:
        """Written before it is sent; keeps the first attempted_at. Raises StaleTask, as do the two below, when the part
        goes by another route by now, or is no longer part of the outcome."""
        return await self._change_part(part, {"attempted_at": sa.func.coalesce(outcome_parts.c.attempted_at, now)})

    async def reroute_part(self, part: OutcomePart, route: Route) -> OutcomePart:
        """By another route. It stays uncertain: the way it was tried before may have worked after all."""
        return await self._change_part(part, {"route": route})

    async def part_posted(self, part: OutcomePart, *, channel_id: int, message_id: int) -> OutcomePart:
        return await self._change_part(part, {"message_channel_id": channel_id, "message_id": message_id})

    async def parts_collected(self, parts: Sequence[OutcomePart], *, channel_id: int, message_id: int) -> None:
        """They stand in one message now, whatever their route was: all of them or, after a crash, none."""
        keys = [(part.task_id, part.number) for part in parts]
        these = sa.tuple_(outcome_parts.c.task_id, outcome_parts.c.number).in_(keys)
        place = {"message_channel_id": channel_id, "message_id": message_id, "route": Route.COLLECTED}
        async with self._database.write() as connection:
            await connection.execute(sa.update(outcome_parts).where(these).values(place))

    # -- outcomes that nobody could be told ----------------------------------------------------------------------
    async def keep(self, task: Task, *, now: int, due: int) -> Task:
        """
        Put the outcome by for its asker, in nobody's hands, to be tried again at `due`.

        Keeps the first kept_at, and forgets the interaction by which they came for it: that way is closed as well. If
        they came meanwhile by another one, that is kept, and when it falls due is left as it is. Raises StaleTask.
        """
        came = sa.and_(tasks.c.collect_token.is_not(None), tasks.c.collect_token.is_distinct_from(task.collect_token))
        changes = {
            "kept_at": sa.func.coalesce(tasks.c.kept_at, now),
            "collect_token": sa.case((came, tasks.c.collect_token), else_=sa.null()),
            "due_at": due,
            "owner": None,
            "lease_until": 0,
            "failures": 0,
        }
        async with self._database.write() as connection:
            return await compare_and_set(connection, task, changes)

    async def collect(self, task_id: str, token: str, *, now: int, due: int, lapsed: int) -> bool:
        """
        The asker has come for a kept outcome, with an interaction's token: it is due at `due`, whoever works on it.

        False, and nothing happens, if it is not kept, or if they came for it by another interaction after `lapsed`.
        """
        free = sa.or_(tasks.c.collect_token.is_(None), tasks.c.collect_token == token, tasks.c.collect_at <= lapsed)
        kept = sa.and_(tasks.c.id == task_id, tasks.c.state == TaskState.SETTLED, tasks.c.kept_at.is_not(None))
        coming = {"collect_token": token, "collect_at": now, "due_at": due}
        async with self._database.write() as connection:
            statement = sa.update(tasks).where(kept, free).values(coming)
            return bool((await connection.execute(statement)).rowcount)

    async def kept_for(self, asker_ids: Iterable[int]) -> Mapping[int, tuple[str, ...]]:
        """By asker, the ids of the tasks whose outcomes are kept and were not come for yet, newest first."""
        by_asker = defaultdict[int, tuple[str, ...]](tuple)
        async with self._database.read() as connection:
            for row in await connection.execute(KEPT, {"askers": sorted(set(asker_ids))}):
                by_asker[row.asker_id] += (row.id,)
        return by_asker

    async def _change_part(self, part: OutcomePart, changes: dict[str, Any]) -> OutcomePart:
        as_read = sa.and_(
            outcome_parts.c.task_id == part.task_id,
            outcome_parts.c.number == part.number,
            outcome_parts.c.route == part.route,
        )
        statement = sa.update(outcome_parts).where(as_read).values(changes).returning(outcome_parts)
        async with self._database.write() as connection:
            found = values(OutcomePart, await connection.execute(statement))
            if not found:
                raise StaleTask(f"part {part.number} of task {part.task_id} is no longer to be told by {part.route}")
        return found[0]


async def _parts(connection: Transaction, task_id: str) -> tuple[OutcomePart, ...]:
    statement = sa.select(outcome_parts).where(outcome_parts.c.task_id == task_id).order_by(outcome_parts.c.number)
    return values(OutcomePart, await connection.execute(statement))


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
