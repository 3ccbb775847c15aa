"""
DBOS Transact: the life of a task is one function; each step's result is stored, and a recovered life repeats the steps
that have no result yet.

A step during which its process died is repeated. So the process is stored before a create and before a message, and a
step that finds itself in another process sends no create, and searches for its message first.

Every wait and every poll is a step. With `polls_in_one_step` they are one, which stores less.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]  # it has no types
from dbos import DBOS, SetWorkflowID  # type: ignore[import-not-found,unused-ignore]  # see README.md

from benchmarks.engines.life import (
    AGAIN_SECONDS,
    CREATES,
    HEARTBEAT_SECONDS,
    IN_FLIGHT,
    LEASE_SECONDS,
    WINDOW_SECONDS,
    WORD_SECONDS,
    NoAnswer,
    Text,
    Throttled,
    World,
    wait_after,
)

QUEUE: Final = "lives"
CALLBACK: Final = "callback"
REFUSED: Final = "refused"
PROCESS: Final = uuid4().hex
EXECUTORS: Final = "CREATE TABLE IF NOT EXISTS executors (name text PRIMARY KEY, seen_at timestamptz NOT NULL)"
_worlds: list[World] = []
"""The world of this process: the steps are functions of the module, because DBOS finds them by name."""


async def life(number: int, polls_in_one_step: bool) -> None:
    text = await made(number, polls_in_one_step)
    begun_by = await DBOS.run_step_async({"name": "begin"}, this_process)
    searches = False
    while not await DBOS.run_step_async({"name": "post"}, post, number, text, begun_by, searches):
        searches = True
        await DBOS.sleep_async(AGAIN_SECONDS)


async def made(number: int, polls_in_one_step: bool) -> str:
    answer: str | None = REFUSED
    while answer == REFUSED:
        begun_by = await DBOS.run_step_async({"name": "begin"}, this_process)
        answer = await DBOS.run_step_async({"name": "create"}, create, number, begun_by)
        if answer == REFUSED:
            await DBOS.sleep_async(AGAIN_SECONDS)
    job_id = answer or await DBOS.recv_async(CALLBACK, WORD_SECONDS)
    if job_id is None:
        return Text.UNCONFIRMED.value
    accepted_at = await DBOS.run_step_async({"name": "accepted"}, now)
    wait: float | None = wait_after(0) if answer else 0.0
    if polls_in_one_step:
        wait = await DBOS.run_step_async({"name": "polls"}, poll_until_ready, job_id, accepted_at, wait)
    while wait is not None:
        await DBOS.recv_async(CALLBACK, wait)
        wait = await DBOS.run_step_async({"name": "poll"}, poll, job_id, accepted_at)
    return Text.MADE.value


async def this_process() -> str:
    return PROCESS


async def now() -> float:
    return time.time()


async def create(number: int, begun_by: str) -> str | None:
    """Return the job_id, REFUSED, or None: the create may have been accepted."""
    if begun_by != PROCESS:
        return None
    try:
        return await _worlds[0].create(number)
    except Throttled:
        return REFUSED
    except NoAnswer:
        return None


async def poll(job_id: str, accepted_at: float) -> float | None:
    """Return when to poll again; None if the picture is ready."""
    _, ready = await _worlds[0].record(job_id)
    return None if ready else wait_after(time.time() - accepted_at)


async def poll_until_ready(job_id: str, accepted_at: float, wait: float | None) -> None:
    """Store nothing until the picture is ready. A callback does not wake this, and a recovered task polls at once."""
    while wait is not None:
        await asyncio.sleep(wait)
        wait = await poll(job_id, accepted_at)


async def post(number: int, text: str, begun_by: str, searches: bool) -> bool:
    try:
        if not ((searches or begun_by != PROCESS) and await _worlds[0].is_posted(number)):
            await _worlds[0].post(number, text)
    except NoAnswer:
        return False
    return True


async def prepare(url: str) -> None:
    DBOS.migrate(url)
    if url.startswith("postgres"):
        connection = await asyncpg.connect(url)
        await connection.execute(EXECUTORS)
        await connection.close()


@asynccontextmanager
async def carrier(url: str, world: World, name: str, *, polls_in_one_step: bool = False) -> AsyncIterator[DbosCarrier]:
    _worlds.append(world)
    workflow = DBOS.workflow()(life)
    DBOS(
        config={
            "name": "lives",
            "system_database_url": url,
            "executor_id": name,
            "application_version": "1",
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    await DBOS.register_queue_async(
        QUEUE, limiter={"limit": CREATES, "period": WINDOW_SECONDS}, global_concurrency=IN_FLIGHT
    )
    watching = asyncio.create_task(_watch(url, name)) if url.startswith("postgres") else None
    yield DbosCarrier(workflow, polls_in_one_step)
    if watching is not None:
        watching.cancel()
    await asyncio.to_thread(DBOS.destroy)


class DbosCarrier:
    def __init__(self, workflow: Any, polls_in_one_step: bool) -> None:
        self._workflow = workflow
        self._polls_in_one_step = polls_in_one_step

    async def ask(self, number: int) -> None:
        with SetWorkflowID(str(number)):
            await DBOS.enqueue_workflow_async(QUEUE, self._workflow, number, self._polls_in_one_step)

    async def cancel(self, number: int) -> bool:
        """Cancel a task that is queued. It may begin between the look and the cancel: the library has no call for
        "cancel if it has not begun"."""
        status = await DBOS.get_workflow_status_async(str(number))
        if status is None or status.status != "ENQUEUED":
            return False
        await DBOS.cancel_workflow_async(str(number))
        return True

    async def called_back(self, number: int, token: str, job_id: str) -> None:
        owner, _ = await _worlds[0].record(job_id)
        if owner == number:
            await DBOS.send_async(str(number), job_id, CALLBACK)


async def _watch(url: str, name: str) -> None:
    """Say that this process lives, and recover the lives of processes that were not seen for `LEASE_SECONDS`. DBOS
    leaves this to its paid service, Conductor."""
    seen = "INSERT INTO executors VALUES ($1, now()) ON CONFLICT (name) DO UPDATE SET seen_at = now()"
    dead = f"DELETE FROM executors WHERE seen_at < now() - interval '{LEASE_SECONDS} s' RETURNING name"  # noqa: S608
    connection = await asyncpg.connect(url)
    while True:
        await connection.execute(seen, name)
        if gone := [row["name"] for row in await connection.fetch(dead)]:
            await asyncio.to_thread(DBOS._recover_pending_workflows, gone)
        await asyncio.sleep(HEARTBEAT_SECONDS)
