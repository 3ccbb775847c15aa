"""Store which processes of the bot run on this database, and which shards each of them has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from storage.database import Database
from storage.notices import ANYTHING
from storage.outbox import Outbox, select_due_by_shard
from storage.prepared import Prepared
from storage.schema import processes
from storage.shards import KEPT_STATEMENTS

PROCESSES: Final = "processes"
"""The subject of changes of which processes run."""
OUTBOX_OF: Final = "outbox of "
"""Followed by the id of a process: the subject of outbox rows that wait for it."""
WORK_OF: Final = "work of "
"""Followed by the id of a process, or `EVERYBODY`: the subject of work that waits for it."""
EVERYBODY: Final = "all"
CREATE_OF: Final = "create of "
"""Followed by the id of a process: the subject of its turn to begin a create."""

DELETE_EXPIRED: Final = Prepared(
    sa.delete(processes)
    .where(processes.c.seen_at <= sa.bindparam("expired_at", type_=sa.BigInteger))
    .returning(processes.c.id)
)
RENEW: Final = Prepared(
    sa.update(processes).where(processes.c.id == sa.bindparam("of")).returning(processes.c.id), ("seen_at",)
)
RUNNING: Final = Prepared(sa.select(processes).order_by(processes.c.started_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    id: str
    shard_count: int | None
    """Shards of the bot in all; None if discord.py asks Discord for the number."""
    shard_ids: tuple[int, ...]
    """The shards that this process runs; empty for all."""
    started_at: int
    """When the process joined the others: no two have the same time, and who joins later has a later one."""
    seen_at: int
    """Times (ms)."""


class ProcessStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._due_by_shard = lru_cache(maxsize=KEPT_STATEMENTS)(select_due_by_shard)

    @property
    def alone(self) -> bool:
        """Return whether no other process can be working on this database."""
        return self._database.alone

    async def seen(self, process: Process, *, lease_ms: int) -> tuple[Process, ...]:
        """
        Store that this process runs at its `seen_at`, delete the rows of the processes that were seen last `lease_ms`
        or longer before, and return all that are left, in the order in which they joined, this one included.

        A process without a row, or whose row was too old, joins as the last. One transaction follows the other, so two
        processes agree on what each of them read. All hear of it if one joins or is gone.
        """
        async with self._database.write() as connection:
            await self._database.serialize(connection, PROCESSES)
            changed = bool(await DELETE_EXPIRED.rows(connection, {"expired_at": process.seen_at - lease_ms}))
            if not await RENEW.rows(connection, {"of": process.id, "seen_at": process.seen_at}):
                changed = True
                last: int | None = (await connection.execute(sa.select(sa.func.max(processes.c.started_at)))).scalar()
                joins = max(process.started_at, (last or 0) + 1)
                await connection.execute(sa.insert(processes).values(asdict(process) | {"started_at": joins}))
            if changed:
                await self._database.notify(connection, PROCESSES)
            return await RUNNING.values(Process, connection)

    async def leave(self, process_id: str) -> None:
        """Delete the row of a process that stops, and tell the others."""
        async with self._database.write(changing=PROCESSES) as connection:
            await connection.execute(sa.delete(processes).where(processes.c.id == process_id))

    async def wake(self, process_id: str = EVERYBODY) -> None:
        """Tell a process, or all of them, that work waits for it."""
        async with self._database.write() as connection:
            await self._database.notify(connection, work_of(process_id))

    async def wake_for_outbox(self, process_id: str) -> None:
        """Tell a process that outbox rows wait for it."""
        async with self._database.write() as connection:
            await self._database.notify(connection, f"{OUTBOX_OF}{process_id}")

    async def wake_for_create(self, process_id: str) -> None:
        """Tell a process that the next create is its own."""
        async with self._database.write() as connection:
            await self._database.notify(connection, create_of(process_id))

    async def outboxes_due(
        self, outboxes: Mapping[str, Outbox[Any]], *, now: int, count: int
    ) -> frozenset[tuple[str, int]]:
        """Return the names of the outboxes that have due rows, each with the shards, of `count` in all, that these rows
        are of."""
        statement = self._due_by_shard(tuple(outboxes.items()), count)
        return frozenset([(name, shard) for name, shard in await self._database.rows(statement, {"now": now})])

    def on_outbox(self, process_id: str, look: Callable[[], None]) -> None:
        """Call `look` whenever another process tells that outbox rows wait for this one, and when that may have been
        missed."""
        heard = {f"{OUTBOX_OF}{process_id}", ANYTHING}
        self._database.notices.listen(lambda subject: look() if subject in heard else None)

    def on_wake(self, process_id: str, wake: Callable[[], None]) -> None:
        """Call `wake` whenever another process tells that work waits for this one, and when that may have been
        missed."""
        heard = {work_of(process_id), work_of(EVERYBODY), ANYTHING}
        self._database.notices.listen(lambda subject: wake() if subject in heard else None)

    def on_create(self, process_id: str, begin: Callable[[], None]) -> None:
        """Call `begin` whenever another process tells that the next create is this one's."""
        subject = create_of(process_id)
        self._database.notices.listen(lambda heard: begin() if heard == subject else None)

    def on_change(self, changed: Callable[[], None]) -> None:
        """Call `changed` whenever a process joins or is gone."""
        self._database.notices.listen(lambda subject: changed() if subject == PROCESSES else None)


def work_of(process_id: str) -> str:
    """Return the subject of work that waits for this process, or for `EVERYBODY`."""
    return f"{WORK_OF}{process_id}"


def create_of(process_id: str) -> str:
    """Return the subject of the turn of this process to begin a create."""
    return f"{CREATE_OF}{process_id}"
