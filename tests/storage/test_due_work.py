"""Tests for the look at what a process can do: what is due, and when there will be more to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from storage.creates import PAUSED_FACT
from storage.due_work import DueWork
from storage.models import CreateLimits, Task, TaskState
from storage.shards import TIME_BITS_FROM, Shards
from storage.stores import Stores
from tests.storage.rows import BACKENDS, LEASE, NOW, opened_stores, prepared, stored

LIMITS: Final = CreateLimits(per_window=3, window_ms=10_500, unanswered_ms=90_000, in_flight=1_000)
NOTHING: Final = DueWork(
    claimable=False, next_due=None, next_after=None, creates=0, own_creates=False, room=3, room_at=None
)
FIRST: Final = Shards(count=2, ids=frozenset({0}))
SECOND: Final = Shards(count=2, ids=frozenset({1}))
SECOND_GUILD: Final = 1 << TIME_BITS_FROM


@pytest.fixture(params=BACKENDS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened_stores(request.param, tmp_path) as stores:
        yield stores


async def look(stores: Stores, *, now: int = NOW, owner: str = "one", **which: Any) -> DueWork:
    return await stores.due_work.look(LIMITS, owner=owner, now=now, **which)


async def begin(stores: Stores, *, now: int = NOW) -> Task:
    task = await stores.creates.begin("one", LIMITS, now=now, lease_ms=LEASE)
    assert task is not None
    return task


async def test_without_tasks_there_is_nothing_to_do(stores: Stores) -> None:
    assert await look(stores) == NOTHING
    assert await look(stores, shards=FIRST) == NOTHING


async def test_a_task_is_claimable_exactly_while_a_claim_finds_it(stores: Stores) -> None:
    task = await stored(stores, now=NOW + 5)
    early, due = await look(stores), await look(stores, now=NOW + 5)
    assert (early.claimable, early.next_due) == (False, NOW + 5)
    assert (due.claimable, due.next_due, due.own_creates) == (True, NOW + 5, False)
    assert not (await look(stores, now=NOW + 5, risky=False)).claimable
    assert await stores.claims.claim("one", now=NOW + 5, lease_ms=LEASE, limit=9, risky=False) == ()
    assert [each.id for each in await stores.claims.claim("one", now=NOW + 5, lease_ms=LEASE, limit=9)] == [task.id]
    assert await look(stores, now=NOW + 5) == NOTHING
    ended, other = NOW + 5 + LEASE, "another"
    assert (await look(stores, now=ended)).claimable
    assert not (await look(stores, now=ended, owner=other)).claimable, "a suspect"
    assert await stores.claims.claim(other, now=ended, lease_ms=LEASE, limit=9) == ()


async def test_of_what_is_due_later_the_next_is_known_beside_what_is_due_now(stores: Stores) -> None:
    for due in (NOW + 30, NOW, NOW + 20, NOW - 10):
        await stored(stores, now=due)
    work = await look(stores)
    assert (work.next_due, work.next_after) == (NOW - 10, NOW + 20)


async def test_a_waiting_create_is_of_one_shard_and_counts_for_all(stores: Stores) -> None:
    await prepared(stores, guild_id=SECOND_GUILD)
    await prepared(stores, guild_id=SECOND_GUILD, now=NOW + 9)
    first, second = await look(stores, shards=FIRST), await look(stores, shards=SECOND)
    assert (first.creates, first.own_creates, first.next_due) == (1, False, None)
    assert (second.creates, second.own_creates, second.next_due) == (1, True, NOW + 9)
    assert (await look(stores)).own_creates
    for _ in range(9):
        await prepared(stores)
    assert (await look(stores, shards=SECOND)).creates == LIMITS.per_window


async def test_a_full_window_says_when_it_can_have_room(stores: Stores) -> None:
    for _ in range(4):
        await prepared(stores)
    began = [await begin(stores, now=NOW + n) for n in range(3)]
    full = await look(stores, now=NOW + 3)
    assert (full.room, full.room_at, full.own_creates) == (0, NOW + LIMITS.unanswered_ms, True)
    for task, answered, first in zip(began, (700, 600, 800), (700, 600, 600), strict=True):
        await stores.tasks.move(task, TaskState.GENERATING, now=NOW + answered, why="taken", job_id=f"k{answered}")
        assert (await look(stores, now=NOW + 900)).room_at == NOW + first + LIMITS.window_ms
    leaves = NOW + 600 + LIMITS.window_ms
    full, free = await look(stores, now=leaves - 1), await look(stores, now=leaves)
    assert (full.room, full.room_at) == (0, leaves)
    assert (free.room, free.room_at) == (1, None)
    await begin(stores, now=leaves)


async def test_a_pause_that_the_image_api_asked_for_says_when_it_ends(stores: Stores) -> None:
    await stores.creates.throttled(until=NOW + 4_000)
    paused, over = await look(stores, now=NOW + 3_999), await look(stores, now=NOW + 4_000)
    assert (paused.room, paused.room_at) == (0, NOW + 4_000)
    assert (over.room, over.room_at) == (3, None)


@pytest.mark.parametrize("stores", ["postgres"], indirect=True)
async def test_while_another_process_has_paused_creates_nobody_knows_when_there_will_be_room(stores: Stores) -> None:
    await stores.key_values.set(PAUSED_FACT, "credits")
    paused = await look(stores)
    assert (paused.room, paused.room_at) == (0, None)
