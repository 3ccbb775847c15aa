"""Store which processes of the bot run on this database, and which shards each of them has."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import sqlalchemy as sa

from storage.database import Database
from storage.rows import values
from storage.schema import processes


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

    @property
    def alone(self) -> bool:
        """Return whether no other process can be working on this database."""
        return self._database.alone

    async def seen(self, process: Process, *, lease_ms: int) -> tuple[Process, ...]:
        """
        Store that this process runs at its `seen_at`, delete the rows of the processes that were seen last `lease_ms`
        or longer before, and return all that are left, in the order in which they joined, this one included.

        A process without a row, or whose row was too old, joins as the last. One transaction follows the other, so two
        processes agree on what each of them read.
        """
        expired = processes.c.seen_at <= process.seen_at - lease_ms
        known = sa.update(processes).where(processes.c.id == process.id).values(seen_at=process.seen_at)
        async with self._database.write() as connection:
            await self._database.serialize(connection, "processes")
            await connection.execute(sa.delete(processes).where(expired))
            if not (await connection.execute(known)).rowcount:
                last: int | None = (await connection.execute(sa.select(sa.func.max(processes.c.started_at)))).scalar()
                joins = max(process.started_at, (last or 0) + 1)
                await connection.execute(sa.insert(processes).values(asdict(process) | {"started_at": joins}))
            running = sa.select(processes).order_by(processes.c.started_at)
            return values(Process, await connection.execute(running))

    async def leave(self, process_id: str) -> None:
        """Delete the row of a process that stops."""
        async with self._database.write() as connection:
            await self._database.serialize(connection, "processes")
            await connection.execute(sa.delete(processes).where(processes.c.id == process_id))
