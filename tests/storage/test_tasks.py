"""Tests for tasks in the database: submitting within limits, moving by compare-and-set, and the audit trail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from storage.limits import DAY_MS, LimitExceeded
from storage.models import MOVES, Limits, NewPart, NewReference, ReferenceKind, Task, TaskState
from storage.stores import Stores
from storage.transitions import LONGEST_WHY, StaleTask
from tests.storage.rows import BACKENDS, LEASE, NOW, UNLIMITED, begun, opened_stores, prepared, request, stored

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
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened_stores(request.param, tmp_path) as stores:
        yield stores


async def task_in(stores: Stores, state: TaskState) -> Task:
    task = await stored(stores)
    for step in WAY[state]:
        task = await stores.tasks.move(task, step, now=NOW, why="on the way")
    return task


# -- submit ------------------------------------------------------------------------------------------------------
async def test_a_request_is_stored_as_it_arrived(stores: Stores) -> None:
    first = await stored(stores)
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
    task, fresh, _ = await stores.tasks.add(new, UNLIMITED, now=NOW)
    assert fresh
    assert await stores.tasks.get(task.id) == task
    for name in (
        "asker_id",
        "guild_id",
        "locale",
        "guild_locale",
        "upload_limit",
        "again_of",
    ):
        assert getattr(task, name) == getattr(new, name)
    assert task.request == replace(new.request, references=())
    assert (task.model, task.provider) == ("4o", "kie")
    assert (task.enhance, task.fallback, task.interaction_token) == (True, True, new.interaction_token)
    assert (task.state, task.due_at, task.owner, task.charged) == (TaskState.QUEUED, NOW, None, True)
    image, mask = await stores.references.of_task(task.id)
    assert (image.position, image.kind, image.declared_bytes, image.key) == (0, ReferenceKind.IMAGE, 12, None)
    assert (mask.position, mask.kind, mask.stored_key) == (1, ReferenceKind.MASK, "references/x/1")
    (event,) = await stores.tasks.events(task.id)
    assert (event.before, event.after, event.at) == (None, TaskState.QUEUED, NOW)


async def test_the_token_is_in_no_representation(stores: Stores) -> None:
    task = await stored(stores, interaction_token="a secret", prompt="a private wish")
    assert "a secret" not in repr(task)
    assert "a private wish" not in repr(task)


async def test_ten_quick_submits_against_a_limit_of_three_store_three(stores: Stores) -> None:
    limits = Limits(open_tasks_per_user=3, pictures_per_user_per_day=0, pictures_per_day=0)
    answers = await asyncio.gather(
        *[stores.tasks.add(request(), limits, now=NOW) for _ in range(10)], return_exceptions=True
    )
    refusals = [answer for answer in answers if isinstance(answer, LimitExceeded)]
    assert [(refusal.limit, refusal.allowed, refusal.free_at) for refusal in refusals] == [
        ("open_tasks_per_user", 3, None)
    ] * 7
    assert len(await stores.tasks.of_user(7)) == 3


async def test_the_same_interaction_again_is_the_same_task_whatever_the_limits(stores: Stores) -> None:
    limits = Limits(open_tasks_per_user=1, pictures_per_user_per_day=1, pictures_per_day=1)
    new = request(references=(NewReference(kind=ReferenceKind.IMAGE, url="https://cdn.test/a", filename="a.png"),))
    answers = await asyncio.gather(*[stores.tasks.add(new, limits, now=NOW) for _ in range(5)])
    answers.append(await stores.tasks.add(new, limits, now=NOW + 1))
    assert sorted(fresh for _, fresh, _ in answers) == [False] * 5 + [True]
    (task,) = {task.id for task, *_ in answers}
    assert (
        len(await stores.tasks.of_user(7))
        == len(await stores.references.of_task(task))
        == len(await stores.tasks.events(task))
        == 1
    )


@pytest.mark.parametrize("state", TaskState)
async def test_a_task_is_open_until_its_asker_was_told_or_took_it_back(stores: Stores, state: TaskState) -> None:
    limits = Limits(open_tasks_per_user=1, pictures_per_user_per_day=0, pictures_per_day=0)
    task = await task_in(stores, state)
    if task.open:
        with pytest.raises(LimitExceeded):
            await stores.tasks.add(request(), limits, now=NOW)
    else:
        assert (await stores.tasks.add(request(), limits, now=NOW))[1]
    assert task.open == (state not in {TaskState.CLOSED, TaskState.CANCELLED})


@pytest.mark.parametrize(
    ("name", "asker"), [("pictures_per_user_per_day", 7), ("pictures_per_day", 7), ("pictures_per_day", 8)]
)
async def test_pictures_a_day_are_counted_by_variants_and_free_up_one_day_later(
    stores: Stores, name: str, asker: int
) -> None:
    limits = Limits(**({"open_tasks_per_user": 0, "pictures_per_user_per_day": 0, "pictures_per_day": 0} | {name: 7}))
    for hours, variants in ((0, 1), (1, 2), (2, 4)):
        await stores.tasks.add(request(variants=variants), limits, now=NOW + hours * 3_600_000)
    later = NOW + 3 * 3_600_000
    with pytest.raises(LimitExceeded) as raised:
        await stores.tasks.add(request(asker_id=asker), limits, now=later)
    with pytest.raises(LimitExceeded) as two:
        await stores.tasks.add(request(asker_id=asker, variants=2), limits, now=later)
    assert (raised.value.limit, raised.value.allowed, raised.value.free_at) == (name, 7, NOW + DAY_MS)
    assert two.value.free_at == NOW + 3_600_000 + DAY_MS
    with pytest.raises(LimitExceeded):
        await stores.tasks.add(request(asker_id=asker, variants=2), limits, now=two.value.free_at - 1)
    assert (await stores.tasks.add(request(asker_id=asker, variants=2), limits, now=two.value.free_at))[1]


async def test_a_day_of_one_person_is_not_another_s(stores: Stores) -> None:
    limits = Limits(open_tasks_per_user=0, pictures_per_user_per_day=4, pictures_per_day=8)
    await stores.tasks.add(request(asker_id=1, variants=4), limits, now=NOW)
    await stores.tasks.add(request(asker_id=2, variants=4), limits, now=NOW)
    with pytest.raises(LimitExceeded) as refusal:
        await stores.tasks.add(request(asker_id=3), limits, now=NOW)
    assert refusal.value.limit == "pictures_per_day"


async def test_ten_quick_submits_of_ten_people_stay_within_the_day_of_all(stores: Stores) -> None:
    limits = Limits(open_tasks_per_user=0, pictures_per_user_per_day=0, pictures_per_day=8)
    submits = [stores.tasks.add(request(asker_id=asker, variants=4), limits, now=NOW) for asker in range(10)]
    answers = await asyncio.gather(*submits, return_exceptions=True)
    assert sum(isinstance(answer, LimitExceeded) for answer in answers) == 8


async def test_more_than_a_day_has_is_never_free(stores: Stores) -> None:
    limits = Limits(open_tasks_per_user=0, pictures_per_user_per_day=3, pictures_per_day=0)
    await stores.tasks.add(request(), limits, now=NOW)
    with pytest.raises(LimitExceeded) as refusal:
        await stores.tasks.add(request(variants=4), limits, now=NOW)
    assert refusal.value.free_at is None


async def test_what_is_not_charged_does_not_count_for_the_day(stores: Stores) -> None:
    limits = Limits(open_tasks_per_user=0, pictures_per_user_per_day=4, pictures_per_day=4)
    cancelled, *_ = await stores.tasks.add(request(variants=4), limits, now=NOW)
    await stores.tasks.move(cancelled, TaskState.CANCELLED, now=NOW, why="by the asker")
    refused, *_ = await stores.tasks.add(request(variants=4), limits, now=NOW)
    await stores.tasks.settle(refused, now=NOW, why="refused", reason="policy", charged=False)
    lost, fresh, _ = await stores.tasks.add(request(variants=4), limits, now=NOW)
    assert fresh
    await stores.tasks.settle(lost, now=NOW, why="lost", reason="lost")
    with pytest.raises(LimitExceeded):
        await stores.tasks.add(request(), limits, now=NOW)


# -- queries -----------------------------------------------------------------------------------------------------
async def test_an_unknown_task_is_none(stores: Stores) -> None:
    assert await stores.tasks.get("0" * 16) is None


async def test_a_person_s_tasks_are_newest_first_and_theirs_alone(stores: Stores) -> None:
    mine = [await stored(stores, now=NOW + n) for n in range(3)]
    await stored(stores, asker_id=8)
    assert [task.id for task in await stores.tasks.of_user(7)] == [task.id for task in reversed(mine)]
    assert [task.id for task in await stores.tasks.of_user(7, limit=1)] == [mine[2].id]


async def test_every_state_has_its_number(stores: Stores) -> None:
    for state in (TaskState.QUEUED, TaskState.QUEUED, TaskState.CLOSED):
        await task_in(stores, state)
    counted = await stores.tasks.count_by_state()
    assert counted == dict.fromkeys(TaskState, 0) | {TaskState.QUEUED: 2, TaskState.CLOSED: 1}


async def test_facts_are_set_replaced_and_forgotten(stores: Stores) -> None:
    assert await stores.key_values.get("commands") is None
    for value in ("one", "two", None, None):
        await stores.key_values.set("commands", value)
        assert await stores.key_values.get("commands") == value


# -- moves between states ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("before", "after"), LEGAL)
async def test_every_legal_move_is_written_down(stores: Stores, before: TaskState, after: TaskState) -> None:
    task = await task_in(stores, before)
    moved = await stores.tasks.move(task, after, now=NOW + 5, why="for the test", failures=3)
    assert (moved.state, moved.failures) == (after, 3)
    assert await stores.tasks.get(task.id) == moved
    event = (await stores.tasks.events(task.id))[-1]
    assert (event.before, event.after, event.at, event.why) == (before, after, NOW + 5, "for the test")


async def test_a_long_cause_of_a_move_is_cut(stores: Stores) -> None:
    task = await task_in(stores, TaskState.QUEUED)
    await stores.tasks.move(task, TaskState.CANCELLED, now=NOW, why=f"not accepted: {'x' * 5000}")
    event = (await stores.tasks.events(task.id))[-1]
    assert (len(event.why), event.why[:15]) == (LONGEST_WHY, "not accepted: x")


@pytest.mark.parametrize("before", TaskState)
async def test_an_illegal_move_is_a_defect_and_changes_nothing(stores: Stores, before: TaskState) -> None:
    task = await task_in(stores, before)
    events = await stores.tasks.events(task.id)
    for after in set(TaskState) - MOVES[before]:
        with pytest.raises(ValueError, match=f"from {before} to {after}"):
            await stores.tasks.move(task, after, now=NOW, why="for the test")
    assert (await stores.tasks.get(task.id), await stores.tasks.events(task.id)) == (task, events)


async def test_a_stale_move_loses_and_leaves_no_trace(stores: Stores) -> None:
    task = await stored(stores)
    cancelled = await stores.tasks.move(task, TaskState.CANCELLED, now=NOW, why="by the asker")
    events = await stores.tasks.events(task.id)
    with pytest.raises(StaleTask):
        await stores.tasks.move(task, TaskState.SUBMITTING, now=NOW, why="create")
    with pytest.raises(StaleTask):
        await stores.tasks.settle(task, now=NOW, why="done", reason=None, urls=["https://results.test/1"])
    with pytest.raises(StaleTask):
        await stores.tasks.change(task, prepared_at=NOW)
    assert (await stores.tasks.get(task.id), await stores.tasks.events(task.id)) == (cancelled, events)
    assert await stores.pictures.of_task(task.id) == ()


async def test_a_task_in_other_hands_is_not_moved(stores: Stores) -> None:
    read_before = await stored(stores)
    (claimed,) = await stores.claims.claim("one", now=NOW, lease_ms=LEASE, limit=5)
    with pytest.raises(StaleTask):
        await stores.tasks.change(read_before, failures=1)
    released = await stores.tasks.change(claimed, owner=None, lease_until=0)
    with pytest.raises(StaleTask):
        await stores.tasks.move(claimed, TaskState.CANCELLED, now=NOW, why="by the asker")
    assert (await stores.tasks.change(released, failures=1)).failures == 1


async def test_of_many_that_move_the_same_task_one_wins(stores: Stores) -> None:
    task = await stored(stores)
    moves = [stores.tasks.move(task, TaskState.SUBMITTING, now=NOW, why=str(n)) for n in range(8)]
    answers = await asyncio.gather(*moves, return_exceptions=True)
    assert sum(isinstance(answer, StaleTask) for answer in answers) == 7
    assert len(await stores.tasks.events(task.id)) == 2


@pytest.mark.parametrize("cancel_first", [True, False])
async def test_a_cancel_and_a_create_never_both_win(stores: Stores, cancel_first: bool) -> None:
    for _ in range(5):
        task = await prepared(stores)
        cancel = stores.tasks.move(task, TaskState.CANCELLED, now=NOW, why="by the asker")
        pair = (cancel, begun(stores)) if cancel_first else (begun(stores), cancel)
        answers = await asyncio.gather(*pair, return_exceptions=True)
        stale = sum(isinstance(answer, StaleTask) for answer in answers)
        found = await stores.tasks.get(task.id)
        assert found is not None
        assert (found.state, stale) in {(TaskState.CANCELLED, 0), (TaskState.SUBMITTING, 1)}
        assert answers.count(None) == (found.state is TaskState.CANCELLED)


async def test_the_card_is_noted_whatever_the_state(stores: Stores) -> None:
    task = await task_in(stores, TaskState.CANCELLED)
    await stores.tasks.set_card(task.id, 2**62)
    found = await stores.tasks.get(task.id)
    assert found is not None
    assert (found.card_message_id, found.state) == (2**62, TaskState.CANCELLED)


async def test_a_deleted_card_is_forgotten_with_the_move_unless_another_was_stored_since(stores: Stores) -> None:
    task = await task_in(stores, TaskState.SETTLED)
    await stores.tasks.set_card(task.id, 12)
    closed = await stores.tasks.move(task, TaskState.CLOSED, now=NOW, why="delivered", deleted_card=11)
    assert closed.card_message_id == 12
    changed = await stores.tasks.change(closed, deleted_card=12)
    assert changed.card_message_id is None
    assert (await stores.tasks.change(changed, deleted_card=None)).card_message_id is None


async def test_a_card_is_known_to_be_the_outcome_by_the_message_of_a_part(stores: Stores) -> None:
    task = await task_in(stores, TaskState.SETTLED)
    (part,) = await stores.parts.plan(task, [NewPart(pictures=(), nonce="n")])
    await stores.tasks.set_card(task.id, 12)
    for message_id, is_outcome in ((11, False), (12, True)):
        await stores.parts.posted(part, channel_id=1, message_id=message_id)
        found = await stores.tasks.with_card_use(task.id)
        assert found is not None
        assert (found[0].card_message_id, found[1]) == (12, is_outcome)
    assert await stores.tasks.with_card_use("unknown") is None
