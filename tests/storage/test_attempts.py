"""Tests for attempts of work that may crash the process: the process that has the work counts each before it begins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.attempts import FORGOTTEN_AFTER_MS, LONGEST_MS, AttemptStore
from tests.storage.rows import BACKENDS, NOW, opened_stores

WORK = ("posting", "7")


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def store(backend: str, tmp_path: Path) -> AsyncIterator[AttemptStore]:
    async with opened_stores(backend, tmp_path) as stores:
        yield stores.attempts


async def test_each_process_that_died_of_it_counts(store: AttemptStore) -> None:
    for number in range(1, 5):
        now = NOW + number * (LONGEST_MS + 1)
        assert await store.begin(*WORK, owner=f"process {number}", now=now) == number
        assert await store.left(now=now + LONGEST_MS + 1) == ((*WORK, number),)


async def test_what_came_to_an_end_is_not_left(store: AttemptStore) -> None:
    await store.begin(*WORK, owner="one", now=NOW)
    await store.end(*WORK)
    assert await store.left(now=NOW + LONGEST_MS) == ()
    assert await store.begin(*WORK, owner="two", now=NOW) == 1


async def test_one_that_the_same_process_could_not_end_is_not_another(store: AttemptStore) -> None:
    assert [await store.begin(*WORK, owner="one", now=NOW) for _ in range(3)] == [1, 1, 1]


async def test_what_another_process_is_at_is_left_to_it(store: AttemptStore, backend: str) -> None:
    """On SQLite there is only one process at a time, so another owner must have died."""
    died = backend == "sqlite"
    await store.begin(*WORK, owner="one", now=NOW)
    at_once = await store.begin(*WORK, owner="two", now=NOW + 1000)
    assert at_once == (2 if died else None)
    assert await store.begin(*WORK, owner="three", now=NOW + 2 * LONGEST_MS + 1000) == (3 if died else 2)


async def test_those_with_the_fewest_attempts_are_left_first_and_old_ones_are_forgotten(store: AttemptStore) -> None:
    later = NOW + LONGEST_MS + 1
    await store.begin("posting", "twice", owner="one", now=NOW)
    await store.begin("posting", "twice", owner="two", now=later)
    await store.begin("report", "once", owner="two", now=later)
    now = later + LONGEST_MS
    assert await store.left(now=now) == (("report", "once", 1), ("posting", "twice", 2))
    assert await store.left(now=later + FORGOTTEN_AFTER_MS) == ()
