"""
Store batches: proposals, the creation of all tasks of a batch in one transaction, and the messages that deliver its
outcomes.

Every state change of a task makes its batch due (`storage.transitions`). A worker claims a batch with `owner` and a
lease. A batch that becomes due again during the work keeps its lease, so that no second worker claims it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, Final

import sqlalchemy as sa

from storage.card_facts import card_facts
from storage.community import Batch, BatchMessage
from storage.database import Database
from storage.limits import check_limits, kept_of_before, pictures_today
from storage.models import (
    Derivation,
    Limits,
    NewReference,
    NewTask,
    Origin,
    Picture,
    PictureRequest,
    Reach,
    ReferenceKind,
    Route,
    Task,
    new_id,
)
from storage.outbox import Outbox
from storage.rows import values
from storage.schema import batch_messages, batches, pictures, tasks
from storage.tasks import Added, insert_task
from storage.transactions import Transaction

NONCE_BYTES: Final = 9
BY_CHANCE: Final = 1 << 22
"""Number of Discord ids with the same time: the bits of an id above its lowest 22 are the time."""
_BATCH: Final = [batches.c[field.name] for field in fields(Batch) if field.name != "asked"]
_KNOWN: Final = frozenset(field.name for field in fields(NewTask))


class StaleBatch(Exception):
    """Another worker owns the batch now, or it was deleted; nothing was changed."""


class BatchStore:
    """Methods that change a claimed batch raise StaleBatch: `reroute`, `attempt_ending`, `ended`, `close`,
    `attempt`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.outbox = Outbox(
            database,
            batches.c.due_at,
            key=lambda batch: batches.c.id == batch.id,
            select=sa.select(*_BATCH, batches.c.request),
            read=_read,
            condition=batches.c.begun_at.is_not(None),
            failures=batches.c.failures,
            owner=batches.c.owner,
            lease=batches.c.lease_until,
            guild=batches.c.guild_id,
        )

    # -- people --------------------------------------------------------------------------------------------------
    async def propose(self, asked: NewTask, words: Sequence[str], *, now: int) -> Batch:
        """Store a proposal without tasks. The same interaction again returns the same batch."""
        async with self._database.write(priority=True) as connection:
            await self._database.serialize(connection, f"submits of {asked.asker_id}")
            if found := await _where(connection, batches.c.interaction_id == asked.interaction_id):
                return found[0]
            row = _row(asked, words) | {"id": new_id(), "created_at": now}
            await connection.execute(sa.insert(batches).values(row))
            return (await _where(connection, batches.c.id == row["id"]))[0]

    async def get(self, batch_id: str) -> Batch | None:
        async with self._database.read() as connection:
            found = await _where(connection, batches.c.id == batch_id)
        return found[0] if found else None

    async def drop(self, batch_id: str) -> bool:
        """Delete a proposal. Return False if there is none: its tasks were created already, or it was deleted
        before."""
        these = sa.and_(batches.c.id == batch_id, batches.c.begun_at.is_(None))
        async with self._database.write(priority=True) as connection:
            return bool((await connection.execute(sa.delete(batches).where(these))).rowcount)

    async def forget_proposals(self, before: int) -> int:
        """Delete the proposals created before `before` (ms) that were not begun. Return how many."""
        these = sa.and_(batches.c.begun_at.is_(None), batches.c.created_at < before)
        async with self._database.write() as connection:
            return (await connection.execute(sa.delete(batches).where(these))).rowcount

    async def begin(self, batch: Batch, origin: Origin, limits: Limits, *, now: int) -> Batch | None:
        """
        Create all tasks of the batch in one transaction, under the lock of the asker's submits. `origin` is the
        interaction that confirmed the proposal. Idempotent: a batch that has begun already is returned unchanged.
        Return None if the proposal was deleted.

        Raises LimitExceeded; nothing is stored then.
        """
        asker_id, references = batch.asked.asker_id, batch.asked.request.references
        kept = await kept_of_before(self._database, asker_id, limits, now=now) if references else 0
        async with self._database.write(priority=True) as connection:
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
            for position, new in enumerate(_tasks(batch.id, asked, batch.words)):  # 1 ms apart, to keep the order
                await insert_task(connection, new, now=now + position, prepared=not new.request.references)
            return (await _where(connection, batches.c.id == batch.id))[0]

    async def make_one(self, batch_id: str, new: NewTask, limits: Limits, *, now: int, prepared: bool) -> Added | None:
        """
        Create one task in place of the proposal, which is deleted, in one transaction and under the locks of
        `TaskStore.add`. Return None if the proposal was answered or deleted already. `prepared`: as in `TaskStore.add`.

        Raises LimitExceeded; nothing is stored then.
        """
        kept = await kept_of_before(self._database, new.asker_id, limits, now=now) if new.request.references else 0
        async with self._database.write(priority=True) as connection:
            await self._database.serialize(connection, f"submits of {new.asker_id}")
            open_proposal = sa.and_(batches.c.id == batch_id, batches.c.begun_at.is_(None))
            if not await _where(connection, open_proposal):
                return None
            if limits.pictures_per_day:
                await self._database.serialize(connection, "submits of all")
            await check_limits(connection, new, limits, now=now, kept=kept)
            await connection.execute(sa.delete(batches).where(open_proposal))
            task = await insert_task(connection, new, now=now, prepared=prepared)
            return Added(task, True, await card_facts(connection, task))

    async def pictures_today(self, asker_id: int, *, now: int) -> int:
        async with self._database.read() as connection:
            return await pictures_today(connection, asker_id, now=now)

    # -- tasks ---------------------------------------------------------------------------------------------------
    async def tasks(self, batch_id: str) -> tuple[Task, ...]:
        """Return the tasks of the batch that still exist, by position."""
        statement = sa.select(tasks).where(tasks.c.batch_id == batch_id).order_by(tasks.c.batch_position)
        async with self._database.read() as connection:
            return values(Task, await connection.execute(statement))

    async def pictures(self, batch_id: str) -> Mapping[str, tuple[Picture, ...]]:
        """Return the pictures by task id. Tasks without pictures are left out."""
        of_batch = sa.select(tasks.c.id).where(tasks.c.batch_id == batch_id)
        statement = sa.select(pictures).where(pictures.c.task_id.in_(of_batch)).order_by(pictures.c.position)
        by_task = defaultdict[str, tuple[Picture, ...]](tuple)
        async with self._database.read() as connection:
            for picture in values(Picture, await connection.execute(statement)):
                by_task[picture.task_id] += (picture,)
        return by_task

    # -- work ----------------------------------------------------------------------------------------------------
    async def reroute(self, batch: Batch, route: Route) -> Batch:
        """Set the route by which all messages of the batch are sent from now on."""
        await self._change(batch, {"route": route})
        return replace(batch, route=route)

    async def attempt_ending(self, batch: Batch, *, now: int, until: int) -> None:
        """Store the attempt before the closing message is sent, and extend the lease to `until` (ms). Keep the first
        `ending_attempted_at`."""
        first = sa.func.coalesce(batches.c.ending_attempted_at, now)
        await self._change(batch, {"ending_attempted_at": first, "lease_until": until})

    async def ended(self, batch: Batch, place: tuple[int, int] | None) -> None:
        """Store where the closing message is (channel id, message id), or with None that the message no longer
        exists: the attempt is forgotten too, so that it can be sent again."""
        channel_id, message_id = place or (None, None)
        changes: dict[str, Any] = {"ending_channel_id": channel_id, "ending_message_id": message_id}
        if place is None:
            changes["ending_attempted_at"] = None
        await self._change(batch, changes)

    async def close(self, batch: Batch, *, now: int) -> None:
        """Mark the batch as closed: the closing message was sent, or none will be. Keep the first `closed_at`."""
        await self._change(batch, {"closed_at": sa.func.coalesce(batches.c.closed_at, now)})

    async def _change(self, batch: Batch, changes: dict[str, Any]) -> None:
        async with self._database.write() as connection:
            await change_owned(connection, batch, changes)

    # -- messages ------------------------------------------------------------------------------------------------
    async def messages(self, batch: Batch) -> tuple[BatchMessage, ...]:
        """Return the messages of the batch's route, by number."""
        these = sa.and_(batch_messages.c.batch_id == batch.id, batch_messages.c.route == batch.route)
        statement = sa.select(batch_messages).where(these).order_by(batch_messages.c.number)
        async with self._database.read() as connection:
            return values(BatchMessage, await connection.execute(statement))

    async def all_messages(self, batch: Batch) -> tuple[BatchMessage, ...]:
        """Return the messages of every route: a batch may begin in the channel and continue in direct messages."""
        statement = sa.select(batch_messages).where(batch_messages.c.batch_id == batch.id)
        async with self._database.read() as connection:
            return values(BatchMessage, await connection.execute(statement.order_by(batch_messages.c.number)))

    async def attempt(
        self, batch: Batch, number: int, *, now: int, until: int, backed_up_at: int | None = None, again: bool = False
    ) -> tuple[BatchMessage, bool]:
        """
        Store the attempt before the message is posted or edited, and extend the lease to `until` (ms). Return the
        message, and True if an earlier attempt may have posted it although its id is unknown: search for it first.

        `backed_up_at`: when the backup was made from which the batch was restored, if it was; the message may have been
        posted since. The first message has a nonce that a restored bot knows; `again`: it was deleted, and needs
        another one.
        """
        this = _this(batch, number)
        async with self._database.write() as connection:
            await change_owned(connection, batch, {"lease_until": until})
            found = values(BatchMessage, await connection.execute(sa.select(batch_messages).where(this)))
            if found and found[0].attempted_at is not None:
                return found[0], found[0].message_id is None
            await connection.execute(sa.delete(batch_messages).where(this))
            fresh = {
                "batch_id": batch.id,
                "route": batch.route,
                "number": number,
                "nonce": secrets.token_hex(NONCE_BYTES) if again else _first_nonce(batch, number),
                "attempted_at": backed_up_at or now,
            }
            made = await connection.execute(sa.insert(batch_messages).values(fresh).returning(batch_messages))
            return values(BatchMessage, made)[0], backed_up_at is not None

    async def shown(self, message: BatchMessage, *, channel_id: int, message_id: int, shows: str, now: int) -> None:
        """Store the id of the message and the digest of what the message shows."""
        changes = {"message_channel_id": channel_id, "message_id": message_id, "shows": shows, "shown_at": now}
        async with self._database.write() as connection:
            await connection.execute(sa.update(batch_messages).where(same_message(message)).values(changes))

    async def forget(self, message: BatchMessage) -> None:
        """Delete the row of a message that was deleted in Discord; the next message gets a new row and nonce."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(batch_messages).where(same_message(message)))

    async def in_message(self, message_id: int) -> tuple[Batch, BatchMessage] | None:
        """Return the batch message with this Discord id, and its batch."""
        async with self._database.read() as connection:
            statement = sa.select(batch_messages).where(batch_messages.c.message_id == message_id)
            messages = values(BatchMessage, await connection.execute(statement))
            found = await _where(connection, batches.c.id == messages[0].batch_id) if messages else ()
        return (found[0], messages[0]) if found else None


def first_of(reach: Reach) -> Route:
    """Return the first route of a batch. Outcomes that only the asker may see, or that the bot may not post where they
    were asked for, go by direct message."""
    return Route.CHANNEL if reach is Reach.CHANNEL else Route.DIRECT


def _tasks(batch_id: str, asked: NewTask, words: Sequence[str]) -> list[NewTask]:
    """Build the tasks of a batch, each with a made-up interaction id: the column is unique, and the batch has only one
    interaction. The ids are negative, which Discord's never are, and hold the time of the batch's interaction and a
    random number, different for each task. If a batch of the same millisecond has one of these ids, the database
    refuses the whole batch."""
    first = secrets.randbelow(BY_CHANCE - len(words))
    moment = asked.interaction_id - asked.interaction_id % BY_CHANCE
    return [
        replace(
            asked,
            request=replace(asked.request, prompt=prompt),
            batch_id=batch_id,
            batch_position=position,
            interaction_id=-(moment + first + position),
        )
        for position, prompt in enumerate(words)
    ]


def _row(asked: NewTask, words: Sequence[str]) -> dict[str, Any]:
    return {
        "interaction_id": asked.interaction_id,
        "asker_id": asked.asker_id,
        "channel_id": asked.channel_id,
        "guild_id": asked.guild_id,
        "prompt": asked.request.prompt,
        "tasks": len(words),
        "words": list(words),
        "request": asdict(replace(asked, interaction_token="")),
        "lease_until": 0,
        "failures": 0,
        "route": first_of(asked.reach),
        "ending_nonce": secrets.token_hex(NONCE_BYTES),
    }


def _read(*, request: dict[str, Any], words: list[str], **columns: Any) -> Batch:
    known = {name: value for name, value in request.items() if name in _KNOWN}
    derivation = Derivation(known["derivation"]) if known["derivation"] is not None else None
    asked: dict[str, Any] = known["request"]
    references = tuple(
        NewReference(**{**reference, "kind": ReferenceKind(reference["kind"])}) for reference in asked["references"]
    )
    pictures = PictureRequest(**{**asked, "references": references})
    known |= {"reach": Reach(known["reach"]), "derivation": derivation, "request": pictures}
    return Batch(asked=NewTask(**known), words=tuple(words), **columns)


async def _where(connection: Transaction, these: sa.ColumnElement[bool]) -> tuple[Batch, ...]:
    return values(_read, await connection.execute(sa.select(*_BATCH, batches.c.request).where(these)))


async def change_owned(connection: Transaction, batch: Batch, changes: dict[str, Any]) -> None:
    """Change the batch if the caller still owns it. Raises StaleBatch."""
    own = sa.and_(batches.c.id == batch.id, batches.c.owner == batch.owner)
    if not (await connection.execute(sa.update(batches).where(own).values(changes))).rowcount:
        raise StaleBatch(f"another worker owns batch {batch.id}")


def _first_nonce(batch: Batch, number: int) -> str:
    text = f"{batch.id} {batch.route} {number}"
    return hashlib.blake2b(text.encode(), digest_size=NONCE_BYTES).hexdigest()


def _this(batch: Batch, number: int) -> sa.ColumnElement[bool]:
    return sa.and_(
        batch_messages.c.batch_id == batch.id,
        batch_messages.c.route == batch.route,
        batch_messages.c.number == number,
    )


def same_message(message: BatchMessage) -> sa.ColumnElement[bool]:
    return sa.and_(
        batch_messages.c.batch_id == message.batch_id,
        batch_messages.c.route == message.route,
        batch_messages.c.number == message.number,
        batch_messages.c.nonce == message.nonce,
    )
