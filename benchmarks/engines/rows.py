"""
What a queue library leaves to us: the rows of tasks, and their next step.

A library claims a job and runs it again after a delay or a death. What a task is, whether its create may have been
sent, the window of creates and the search for a message stay our rows and our code, in PostgreSQL beside the library's.
"""

from __future__ import annotations

from typing import Final

import asyncpg  # type: ignore[import-untyped]  # it has no types

from benchmarks.engines.life import (
    AGAIN_SECONDS,
    ASKERS,
    CREATES,
    IN_FLIGHT,
    WINDOW_SECONDS,
    WORD_SECONDS,
    NoAnswer,
    Text,
    Throttled,
    World,
    wait_after,
)

TABLES: Final = """
CREATE TABLE lives (
    number int PRIMARY KEY, asker int NOT NULL, state text NOT NULL, sent_at float8, accepted_at float8,
    job_id text, text text, posting bool NOT NULL DEFAULT false
);
CREATE TABLE sent_creates (at float8 NOT NULL);
CREATE INDEX ON sent_creates (at);
"""
NOW: Final = "extract(epoch FROM clock_timestamp())::float8"


class Lives:
    def __init__(self, pool: asyncpg.Pool, world: World) -> None:
        self._pool = pool
        self._world = world

    async def add(self, number: int) -> None:
        await self._pool.execute("INSERT INTO lives VALUES ($1, $2, 'queued')", number, number % ASKERS)

    async def cancel(self, number: int) -> bool:
        return await self._move(number, "queued", "cancelled")

    async def adopt(self, number: int, job_id: str) -> None:
        """Take the job of a callback for a create that was not answered, if it is a job of this task."""
        owner, _ = await self._world.record(job_id)
        if owner == number:
            await self._move(number, "sent", "generating", job_id=job_id)

    async def advance(self, number: int) -> float | None:
        """Carry the task on until it has to wait. Return for how many seconds; None if it has ended. Only one process
        may do this at a time, which the library sees to."""
        wait: float | None = 0.0
        while wait == 0.0:
            wait = await self._step(number)
        return wait

    async def _step(self, number: int) -> float | None:
        task = await self._pool.fetchrow(f"SELECT *, {NOW} AS now FROM lives WHERE number = $1", number)  # noqa: S608
        match task["state"]:
            case "queued":
                wait = await self._begin(number)
                return await self._create(number) if wait is None else wait
            case "sent":
                left = float(task["sent_at"] + WORD_SECONDS - task["now"])
                if left > 0:
                    return left
                await self._move(number, "sent", "settled", text=Text.UNCONFIRMED)
                return 0.0
            case "generating":
                _, ready = await self._world.record(task["job_id"])
                if not ready:
                    return wait_after(task["now"] - task["accepted_at"])
                await self._move(number, "generating", "settled", text=Text.MADE)
                return 0.0
            case "settled":
                return await self._deliver(number, task["text"], uncertain=task["posting"])
            case _:
                return None

    async def _begin(self, number: int) -> float | None:
        """Store a create before it is sent, within the limits of all processes. Return None if it may be sent now, or
        after how many seconds to look again."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(1)")
            now = await connection.fetchval(f"SELECT {NOW}")
            recent = await connection.fetch(
                "SELECT at FROM sent_creates WHERE at > $1 ORDER BY at", now - WINDOW_SECONDS
            )
            if len(recent) >= CREATES:
                return float(recent[0]["at"] + WINDOW_SECONDS - now) + 0.01
            flying = "SELECT count(*) FROM lives WHERE state IN ('sent', 'generating')"
            if await connection.fetchval(flying) >= IN_FLIGHT:
                return AGAIN_SECONDS
            begun = "UPDATE lives SET state = 'sent', sent_at = $2 WHERE number = $1 AND state = 'queued'"
            if await connection.execute(begun, number, now) != "UPDATE 1":
                return 0.0  # it was cancelled
            await connection.execute("INSERT INTO sent_creates VALUES ($1)", now)
            return None

    async def _create(self, number: int) -> float:
        """Send the create that was stored just now."""
        try:
            job_id = await self._world.create(number)
        except Throttled:
            await self._move(number, "sent", "queued")
            return AGAIN_SECONDS
        except NoAnswer:
            return WORD_SECONDS
        await self._move(number, "sent", "generating", job_id=job_id)
        return wait_after(0)

    async def _deliver(self, number: int, text: str, *, uncertain: bool) -> float:
        """Post the message, and search for it first if an earlier attempt may have posted it."""
        await self._pool.execute("UPDATE lives SET posting = true WHERE number = $1", number)
        try:
            if not (uncertain and await self._world.is_posted(number)):
                await self._world.post(number, text)
        except NoAnswer:
            return AGAIN_SECONDS
        await self._move(number, "settled", "closed")
        return 0.0

    async def _move(
        self, number: int, before: str, after: str, job_id: str | None = None, text: str | None = None
    ) -> bool:
        """Move the task if, and only if, it is in the state `before`."""
        moved = f"""UPDATE lives SET state = $3, job_id = coalesce($4, job_id), text = coalesce($5, text),
            accepted_at = CASE WHEN $3 = 'generating' THEN {NOW} ELSE accepted_at END
            WHERE number = $1 AND state = $2"""  # noqa: S608
        return bool(await self._pool.execute(moved, number, before, after, job_id, text) == "UPDATE 1")
