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
    seen_at: int
    """Times (ms)."""


class ProcessStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def seen(self, process: Process, *, forget_before: int) -> tuple[Process, ...]:
        """Store that this process runs, delete the rows of those that were seen last before `forget_before` (ms), and
        return all others, longest running first, this one included."""
        this = processes.c.id == process.id
        async with self._database.write() as connection:
            await connection.execute(sa.delete(processes).where(sa.or_(this, processes.c.seen_at < forget_before)))
            await connection.execute(sa.insert(processes).values(asdict(process)))
            running = sa.select(processes).order_by(processes.c.started_at, processes.c.id)
            return values(Process, await connection.execute(running))

    async def leave(self, process_id: str) -> None:
        """Delete the row of a process that stops."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(processes).where(processes.c.id == process_id))
