"""Several creates of one task in the rows: claims by callbacks, late pictures, and what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.creates import CalledBack, _put_in_question
from storage.models import Create, CreateChanges, CreateState, Task, TaskState, released
from storage.statistics import StatisticsStore, TaskResult
from storage.stores import Stores
from storage.transitions import StaleTask
from tests.storage.rows import BACKENDS, LEASE, NOW, PLENTY, opened_stores, prepared
from tests.worlds.waiting import eventually

TAKEN, DONE, UNCONFIRMED = CreateState.TAKEN, CreateState.DONE, CreateState.UNCONFIRMED


@pytest.fixture(params=BACKENDS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened_stores(request.param, tmp_path) as opened:
        yield opened


async def generating(stores: Stores, *, wanted: int = 3, token: str = "") -> tuple[Task, tuple[Create, ...]]:
    """Return a task all of whose creates have begun: the first one was accepted, no other was answered."""
    await prepared(stores, model="z-image", variants=wanted)
    task = await stores.creates.begin("one", PLENTY, now=NOW, lease_ms=LEASE, token=f"{token}0")
    assert task is not None
    task = await stores.tasks.move(
        task, TaskState.GENERATING, now=NOW, why="taken", job_id="k0", **released(NOW + 60_000)
    )
    for number in range(1, wanted):
        begun = await stores.creates.begin("one", PLENTY, now=NOW, lease_ms=LEASE, token=f"{token}{number}")
        assert begun is not None
        task = await stores.tasks.change(begun, **released(NOW + 60_000))
    return task, await stores.creates.of_task(task.id)


async def settled(stores: Stores) -> tuple[Task, tuple[Create, ...]]:
    """Return a task that was settled with one picture of three; two creates are unconfirmed."""
    task, creates = await generating(stores)
    first: CreateChanges = {"state": DONE, "urls": ("u0",), "consumed_credits": 0.8, "ended_at": NOW}
    doubt: CreateChanges = {"state": UNCONFIRMED}
    task = await stores.creates.change(task, {creates[0].id: first, creates[1].id: doubt, creates[2].id: doubt})
    task = await stores.tasks.settle(task, now=NOW, why="done", reason=None, urls=["u0"], **released(NOW))
    return task, await stores.creates.of_task(task.id)


async def test_each_create_has_its_number_and_its_token(stores: Stores) -> None:
    task, creates = await generating(stores)
    assert [(create.number, create.state) for create in creates] == [
        (0, TAKEN),
        (1, CreateState.SENT),
        (2, CreateState.SENT),
    ]
    assert (task.creates_wanted, task.state) == (3, TaskState.GENERATING)
    for number in range(3):
        await called_back(stores, str(number), "another", now=NOW + number)
    assert await called_back(stores, "3", "another") is None
    assert [create.called_back_at for create in await stores.creates.of_task(task.id)] == [NOW, NOW + 1, NOW + 2]


async def test_a_claim_is_kept_by_the_create_while_its_task_is_generating(stores: Stores) -> None:
    task, creates = await generating(stores)
    assert await stores.creates.put_in_question(creates[1], job_id="k1", reason="unconfirmed", now=NOW)
    found = await stores.tasks.get(task.id)
    assert found is not None
    assert (found.claimed_job_id, found.due_at) == (None, NOW)
    assert [create.claimed_job_id for create in await stores.creates.of_task(task.id)] == [None, "k1", None]
    assert not await stores.creates.put_in_question(creates[0], job_id="k9", reason="unconfirmed", now=NOW)
    assert await stores.creates.put_in_question(creates[1], job_id="k8", reason="unconfirmed", now=NOW)
    assert (await stores.creates.of_task(task.id))[1].claimed_job_id == "k1", "the first claim is kept"


async def test_a_task_that_ended_with_pictures_keeps_the_claims_until_each_was_looked_at(stores: Stores) -> None:
    task, creates = await settled(stores)
    for create in creates[1:]:
        assert await stores.creates.put_in_question(create, job_id=f"k{create.number}", reason="unconfirmed", now=NOW)
    task = await _read(stores, task)
    assert task.claimed_job_id == "k1"
    assert await stores.creates.in_question(task) == (await stores.creates.of_task(task.id))[1]
    task = await stores.creates.reject_claim(task)
    assert task.claimed_job_id == "k2"
    task = await stores.creates.reject_claim(task)
    assert (task.claimed_job_id, task.state) == (None, TaskState.SETTLED)


@pytest.mark.parametrize("closed", [False, True])
async def test_late_pictures_follow_those_that_came(stores: Stores, closed: bool) -> None:
    task, creates = await settled(stores)
    if closed:
        task = await stores.tasks.move(task, TaskState.CLOSED, now=NOW, why="delivered", closed_at=NOW)
    await stores.creates.put_in_question(creates[1], job_id="k1", reason="unconfirmed", now=NOW)
    task = await _read(stores, task)
    done: CreateChanges = {"state": DONE, "urls": ("u1",), "consumed_credits": 0.75, "ended_at": NOW}
    task = await stores.creates.add_late(task, creates[1], ["u1"], now=NOW + 9, why="late", ended=done)
    assert (task.claimed_job_id, task.consumed_credits, task.due_at) == (None, 1.55, NOW + 9)
    pictures = await stores.pictures.of_task(task.id)
    assert [(picture.position, picture.url) for picture in pictures] == [(0, "u0"), (1, "u1")]
    assert (pictures[1].unfetchable, pictures[1].due_at) == (closed, NOW + 9 if closed else None)
    assert (await _read(stores, task)).sync_at == NOW + 9
    await stores.tasks.change(task, owner="another")
    with pytest.raises(StaleTask):
        await stores.creates.add_late(task, creates[2], ["u2"], now=NOW, why="late", ended=done)
    assert len(await stores.pictures.of_task(task.id)) == 2


@pytest.mark.parametrize("rejects", [False, True])
async def test_a_claim_that_is_stored_while_another_one_ends_is_looked_at_too(tmp_path: Path, rejects: bool) -> None:
    async with opened_stores("postgres", tmp_path) as stores:
        task, creates = await settled(stores)
        await stores.creates.put_in_question(creates[1], job_id="k1", reason="unconfirmed", now=NOW)
        task, database = await _read(stores, task), stores.creates._database
        done: CreateChanges = {"state": DONE, "urls": ("u1",), "ended_at": NOW, "claimed_job_id": None}

        async def waits() -> bool:
            async with database.read() as connection:
                waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
                return bool((await connection.execute(waiting)).scalar_one())

        async with database.write() as connection:
            await _put_in_question(connection, creates[2], job_id="k2", reason="unconfirmed", now=NOW)
            ended = (
                stores.creates.reject_claim(task)
                if rejects
                else stores.creates.add_late(task, creates[1], ["u1"], now=NOW, why="late", ended=done)
            )
            ending = asyncio.create_task(ended)
            await eventually(waits)
        assert (await ending).claimed_job_id == "k2"


async def test_the_changes_of_creates_are_stored_with_those_of_the_task_or_not_at_all(stores: Stores) -> None:
    task, creates = await generating(stores)
    await stores.tasks.change(task, owner="another")
    with pytest.raises(StaleTask):
        await stores.creates.change(task, {creates[1].id: {"state": TAKEN, "job_id": "k1"}})
    assert (await stores.creates.of_task(task.id))[1].state is CreateState.SENT


async def test_news_of_any_running_job_makes_the_task_due(stores: Stores) -> None:
    task, creates = await generating(stores)
    await stores.creates.change(task, {creates[1].id: {"state": TAKEN, "job_id": "k1"}})
    repeated = await called_back(stores, "1", "k1", repeated=True)
    assert repeated == CalledBack(task.id, is_used=True, is_known=True)
    assert (await _read(stores, task)).due_at == NOW + 60_000
    assert await called_back(stores, "1", "k1") == CalledBack(task.id, is_used=True, is_known=True)
    assert (await _read(stores, task)).due_at == NOW
    assert await called_back(stores, "1", "k2") == CalledBack(task.id, is_used=False, is_known=False)


async def test_a_callback_puts_a_create_in_question_unless_it_is_too_old(stores: Stores) -> None:
    task, _ = await generating(stores)
    assert await called_back(stores, "2", "k2", since=NOW) == CalledBack(task.id, is_used=False, is_known=False)
    assert await called_back(stores, "2", "k2") == CalledBack(task.id, is_used=True, is_known=False)
    assert [create.claimed_job_id for create in await stores.creates.of_task(task.id)] == [None, None, "k2"]


async def test_each_create_counts_for_the_reliability_of_callbacks(stores: Stores) -> None:
    task, creates = await generating(stores)
    ended: dict[int, CreateChanges] = {
        create.id: {"state": DONE, "job_id": f"k{create.number}", "ended_at": NOW + create.number} for create in creates
    }
    await stores.creates.change(task, ended)
    for number in (1, 2):
        await called_back(stores, str(number), f"k{number}")
    share = await stores.creates.callback_share(before=NOW + 9, grace_ms=5, limit=3)
    assert share == pytest.approx(2 / 3)
    assert await stores.creates.callback_share(before=NOW + 2, grace_ms=5, limit=3) is None


async def test_creates_are_counted_one_by_one(stores: Stores) -> None:
    _, creates = await settled(stores)
    assert len(creates) == 3
    task, more = await generating(stores, token="more")
    failed: CreateChanges = {"state": CreateState.FAILED, "reason": "policy", "ended_at": NOW}
    await stores.creates.change(task, {more[1].id: failed})
    figures = await StatisticsStore(stores.tasks._database).figures()
    assert figures.creates == {
        TaskResult.TAKEN: 2,
        TaskResult.REFUSED: 1,
        TaskResult.UNCONFIRMED: 2,
        TaskResult.UNDER_WAY: 1,
    }


async def test_after_an_outage_a_postponed_create_is_due_at_once(stores: Stores) -> None:
    task, _ = await generating(stores)
    await stores.tasks.change(task, next_create_at=NOW + 99_000)
    await stores.claims.expedite(TaskState.GENERATING, now=NOW + 1)
    found = await _read(stores, task)
    assert (found.due_at, found.next_create_at) == (NOW + 1, NOW + 1)


async def called_back(
    stores: Stores, token: str, job_id: str, *, now: int = NOW, since: int = 0, repeated: bool = False
) -> CalledBack | None:
    return await stores.creates.called_back(
        token, job_id, reason="unconfirmed", now=now, since=since, repeated=repeated
    )


async def _read(stores: Stores, task: Task) -> Task:
    found = await stores.tasks.get(task.id)
    assert found is not None
    return found
