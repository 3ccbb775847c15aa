"""Store polls without an outcome: those of one moment in one transaction, each with a result of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.contextvars import bound_contextvars, get_contextvars

from storage.availability import for_people, work_for_people
from storage.models import Task, TaskState
from storage.polls import MOST_TOGETHER, PollStore
from storage.schema import tasks
from storage.stores import Stores
from storage.transactions import Transaction
from storage.transitions import StaleTask
from tests.storage.rows import BACKENDS, LEASE, NOW, opened_stores, stored
from tests.worlds.waiting import LONGEST_SECONDS

LATER = NOW + 5000


@pytest.fixture(params=BACKENDS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened_stores(request.param, tmp_path) as stores:
        yield stores


async def claimed(stores: Stores, number: int) -> tuple[Task, ...]:
    """Return generating tasks that "one" has claimed."""
    for _ in range(number):
        task = await stores.tasks.move(await stored(stores), TaskState.SUBMITTING, now=NOW, why="x")
        await stores.tasks.move(task, TaskState.GENERATING, now=NOW, why="x", job_id=f"job of {task.id}")
    return await stores.claims.claim("one", now=NOW, lease_ms=LEASE, limit=number)


async def poll(stores: Stores, task: Task, **changes: Any) -> Task:
    values: dict[str, Any] = {"failures": 0, "progress": 0.25, "overdue_notified_at": None, "due_at": LATER}
    return await stores.polls.store(task, **(values | changes))


async def now(stores: Stores, task: Task) -> Task:
    found = await stores.tasks.get(task.id)
    assert found is not None
    return found


class Writes:
    """Counts the write transactions of a store."""

    def __init__(self, store: PollStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.made_for: list[tuple[dict[str, Any], bool]] = []
        """What each one's log lines would have, and whether a person waits for it."""
        self._write = store._database.write
        monkeypatch.setattr(store._database, "write", self)

    def __call__(self, **how: Any) -> AbstractAsyncContextManager[Transaction]:
        self.count += 1
        self.made_for.append((get_contextvars(), work_for_people.get()))
        return self._write(**how)


async def test_a_poll_is_stored_and_releases_its_task(stores: Stores) -> None:
    (task,) = await claimed(stores, 1)
    after = await poll(stores, task, failures=3, progress=0.1 + 0.2, overdue_notified_at=NOW - 1)
    assert after == await now(stores, task)
    assert (after.owner, after.lease_until, after.attempts, after.due_at) == (None, 0, 0, LATER)
    assert (after.failures, after.progress, after.overdue_notified_at) == (3, 0.1 + 0.2, NOW - 1)
    assert (after.state, after.job_id, after.prompt) == (task.state, task.job_id, task.prompt)


async def test_polls_of_one_moment_are_stored_in_one_transaction(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    polled = await claimed(stores, 20)
    writes = Writes(stores.polls, monkeypatch)
    after = await asyncio.gather(*[poll(stores, task, progress=at / 20) for at, task in enumerate(polled)])
    assert writes.count == 1
    assert [task.id for task in after] == [task.id for task in polled]
    assert [(await now(stores, task)).progress for task in polled] == [at / 20 for at in range(20)]


async def test_many_polls_are_stored_in_several_transactions(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    polled = await claimed(stores, MOST_TOGETHER + 1)
    writes = Writes(stores.polls, monkeypatch)
    after = await asyncio.gather(*[poll(stores, task) for task in polled])
    assert (writes.count, {task.due_at for task in after}) == (2, {LATER})


async def test_of_polls_stored_together_only_the_one_of_a_changed_task_is_stale(stores: Stores) -> None:
    polled = await claimed(stores, 4)
    await stores.tasks.settle(polled[0], now=NOW, why="x", reason="policy")
    await stores.tasks.change(polled[1], owner="two")
    found = await asyncio.gather(*[poll(stores, task) for task in polled], return_exceptions=True)
    assert [type(each) for each in found] == [StaleTask, StaleTask, Task, Task]
    assert [(await now(stores, task)).due_at for task in polled] == [NOW, NOW, LATER, LATER]
    assert (await now(stores, polled[1])).owner == "two"


async def test_a_task_that_became_due_during_its_poll_stays_due(stores: Stores) -> None:
    polled = await claimed(stores, 2)
    async with stores.polls._database.write() as connection:
        await connection.execute(sa.update(tasks).where(tasks.c.id == polled[0].id).values(due_at=NOW + 1))
    after = await asyncio.gather(*[poll(stores, task) for task in polled])
    assert [(task.due_at, task.owner) for task in after] == [(NOW + 1, None), (LATER, None)]


async def test_a_poll_whose_caller_was_cancelled_before_is_not_stored(stores: Stores) -> None:
    first, second = await claimed(stores, 2)
    cancelled, other = asyncio.create_task(poll(stores, first)), asyncio.create_task(poll(stores, second))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert (await other).due_at == LATER
    assert (await now(stores, first)).owner == "one"


async def test_polls_for_which_no_caller_waits_any_more_take_no_transaction(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a stop, the database may be closed already."""
    polled = await claimed(stores, 2)
    writes = Writes(stores.polls, monkeypatch)
    polls = [asyncio.create_task(poll(stores, task)) for task in polled]
    await asyncio.sleep(0)
    for each in polls:
        each.cancel()
    await asyncio.wait(polls)
    if (storing := stores.polls._storing) is not None:
        await storing
    assert writes.count == 0


async def test_polls_are_stored_as_work_of_no_single_task(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log line of the transaction, such as that the database is away, has the id of no task."""
    polled = await claimed(stores, 2)
    writes = Writes(stores.polls, monkeypatch)
    with bound_contextvars(task=polled[0].id), for_people():
        await asyncio.gather(*[poll(stores, task) for task in polled])
    assert writes.made_for == [({}, False)]


async def test_an_error_of_the_database_reaches_every_caller_and_the_next_poll_is_stored(stores: Stores) -> None:
    polled = await claimed(stores, 2)
    found = await asyncio.gather(*[poll(stores, task, failures=-1) for task in polled], return_exceptions=True)
    assert {type(each) for each in found} == {sa.exc.IntegrityError}
    assert {(await poll(stores, task)).due_at for task in polled} == {LATER}


async def test_a_row_that_another_transaction_holds_delays_only_its_own_poll(tmp_path: Path) -> None:
    """On SQLite, only one transaction writes."""
    async with opened_stores("postgres", tmp_path) as stores:
        polled = await claimed(stores, 3)
        async with stores.polls._database.write() as connection:
            await connection.execute(sa.update(tasks).where(tasks.c.id == polled[0].id).values(withheld_at=NOW))
            held, *others = [asyncio.create_task(poll(stores, task)) for task in polled]
            async with asyncio.timeout(LONGEST_SECONDS):
                assert {task.due_at for task in await asyncio.gather(*others)} == {LATER}
            assert not held.done()
        assert ((await held).due_at, (await held).withheld_at) == (LATER, NOW)
