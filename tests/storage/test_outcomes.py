"""Tests for the rows of a task: outcomes, parts, references, result pictures, and the sweep of old copies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.models import CreateState, NewPart, NewReference, Picture, Reference, ReferenceKind, Route, Task, TaskState
from storage.schema import creates
from storage.stores import Stores
from storage.transitions import StaleTask
from tests.storage.rows import BACKENDS, NOW, opened_stores, stored

URLS = ("https://results.test/1", "https://results.test/2")
PARTS = (NewPart(pictures=(0, 1), nonce="first"), NewPart(pictures=(2,), nonce="second"))


@pytest.fixture(params=BACKENDS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened_stores(request.param, tmp_path) as stores:
        yield stores


async def generating(stores: Stores, *, now: int = NOW, model: str = "4o", pictures: int = 1) -> Task:
    reference = NewReference(kind=ReferenceKind.IMAGE, url="https://cdn.test/a", filename="a.png")
    task = await stored(stores, now=now, model=model, references=(reference,) * pictures)
    task = await stores.tasks.move(task, TaskState.SUBMITTING, now=now, why="create")
    return await stores.tasks.move(task, TaskState.GENERATING, now=now, why="taken", job_id="k1", generating_at=now)


async def settled(stores: Stores, *, now: int = NOW, model: str = "4o") -> Task:
    task = await generating(stores, now=now, model=model)
    return await stores.tasks.settle(task, now=now, why="done", reason=None, urls=URLS)


async def closed(stores: Stores, *, at: int) -> Task:
    """Store a closed task with a copy of its reference and of its first picture."""
    task = await settled(stores)
    (reference,) = await stores.references.of_task(task.id)
    await stores.references.save(replace(reference, key=f"references/{task.id}/0"))
    await stores.pictures.save([replace((await stores.pictures.of_task(task.id))[0], key=f"pictures/{task.id}/0")])
    return await stores.tasks.move(task, TaskState.CLOSED, now=at, why="delivered", closed_at=at)


# -- settle ------------------------------------------------------------------------------------------------------
async def test_an_outcome_keeps_its_pictures_in_order(stores: Stores) -> None:
    task = await settled(stores)
    assert (task.state, task.settled_at, task.reason) == (TaskState.SETTLED, NOW, None)
    assert await stores.pictures.of_task(task.id) == tuple(
        Picture(task_id=task.id, position=position, url=url) for position, url in enumerate(URLS)
    )
    assert (await stores.tasks.events(task.id))[-1].why == "done"


async def test_a_failure_keeps_its_reason_and_parameters(stores: Stores) -> None:
    task = await stored(stores)
    told: dict[str, str | int] = {"filename": "a 🚪.png", "megabytes": 25}
    task = await stores.tasks.settle(
        task, now=NOW, why="bad", reason="reference_too_large", parameters=told, charged=False, failures=0
    )
    assert (task.reason, task.reason_parameters, task.charged) == ("reference_too_large", told, False)
    assert await stores.tasks.get(task.id) == task
    assert await stores.pictures.of_task(task.id) == ()


@pytest.mark.parametrize(("reason", "urls"), [(None, ()), ("policy", URLS)])
async def test_an_outcome_is_pictures_or_a_reason(stores: Stores, reason: str | None, urls: tuple[str, ...]) -> None:
    task = await generating(stores)
    with pytest.raises(ValueError, match="either pictures or a reason"):
        await stores.tasks.settle(task, now=NOW, why="?", reason=reason, urls=urls)
    assert await stores.tasks.get(task.id) == task


async def test_an_adopted_task_forgets_the_outcome_that_was_told(stores: Stores) -> None:
    task = await generating(stores)
    task = await stores.tasks.settle(task, now=NOW, why="no answer", reason="unconfirmed", parameters={"n": 1})
    (part,) = await stores.parts.plan(task, [NewPart(nonce="sorry")])
    await stores.parts.posted(part, channel_id=1, message_id=2)
    task = await stores.tasks.move(task, TaskState.CLOSED, now=NOW, why="delivered", closed_at=NOW)
    adopted = await stores.tasks.move(
        task, TaskState.GENERATING, now=NOW, why="a callback", job_id="k1", generating_at=NOW
    )
    outcome = (adopted.settled_at, adopted.reason, adopted.reason_parameters, adopted.closed_at)
    assert (outcome, adopted.job_id) == ((None, None, {}, None), "k1")
    assert await stores.parts.of_task(task.id) == ()
    with pytest.raises(StaleTask):
        await stores.parts.attempt(part, adopted, now=NOW, until=NOW)
    adopted = await stores.tasks.settle(adopted, now=NOW, why="done", reason=None, urls=URLS)
    assert [part.nonce for part in await stores.parts.plan(adopted, PARTS)] == ["first", "second"]
    assert len(await stores.pictures.of_task(task.id)) == 2


async def test_successes_say_how_long_they_took_newest_first(stores: Stores) -> None:
    for seconds in (20, 30, 40):
        task = await generating(stores)
        await stores.tasks.settle(task, now=NOW + seconds * 1000 + 500, why="done", reason=None, urls=URLS)
    await stores.tasks.settle(await generating(stores), now=NOW + 99_000, why="failed", reason="policy")
    await stores.tasks.settle(await stored(stores), now=NOW + 99_000, why="bad", reason="reference_empty")
    await generating(stores)
    assert await stores.queue.recent_seconds("4o", with_pictures=True) == (40.5, 30.5, 20.5)
    assert await stores.queue.recent_seconds("4o", with_pictures=True, limit=1) == (40.5,)


async def test_durations_are_apart_by_model_and_by_input_pictures(stores: Stores) -> None:
    for seconds, model, pictures in ((20, "seedream", 0), (90, "seedream", 1), (10, "4o", 1)):
        task = await generating(stores, model=model, pictures=pictures)
        await stores.tasks.settle(task, now=NOW + seconds * 1000, why="done", reason=None, urls=URLS)
    assert await stores.queue.recent_seconds("seedream", with_pictures=False) == (20.0,)
    assert await stores.queue.recent_seconds("seedream", with_pictures=True) == (90.0,)
    assert await stores.queue.recent_seconds("4o", with_pictures=False) == ()
    assert await stores.queue.recent_seconds("grok", with_pictures=False) == ()


async def test_of_several_creates_each_that_made_a_picture_says_how_long_it_took(stores: Stores) -> None:
    task = await generating(stores, model="grok", pictures=0)
    times = ((0, 30, CreateState.DONE), (5, 70, CreateState.DONE), (10, 20, CreateState.FAILED))
    async with stores.tasks._database.write() as connection:
        for began, ended, state in times:
            of_create = {"at": NOW + began * 1000, "ended_at": NOW + ended * 1000, "state": state}
            await connection.execute(sa.insert(creates).values(task_id=task.id, **of_create))
    assert await stores.queue.recent_seconds("grok", with_pictures=False) == ()
    task = await stores.tasks.change(task, creates_wanted=3)
    await stores.tasks.settle(task, now=NOW + 99_000, why="done", reason=None, urls=URLS)
    assert await stores.queue.recent_seconds("grok", with_pictures=False) == (65.0, 30.0)


async def test_the_models_in_use_are_those_of_the_last_requests_while_one_waits(stores: Stores) -> None:
    await settled(stores, now=NOW - 2, model="qwen")
    await settled(stores, now=NOW, model="grok")
    assert await stores.queue.models_in_use(since=NOW - 1) == set()
    await generating(stores, now=NOW, model="z-image")
    assert await stores.queue.models_in_use(since=NOW - 1) == {"grok", "z-image"}


# -- parts -------------------------------------------------------------------------------------------------------
async def test_an_outcome_is_planned_once(stores: Stores) -> None:
    task = await settled(stores)
    other = [NewPart(nonce="other")]
    first, again = await stores.parts.plan(task, PARTS), await stores.parts.plan(task, other)
    assert first == again == await stores.parts.of_task(task.id)
    assert [
        (part.number, part.pictures, part.nonce, part.route, part.attempted_at, part.message_id) for part in first
    ] == [
        (0, (0, 1), "first", Route.CHANNEL, None, None),
        (1, (2,), "second", Route.CHANNEL, None, None),
    ]


async def test_all_that_a_delivery_needs_is_read_together(stores: Stores) -> None:
    task = await generating(stores, pictures=12)
    task = await stores.tasks.settle(task, now=NOW, why="done", reason=None, urls=URLS)
    kept = await stores.undelivered.keep(await settled(stores, now=NOW + 1), now=NOW, due=NOW)
    first, second = await stores.parts.plan(task, PARTS)
    facts = await stores.card_facts.of_outcome(task)
    assert facts.card == await stores.card_facts.of(task)
    assert facts.card.undelivered == (kept.id,)
    assert facts.card.references == await stores.references.of_task(task.id)
    assert [reference.position for reference in facts.card.references] == list(range(12))
    assert facts.pictures == await stores.pictures.of_task(task.id)
    assert (facts.parts, facts.withdrawn) == ((first, second), None)
    await stores.parts.posted(first, channel_id=1, message_id=2)
    adopted = await stores.tasks.move(task, TaskState.GENERATING, now=NOW, why="adopted", job_id="k1")
    facts = await stores.card_facts.of_outcome(adopted)
    assert (facts.parts, facts.withdrawn) == ((), await stores.parts.withdrawn(task.id))
    assert facts.withdrawn is not None


async def test_of_many_plans_at_once_all_get_the_same(stores: Stores) -> None:
    task = await settled(stores)
    plans = await asyncio.gather(*[stores.parts.plan(task, [NewPart(nonce=str(n))]) for n in range(5)])
    assert len(set(plans)) == 1


async def test_a_part_keeps_when_it_was_first_attempted_whatever_way_it_goes(stores: Stores) -> None:
    task = await settled(stores)
    part, other = await stores.parts.plan(task, PARTS)
    part = await stores.parts.attempt(part, task, now=NOW + 1, until=NOW)
    part = await stores.parts.attempt(part, task, now=NOW + 2, until=NOW)
    assert part.attempted_at == NOW + 1
    rerouted = await stores.parts.reroute(part, Route.DIRECT)
    assert (rerouted.route, rerouted.attempted_at) == (Route.DIRECT, NOW + 1)
    with pytest.raises(StaleTask):
        await stores.parts.posted(part, channel_id=1, message_id=2)
    rerouted = await stores.parts.attempt(rerouted, task, now=NOW + 3, until=NOW)
    posted = await stores.parts.posted(rerouted, channel_id=11, message_id=22)
    assert (posted.attempted_at, posted.message_channel_id, posted.message_id) == (NOW + 1, 11, 22)
    assert await stores.parts.of_task(part.task_id) == (posted, other)


async def test_a_telling_begins_with_all_that_belongs_to_it_or_with_nothing(stores: Stores) -> None:
    task = await settled(stores)
    fetched = [
        replace(picture, key=f"pictures/x/{picture.position}") for picture in await stores.pictures.of_task(task.id)
    ]
    first, second = await stores.parts.begin_delivery(task, PARTS, fetched=fetched, now=NOW + 1, until=NOW + 9)
    assert [(part.number, part.attempted_at, part.message_id) for part in (first, second)] == [
        (0, NOW + 1, None),
        (1, None, None),
    ]
    assert await stores.parts.of_task(task.id) == (first, second)
    assert await stores.pictures.of_task(task.id) == tuple(fetched)
    assert (found := await stores.tasks.get(task.id)) is not None
    assert found.lease_until == NOW + 9
    with pytest.raises(StaleTask):
        await stores.parts.begin_delivery(task, PARTS, fetched=[replace(fetched[0], key=None)], now=NOW, until=NOW + 99)
    assert await stores.pictures.of_task(task.id) == tuple(fetched)
    assert await stores.parts.of_task(task.id) == (first, second)


async def test_who_no_longer_has_a_task_in_hand_begins_no_post_of_it(stores: Stores) -> None:
    task = await settled(stores)
    (taken,) = await stores.claims.claim("another", now=NOW, lease_ms=1000, limit=1)
    with pytest.raises(StaleTask):
        await stores.parts.begin_delivery(task, PARTS, fetched=(), now=NOW, until=NOW + 9)
    assert await stores.parts.of_task(task.id) == ()
    part, _ = await stores.parts.plan(taken, PARTS)
    with pytest.raises(StaleTask):
        await stores.parts.attempt(part, task, now=NOW, until=NOW + 9)
    assert (await stores.parts.attempt(part, taken, now=NOW, until=NOW + 9)).attempted_at == NOW


# -- references and pictures -------------------------------------------------------------------------------------
async def test_what_became_of_a_reference_is_written_back(stores: Stores) -> None:
    task = await generating(stores)
    (reference,) = await stores.references.of_task(task.id)
    changed = replace(
        reference,
        filename="b.png",
        key="references/x/0",
        content_type="image/png",
        bytes=12,
        width=3,
        height=4,
        uploaded_url="https://uploads.test/1",
        uploaded_at=NOW,
    )
    await stores.references.save(changed)
    assert await stores.references.of_task(task.id) == (changed,)


async def test_what_became_of_a_picture_is_written_back(stores: Stores) -> None:
    task = await settled(stores)
    first, second = await stores.pictures.of_task(task.id)
    kept = replace(first, key="pictures/x/0", content_type="image/png", bytes=12, width=3, height=4)
    await stores.pictures.save([kept, replace(second, unfetchable=True)])
    assert await stores.pictures.of_task(task.id) == (kept, replace(second, unfetchable=True))


# -- sweep of old copies -----------------------------------------------------------------------------------------
async def test_only_old_copies_of_finished_tasks_are_swept_oldest_first(stores: Stores) -> None:
    older, old = await closed(stores, at=NOW - 9), await closed(stores, at=NOW - 5)
    await closed(stores, at=NOW)
    waiting = await settled(stores, now=NOW - 99)
    await stores.pictures.save([replace((await stores.pictures.of_task(waiting.id))[0], key="pictures/x/0")])
    swept = await stores.retention.stored_before(NOW, limit=9)
    assert [(type(copy), copy.task_id) for copy in swept] == [
        (Reference, older.id),
        (Reference, old.id),
        (Picture, older.id),
        (Picture, old.id),
    ]
    for copy in swept:
        await stores.retention.forget_copy(copy)
    assert await stores.retention.stored_before(NOW, limit=9) == ()
    assert (await stores.references.of_task(old.id))[0].key is None
    assert (await stores.pictures.of_task(old.id))[0].key is None


async def test_a_cancelled_task_s_copies_are_swept_by_when_it_was_asked(stores: Stores) -> None:
    reference = NewReference(kind=ReferenceKind.IMAGE, url="https://cdn.test/a", filename="a.png")
    task = await stored(stores, references=(reference,))
    await stores.references.save(replace((await stores.references.of_task(task.id))[0], key="references/x/0"))
    await stores.tasks.move(task, TaskState.CANCELLED, now=NOW + 5, why="by the asker")
    assert await stores.retention.stored_before(NOW, limit=9) == ()
    assert [copy.key for copy in await stores.retention.stored_before(NOW + 1, limit=9)] == ["references/x/0"]


async def test_the_sweep_comes_in_batches(stores: Stores) -> None:
    for _ in range(3):
        await closed(stores, at=NOW - 5)
    sizes = []
    while copies := await stores.retention.stored_before(NOW, limit=4):
        sizes.append(len(copies))
        for copy in copies:
            await stores.retention.forget_copy(copy)
    assert sizes == [4, 2]


async def test_pictures_told_as_links_keep_their_copies_and_those_without_one_are_tried_again(
    stores: Stores,
) -> None:
    task = await settled(stores)
    copied, _ = await stores.pictures.of_task(task.id)
    await stores.pictures.save([replace(copied, key=f"pictures/{task.id}/0")])
    assert await stores.pictures.deliver_as_links([task.id], due=NOW + 5) == 2
    assert [
        (picture.key is not None, picture.unfetchable, picture.due_at)
        for picture in await stores.pictures.of_task(task.id)
    ] == [
        (True, True, None),
        (False, True, NOW + 5),
    ]
    assert await stores.pictures.deliver_as_links([task.id], due=NOW + 9) == 0
