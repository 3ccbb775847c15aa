"""
PgQueuer: a job of one task runs whenever the task is due, and asks to be run again later (`RetryRequested`).

Jobs are claimed in batches with FOR UPDATE SKIP LOCKED; a job whose heartbeat is old is claimed again by any process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]  # it has no types
from pgqueuer import PgQueuer  # type: ignore[import-not-found,unused-ignore]  # see README.md
from pgqueuer.domain.errors import RetryRequested  # type: ignore[import-not-found,unused-ignore]
from pgqueuer.queries import Queries  # type: ignore[import-not-found,unused-ignore]

from benchmarks.engines.life import LEASE_SECONDS, LOOK_SECONDS, World
from benchmarks.engines.rows import TABLES, Lives

SOONER: Final = "UPDATE pgqueuer SET execute_after = now() WHERE payload = $1 AND status = 'queued'"
"""Run a waiting job now. The library has no call for it."""


async def prepare(url: str) -> None:
    async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool:
        await pool.execute(TABLES)
        await Queries.from_asyncpg_pool(pool).install()


@asynccontextmanager
async def carrier(url: str, world: World, name: str) -> AsyncIterator[PgQueuerCarrier]:
    async with asyncpg.create_pool(url, min_size=2, max_size=10) as pool:
        lives = Lives(pool, world)

        async def advance(job: Any) -> None:
            wait = await lives.advance(int(job.payload))
            if wait is not None:
                raise RetryRequested(timedelta(seconds=wait))

        engine = PgQueuer.from_asyncpg_pool(pool)
        engine.entrypoint("advance")(advance)
        running = asyncio.create_task(
            engine.run(
                batch_size=20,
                dequeue_timeout=timedelta(seconds=LOOK_SECONDS),
                heartbeat_timeout=timedelta(seconds=LEASE_SECONDS),
            )
        )
        yield PgQueuerCarrier(pool, lives)
        engine.shutdown.set()
        await running


class PgQueuerCarrier:
    def __init__(self, pool: asyncpg.Pool, lives: Lives) -> None:
        self._pool = pool
        self._queries = Queries.from_asyncpg_pool(pool)
        self._lives = lives

    async def ask(self, number: int) -> None:
        await self._lives.add(number)
        await self._queries.enqueue("advance", str(number).encode())

    async def cancel(self, number: int) -> bool:
        return await self._lives.cancel(number)

    async def called_back(self, number: int, token: str, job_id: str) -> None:
        await self._lives.adopt(number, job_id)
        await self._pool.execute(SOONER, str(number).encode())
