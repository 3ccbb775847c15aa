"""
Batches: proposed, begun as tasks all or none, and the messages in which they are told together.

Whatever becomes of one of its tasks sets its `due_at` (`storage.moves`). Whoever works on it holds it as its `owner`
for a while; news leaves that alone, so that nobody else takes it up meanwhile.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, Final

import sqlalchemy as sa

from storage.community import Batch, BatchMessage
from storage.database import Database
from storage.limits import check_limits, kept_of_before, pictures_today
from storage.models import (
    Kinship,
    Limits,
    NewReference,
    NewTask,
    Origin,
    Picture,
    Reach,
    ReferenceKind,
    Route,
    Task,
    new_task_id,
)
from storage.rows import values
from storage.schema import batch_messages, batches, pictures, tasks
from storage.tasks import insert_task
from storage.transactions import Transaction

NONCE_BYTES: Final = 9
BY_CHANCE: Final = 1 << 22
"""Discord's ids have the time above their last 22 bits."""
_BATCH: Final = [batches.c[one.name] for one in fields(Batch) if one.name != "asked"]
_KNOWN: Final = frozenset(one.name for one in fields(NewTask))


class StaleBatch(Exception):
    """It is in somebody else's hands by now."""


class BatchStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    # -- people --------------------------------------------------------------------------------------------------
    async def propose(self, asked: NewTask, words: Sequence[str], *, now: int) -> Batch:
        """Written down, and nothing made of it. The same interaction again is the same batch."""
        async with self._database.write(hurried=True) as connection:
            await self._database.serialize(connection, f"submits of {asked.asker_id}")
            if found := await _where(connection, batches.c.interaction_id == asked.interaction_id):
                return found[0]
            row = _row(asked, words) | {"id": new_task_id(), "created_at": now}
            await connection.execute(sa.insert(batches).values(row))
            return (await _where(connection, batches.c.id == row["id"]))[0]

    async def get(self, batch_id: str) -> Batch | None:
        async with self._database.read() as connection:
            found = await _where(connection, batches.c.id == batch_id)
        return found[0] if found else None

    async def drop(self, batch_id: str) -> bool:
        """Forget a proposal; False where it is begun."""
        these = sa.and_(batches.c.id == batch_id, batches.c.begun_at.is_(None))
        async with self._database.write(hurried=True) as connection:
            return bool((await connection.execute(sa.delete(batches).where(these))).rowcount)

    async def forget_proposals(self, before: int) -> int:
        """Those of before that nobody took up; how many."""
        these = sa.and_(batches.c.begun_at.is_(None), batches.c.created_at < before)
        async with self._database.write() as connection:
            return (await connection.execute(sa.delete(batches).where(these))).rowcount

    async def begin(self, batch: Batch, origin: Origin, limits: Limits, *, now: int) -> Batch | None:
        """
        Store all of its tasks, asked for from `origin`, under the lock of every submit. Once: begun already is as it is
        then, and None is a batch that was dropped meanwhile.

        Raises LimitReached, and nothing is stored.
        """
        asker_id, references = batch.asked.asker_id, batch.asked.references
        kept = await kept_of_before(self._database, asker_id, limits, now=now) if references else 0
        async with self._database.write(hurried=True) as connection:
            await self._database.serialize(connection, f"submits of {asker_id}")
            found = await _where(connection, batches.c.id == batch.id)
            if not found or found[0].begun_at is not None:
                return found[0] if found else None
            if limits.pictures_per_day:
                await self._database.serialize(connection, "submits of all")
            asked = replace(batch.asked, **(asdict(origin) | {"interaction_token": ""}))
            await check_limits(connection, asked, limits, now=now, kept=kept, count=len(batch.words))
            begun = {"begun_at": now, "due_at": now}
            await connection.execute(sa.update(batches).where(batches.c.id == batch.id).values(begun))
            for position, new in enumerate(_tasks(batch.id, asked, batch.words)):  # a moment apart: made in this order
                await insert_task(connection, new, now=now + position, prepared=not new.references)
            return (await _where(connection, batches.c.id == batch.id))[0]

    async def pictures_today(self, asker_id: int, *, now: int) -> int:
        async with self._database.read() as connection:
            return await pictures_today(connection, asker_id, now=now)

    # -- tasks ---------------------------------------------------------------------------------------------------
    async def tasks(self, batch_id: str) -> tuple[Task, ...]:
        """Those there still are, by position."""
        statement = sa.select(tasks).where(tasks.c.batch_id == batch_id).order_by(tasks.c.batch_position)
        async with self._database.read() as connection:
            return values(Task, await connection.execute(statement))

    async def pictures(self, batch_id: str) -> Mapping[str, tuple[Picture, ...]]:
        """By task; a task without any is not in it."""
        of_batch = sa.select(tasks.c.id).where(tasks.c.batch_id == batch_id)
        statement = sa.select(pictures).where(pictures.c.task_id.in_(of_batch)).order_by(pictures.c.position)
        by_task = defaultdict[str, tuple[Picture, ...]](tuple)
        async with self._database.read() as connection:
            for picture in values(Picture, await connection.execute(statement)):
                by_task[picture.task_id] += (picture,)
        return by_task

    # -- work ----------------------------------------------------------------------------------------------------
    async def due(self, *, now: int, limit: int) -> tuple[Batch, ...]:
        """Begun, to be looked at by now, and in nobody's hands; oldest due first."""
        begun = batches.c.begun_at.is_not(None)
        wanted = sa.and_(begun, batches.c.due_at <= now, batches.c.lease_until <= now)
        async with self._database.read() as connection:
            statement = sa.select(*_BATCH, batches.c.request).where(wanted).order_by(batches.c.due_at).limit(limit)
            return values(_read, await connection.execute(statement))

    async def claim(self, batch: Batch, *, now: int, until: int) -> Batch | None:
        """Ours alone `until` then, and due again when that has passed. None where somebody else was faster."""
        free = sa.and_(
            batches.c.id == batch.id,
            batches.c.owner.is_not_distinct_from(batch.owner),
            batches.c.lease_until <= now,
        )
        ours = {"owner": secrets.token_hex(NONCE_BYTES), "lease_until": until, "due_at": until}
        async with self._database.write() as connection:
            if not (await connection.execute(sa.update(batches).where(free).values(ours))).rowcount:
                return None
            return (await _where(connection, batches.c.id == batch.id))[0]

    async def release(self, batch: Batch, *, due: int | None, failures: int = 0) -> None:
        """Out of our hands, and due again then, unless there was news of it meanwhile. Raises StaleBatch, as all those
        below do, where it is in other hands by now."""
        due_at = sa.case((batches.c.due_at == batch.due_at, due), else_=batches.c.due_at)
        await self._change(batch, {"owner": None, "lease_until": 0, "failures": failures, "due_at": due_at})

    async def reroute(self, batch: Batch, route: Route) -> Batch:
        """All its messages go by another route."""
        await self._change(batch, {"route": route})
        return replace(batch, route=route)

    async def attempt_ending(self, batch: Batch, *, now: int, until: int) -> None:
        """Written before the asker is told. Keeps the first time."""
        first = sa.func.coalesce(batches.c.ending_attempted_at, now)
        await self._change(batch, {"ending_attempted_at": first, "lease_until": until})

    async def ended(self, batch: Batch, place: tuple[int, int] | None) -> None:
        """The message that told the asker stands there (channel and message); or, with None, no longer."""
        channel_id, message_id = place or (None, None)
        changes: dict[str, Any] = {"ending_channel_id": channel_id, "ending_message_id": message_id}
        if place is None:
            changes["ending_attempted_at"] = None
        await self._change(batch, changes)

    async def close(self, batch: Batch, *, now: int) -> None:
        """The asker knows, or nobody can be told any more. Keeps the first time."""
        await self._change(batch, {"closed_at": sa.func.coalesce(batches.c.closed_at, now)})

    async def _change(self, batch: Batch, changes: dict[str, Any]) -> None:
        async with self._database.write() as connection:
            await _change(connection, batch, changes)

    async def resume(self, *, now: int) -> None:
        """At start, where one process has the file: nobody else has anything in hand."""
        if not self._database.alone:
            return
        held = sa.update(batches).where(batches.c.lease_until > 0).values(owner=None, lease_until=0, due_at=now)
        late = sa.update(batches).where(batches.c.due_at > now).values(due_at=now)
        async with self._database.write() as connection:
            await connection.execute(held)
            await connection.execute(late)

    # -- messages ------------------------------------------------------------------------------------------------
    async def messages(self, batch: Batch) -> tuple[BatchMessage, ...]:
        """Of its route, by number."""
        these = sa.and_(batch_messages.c.batch_id == batch.id, batch_messages.c.route == batch.route)
        statement = sa.select(batch_messages).where(these).order_by(batch_messages.c.number)
        async with self._database.read() as connection:
            return values(BatchMessage, await connection.execute(statement))

    async def all_messages(self, batch: Batch) -> tuple[BatchMessage, ...]:
        """Of every route: it may have begun in the channel and gone on in direct messages."""
        statement = sa.select(batch_messages).where(batch_messages.c.batch_id == batch.id)
        async with self._database.read() as connection:
            return values(BatchMessage, await connection.execute(statement.order_by(batch_messages.c.number)))

    async def attempt(self, batch: Batch, number: int, *, now: int, until: int) -> tuple[BatchMessage, bool]:
        """Written before it is posted or edited; and whether it may stand in Discord already, nobody knows where."""
        this = _this(batch, number)
        async with self._database.write() as connection:
            await _change(connection, batch, {"lease_until": until})
            found = values(BatchMessage, await connection.execute(sa.select(batch_messages).where(this)))
            if found and found[0].attempted_at is not None:
                return found[0], found[0].message_id is None
            await connection.execute(sa.delete(batch_messages).where(this))
            fresh = {
                "batch_id": batch.id,
                "route": batch.route,
                "number": number,
                "nonce": secrets.token_hex(NONCE_BYTES),
                "attempted_at": now,
            }
            made = await connection.execute(sa.insert(batch_messages).values(fresh).returning(batch_messages))
            return values(BatchMessage, made)[0], False

    async def shown(self, message: BatchMessage, *, channel_id: int, message_id: int, shows: str, now: int) -> None:
        """It stands there, and shows this."""
        changes = {"message_channel_id": channel_id, "message_id": message_id, "shows": shows, "shown_at": now}
        async with self._database.write() as connection:
            await connection.execute(sa.update(batch_messages).where(_same(message)).values(changes))

    async def forget(self, message: BatchMessage) -> None:
        """Somebody deleted it; the next one is another."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(batch_messages).where(_same(message)))

    async def in_message(self, message_id: int) -> tuple[Batch, BatchMessage] | None:
        """The batch that this message tells of."""
        async with self._database.read() as connection:
            statement = sa.select(batch_messages).where(batch_messages.c.message_id == message_id)
            messages = values(BatchMessage, await connection.execute(statement))
            found = await _where(connection, batches.c.id == messages[0].batch_id) if messages else ()
        return (found[0], messages[0]) if found else None


def first_of(reach: Reach) -> Route:
    """What only the asker is to see, and what may not be posted where it was asked for, comes by direct message."""
    return Route.CHANNEL if reach is Reach.CHANNEL else Route.DIRECT


def _tasks(batch_id: str, asked: NewTask, words: Sequence[str]) -> list[NewTask]:
    """
    Their interaction is the batch's, and its id can stand with one of them only. Theirs are below zero, where Discord
    has none: the same time, and a number by chance, different for each. Should another batch of that moment have one of
    them, the database refuses all.
    """
    first = secrets.randbelow(BY_CHANCE - len(words))
    moment = asked.interaction_id - asked.interaction_id % BY_CHANCE
    return [
        replace(
            asked,
            prompt=one,
            batch_id=batch_id,
            batch_position=position,
            interaction_id=-(moment + first + position),
        )
        for position, one in enumerate(words)
    ]


def _row(asked: NewTask, words: Sequence[str]) -> dict[str, Any]:
    request = asdict(replace(asked, interaction_token=""))
    return {
        "interaction_id": asked.interaction_id,
        "asker_id": asked.asker_id,
        "channel_id": asked.channel_id,
        "guild_id": asked.guild_id,
        "prompt": asked.prompt,
        "tasks": len(words),
        "words": list(words),
        "request": request,
        "lease_until": 0,
        "failures": 0,
        "route": first_of(asked.reach),
        "ending_nonce": secrets.token_hex(NONCE_BYTES),
    }


def _read(*, request: dict[str, Any], words: list[str], **columns: Any) -> Batch:
    known = {name: value for name, value in request.items() if name in _KNOWN}
    kinship = Kinship(known["kinship"]) if known["kinship"] is not None else None
    references = tuple(NewReference(**{**one, "kind": ReferenceKind(one["kind"])}) for one in known["references"])
    known |= {"reach": Reach(known["reach"]), "kinship": kinship, "references": references}
    return Batch(asked=NewTask(**known), words=tuple(words), **columns)


async def _where(connection: Transaction, these: sa.ColumnElement[bool]) -> tuple[Batch, ...]:
    return values(_read, await connection.execute(sa.select(*_BATCH, batches.c.request).where(these)))


async def _change(connection: Transaction, batch: Batch, changes: dict[str, Any]) -> None:
    """Only while it is in our hands."""
    ours = sa.and_(batches.c.id == batch.id, batches.c.owner == batch.owner)
    if not (await connection.execute(sa.update(batches).where(ours).values(changes))).rowcount:
        raise StaleBatch(f"batch {batch.id} is in other hands")


def _this(batch: Batch, number: int) -> sa.ColumnElement[bool]:
    return sa.and_(
        batch_messages.c.batch_id == batch.id,
        batch_messages.c.route == batch.route,
        batch_messages.c.number == number,
    )


def _same(message: BatchMessage) -> sa.ColumnElement[bool]:
    return sa.and_(
        batch_messages.c.batch_id == message.batch_id,
        batch_messages.c.route == message.route,
        batch_messages.c.number == message.number,
        batch_messages.c.nonce == message.nonce,
    )
