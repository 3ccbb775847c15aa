"""Tests for the work on tasks: claims, leases, and the order in which creates begin."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.models import CreateLimits, TaskState, released
from storage.tasks import StaleTask, TaskStore
from tests.storage_rows import BACKENDS, LEASE, NOW, PLENTY, begun, opened_store, prepared, stored


@pytest.fixture(params=BACKENDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TaskStore]:
    async with opened_store(request.param, tmp_path) as store:
        yield store


async def claimed_by(store: TaskStore, owner: str, *, now: int = NOW, limit: int = 100) -> list[str]:
    """Claim all due tasks, also the suspects: tasks whose risky work was running when another owner died."""
    claimed = await store.claim(owner, now=now, lease_ms=LEASE, limit=limit)
    suspects = [task_id for task_id, _ in await store.suspects(now=now)]
    claimed += await store.claim_suspects(owner, suspects, now=now, lease_ms=LEASE)
    return [task.id for task in claimed]


# -- claims ------------------------------------------------------------------------------------------------------
async def test_every_kind_of_due_work_is_claimed_but_creates(store: TaskStore) -> None:
    unprepared = await stored(store)
    await prepared(store)
    submitting = await store.move(await stored(store), TaskState.SUBMITTING, now=NOW, why="x")
    generating = await store.move(await stored(store), TaskState.SUBMITTING, now=NOW, why="x")
    generating = await store.move(generating, TaskState.GENERATING, now=NOW, why="x")
    settled = await store.settle(await stored(store), now=NOW, why="x", reason="policy")
    closed = await store.settle(await stored(store), now=NOW, why="x", reason="policy")
    await store.move(closed, TaskState.CLOSED, now=NOW, why="x")
    await store.move(await stored(store), TaskState.CANCELLED, now=NOW, why="x")
    expected = {unprepared.id, submitting.id, generating.id, settled.id}
    assert set(await claimed_by(store, "one")) == expected


async def test_a_claim_takes_the_longest_due_first_and_nothing_early(store: TaskStore) -> None:
    ids = [(await stored(store, now=NOW + offset)).id for offset in (2, 0, 1, 3)]
    assert await claimed_by(store, "one", now=NOW + 2, limit=2) == [ids[1], ids[2]]
    assert await claimed_by(store, "one", now=NOW + 2) == [ids[0]]
    assert await claimed_by(store, "one", now=NOW + 2) == []


async def test_a_claim_says_whose_it_is_and_until_when(store: TaskStore) -> None:
    await stored(store)
    (task,) = await store.claim("one", now=NOW, lease_ms=LEASE, limit=1)
    assert (task.owner, task.lease_until) == ("one", NOW + LEASE)


async def test_two_owners_never_claim_the_same_task(store: TaskStore) -> None:
    for _ in range(20):
        await stored(store)
    claims = await asyncio.gather(*[claimed_by(store, f"owner {n}", limit=3) for n in range(10)])
    claims.append(await claimed_by(store, "the rest"))
    counted = Counter(task_id for claim in claims for task_id in claim)
    assert (len(counted), set(counted.values())) == (20, {1})


async def test_a_lease_that_ran_out_frees_the_task_and_its_old_owner_loses(store: TaskStore) -> None:
    await stored(store)
    (held,) = await store.claim("one", now=NOW, lease_ms=LEASE, limit=1)
    assert await claimed_by(store, "two", now=NOW + LEASE - 1) == []
    assert await claimed_by(store, "two", now=NOW + LEASE) == [held.id]
    with pytest.raises(StaleTask):
        await store.change(held, prepared_at=NOW)
    assert await store.renew("one", [held.id], until=NOW + 9 * LEASE) == frozenset()


async def test_a_renewed_lease_holds_on(store: TaskStore) -> None:
    for _ in range(3):
        await stored(store)
    mine = await claimed_by(store, "one", limit=2)
    (other,) = await claimed_by(store, "two")
    assert await store.renew("one", [*mine, other], until=NOW + 2 * LEASE) == frozenset(mine)
    assert await claimed_by(store, "three", now=NOW + LEASE) == [other]
    assert await store.renew("one", [], until=NOW + 2 * LEASE) == frozenset()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_at_start_all_leases_are_void(store: TaskStore) -> None:
    for _ in range(2):
        await stored(store)
    ids = await claimed_by(store, "a process that died")
    assert await store.void_leases() == 2
    assert sorted(await claimed_by(store, "the next")) == sorted(ids)


async def test_what_was_under_way_at_a_death_is_claimed_as_a_suspect_only_and_counted(store: TaskStore) -> None:
    task = await stored(store)
    for attempt in range(1, 5):
        owner, later = f"process {attempt}", NOW + attempt * LEASE
        if attempt == 1:
            (claimed,) = await store.claim(owner, now=later, lease_ms=LEASE, limit=9)
        else:
            assert await store.claim(owner, now=later, lease_ms=LEASE, limit=9) == ()
            assert await store.suspects(now=later) == ((task.id, attempt - 1),)
            (claimed,) = await store.claim_suspects(owner, [task.id], now=later, lease_ms=LEASE)
        assert claimed.attempts == attempt
        assert await store.claim_suspects("another", [task.id], now=later, lease_ms=LEASE) == ()
    freed = await store.change(claimed, **released(NOW))
    assert freed.attempts == 0
    assert await store.suspects(now=NOW + 9 * LEASE) == ()
    assert [one.id for one in await store.claim("the next", now=NOW, lease_ms=LEASE, limit=9)] == [task.id]


async def test_suspects_are_tried_fewest_attempts_first(store: TaskStore) -> None:
    ids = [(await stored(store)).id for _ in range(3)]
    await store.claim("one", now=NOW, lease_ms=LEASE, limit=9)
    await store.claim_suspects("two", ids[:1], now=NOW + LEASE, lease_ms=LEASE)
    assert (await store.suspects(now=NOW + 2 * LEASE))[-1] == (ids[0], 2)


async def test_without_risky_work_only_what_is_not_counted_is_claimed(store: TaskStore) -> None:
    await stored(store)
    await store.settle(await stored(store), now=NOW, why="x", reason="policy")
    submitting = await store.move(await stored(store), TaskState.SUBMITTING, now=NOW, why="x")
    claimed = await store.claim("one", now=NOW, lease_ms=LEASE, limit=9, risky=False)
    assert [(task.id, task.attempts) for task in claimed] == [(submitting.id, 0)]


async def test_an_orderly_end_takes_back_the_attempts_of_its_owner_alone(store: TaskStore) -> None:
    for _ in range(2):
        await stored(store)
    await store.claim("one", now=NOW, lease_ms=LEASE, limit=1)
    await store.claim("two", now=NOW, lease_ms=LEASE, limit=1)
    await store.take_back_attempts("one")
    assert len(await store.suspects(now=NOW + LEASE)) == 1
    assert len(await store.claim("three", now=NOW + LEASE, lease_ms=LEASE, limit=9)) == 1


@pytest.mark.parametrize("store", [BACKENDS[1]], indirect=True)
async def test_where_others_may_be_working_no_lease_is_void(store: TaskStore) -> None:
    await stored(store)
    await claimed_by(store, "another process")
    assert await store.void_leases() == 0
    assert await claimed_by(store, "the next") == []


async def test_the_next_due_is_of_what_nobody_holds_and_is_open(store: TaskStore) -> None:
    assert await store.next_due(now=NOW) is None
    await stored(store, now=NOW - 5)
    await claimed_by(store, "one")
    await store.move(await stored(store, now=NOW - 4), TaskState.CANCELLED, now=NOW, why="x")
    assert await store.next_due(now=NOW) is None
    await stored(store, now=NOW + 7)
    assert await store.next_due(now=NOW) == NOW + 7
    await prepared(store, now=NOW + 3)
    assert await store.next_due(now=NOW) == NOW + 3
    assert await store.next_due(now=NOW + LEASE) == NOW - 5


# -- creates -----------------------------------------------------------------------------------------------------
async def test_a_create_is_written_down_under_its_owner_s_lease(store: TaskStore) -> None:
    task = await prepared(store)
    began = await store.begin_create("one", PLENTY, now=NOW + 1, lease_ms=LEASE)
    assert began is not None
    assert (began.id, began.state, began.owner, began.lease_until) == (
        task.id,
        TaskState.SUBMITTING,
        "one",
        NOW + 1 + LEASE,
    )
    event = (await store.events(task.id))[-1]
    assert (event.before, event.after, event.at) == (TaskState.QUEUED, TaskState.SUBMITTING, NOW + 1)
    assert await begun(store) is None


async def test_only_what_is_prepared_due_and_in_nobody_s_hands_is_created(store: TaskStore) -> None:
    await stored(store)
    assert await begun(store) is None
    (held,) = await store.claim("one", now=NOW, lease_ms=LEASE, limit=1)
    held = await store.change(held, prepared_at=NOW)
    assert await begun(store) is None
    free = await store.change(held, owner=None, lease_until=0, due_at=NOW + 9)
    assert await begun(store, now=NOW + 8) is None
    began = await begun(store, now=NOW + 9)
    assert began is not None
    assert began.id == free.id


async def test_the_turn_goes_to_who_has_the_fewest_in_flight_then_to_the_oldest(store: TaskStore) -> None:
    for offset, asker in enumerate((1, 1, 1, 2, 2, 3)):
        await prepared(store, now=NOW + offset, asker_id=asker)
    order = [await begun(store, now=NOW + 99) for _ in range(6)]
    assert [task.asker_id for task in order if task] == [1, 2, 3, 1, 2, 1]


async def test_what_is_over_or_overdue_is_no_longer_in_flight(store: TaskStore) -> None:
    for asker in (1, 1, 1):
        await prepared(store, asker_id=asker)
    limits = CreateLimits(per_window=99, window_ms=11_000, in_flight=1)

    first = await store.begin_create("one", limits, now=NOW, lease_ms=LEASE)
    assert first is not None
    assert await store.begin_create("one", limits, now=NOW, lease_ms=LEASE) is None
    generating = await store.move(first, TaskState.GENERATING, now=NOW, why="taken", job_id="k1")
    assert await store.begin_create("one", limits, now=NOW, lease_ms=LEASE) is None
    await store.change(generating, overdue_notified_at=NOW)
    second = await store.begin_create("one", limits, now=NOW, lease_ms=LEASE)
    assert second is not None
    await store.settle(second, now=NOW, why="failed", reason="policy")
    assert await store.begin_create("one", limits, now=NOW, lease_ms=LEASE) is not None


async def test_at_most_twenty_creates_begin_in_eleven_seconds(store: TaskStore) -> None:
    limits = CreateLimits(per_window=20, window_ms=11_000, in_flight=1_000)
    for _ in range(23):
        await prepared(store)
    begins = [store.begin_create(f"owner {n % 3}", limits, now=NOW, lease_ms=LEASE) for n in range(23)]
    began = [task for task in await asyncio.gather(*begins) if task]
    assert len({task.id for task in began}) == 20
    await store.move(began[0], TaskState.QUEUED, now=NOW, why="not taken", owner=None, lease_until=0)
    assert await store.begin_create("one", limits, now=NOW + 10_999, lease_ms=LEASE) is None
    assert await store.begin_create("one", limits, now=NOW + 11_000, lease_ms=LEASE) is not None


# -- queue -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(6))
async def test_places_in_the_queue_are_the_order_in_which_creates_begin(store: TaskStore, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(chance.randrange(5)):
        await prepared(store, asker_id=chance.randrange(4))
        await begun(store)
    for _ in range(chance.randrange(8, 14)):
        make = chance.choice([prepared, prepared, prepared, stored])
        await make(store, now=NOW + chance.randrange(6), asker_id=chance.randrange(4))

    queue = await store.queue()
    places = [await store.place_in_queue(task) for task in queue]
    order = []
    while task := await begun(store, now=NOW + 99):
        order.append(task.id)
    assert len(order) > 3
    assert [task.id for task in queue] == order
    assert places == list(range(1, len(order) + 1))


async def test_an_unprepared_task_has_the_place_it_will_take_and_holds_nobody_up(store: TaskStore) -> None:
    first, waiting, last = (
        await prepared(store, now=NOW, asker_id=1),
        await stored(store, now=NOW + 1, asker_id=2),
        await prepared(store, now=NOW + 2, asker_id=3),
    )
    assert [await store.place_in_queue(task) for task in (first, waiting, last)] == [1, 2, 2]
    assert [task.id for task in await store.queue()] == [first.id, last.id]


async def test_what_is_no_longer_queued_has_no_place(store: TaskStore) -> None:
    task = await prepared(store)
    assert await store.place_in_queue(task) == 1
    await begun(store)
    assert await store.place_in_queue(task) == 0
