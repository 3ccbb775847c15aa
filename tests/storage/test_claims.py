"""Tests for the work on tasks: claims, leases, and the order in which creates begin."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage import fair_queue
from storage.catalogue import catalogue
from storage.models import Changes, CreateLimits, CreateState, Task, TaskState, released
from storage.prepared import Prepared
from storage.stores import Stores
from storage.transitions import StaleTask
from tests.storage.rows import BACKENDS, LEASE, NOW, PLENTY, UNLIMITED, begun, opened_stores, prepared, request, stored
from tests.worlds.due import next_due


@pytest.fixture(params=BACKENDS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened_stores(request.param, tmp_path) as stores:
        yield stores


async def claimed_by(stores: Stores, owner: str, *, now: int = NOW, limit: int = 100) -> list[str]:
    """Claim all due tasks, also the suspects: tasks whose risky work was running when another owner died."""
    claimed = await stores.claims.claim(owner, now=now, lease_ms=LEASE, limit=limit)
    suspects = [task_id for task_id, _ in await stores.claims.suspects(now=now)]
    claimed += await stores.claims.claim_suspects(owner, suspects, now=now, lease_ms=LEASE)
    return [task.id for task in claimed]


# -- claims ------------------------------------------------------------------------------------------------------
async def test_every_kind_of_due_work_is_claimed_but_creates(stores: Stores) -> None:
    unprepared = await stored(stores)
    await prepared(stores)
    submitting = await stores.tasks.move(await stored(stores), TaskState.SUBMITTING, now=NOW, why="x")
    generating = await stores.tasks.move(await stored(stores), TaskState.SUBMITTING, now=NOW, why="x")
    generating = await stores.tasks.move(generating, TaskState.GENERATING, now=NOW, why="x")
    settled = await stores.tasks.settle(await stored(stores), now=NOW, why="x", reason="policy")
    closed = await stores.tasks.settle(await stored(stores), now=NOW, why="x", reason="policy")
    await stores.tasks.move(closed, TaskState.CLOSED, now=NOW, why="x")
    await stores.tasks.move(await stored(stores), TaskState.CANCELLED, now=NOW, why="x")
    expected = {unprepared.id, submitting.id, generating.id, settled.id}
    assert set(await claimed_by(stores, "one")) == expected


async def test_a_claim_takes_the_longest_due_first_and_nothing_early(stores: Stores) -> None:
    ids = [(await stored(stores, now=NOW + offset)).id for offset in (2, 0, 1, 3)]
    assert await claimed_by(stores, "one", now=NOW + 2, limit=2) == [ids[1], ids[2]]
    assert await claimed_by(stores, "one", now=NOW + 2) == [ids[0]]
    assert await claimed_by(stores, "one", now=NOW + 2) == []


async def test_a_claim_leaves_out_tasks_on_which_the_process_still_works(stores: Stores) -> None:
    ids = [(await stored(stores, now=NOW + offset)).id for offset in range(4)]
    claimed = await stores.claims.claim("one", now=NOW + 4, lease_ms=LEASE, limit=2, except_ids={ids[0], ids[2]})
    assert [task.id for task in claimed] == [ids[1], ids[3]]


async def test_a_claim_says_whose_it_is_and_until_when(stores: Stores) -> None:
    await stored(stores)
    (task,) = await stores.claims.claim("one", now=NOW, lease_ms=LEASE, limit=1)
    assert (task.owner, task.lease_until) == ("one", NOW + LEASE)


async def test_two_owners_never_claim_the_same_task(stores: Stores) -> None:
    for _ in range(20):
        await stored(stores)
    claims = await asyncio.gather(*[claimed_by(stores, f"owner {n}", limit=3) for n in range(10)])
    claims.append(await claimed_by(stores, "the rest"))
    counted = Counter(task_id for claim in claims for task_id in claim)
    assert (len(counted), set(counted.values())) == (20, {1})


async def test_a_lease_that_ran_out_frees_the_task_and_its_old_owner_loses(stores: Stores) -> None:
    await stored(stores)
    (held,) = await stores.claims.claim("one", now=NOW, lease_ms=LEASE, limit=1)
    assert await claimed_by(stores, "two", now=NOW + LEASE - 1) == []
    assert await claimed_by(stores, "two", now=NOW + LEASE) == [held.id]
    with pytest.raises(StaleTask):
        await stores.tasks.change(held, prepared_at=NOW)
    assert await stores.claims.renew("one", [held.id], until=NOW + 9 * LEASE) == frozenset()


async def test_a_renewed_lease_holds_on(stores: Stores) -> None:
    for _ in range(3):
        await stored(stores)
    mine = await claimed_by(stores, "one", limit=2)
    (other,) = await claimed_by(stores, "two")
    assert await stores.claims.renew("one", [*mine, other], until=NOW + 2 * LEASE) == frozenset(mine)
    assert await claimed_by(stores, "three", now=NOW + LEASE) == [other]
    assert await stores.claims.renew("one", [], until=NOW + 2 * LEASE) == frozenset()


@pytest.mark.parametrize("stores", ["sqlite"], indirect=True)
async def test_at_start_all_leases_are_void(stores: Stores) -> None:
    for _ in range(2):
        await stored(stores)
    ids = await claimed_by(stores, "a process that died")
    assert await stores.claims.void_leases() == 2
    assert sorted(await claimed_by(stores, "the next")) == sorted(ids)


async def test_what_was_under_way_at_a_death_is_claimed_as_a_suspect_only_and_counted(stores: Stores) -> None:
    task = await stored(stores)
    for attempt in range(1, 5):
        owner, later = f"process {attempt}", NOW + attempt * LEASE
        if attempt == 1:
            (claimed,) = await stores.claims.claim(owner, now=later, lease_ms=LEASE, limit=9)
        else:
            assert await stores.claims.claim(owner, now=later, lease_ms=LEASE, limit=9) == ()
            assert await stores.claims.suspects(now=later) == ((task.id, attempt - 1),)
            (claimed,) = await stores.claims.claim_suspects(owner, [task.id], now=later, lease_ms=LEASE)
        assert claimed.attempts == attempt
        assert await stores.claims.claim_suspects("another", [task.id], now=later, lease_ms=LEASE) == ()
    freed = await stores.tasks.change(claimed, **released(NOW))
    assert freed.attempts == 0
    assert await stores.claims.suspects(now=NOW + 9 * LEASE) == ()
    assert [task.id for task in await stores.claims.claim("the next", now=NOW, lease_ms=LEASE, limit=9)] == [task.id]


async def test_suspects_are_tried_fewest_attempts_first(stores: Stores) -> None:
    ids = [(await stored(stores)).id for _ in range(3)]
    await stores.claims.claim("one", now=NOW, lease_ms=LEASE, limit=9)
    await stores.claims.claim_suspects("two", ids[:1], now=NOW + LEASE, lease_ms=LEASE)
    assert (await stores.claims.suspects(now=NOW + 2 * LEASE))[-1] == (ids[0], 2)


async def test_without_risky_work_only_what_is_not_counted_is_claimed(stores: Stores) -> None:
    await stored(stores)
    await stores.tasks.settle(await stored(stores), now=NOW, why="x", reason="policy")
    submitting = await stores.tasks.move(await stored(stores), TaskState.SUBMITTING, now=NOW, why="x")
    claimed = await stores.claims.claim("one", now=NOW, lease_ms=LEASE, limit=9, risky=False)
    assert [(task.id, task.attempts) for task in claimed] == [(submitting.id, 0)]


async def test_an_orderly_end_takes_back_the_attempts_of_its_owner_alone(stores: Stores) -> None:
    for _ in range(2):
        await stored(stores)
    await stores.claims.claim("one", now=NOW, lease_ms=LEASE, limit=1)
    await stores.claims.claim("two", now=NOW, lease_ms=LEASE, limit=1)
    await stores.claims.uncount_attempts("one")
    assert len(await stores.claims.suspects(now=NOW + LEASE)) == 1
    assert len(await stores.claims.claim("three", now=NOW + LEASE, lease_ms=LEASE, limit=9)) == 1


@pytest.mark.parametrize("stores", [BACKENDS[1]], indirect=True)
async def test_where_others_may_be_working_no_lease_is_void(stores: Stores) -> None:
    await stored(stores)
    await claimed_by(stores, "another process")
    assert await stores.claims.void_leases() == 0
    assert await claimed_by(stores, "the next") == []


async def test_the_next_due_is_of_what_nobody_holds_and_is_open(stores: Stores) -> None:
    assert await next_due(stores, NOW) is None
    await stored(stores, now=NOW - 5)
    await claimed_by(stores, "one")
    await stores.tasks.move(await stored(stores, now=NOW - 4), TaskState.CANCELLED, now=NOW, why="x")
    assert await next_due(stores, NOW) is None
    await stored(stores, now=NOW + 7)
    assert await next_due(stores, NOW) == NOW + 7
    await prepared(stores, now=NOW + 3)
    assert await next_due(stores, NOW) == NOW + 3
    assert await next_due(stores, NOW + LEASE) == NOW - 5


# -- creates -----------------------------------------------------------------------------------------------------
async def test_a_create_is_written_down_under_its_owner_s_lease(stores: Stores) -> None:
    task = await prepared(stores)
    began = await stores.creates.begin("one", PLENTY, now=NOW + 1, lease_ms=LEASE)
    assert began is not None
    assert (began.id, began.state, began.owner, began.lease_until) == (
        task.id,
        TaskState.SUBMITTING,
        "one",
        NOW + 1 + LEASE,
    )
    event = (await stores.tasks.events(task.id))[-1]
    assert (event.before, event.after, event.at) == (TaskState.QUEUED, TaskState.SUBMITTING, NOW + 1)
    assert await begun(stores) is None


async def test_only_what_is_prepared_due_and_in_nobody_s_hands_is_created(stores: Stores) -> None:
    await stored(stores)
    assert await begun(stores) is None
    (held,) = await stores.claims.claim("one", now=NOW, lease_ms=LEASE, limit=1)
    held = await stores.tasks.change(held, prepared_at=NOW)
    assert await begun(stores) is None
    free = await stores.tasks.change(held, owner=None, lease_until=0, due_at=NOW + 9)
    assert await begun(stores, now=NOW + 8) is None
    began = await begun(stores, now=NOW + 9)
    assert began is not None
    assert began.id == free.id


@pytest.mark.parametrize(("failures", "faults", "comes_at_once"), [(0, 0, False), (1, 0, True), (0, 1, True)])
async def test_after_an_outage_only_creates_that_failed_come_sooner_not_those_that_are_looked_at(
    stores: Stores, failures: int, faults: int, comes_at_once: bool
) -> None:
    task = await stored(stores)
    await stores.tasks.change(task, prepared_at=NOW, due_at=NOW + 9, failures=failures, faults=faults)
    await stores.claims.expedite(TaskState.QUEUED, now=NOW)
    assert (await begun(stores) is not None) is comes_at_once


async def test_the_turn_goes_to_who_has_the_fewest_in_flight_then_to_the_oldest(stores: Stores) -> None:
    for offset, asker in enumerate((1, 1, 1, 2, 2, 3)):
        await prepared(stores, now=NOW + offset, asker_id=asker)
    order = [await begun(stores, now=NOW + 99) for _ in range(6)]
    assert [task.asker_id for task in order if task] == [1, 2, 3, 1, 2, 1]


async def test_what_is_over_or_overdue_is_no_longer_in_flight(stores: Stores) -> None:
    for asker in (1, 1, 1):
        await prepared(stores, asker_id=asker)
    limits = CreateLimits(per_window=99, window_ms=11_000, in_flight=1)

    first = await stores.creates.begin("one", limits, now=NOW, lease_ms=LEASE)
    assert first is not None
    assert await stores.creates.begin("one", limits, now=NOW, lease_ms=LEASE) is None
    generating = await stores.tasks.move(first, TaskState.GENERATING, now=NOW, why="taken", job_id="k1")
    assert await stores.creates.begin("one", limits, now=NOW, lease_ms=LEASE) is None
    await stores.tasks.change(generating, overdue_notified_at=NOW)
    second = await stores.creates.begin("one", limits, now=NOW, lease_ms=LEASE)
    assert second is not None
    await stores.tasks.settle(second, now=NOW, why="failed", reason="policy")
    assert await stores.creates.begin("one", limits, now=NOW, lease_ms=LEASE) is not None


# -- queue -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(6))
async def test_places_in_the_queue_are_the_order_in_which_creates_begin(stores: Stores, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(chance.randrange(5)):
        await prepared(stores, asker_id=chance.randrange(4))
        await begun(stores)
    for _ in range(chance.randrange(8, 14)):
        make = chance.choice([prepared, prepared, prepared, stored])
        await make(stores, now=NOW + chance.randrange(6), asker_id=chance.randrange(4))

    queue = await stores.queue.waiting()
    places = [await stores.queue.place_of(task) for task in queue]
    order = []
    while task := await begun(stores, now=NOW + 99):
        order.append(task.id)
    assert len(order) > 3
    assert [task.id for task in queue] == order
    assert places == list(range(1, len(order) + 1))


async def begun_and_accepted(stores: Stores, *, now: int = NOW) -> Task | None:
    """Begin a create, and store that it was accepted."""
    task = await begun(stores, now=now)
    if task is None:
        return None
    if task.state is TaskState.SUBMITTING:
        return await stores.tasks.move(
            task, TaskState.GENERATING, now=now, why="taken", job_id=f"{task.id}-0", **released(now + 60_000)
        )
    creates = await stores.creates.of_task(task.id)
    left = len(creates) < task.creates_wanted
    return await stores.creates.change(
        task,
        {creates[-1].id: {"state": CreateState.TAKEN, "job_id": f"{task.id}-{creates[-1].number}"}},
        next_create_at=now if left else None,
        **released(now + 60_000),
    )


@pytest.mark.parametrize("seed", range(8))
async def test_places_are_right_also_beside_tasks_that_want_several_creates(stores: Stores, seed: int) -> None:
    chance = random.Random(seed)

    async def some(now: int) -> Task:
        wanted = chance.choice([1, 1, 2, 4])
        several = {"model": "z-image", "variants": wanted, "creates_wanted": wanted}
        return await prepared(stores, now=now, asker_id=chance.randrange(4), **several)

    for _ in range(chance.randrange(5)):
        await some(NOW)
    for _ in range(chance.randrange(6)):
        await begun_and_accepted(stores)
    for _ in range(chance.randrange(8, 14)):
        await some(NOW + 1 + chance.randrange(6))

    queue = await stores.queue.waiting()
    places = [await stores.queue.place_of(task) for task in queue]
    order: list[str] = []
    while task := await begun_and_accepted(stores, now=NOW + 99):
        order.append(task.id)
    first = [task_id for task_id in dict.fromkeys(order) if task_id in {task.id for task in queue}]
    assert [task.id for task in queue] == first
    assert places == list(range(1, len(first) + 1))
    for task in queue:
        numbers = [create.number for create in await stores.creates.of_task(task.id)]
        assert numbers == list(range(task.creates_wanted))


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("seed", range(8))
async def test_a_new_card_shows_the_place_of_its_task(stores: Stores, seed: int, several: bool) -> None:
    chance = random.Random(seed)
    by_sums = []
    for number in range(24):
        if chance.randrange(3) == 0:
            await begun_and_accepted(stores, now=NOW + number)
        wanted = chance.choice([1, 1, 1, 2]) if several else 1
        new = request(asker_id=chance.randrange(4), model="z-image", variants=wanted, creates_wanted=wanted)
        now = NOW + chance.choice([0, number])
        added = await stores.tasks.add(new, UNLIMITED, now=now, prepared=chance.randrange(4) > 0)
        place = await stores.queue.place_of(added.task)
        assert added.facts.place == (None if added.task.prepared_at is None else place)
        if added.task.prepared_at is not None:
            by_sums.append(await place_by_sums(stores, added.task) == place)
    assert any(by_sums)
    assert several or all(by_sums)


async def place_by_sums(stores: Stores, task: Task) -> int:
    given = {"of": task.id, "asker": task.asker_id, "at": task.created_at, "wanted": task.creates_wanted}
    async with stores.tasks._database.read() as connection:
        ((place,),) = await Prepared(fair_queue.PLACE_BY_SUMS).rows(connection, given)
    return int(place)


async def test_creates_of_one_task_have_the_turns_of_as_many_tasks_of_its_asker(stores: Stores) -> None:
    await prepared(stores, asker_id=1, model="z-image", variants=4)
    for offset, asker in enumerate((2, 2, 3), start=1):
        await prepared(stores, now=NOW + offset, asker_id=asker)
    order = [await begun_and_accepted(stores, now=NOW + 99) for _ in range(7)]
    assert [task.asker_id for task in order if task] == [1, 2, 3, 1, 2, 1, 1]


async def test_further_creates_go_on_while_a_large_task_waits_for_places_in_flight(stores: Stores) -> None:
    limits = CreateLimits(per_window=99, window_ms=11_000, in_flight=5)
    await prepared(stores, asker_id=1, model="z-image", variants=4)
    first = await begun_and_accepted(stores)
    waiting = await prepared(stores, now=NOW + 1, asker_id=2, model="z-image", variants=4)
    further = await stores.creates.begin("one", limits, now=NOW + 2, lease_ms=LEASE)
    assert first is not None
    assert further is not None
    assert (further.id, further.state) == (first.id, TaskState.GENERATING)
    assert waiting.creates_wanted == 1, "the request did not say how many: the first create does"


async def test_a_task_on_which_this_process_still_works_gets_no_create(stores: Stores) -> None:
    task = await prepared(stores)
    assert await stores.creates.begin("one", PLENTY, now=NOW, lease_ms=LEASE, except_ids={task.id}) is None
    assert await stores.creates.begin("one", PLENTY, now=NOW, lease_ms=LEASE) is not None


async def test_what_the_dead_process_began_is_not_begun_again_and_no_create_is_more_than_wanted(stores: Stores) -> None:
    await prepared(stores, model="z-image", variants=2)
    task = await begun_and_accepted(stores)
    assert task is not None
    assert await begun(stores, owner="dead") is not None
    assert await begun(stores, now=NOW + LEASE + 1) is None
    creates = await stores.creates.of_task(task.id)
    assert [(create.number, create.state) for create in creates] == [(0, CreateState.TAKEN), (1, CreateState.SENT)]
    found = await stores.tasks.get(task.id)
    assert found is not None
    assert found.next_create_at is None


async def test_the_next_due_is_also_that_of_a_further_create(stores: Stores) -> None:
    await prepared(stores, model="z-image", variants=2)
    await begun_and_accepted(stores)
    assert await next_due(stores, NOW) == NOW


async def test_a_create_says_who_made_it_and_what_it_costs(stores: Stores) -> None:
    task = await prepared(stores, model="z-image", variants=2, creates_wanted=2, estimated_credits=1.6)
    await stores.creates.begin("one", PLENTY, now=NOW, lease_ms=LEASE)
    (create,) = await stores.creates.of_task(task.id)
    assert (create.provider, create.number, create.estimated_credits) == ("kie-jobs", 0, 0.8)
    jobs = catalogue(four_o="jobs")
    task = await prepared(stores, asker_id=8, variants=4)
    began = await stores.creates.begin("one", PLENTY, now=NOW, lease_ms=LEASE, models=jobs)
    assert began is not None
    assert (began.provider, began.creates_wanted) == ("kie-jobs", 4)


@pytest.mark.parametrize(
    ("to", "changes", "state"),
    [
        (TaskState.QUEUED, {}, CreateState.REFUSED),
        (TaskState.GENERATING, {"job_id": "k1"}, CreateState.TAKEN),
    ],
)
async def test_a_move_of_the_task_says_what_became_of_its_create(
    stores: Stores, to: TaskState, changes: Changes, state: CreateState
) -> None:
    await prepared(stores)
    task = await begun(stores)
    assert task is not None
    await stores.tasks.move(task, to, now=NOW, why="x", **changes)
    (create,) = await stores.creates.of_task(task.id)
    assert (create.state, create.job_id) == (state, changes.get("job_id"))


@pytest.mark.parametrize(
    ("reason", "state", "ended_at"),
    [("policy", CreateState.FAILED, NOW), ("unconfirmed", CreateState.UNCONFIRMED, None)],
)
async def test_the_end_of_a_submitted_task_is_that_of_its_create(
    stores: Stores, reason: str, state: CreateState, ended_at: int | None
) -> None:
    await prepared(stores)
    task = await begun(stores)
    assert task is not None
    await stores.tasks.settle(task, now=NOW, why="x", reason=reason)
    (create,) = await stores.creates.of_task(task.id)
    assert (create.state, create.ended_at) == (state, ended_at)


async def test_a_create_is_unconfirmed_as_soon_as_its_task_waits_for_the_callback(stores: Stores) -> None:
    await prepared(stores)
    task = await begun(stores)
    assert task is not None
    await stores.tasks.change(task, unconfirmed_at=NOW)
    (create,) = await stores.creates.of_task(task.id)
    assert create.state is CreateState.UNCONFIRMED


async def test_an_unprepared_task_has_the_place_it_will_take_and_holds_nobody_up(stores: Stores) -> None:
    first, waiting, last = (
        await prepared(stores, now=NOW, asker_id=1),
        await stored(stores, now=NOW + 1, asker_id=2),
        await prepared(stores, now=NOW + 2, asker_id=3),
    )
    assert [await stores.queue.place_of(task) for task in (first, waiting, last)] == [1, 2, 2]
    assert [task.id for task in await stores.queue.waiting()] == [first.id, last.id]


async def test_what_is_no_longer_queued_has_no_place(stores: Stores) -> None:
    task = await prepared(stores)
    assert await stores.queue.place_of(task) == 1
    await begun(stores)
    assert await stores.queue.place_of(task) is None
