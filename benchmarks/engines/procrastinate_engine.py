"""
Procrastinate: a job of one task runs whenever the task is due, and is scheduled again by a retry strategy.

Jobs of one task share a lock, so that one runs at a time. A periodic job puts back the jobs of dead workers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]  # it has no types
from procrastinate import (  # type: ignore[import-not-found,unused-ignore]  # see README.md
    App,
    BaseRetryStrategy,
    PsycopgConnector,
    RetryDecision,
)

from benchmarks.engines.life import HEARTBEAT_SECONDS, LEASE_SECONDS, LOOK_SECONDS, World
from benchmarks.engines.rows import TABLES, Lives

CONCURRENCY: Final = 100


class _Later(Exception):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class _Again(BaseRetryStrategy):  # type: ignore[misc,unused-ignore]  # the library may be missing
    def get_retry_decision(self, *, exception: BaseException, job: Any) -> Any:
        if not isinstance(exception, _Later):
            return None
        return RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=exception.seconds))


def _app(url: str) -> Any:
    return App(connector=PsycopgConnector(conninfo=url, min_size=2, max_size=10))


async def prepare(url: str) -> None:
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool, _app(url).open_async() as app:
        await pool.execute(TABLES)
        await app.schema_manager.apply_schema_async()


@asynccontextmanager
async def carrier(url: str, world: World, name: str) -> AsyncIterator[ProcrastinateCarrier]:
    async with asyncpg.create_pool(url, min_size=1, max_size=10) as pool, _app(url).open_async() as app:
        lives = Lives(pool, world)

        async def advance(number: int) -> None:
            wait = await lives.advance(number)
            if wait is not None:
                raise _Later(wait)

        async def rescue(timestamp: int) -> None:
            for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=LEASE_SECONDS):
                await app.job_manager.retry_job(job)

        task = app.task(name="advance", retry=_Again())(advance)
        app.periodic(cron="* * * * * */5")(app.task(name="rescue", queueing_lock="rescue")(rescue))
        running = asyncio.create_task(
            app.run_worker_async(
                concurrency=CONCURRENCY,
                fetch_job_polling_interval=LOOK_SECONDS,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=LEASE_SECONDS,
                delete_jobs="successful",
                install_signal_handlers=False,
            )
        )
        yield ProcrastinateCarrier(task, lives)
        running.cancel()
        await asyncio.wait([running])


class ProcrastinateCarrier:
    def __init__(self, task: Any, lives: Lives) -> None:
        self._task = task
        self._lives = lives

    async def ask(self, number: int) -> None:
        await self._lives.add(number)
        await self._task.configure(lock=str(number)).defer_async(number=number)

    async def cancel(self, number: int) -> bool:
        return await self._lives.cancel(number)

    async def called_back(self, number: int, token: str, job_id: str) -> None:
        """Adopt the job, and let another job of higher priority carry the task on: a scheduled one cannot be moved."""
        await self._lives.adopt(number, job_id)
        await self._task.configure(lock=str(number), priority=1).defer_async(number=number)
