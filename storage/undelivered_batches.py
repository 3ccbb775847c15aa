"""Store batches that could not be delivered by any route: they wait for their asker, who collects one message after the
other, each by an interaction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from storage.batches import change_owned, same_message
from storage.card_facts import KEPT_BATCH
from storage.community import Batch, BatchMessage
from storage.database import Database
from storage.models import Route
from storage.schema import batch_messages, batches


class UndeliveredBatchStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, batch: Batch, route: Route, *, now: int) -> None:
        """Keep the complete batch for its asker, and set the route of the next attempt. Keep the first
        `undelivered_at`. Raises StaleBatch."""
        first = sa.func.coalesce(batches.c.undelivered_at, now)
        async with self._database.write() as connection:
            await change_owned(connection, batch, {"undelivered_at": first, "route": route})

    async def collect(self, batch_id: str, token: str, *, now: int, due: int, lapsed: int) -> bool:
        """
        Store the token of the interaction with which the asker came for the next message of a kept batch, whatever
        worker owns the batch. The batch is due at `due` (ms).

        Do nothing and return False if the batch is not kept, if this interaction is answered already, or if the asker
        came by another interaction after `lapsed` (ms) that is not answered yet.
        """
        same = batches.c.collect_token == token
        waits = sa.and_(same, batches.c.collect_at.is_not(None))
        answered = sa.and_(batches.c.collect_at.is_(None), batches.c.collect_token.is_distinct_from(token))
        free = sa.or_(waits, answered, batches.c.collect_at <= lapsed)
        these = sa.and_(batches.c.id == batch_id, KEPT_BATCH, free)
        coming = {"collect_token": token, "collect_at": now, "due_at": due}
        async with self._database.write() as connection:
            return bool((await connection.execute(sa.update(batches).where(these).values(coming))).rowcount)

    async def collected(self, batch: Batch, message: BatchMessage, *, message_id: int, last: bool, now: int) -> None:
        """Store that the interaction `batch.collect_token` shows the message. From now on, the asker collects the
        others too. `last`: close the batch. Raises StaleBatch."""
        shown = {"message_id": message_id, "shown_at": now}
        changes: dict[str, Any] = {"route": Route.COLLECTED}
        if last:
            changes["closed_at"] = sa.func.coalesce(batches.c.closed_at, now)
        async with self._database.write() as connection:
            await change_owned(connection, batch, changes)
            await connection.execute(sa.update(batch_messages).where(same_message(message)).values(shown))
            await connection.execute(sa.update(batches).where(_came(batch)).values(collect_at=None))

    async def not_collected(self, batch: Batch) -> Batch:
        """Forget the interaction `batch.collect_token`, which shows no message of the batch. Keep a later one."""
        async with self._database.write() as connection:
            forget = sa.update(batches).where(_came(batch)).values(collect_token=None, collect_at=None)
            await connection.execute(forget)
        return replace(batch, collect_token=None, collect_at=None)

    async def give_up(self, *, before: int, now: int) -> int:
        """Close the batches that were first kept before `before` (ms), except those for which the asker is coming.
        Return how many."""
        these = sa.and_(KEPT_BATCH, batches.c.undelivered_at < before, batches.c.collect_at.is_(None))
        async with self._database.write() as connection:
            return (await connection.execute(sa.update(batches).where(these).values(closed_at=now))).rowcount


def _came(batch: Batch) -> sa.ColumnElement[bool]:
    return sa.and_(batches.c.id == batch.id, batches.c.collect_token == batch.collect_token)
