"""
Retry the download of pictures that were delivered as links, and add them to their messages once they are stored.

Each retry is stored before it is made, with the due time of the next one. A downloaded picture is stored in one
transaction with the outcome part that carries it and with the task's `sync_at`, which causes the edit of the
messages.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa

from storage.curation import sync_messages
from storage.database import Database
from storage.models import LATE_PARTS, OutcomePart, Picture, Route, Task, TaskState
from storage.rows import values
from storage.schema import found_in_state, outcome_parts, pictures, tasks
from storage.shards import Shards, within
from storage.transactions import Transaction
from storage.transitions import write_event

NONCE_BYTES: Final = 9
FREE: Final = sa.and_(tasks.c.owner.is_(None), found_in_state(TaskState.SETTLED, TaskState.CLOSED))
"""The task is settled or closed and no worker is delivering the outcome, so its pictures and parts may change."""


class LatePictureStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, *, now: int, limit: int, shards: Shards | None = None) -> tuple[tuple[Task, Picture], ...]:
        """Return the pictures of these shards (None: of all) whose retry is due, with their tasks; longest due first.
        Skip outcomes that a worker is delivering."""
        wanted = sa.and_(pictures.c.due_at <= now, pictures.c.key.is_(None), FREE, within(shards, tasks.c.guild_id))
        statement = sa.select(pictures).join(tasks, tasks.c.id == pictures.c.task_id).where(wanted)
        async with self._database.read(snapshot=True) as connection:
            found = values(Picture, await connection.execute(statement.order_by(pictures.c.due_at).limit(limit)))
            of = sa.select(tasks).where(tasks.c.id.in_(sorted({picture.task_id for picture in found})))
            by_id = {task.id: task for task in values(Task, await connection.execute(of))}
        return tuple((by_id[picture.task_id], picture) for picture in found)

    async def begin(self, picture: Picture, *, due: int) -> bool:
        """Store a retry before it is made; the next one is due at `due` (ms). Return False, and store
        nothing, if the due time has changed since the picture was read: by another worker, or by `hurry`."""
        as_read = sa.and_(_this(picture), pictures.c.due_at == picture.due_at)
        changes = {"tries": pictures.c.tries + 1, "due_at": due}
        async with self._database.write() as connection:
            changed = await connection.execute(sa.update(pictures).where(as_read).values(changes))
            return bool(changed.rowcount)

    async def add(self, picture: Picture, *, now: int) -> bool:
        """
        Store a downloaded picture, and return True. The first part, if there is one, carries it unless another part
        does, and all messages of the task become due for an update.

        Return False and change nothing if a worker is delivering the outcome, the task was adopted, the picture is
        stored already, or its row is gone.
        """
        async with self._database.write() as connection:
            free = _state_of(picture.task_id).where(FREE).with_for_update()
            state = (await connection.execute(free)).scalar_one_or_none()
            if state is None:
                return False
            missing = sa.and_(_this(picture), pictures.c.key.is_(None))
            changed = await connection.execute(sa.update(pictures).where(missing).values(_columns(picture, now)))
            if not changed.rowcount:
                return False
            await _add_to_part(connection, picture)
            await sync_messages(connection, picture.task_id, now=now)
            await _write_event(connection, picture, state, now=now, why="fetched late")
            return True

    async def give_up(self, picture: Picture, *, now: int, why: str) -> None:
        """Stop retrying the picture, and write `why` into the audit trail. Do nothing if it is not retried."""
        async with self._database.write() as connection:
            tried = sa.and_(_this(picture), pictures.c.due_at.is_not(None))
            changed = await connection.execute(sa.update(pictures).where(tried).values(due_at=None))
            if changed.rowcount:
                state = (await connection.execute(_state_of(picture.task_id))).scalar_one()
                await _write_event(connection, picture, state, now=now, why=why)

    async def hurry(self, latest: int) -> None:
        """Make every picture that is still retried due at `latest` (ms) at the latest."""
        later = sa.update(pictures).where(pictures.c.due_at > latest).values(due_at=latest)
        async with self._database.write() as connection:
            await connection.execute(later)

    # -- messages ------------------------------------------------------------------------------------------------
    async def send_apart(self, task_id: str, positions: Collection[int]) -> None:
        """Plan a separate part, by direct message to the asker, for pictures whose message cannot be edited; the
        other parts no longer carry them. Do nothing if a part with the same first picture is planned already."""
        apart = {
            "task_id": task_id,
            "number": LATE_PARTS + min(positions),
            "pictures": tuple(sorted(positions)),
            "nonce": secrets.token_hex(NONCE_BYTES),
            "route": Route.DIRECT,
        }
        async with self._database.write() as connection:
            await self._database.serialize(connection, f"parts of {task_id}")
            held = await _held(connection, task_id)
            if apart["number"] in held:
                return
            for number, there in held.items():
                left = tuple(position for position in there if position not in positions)
                await _hold(connection, task_id, number, left)
            await connection.execute(sa.insert(outcome_parts).values(apart))

    async def attempt(self, part: OutcomePart, *, now: int) -> None:
        """Store the attempt before the part is sent. Keep the first `attempted_at`."""
        first = sa.func.coalesce(outcome_parts.c.attempted_at, now)
        this = sa.and_(outcome_parts.c.task_id == part.task_id, outcome_parts.c.number == part.number)
        async with self._database.write() as connection:
            await connection.execute(sa.update(outcome_parts).where(this).values(attempted_at=first))

    async def delivered(self, late: Sequence[Picture]) -> None:
        """Record that the messages carry these pictures or are to stay as they are. Skip a picture whose `late_at` has
        changed since it was read."""
        async with self._database.write() as connection:
            for picture in late:
                as_read = sa.and_(_this(picture), pictures.c.late_at == picture.late_at)
                await connection.execute(sa.update(pictures).where(as_read).values(late_at=None))

    async def lost(self, picture: Picture, *, now: int) -> None:
        """Make the download due for a retry now: the stored copy was lost before the messages carried it. Do nothing if
        `late_at` has changed since the picture was read."""
        changes = {"key": None, "unfetchable": True, "due_at": now, "late_at": None}
        as_read = sa.and_(_this(picture), pictures.c.late_at == picture.late_at)
        async with self._database.write() as connection:
            await connection.execute(sa.update(pictures).where(as_read).values(changes))


def _this(picture: Picture) -> sa.ColumnElement[bool]:
    return sa.and_(pictures.c.task_id == picture.task_id, pictures.c.position == picture.position)


def _state_of(task_id: str) -> sa.Select[Any]:
    return sa.select(tasks.c.state).where(tasks.c.id == task_id)


def _columns(picture: Picture, now: int) -> dict[str, Any]:
    return {
        "key": picture.key,
        "content_type": picture.content_type,
        "bytes": picture.bytes,
        "width": picture.width,
        "height": picture.height,
        "unfetchable": False,
        "due_at": None,
        "late_at": now,
    }


async def _add_to_part(connection: Transaction, picture: Picture) -> None:
    """Add the picture to the first part, which delivered the links, unless a part has it already. Do nothing for an
    outcome without parts: it belongs to a batch, or was withheld or not delivered."""
    held = await _held(connection, picture.task_id)
    if 0 in held and not any(picture.position in positions for positions in held.values()):
        await _hold(connection, picture.task_id, 0, tuple(sorted({*held[0], picture.position})))


async def _held(connection: Transaction, task_id: str) -> dict[int, tuple[int, ...]]:
    """Return the positions of the pictures of each part of an outcome, by the part's number."""
    these = sa.and_(outcome_parts.c.task_id == task_id, outcome_parts.c.number >= 0)
    found = await connection.execute(sa.select(outcome_parts.c.number, outcome_parts.c.pictures).where(these))
    return {row.number: row.pictures for row in found}


async def _hold(connection: Transaction, task_id: str, number: int, positions: tuple[int, ...]) -> None:
    this = sa.and_(outcome_parts.c.task_id == task_id, outcome_parts.c.number == number)
    await connection.execute(sa.update(outcome_parts).where(this).values(pictures=positions))


async def _write_event(connection: Transaction, picture: Picture, state: TaskState, *, now: int, why: str) -> None:
    why = f"picture {picture.position + 1} {why}"
    await write_event(connection, picture.task_id, at=now, before=state, after=state, why=why)
