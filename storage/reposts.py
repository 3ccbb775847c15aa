"""Store reposts of results."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Final

import sqlalchemy as sa

from storage.community import NewRepost, Repost, RepostKind
from storage.curation import sync_messages
from storage.database import Database
from storage.models import new_id
from storage.outbox import Outbox
from storage.rows import values
from storage.schema import reposts, tasks
from storage.transactions import Transaction

NONCE_BYTES: Final = 9
_REPOST: Final = [column for column in reposts.c if column is not reposts.c.once]


class RepostStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.outbox = Outbox(
            database,
            reposts.c.due_at,
            key=lambda repost: reposts.c.id == repost.id,
            select=sa.select(*_REPOST),
            read=Repost,
            condition=reposts.c.removed_at.is_(None),
            failures=reposts.c.failures,
            attempted=reposts.c.attempted_at,
            guild=reposts.c.guild_id,
        )

    async def add(self, new: NewRepost, *, now: int) -> tuple[Repost, bool]:
        """Store a repost that is due now. If a repost has the same `once`, return that one and False."""
        async with self._database.write(priority=True) as connection:
            await self._database.serialize(connection, f"reposts of {new.task_id}")
            if found := await _where(connection, reposts.c.once == new.once):
                return found[0], False
            fresh = {
                "id": new_id(),
                "asked_at": now,
                "due_at": now,
                "failures": 0,
                "nonce": secrets.token_hex(NONCE_BYTES),
            }
            await connection.execute(sa.insert(reposts).values({**asdict(new), **fresh}))
            return (await _where(connection, reposts.c.id == fresh["id"]))[0], True

    async def posted(self, repost: Repost, *, message_id: int, now: int) -> None:
        """Store the message of the repost. A published result is no longer private. If the result was hidden or
        removed since, its messages become due for an update."""
        async with self._database.write() as connection:
            this = sa.update(reposts).where(reposts.c.id == repost.id)
            changed = this.values(message_id=message_id, due_at=None, failures=0).returning(*_REPOST)
            row = values(Repost, await connection.execute(changed))
            if repost.kind is RepostKind.PUBLISHED:
                public = sa.update(tasks).where(tasks.c.id == repost.task_id).values(private=False)
                await connection.execute(public)
            touched = any(repost.hidden_at is not None or repost.removed_at is not None for repost in row)
            await sync_messages(connection, repost.task_id, now=now, only_touched=not touched)

    async def drop(self, repost: Repost) -> None:
        """Delete a repost that cannot be posted; it may be asked for again."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(reposts).where(reposts.c.id == repost.id))

    async def of_task(self, task_id: str) -> tuple[Repost, ...]:
        """Return the reposts of a task, oldest first, including those not posted yet and those removed."""
        async with self._database.read() as connection:
            return await _where(connection, reposts.c.task_id == task_id)

    async def get(self, repost_id: str) -> Repost | None:
        async with self._database.read() as connection:
            found = await _where(connection, reposts.c.id == repost_id)
        return found[0] if found else None

    async def in_message(self, message_id: int) -> Repost | None:
        async with self._database.read() as connection:
            found = await _where(connection, reposts.c.message_id == message_id)
        return found[0] if found else None


async def _where(connection: Transaction, these: sa.ColumnElement[bool]) -> tuple[Repost, ...]:
    statement = sa.select(*_REPOST).where(these).order_by(reposts.c.asked_at, reposts.c.id)
    return values(Repost, await connection.execute(statement))
