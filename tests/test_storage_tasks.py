"""Tests for tasks in the database: submitting within limits, moving by compare-and-set, and the audit trail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.limits import DAY_MS
from storage.models import MOVES, Limits, NewReference, ReferenceKind, Task, TaskState
from storage.tasks import LimitExceeded, StaleTask, TaskStore
from tests.storage_rows import BACKENDS, LEASE, NOW, UNLIMITED, begun, opened_store, prepared, request, stored

WAY: dict[TaskState, tuple[TaskState, ...]] = {
    TaskState.QUEUED: (),
    TaskState.SUBMITTING: (TaskState.SUBMITTING,),
    TaskState.GENERATING: (TaskState.SUBMITTING, TaskState.GENERATING),
    TaskState.SETTLED: (TaskState.SETTLED,),
    TaskState.CLOSED: (TaskState.SETTLED, TaskState.CLOSED),
    TaskState.CANCELLED: (TaskState.CANCELLED,),
}
LEGAL = [(before, after) for before, afters in MOVES.items() for after in sorted(afters)]


@pytest.fixture(params=BACKENDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TaskStore]:
    async with opened_store(request.param, tmp_path) as store:
        yield store


async def task_in(store: TaskStore, state: TaskState) -> Task:
    task = await stored(store)
    for step in WAY[state]:
        task = await store.move(task, step, now=NOW, why="on the way")
    return task


# -- submit ------------------------------------------------------------------------------------------------------
async def test_a_request_is_stored_as_it_arrived(store: TaskStore) -> None:
    first = await stored(store)
    new = request(
        asker_id=2**63 - 1,
        guild_id=5,
        locale="de",
        guild_locale="fr",
        upload_limit=50_000_000,
        prompt="'; DROP TABLE tasks; -- 🚪",
        size="3:2",
        variants=4,
        enhance=True,
        fallback=True,
        references=(
            NewReference(kind=ReferenceKind.IMAGE, url="https://cdn.test/a", filename="a.png", declared_bytes=12),
            NewReference(
                kind=ReferenceKind.MASK, url="https://cdn.test/m", filename="m.png", stored_key="references/x/1"
            ),
        ),
        again_of=first.id,
    )
    task, fresh = await store.submit(new, UNLIMITED, now=NOW)
    assert fresh
    assert await store.get(task.id) == task
    for name in (
        "asker_id",
        "guild_id",
        "locale",
        "guild_locale",
        "upload_limit",
        "prompt",
        "size",
        "variants",
        "again_of",
    ):
        assert getattr(task, name) == getattr(new, name)
    assert (task.enhance, task.fallback, task.interaction_token) == (True, True, new.interaction_token)
    assert (task.state, task.due_at, task.owner, task.charged) == (TaskState.QUEUED, NOW, None, True)
    image, mask = await store.references(task.id)
    assert (image.position, image.kind, image.declared_bytes, image.key) == (0, ReferenceKind.IMAGE, 12, None)
    assert (mask.position, mask.kind, mask.stored_key) == (1, ReferenceKind.MASK, "references/x/1")
    (event,) = await store.events(task.id)
    assert (event.before, event.after, event.at) == (None, TaskState.QUEUED, NOW)


async def test_the_token_is_in_no_representation(store: TaskStore) -> None:
    task = await stored(store, interaction_token="a secret", prompt="a private wish")
    assert "a secret" not in repr(task)
    assert "a private wish" not in repr(task)


async def test_ten_quick_submits_against_a_limit_of_three_store_three(store: TaskStore) -> None:
    limits = Limits(open_tasks_per_user=3, pictures_per_user_per_day=0, pictures_per_day=0)
    answers = await asyncio.gather(
        *[store.submit(request(), limits, now=NOW) for _ in range(10)], return_exceptions=True
    )
    refusals = [answer for answer in answers if isinstance(answer, LimitExceeded)]
    assert [(refusal.limit, refusal.allowed, refusal.free_at) for refusal in refusals] == [
        ("open_tasks_per_user", 3, None)
    ] * 7
    assert len(await store.of_user(7)) == 3


async def test_the_same_interaction_again_is_the_same_task_whatever_the_limits(store: TaskStore) -> None:
    limits = Limits(open_tasks_per_user=1, pictures_per_user_per_day=1, pictures_per_day=1)
    new = request(references=(NewReference(kind=ReferenceKind.IMAGE, url="https://cdn.test/a", filename="a.png"),))
    answers = await asyncio.gather(*[store.submit(new, limits, now=NOW) for _ in range(5)])
    answers.append(await store.submit(new, limits, now=NOW + 1))
    assert sorted(fresh for _, fresh in answers) == [False] * 5 + [True]
    (task,) = {task.id for task, _ in answers}
    assert len(await store.of_user(7)) == len(await store.references(task)) == len(await store.events(task)) == 1


@pytest.mark.parametrize("state", TaskState)
async def test_a_task_is_open_until_its_asker_was_told_or_took_it_back(store: TaskStore, state: TaskState) -> None:
    limits = Limits(open_tasks_per_user=1, pictures_per_user_per_day=0, pictures_per_day=0)
    task = await task_in(store, state)
    if task.open:
        with pytest.raises(LimitExceeded):
            await store.submit(request(), limits, now=NOW)
    else:
        assert (await store.submit(request(), limits, now=NOW))[1]
    assert task.open == (state not in {TaskState.CLOSED, TaskState.CANCELLED})


@pytest.mark.parametrize(
    ("name", "asker"), [("pictures_per_user_per_day", 7), ("pictures_per_day", 7), ("pictures_per_day", 8)]
)
async def test_pictures_a_day_are_counted_by_variants_and_free_up_one_day_later(
    store: TaskStore, name: str, asker: int
) -> None:
    limits = Limits(**({"open_tasks_per_user": 0, "pictures_per_user_per_day": 0, "pictures_per_day": 0} | {name: 7}))
    for hours, variants in ((0, 1), (1, 2), (2, 4)):
        await store.submit(request(variants=variants), limits, now=NOW + hours * 3_600_000)
    later = NOW + 3 * 3_600_000
    with pytest.raises(LimitExceeded) as one:
        await store.submit(request(asker_id=asker), limits, now=later)
    with pytest.raises(LimitExceeded) as two:
        await store.submit(request(asker_id=asker, variants=2), limits, now=later)
    assert (one.value.limit, one.value.allowed, one.value.free_at) == (name, 7, NOW + DAY_MS)
    assert two.value.free_at == NOW + 3_600_000 + DAY_MS
    with pytest.raises(LimitExceeded):
        await store.submit(request(asker_id=asker, variants=2), limits, now=two.value.free_at - 1)
    assert (await store.submit(request(asker_id=asker, variants=2), limits, now=two.value.free_at))[1]


async def test_a_day_of_one_person_is_not_another_s(store: TaskStore) -> None:
    limits = Limits(open_tasks_per_user=0, pictures_per_user_per_day=4, pictures_per_day=8)
    await store.submit(request(asker_id=1, variants=4), limits, now=NOW)
    await store.submit(request(asker_id=2, variants=4), limits, now=NOW)
    with pytest.raises(LimitExceeded) as refusal:
        await store.submit(request(asker_id=3), limits, now=NOW)
    assert refusal.value.limit == "pictures_per_day"


async def test_ten_quick_submits_of_ten_people_stay_within_the_day_of_all(store: TaskStore) -> None:
    limits = Limits(open_tasks_per_user=0, pictures_per_user_per_day=0, pictures_per_day=8)
    submits = [store.submit(request(asker_id=asker, variants=4), limits, now=NOW) for asker in range(10)]
    answers = await asyncio.gather(*submits, return_exceptions=True)
    assert sum(isinstance(answer, LimitExceeded) for answer in answers) == 8


async def test_more_than_a_day_has_is_never_free(store: TaskStore) -> None:
    limits = Limits(open_tasks_per_user=0, pictures_per_user_per_day=3, pictures_per_day=0)
    await store.submit(request(), limits, now=NOW)
    with pytest.raises(LimitExceeded) as refusal:
        await store.submit(request(variants=4), limits, now=NOW)
    assert refusal.value.free_at is None


async def test_what_is_not_charged_does_not_count_for_the_day(store: TaskStore) -> None:
    limits = Limits(open_tasks_per_user=0, pictures_per_user_per_day=4, pictures_per_day=4)
    cancelled, _ = await store.submit(request(variants=4), limits, now=NOW)
    await store.move(cancelled, TaskState.CANCELLED, now=NOW, why="by the asker")
    refused, _ = await store.submit(request(variants=4), limits, now=NOW)
    await store.settle(refused, now=NOW, why="refused", reason="policy", charged=False)
    lost, fresh = await store.submit(request(variants=4), limits, now=NOW)
    assert fresh
    await store.settle(lost, now=NOW, why="lost", reason="lost")
    with pytest.raises(LimitExceeded):
        await store.submit(request(), limits, now=NOW)


# -- queries -----------------------------------------------------------------------------------------------------
async def test_an_unknown_task_is_none(store: TaskStore) -> None:
    assert await store.get("0" * 16) is None


async def test_a_person_s_tasks_are_newest_first_and_theirs_alone(store: TaskStore) -> None:
    mine = [await stored(store, now=NOW + n) for n in range(3)]
    await stored(store, asker_id=8)
    assert [task.id for task in await store.of_user(7)] == [task.id for task in reversed(mine)]
    assert [task.id for task in await store.of_user(7, limit=1)] == [mine[2].id]


async def test_every_state_has_its_number(store: TaskStore) -> None:
    for state in (TaskState.QUEUED, TaskState.QUEUED, TaskState.CLOSED):
        await task_in(store, state)
    counted = await store.count_by_state()
    assert counted == dict.fromkeys(TaskState, 0) | {TaskState.QUEUED: 2, TaskState.CLOSED: 1}


async def test_facts_are_set_replaced_and_forgotten(store: TaskStore) -> None:
    assert await store.key_value("commands") is None
    for value in ("one", "two", None, None):
        await store.set_key_value("commands", value)
        assert await store.key_value("commands") == value


# -- moves between states ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("before", "after"), LEGAL)
async def test_every_legal_move_is_written_down(store: TaskStore, before: TaskState, after: TaskState) -> None:
    task = await task_in(store, before)
    moved = await store.move(task, after, now=NOW + 5, why="for the test", failures=3)
    assert (moved.state, moved.failures) == (after, 3)
    assert await store.get(task.id) == moved
    event = (await store.events(task.id))[-1]
    assert (event.before, event.after, event.at, event.why) == (before, after, NOW + 5, "for the test")


@pytest.mark.parametrize("before", TaskState)
async def test_an_illegal_move_is_a_defect_and_changes_nothing(store: TaskStore, before: TaskState) -> None:
    task = await task_in(store, before)
    events = await store.events(task.id)
    for after in set(TaskState) - MOVES[before]:
        with pytest.raises(ValueError, match=f"from {before} to {after}"):
            await store.move(task, after, now=NOW, why="for the test")
    assert (await store.get(task.id), await store.events(task.id)) == (task, events)


async def test_a_stale_move_loses_and_leaves_no_trace(store: TaskStore) -> None:
    task = await stored(store)
    cancelled = await store.move(task, TaskState.CANCELLED, now=NOW, why="by the asker")
    events = await store.events(task.id)
    with pytest.raises(StaleTask):
        await store.move(task, TaskState.SUBMITTING, now=NOW, why="create")
    with pytest.raises(StaleTask):
        await store.settle(task, now=NOW, why="done", reason=None, urls=["https://results.test/1"])
    with pytest.raises(StaleTask):
        await store.change(task, prepared_at=NOW)
    assert (await store.get(task.id), await store.events(task.id)) == (cancelled, events)
    assert await store.pictures(task.id) == ()


async def test_a_task_in_other_hands_is_not_moved(store: TaskStore) -> None:
    read_before = await stored(store)
    (claimed,) = await store.claim("one", now=NOW, lease_ms=LEASE, limit=5)
    with pytest.raises(StaleTask):
        await store.change(read_before, failures=1)
    released = await store.change(claimed, owner=None, lease_until=0)
    with pytest.raises(StaleTask):
        await store.move(claimed, TaskState.CANCELLED, now=NOW, why="by the asker")
    assert (await store.change(released, failures=1)).failures == 1


async def test_of_many_that_move_the_same_task_one_wins(store: TaskStore) -> None:
    task = await stored(store)
    moves = [store.move(task, TaskState.SUBMITTING, now=NOW, why=str(n)) for n in range(8)]
    answers = await asyncio.gather(*moves, return_exceptions=True)
    assert sum(isinstance(answer, StaleTask) for answer in answers) == 7
    assert len(await store.events(task.id)) == 2


@pytest.mark.parametrize("cancel_first", [True, False])
async def test_a_cancel_and_a_create_never_both_win(store: TaskStore, cancel_first: bool) -> None:
    for _ in range(5):
        task = await prepared(store)
        cancel = store.move(task, TaskState.CANCELLED, now=NOW, why="by the asker")
        pair = (cancel, begun(store)) if cancel_first else (begun(store), cancel)
        answers = await asyncio.gather(*pair, return_exceptions=True)
        stale = sum(isinstance(answer, StaleTask) for answer in answers)
        found = await store.get(task.id)
        assert found is not None
        assert (found.state, stale) in {(TaskState.CANCELLED, 0), (TaskState.SUBMITTING, 1)}
        assert answers.count(None) == (found.state is TaskState.CANCELLED)


async def test_the_card_is_noted_whatever_the_state(store: TaskStore) -> None:
    task = await task_in(store, TaskState.CANCELLED)
    await store.set_card(task.id, 2**62)
    found = await store.get(task.id)
    assert found is not None
    assert (found.card_message_id, found.state) == (2**62, TaskState.CANCELLED)
