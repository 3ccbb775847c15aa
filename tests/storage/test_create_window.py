"""Tests for the limit of creates in a window of time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from storage.models import CreateLimits, Task, TaskState
from storage.stores import Stores
from tests.storage.rows import BACKENDS, LEASE, NOW, opened_stores, prepared

LIMITS: Final = CreateLimits(per_window=20, window_ms=10_500, unanswered_ms=90_000, in_flight=1_000)


@pytest.fixture(params=BACKENDS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened_stores(request.param, tmp_path) as stores:
        yield stores


async def all_begun(stores: Stores, tasks: int, *, now: int = NOW) -> list[Task]:
    """Store so many tasks, and return those whose creates could begin at the same time."""
    for _ in range(tasks):
        await prepared(stores)
    begins = [stores.creates.begin(f"owner {n % 3}", LIMITS, now=now, lease_ms=LEASE) for n in range(tasks)]
    return [task for task in await asyncio.gather(*begins) if task]


async def test_a_create_counts_until_ten_seconds_after_its_answer(stores: Stores) -> None:
    began = await all_begun(stores, 23)
    assert len({task.id for task in began}) == 20
    assert await stores.creates.begin("one", LIMITS, now=NOW + 60_000, lease_ms=LEASE) is None, "none is answered"
    await stores.tasks.move(began[0], TaskState.GENERATING, now=NOW + 2_000, why="taken", job_id="k1")
    await stores.tasks.change(began[1], unconfirmed_at=NOW + 3_000)
    assert await stores.creates.begin("one", LIMITS, now=NOW + 12_499, lease_ms=LEASE) is None
    assert await stores.creates.begin("one", LIMITS, now=NOW + 12_500, lease_ms=LEASE) is not None
    assert await stores.creates.begin("one", LIMITS, now=NOW + 13_499, lease_ms=LEASE) is None
    assert await stores.creates.begin("one", LIMITS, now=NOW + 13_500, lease_ms=LEASE) is not None


@pytest.mark.parametrize(
    ("to", "changes"),
    [(TaskState.QUEUED, {"owner": None, "lease_until": 0}), (TaskState.SETTLED, {"reason": "policy"})],
)
async def test_a_refused_create_counts_as_long_as_an_accepted_one(
    stores: Stores, to: TaskState, changes: dict[str, Any]
) -> None:
    began = await all_begun(stores, 22)
    await stores.tasks.move(began[0], to, now=NOW + 500, why="refused", **changes)
    assert await stores.creates.begin("one", LIMITS, now=NOW + 10_999, lease_ms=LEASE) is None
    assert await stores.creates.begin("one", LIMITS, now=NOW + 11_000, lease_ms=LEASE) is not None


async def test_the_answer_to_a_create_keeps_its_time_whatever_happens_to_its_task_later(stores: Stores) -> None:
    (task,) = await all_begun(stores, 1)
    waiting = await stores.tasks.change(task, unconfirmed_at=NOW + 500)
    adopted = await stores.tasks.move(waiting, TaskState.GENERATING, now=NOW + 9_000, why="adopted", job_id="k1")
    await stores.tasks.settle(adopted, now=NOW + 20_000, why="done", reason=None, urls=["https://results.test/1.png"])
    (create,) = await stores.creates.of_task(task.id)
    assert create.answered_at == NOW + 500


async def test_a_create_that_is_never_answered_counts_for_ninety_seconds(stores: Stores) -> None:
    await all_begun(stores, 21)
    assert await stores.creates.begin("one", LIMITS, now=NOW + 89_999, lease_ms=LEASE) is None
    assert await stores.creates.begin("one", LIMITS, now=NOW + 90_000, lease_ms=LEASE) is not None


async def test_no_create_begins_while_the_image_api_wants_none(stores: Stores) -> None:
    await stores.creates.throttled(until=NOW + 2_000)
    await stores.creates.throttled(until=NOW + 1_000)
    assert await all_begun(stores, 1, now=NOW + 1_999) == []
    assert len(await all_begun(stores, 1, now=NOW + 2_000)) == 1


async def test_a_pause_from_before_the_clock_was_set_back_holds_nothing_up(stores: Stores) -> None:
    await stores.creates.throttled(until=NOW + 86_400_000)
    assert len(await all_begun(stores, 1)) == 1


async def test_a_pause_holds_although_one_from_before_the_clock_was_set_back_is_stored(stores: Stores) -> None:
    await stores.creates.throttled(until=NOW + 86_400_000)
    await stores.creates.throttled(until=NOW + 2_000)
    assert await all_begun(stores, 1, now=NOW + 1_999) == []
    assert len(await all_begun(stores, 1, now=NOW + 2_000)) == 1
