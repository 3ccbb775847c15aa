"""Tests for batches as rows: begun atomically, leased to one owner, found by message; on all supported databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.batches import StaleBatch
from storage.card_facts import Offered
from storage.community import Batch, BatchMessage
from storage.limits import LimitExceeded
from storage.models import (
    Derivation,
    Limits,
    NewReference,
    Origin,
    Reach,
    ReferenceKind,
    Route,
    Task,
    TaskState,
    released,
)
from storage.stores import Stores
from tests.storage.rows import BACKENDS, NOW, UNLIMITED, opened_stores, request, stored

WORDS = ("a red door", "a green door", "a blue door")
CLICKED = 1 << 60
LEASE = 120_000


@pytest.fixture(params=BACKENDS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened_stores(request.param, tmp_path) as opened:
        yield opened


def clicked(number: int = 0, **changes: Any) -> Origin:
    values: dict[str, Any] = {
        "interaction_id": CLICKED + number,
        "interaction_token": "secret",
        "arrived_at": NOW,
        "asker_id": 7,
        "channel_id": 9,
    }
    return Origin(**(values | changes))


async def begun(stores: Stores, words: tuple[str, ...] = WORDS, **changes: Any) -> Batch:
    batch = await stores.batches.propose(request(**changes), words, now=NOW)
    made = await stores.batches.begin(batch, clicked(), UNLIMITED, now=NOW)
    assert made is not None
    return made


async def held(stores: Stores, *, now: int = NOW) -> Batch:
    (due,) = await stores.batches.outbox.due(now=now, limit=9)
    claimed = await stores.batches.outbox.claim(due, now=now, until=now + LEASE)
    assert claimed is not None
    return claimed


async def due_at(stores: Stores, batch: Batch) -> int | None:
    found = await stores.batches.get(batch.id)
    assert found is not None
    return found.due_at


async def told(stores: Stores, task: Task) -> Task:
    settled = await stores.tasks.settle(task, now=NOW, why="x", reason=None, urls=["https://r.test/1.png"])
    return await stores.tasks.move(settled, TaskState.CLOSED, now=NOW, why="left", closed_at=NOW, **released(NOW))


async def shown(stores: Stores, batch: Batch, number: int = 0, message_id: int = 50) -> BatchMessage:
    message, _ = await stores.batches.attempt(batch, number, now=NOW, until=NOW + LEASE)
    await stores.batches.shown(message, channel_id=9, message_id=message_id, shows="look", now=NOW)
    return message


# -- proposing and beginning -------------------------------------------------------------------------------------------


async def test_what_was_asked_is_there_again_and_its_token_is_not(stores: Stores) -> None:
    picture = NewReference(kind=ReferenceKind.MASK, url="https://cdn.test/1", filename="é.png", declared_bytes=5)
    parent = await stored(stores)
    asked = request(
        prompt="{a, b} \U0001f6aa", references=(picture,), derivation=Derivation.EDIT, parent_id=parent.id,
        parent_picture=1,
        reach=Reach.ANSWER, private=True, variants=4, upload_limit=1 << 40, guild_id=1 << 62, style="comic",
    )  # fmt: skip
    batch = await stores.batches.propose(asked, ["a \U0001f6aa", "b \U0001f6aa"], now=NOW)
    found = await stores.batches.get(batch.id)
    assert found == batch
    assert batch.words == ("a \U0001f6aa", "b \U0001f6aa")
    assert (batch.asked.request.references, batch.asked.derivation, batch.asked.reach) == (
        (picture,),
        Derivation.EDIT,
        Reach.ANSWER,
    )
    assert (batch.asked.interaction_token, batch.asked.request.prompt) == ("", asked.request.prompt)
    assert batch.route is Route.DIRECT


async def test_however_many_begin_it_at_a_time_its_tasks_are_stored_once(stores: Stores) -> None:
    batch = await stores.batches.propose(request(), WORDS, now=NOW)
    clicks = [stores.batches.begin(batch, clicked(number), UNLIMITED, now=NOW) for number in range(5)]
    assert {begun.begun_at for begun in await asyncio.gather(*clicks) if begun is not None} == {NOW}
    made = await stores.batches.tasks(batch.id)
    assert [task.prompt for task in made] == list(WORDS)
    assert len({task.interaction_id for task in made}) == 3
    assert all(task.interaction_id < 0 for task in made)


async def test_two_batches_at_a_time_do_not_pass_a_limit_together(stores: Stores) -> None:
    limits = Limits(open_tasks_per_user=4, pictures_per_user_per_day=0, pictures_per_day=0)
    batches = [await stores.batches.propose(request(), WORDS, now=NOW) for _ in range(3)]
    answers = await asyncio.gather(
        *[stores.batches.begin(batch, clicked(number), limits, now=NOW) for number, batch in enumerate(batches)],
        return_exceptions=True,
    )
    assert [isinstance(answer, LimitExceeded) for answer in answers].count(True) == 2
    assert len(await stores.tasks.of_user(7)) == 3


@pytest.mark.parametrize("day", ["pictures_per_user_per_day", "pictures_per_day"])
async def test_the_pictures_of_all_count_at_once(stores: Stores, day: str) -> None:
    none: dict[str, int] = {"open_tasks_per_user": 0, "pictures_per_user_per_day": 0, "pictures_per_day": 0}
    await stored(stores, variants=2)
    batch = await stores.batches.propose(request(variants=2), WORDS, now=NOW)
    with pytest.raises(LimitExceeded) as refused:
        await stores.batches.begin(batch, clicked(), Limits(**(none | {day: 7})), now=NOW)
    assert (refused.value.limit, refused.value.free_at) == (day, NOW + 24 * 60 * 60 * 1000)
    assert await stores.batches.pictures_today(7, now=NOW) == 2
    assert await stores.batches.begin(batch, clicked(), Limits(**(none | {day: 8})), now=NOW)
    assert await stores.batches.pictures_today(7, now=NOW) == 8


async def test_its_tasks_wait_in_the_order_of_the_words(stores: Stores) -> None:
    await begun(stores, tuple(f"door {n}" for n in range(10)))
    assert [task.prompt for task in await stores.queue.waiting()] == [f"door {n}" for n in range(10)]


# -- leases ------------------------------------------------------------------------------------------------------------


async def test_of_many_who_claim_it_one_gets_it_even_if_there_is_news(stores: Stores) -> None:
    batch = await begun(stores)
    (due,) = await stores.batches.outbox.due(now=NOW, limit=9)
    claims = await asyncio.gather(*[stores.batches.outbox.claim(due, now=NOW, until=NOW + LEASE) for _ in range(4)])
    assert sum(claim is not None for claim in claims) == 1
    await told(stores, (await stores.batches.tasks(batch.id))[0])
    assert await stores.batches.outbox.due(now=NOW, limit=9) == ()
    assert len(await stores.batches.outbox.due(now=NOW + LEASE, limit=9)) == 1


async def test_whatever_becomes_of_a_task_its_batch_is_due(stores: Stores) -> None:
    batch = await begun(stores)
    first, second, third = await stores.batches.tasks(batch.id)
    await stores.batches.outbox.finish(await held(stores))
    news: list[Callable[[int], Awaitable[object]]] = [
        lambda now: stores.tasks.move(first, TaskState.CANCELLED, now=now, why="x"),
        lambda now: stores.tasks.settle(second, now=now, why="x", reason="policy"),
        lambda now: stores.curation.hide(third.id, hidden=True, now=now),
        lambda now: stores.curation.remove(third.id, by=7, now=now),
    ]
    for now, comes in enumerate(news, start=NOW + 1):
        await comes(now)
        assert await due_at(stores, batch) == now
        await stores.batches.outbox.finish(await held(stores, now=now))
        assert await due_at(stores, batch) is None


async def test_news_that_comes_while_it_is_held_is_looked_at_again(stores: Stores) -> None:
    batch = await begun(stores)
    claimed = await held(stores)
    await told(stores, (await stores.batches.tasks(batch.id))[0])
    await stores.batches.outbox.retry(claimed, due=NOW + 3000)
    assert await due_at(stores, batch) == NOW
    again = await held(stores)
    assert again.failures == 1
    await stores.batches.outbox.postpone(again, due=NOW + 3000)
    assert await due_at(stores, batch) == NOW + 3000


async def test_whoever_was_too_slow_changes_nothing_any_more(stores: Stores) -> None:
    batch = await begun(stores)
    slow = await held(stores)
    late = NOW + LEASE + 1
    quick = await held(stores, now=late)
    for change in (
        stores.batches.reroute(slow, Route.DIRECT),
        stores.batches.close(slow, now=late),
        stores.batches.attempt(slow, 0, now=late, until=late),
        stores.batches.attempt_ending(slow, now=late, until=late),
    ):
        with pytest.raises(StaleBatch):
            await change
    await stores.batches.outbox.finish(slow)
    assert await stores.batches.outbox.due(now=late, limit=9) == ()
    assert await due_at(stores, batch) == late + LEASE
    await stores.batches.outbox.finish(quick)
    assert await due_at(stores, batch) is None


async def test_the_first_times_are_kept(stores: Stores) -> None:
    batch = await begun(stores)
    claimed = await held(stores)
    for now in (NOW + 1, NOW + 2):
        await stores.batches.attempt_ending(claimed, now=now, until=NOW + LEASE)
        await stores.batches.close(claimed, now=now)
    found = await stores.batches.get(batch.id)
    assert found is not None
    assert (found.ending_attempted_at, found.closed_at) == (NOW + 1, NOW + 1)


# -- messages ----------------------------------------------------------------------------------------------------------


async def test_a_message_is_in_doubt_from_its_first_attempt_until_it_is_known_where_it_stands(stores: Stores) -> None:
    await begun(stores)
    claimed = await held(stores)
    first, uncertain = await stores.batches.attempt(claimed, 0, now=NOW, until=NOW + LEASE)
    assert not uncertain
    again, uncertain = await stores.batches.attempt(claimed, 0, now=NOW + 5, until=NOW + LEASE)
    assert uncertain
    assert again == first
    await stores.batches.shown(first, channel_id=9, message_id=50, shows="look", now=NOW)
    known, uncertain = await stores.batches.attempt(claimed, 0, now=NOW, until=NOW + LEASE)
    assert (known.message_id, known.shows, uncertain) == (50, "look", False)


async def test_after_one_that_was_deleted_comes_another(stores: Stores) -> None:
    await begun(stores)
    claimed = await held(stores)
    first = await shown(stores, claimed)
    await stores.batches.forget(first)
    second, uncertain = await stores.batches.attempt(claimed, 0, now=NOW, until=NOW + LEASE, again=True)
    assert (second.nonce != first.nonce, uncertain) == (True, False)


async def test_a_message_that_a_restored_backup_does_not_know_has_the_nonce_that_it_had(stores: Stores) -> None:
    await begun(stores)
    claimed = await held(stores)
    first = await shown(stores, claimed)
    await stores.batches.forget(first)  # as in a backup that was made before
    restored, uncertain = await stores.batches.attempt(claimed, 0, now=NOW, until=NOW + LEASE, backed_up_at=NOW - 5)
    assert (restored.nonce, restored.attempted_at, uncertain) == (first.nonce, NOW - 5, True)


async def test_each_route_has_messages_of_its_own(stores: Stores) -> None:
    await begun(stores)
    claimed = await held(stores)
    await shown(stores, claimed)
    direct = await stores.batches.reroute(claimed, Route.DIRECT)
    assert await stores.batches.messages(direct) == ()
    (before,) = await stores.batches.messages(await stores.batches.reroute(direct, Route.CHANNEL))
    assert before.message_id == 50


async def test_each_of_it_is_found_in_the_message_that_shows_it(stores: Stores) -> None:
    batch = await begun(stores, variants=4)
    first, second, third = [await told(stores, task) for task in await stores.batches.tasks(batch.id)]
    claimed = await held(stores)
    await shown(stores, claimed, 0, message_id=50)
    await shown(stores, claimed, 1, message_id=51)
    found = await stores.parts.first_of([first.id, second.id, third.id])
    assert [found[task.id].message_id for task in (first, second, third)] == [50, 50, 51]
    named = await stores.batches.in_message(51)
    assert named is not None
    assert (named[0].id, named[1].number) == (batch.id, 1)


async def test_what_is_not_there_yet_is_found_nowhere(stores: Stores) -> None:
    batch = await begun(stores)
    await shown(stores, await held(stores))
    assert await stores.parts.first_of([task.id for task in await stores.batches.tasks(batch.id)]) == {}
    assert await stores.batches.in_message(49) is None


# -- kept for its asker ------------------------------------------------------------------------------------------------


async def kept(stores: Stores, **changes: Any) -> Batch:
    """Return a claimed batch that is kept since NOW."""
    await begun(stores, **changes)
    batch = await held(stores)
    await stores.undelivered_batches.keep(batch, Route.CHANNEL, now=NOW)
    return batch


async def came(stores: Stores, batch: Batch, by: str = "press", *, at: int = NOW, lapsed: int = NOW - LEASE) -> bool:
    return await stores.undelivered_batches.collect(batch.id, by, now=at, due=at, lapsed=lapsed)


async def again(stores: Stores, batch: Batch) -> Batch:
    found = await stores.batches.get(batch.id)
    assert found is not None
    return found


async def offered(stores: Stores, asker_id: int = 7) -> tuple[str, ...]:
    return (await stores.card_facts.offered([asker_id, 99])).get(asker_id, Offered()).batches


async def test_a_batch_is_offered_to_its_asker_from_the_day_it_was_kept(stores: Stores) -> None:
    batch = await kept(stores)
    assert (await offered(stores), await offered(stores, 99)) == ((batch.id,), ())
    await stores.undelivered_batches.keep(batch, Route.DIRECT, now=NOW + 5)
    row = await again(stores, batch)
    assert (row.undelivered_at, row.route, row.closed_at) == (NOW, Route.DIRECT, None)
    await stores.batches.close(batch, now=NOW)
    assert await offered(stores) == ()


async def test_one_interaction_at_a_time_comes_for_a_batch(stores: Stores) -> None:
    batch = await kept(stores)
    assert await came(stores, batch)
    assert await came(stores, batch)
    assert await offered(stores) == ()
    assert not await came(stores, batch, "another", at=NOW + 1)
    assert (await again(stores, batch)).due_at == NOW
    assert await came(stores, batch, "another", at=NOW + LEASE, lapsed=NOW)
    row = await again(stores, batch)
    assert (row.collect_token, row.collect_at, row.due_at) == ("another", NOW + LEASE, NOW + LEASE)


async def test_a_batch_that_is_not_kept_is_not_collected(stores: Stores) -> None:
    batch = await begun(stores)
    assert not await came(stores, batch)
    claimed = await held(stores)
    await stores.undelivered_batches.keep(claimed, Route.CHANNEL, now=NOW)
    await stores.batches.close(claimed, now=NOW)
    assert not await came(stores, batch)


async def test_an_interaction_shows_one_message_and_the_last_one_closes_the_batch(stores: Stores) -> None:
    batch = await kept(stores)
    for number, by in enumerate(["first", "second"]):
        assert await came(stores, batch, by)
        coming = replace(await again(stores, batch), owner=batch.owner, route=Route.COLLECTED)
        message, _ = await stores.batches.attempt(coming, number, now=NOW, until=NOW + LEASE)
        await stores.undelivered_batches.collected(
            coming, message, message_id=60 + number, last=number == 1, now=NOW + number
        )
        assert not await came(stores, batch, by), "its answer shows a message already"
        assert await offered(stores) == ((batch.id,) if number == 0 else ())
    row = await again(stores, batch)
    assert (row.route, row.closed_at, row.collect_at) == (Route.COLLECTED, NOW + 1, None)
    assert [message.message_id for message in await stores.batches.messages(row)] == [60, 61]


async def test_an_interaction_that_cannot_be_answered_leaves_the_batch_kept(stores: Stores) -> None:
    batch = await kept(stores)
    await came(stores, batch)
    coming = replace(await again(stores, batch), owner=batch.owner)
    left = await stores.undelivered_batches.not_collected(coming)
    assert (left.collect_token, await offered(stores)) == (None, (batch.id,))
    assert await came(stores, batch)


async def test_a_later_interaction_is_not_forgotten_with_an_earlier_one(stores: Stores) -> None:
    batch = await kept(stores)
    await came(stores, batch)
    coming = replace(await again(stores, batch), owner=batch.owner)
    await came(stores, batch, "later", at=NOW + LEASE, lapsed=NOW)
    await stores.undelivered_batches.not_collected(coming)
    assert (await again(stores, batch)).collect_token == "later"


async def test_a_batch_that_nobody_came_for_is_given_up_after_its_time(stores: Stores) -> None:
    batch = await kept(stores)
    assert await stores.undelivered_batches.give_up(before=NOW, now=NOW) == 0
    await came(stores, batch)
    assert await stores.undelivered_batches.give_up(before=NOW + 1, now=NOW + 1) == 0, "its asker is coming"
    await stores.undelivered_batches.not_collected(replace(await again(stores, batch), owner=batch.owner))
    assert await stores.undelivered_batches.give_up(before=NOW + 1, now=NOW + 1) == 1
    assert ((await again(stores, batch)).closed_at, await offered(stores)) == (NOW + 1, ())
