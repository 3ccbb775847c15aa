"""Store the pictures, post each part once, and delete the card."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from bot.engine.lifecycle import outcome_delivery
from bot.engine.ports import Card, CardPhase, Outcome, Posted
from bot.engine.work.quarantine import TASK
from bot.errors import (
    Refused,
    Throttled,
    Unavailable,
)
from storage.database import Database
from storage.models import OutcomePart, Route, Task, TaskState
from storage.transactions import Transaction
from tests.worlds.engine_world import EngineWorld, Meanwhile, png
from tests.worlds.waiting import eventually

DAY = 24 * 3600.0


async def test_a_result_that_cannot_be_fetched_for_a_while_is_fetched_later(world: EngineWorld) -> None:
    world.api.next_fetch = [Unavailable("503"), Refused(404, "not there yet"), b"half a pict"]
    task = await world.ask()
    await world.work(120)
    assert (await world.stores.pictures.of_task(task.id))[0].key is not None
    assert len(world.discord.sent) == 1


async def test_a_result_that_stays_unfetchable_is_told_as_a_link(world: EngineWorld) -> None:
    world.api.next_fetch = [Refused(403, "no")] * 20
    task = await world.ask()
    await world.work(300)
    assert (await world.stores.pictures.of_task(task.id))[0].unfetchable
    assert (await world.now(task)).state is TaskState.CLOSED


async def test_each_picture_has_its_own_tries(world: EngineWorld) -> None:
    fetch, failures = world.api.fetch, [Unavailable("503")]

    async def fetched(url: str) -> bytes:
        if "/0.png" in url:
            raise Unavailable("500")
        if failures:
            raise failures.pop()
        return await fetch(url)

    world.api.fetch = fetched  # type: ignore[method-assign]  # one picture always fails, the other fails once
    task = await world.ask(variants=2)
    await world.work(300)
    assert [picture.key is not None for picture in await world.stores.pictures.of_task(task.id)] == [False, True]


async def test_a_result_that_is_refused_for_good_is_told_as_a_link_at_once(world: EngineWorld) -> None:
    world.api.next_fetch = [Refused(403, "not an allowed host")]
    task = await world.ask()
    await world.work(60)
    ended = await world.now(task)
    assert ended.closed_at is not None
    assert ended.settled_at is not None
    assert ended.closed_at - ended.settled_at < 5000


async def test_a_card_is_taken_away_although_much_went_wrong_before(world: EngineWorld) -> None:
    world.api.next_create = [Throttled("429")] * 3 + [Refused(422, "no")]
    remove, failures = world.discord.remove_card, [Unavailable("503")]

    async def removed(task: Task) -> None:
        if failures:
            raise failures.pop()
        await remove(task)

    world.discord.remove_card = removed  # type: ignore[method-assign]  # the deletion fails once
    task = await world.ask()
    await world.work(120)
    assert world.discord.removed == [task.id]


async def test_a_first_answer_that_comes_after_the_outcome_goes_at_once(world: EngineWorld) -> None:
    world.api.next_create = [Refused(422, "no")]
    task = await world.ask()
    await world.work(10)
    assert (await world.now(task)).state is TaskState.CLOSED
    await world.engine.requests.card_posted(Card(task=task, phase=CardPhase.QUEUED), 77)
    assert world.discord.removed == [task.id, task.id]


async def test_a_post_whose_answer_was_lost_is_found_and_not_repeated(world: EngineWorld) -> None:
    world.discord.lose_answers = 1
    task = await world.ask()
    await world.work(120)
    assert (await world.now(task)).state is TaskState.CLOSED
    assert len(world.discord.sent) == 1


async def test_an_outcome_of_several_parts_goes_on_where_it_stopped(world: EngineWorld) -> None:
    world.discord.pictures_per_message = 1
    world.discord.lose_answers = 2
    await world.ask(variants=4)
    await world.work(180)
    assert sorted(message.pictures for message in world.discord.sent) == [(0,), (1,), (2,), (3,)]


async def test_a_closed_channel_is_told_by_the_next_route(world: EngineWorld) -> None:
    world.discord.closed_routes = {Route.CHANNEL, Route.ORIGINAL}
    await world.ask()
    await world.work(60)
    assert [message.route for message in world.discord.sent] == [Route.DIRECT]


async def test_when_nobody_can_be_told_it_is_tried_again_for_days(world: EngineWorld) -> None:
    world.discord.closed_routes = set(Route)
    task = await world.ask()
    await world.work(3600, every=120)
    assert (await world.now(task)).state is TaskState.SETTLED
    world.discord.closed_routes = set()
    await world.work(4 * 3600, every=10)
    assert [message.route for message in world.discord.sent] == [Route.CHANNEL]
    assert (await world.now(task)).state is TaskState.CLOSED


@pytest.mark.sweep
async def test_in_the_end_a_task_that_nobody_could_be_told_is_closed_and_its_pictures_are_kept(
    world: EngineWorld,
) -> None:
    world.discord.closed_routes = set(Route)
    task = await world.ask()
    await world.work(30 * DAY, every=DAY / 2)
    assert (await world.now(task)).state is TaskState.SETTLED
    await world.work(63 * DAY, every=DAY / 2)
    assert (await world.now(task)).state is TaskState.CLOSED
    assert (await world.stores.tasks.events(task.id))[-1].why == "given up: no route to the asker"
    assert (await world.stores.pictures.of_task(task.id))[0].key is not None


async def test_while_discord_is_down_an_outcome_waits_for_as_long_as_its_copies_are_kept(world: EngineWorld) -> None:
    world.discord.down = True
    task = await world.ask()
    await world.work(120)
    for days, state in ((89, TaskState.SETTLED), (2, TaskState.CLOSED)):
        world.clock.turn(days * DAY)
        await world.engine.step()
        assert (await world.now(task)).state is state
    assert (await world.stores.tasks.events(task.id))[-1].why == "given up: no route to the asker"
    world.discord.down = False
    await world.work(60)
    assert world.discord.sent == []


async def test_a_kept_picture_that_is_gone_is_fetched_again(world: EngineWorld) -> None:
    world.discord.down = True
    task = await world.ask()
    await world.work(60)
    assert (await world.now(task)).state is TaskState.SETTLED
    (picture,) = await world.stores.pictures.of_task(task.id)
    assert picture.key is not None
    await world.picture_store.delete(picture.key)
    world.discord.down = False
    await world.work(400)
    assert len(world.discord.sent) == 1
    assert await world.picture_store.get(picture.key) == png()


async def test_discord_down_delays_and_loses_nothing(world: EngineWorld) -> None:
    world.discord.down = True
    task = await world.ask()
    await world.work(600)
    assert world.discord.sent == []
    world.discord.down = False
    await world.work(400)
    assert (await world.now(task)).state is TaskState.CLOSED
    assert len(world.discord.sent) == 1


async def test_a_picture_store_that_takes_nothing_leads_to_a_link(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def put(key: str, data: bytes) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(world.picture_store, "put", put)
    task = await world.ask()
    await world.work(600)
    assert (await world.stores.pictures.of_task(task.id))[0].unfetchable
    assert (await world.now(task)).state is TaskState.CLOSED
    assert len(world.discord.sent) == 1


async def test_a_card_that_arrives_while_it_is_looked_for_goes_too(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await world.ask()
    removed: list[int | None] = []
    remove = world.discord.remove_card

    async def removing(row: Task) -> None:
        removed.append(row.card_message_id)
        await remove(row)
        if len(removed) == 1:
            await world.engine.requests.card_posted(Card(task=task, phase=CardPhase.QUEUED), 4711)

    monkeypatch.setattr(world.discord, "remove_card", removing)
    await world.work(120)
    assert (await world.now(task)).state is TaskState.CLOSED
    assert removed[-1] == 4711


async def test_what_turns_out_to_be_no_picture_is_not_kept(world: EngineWorld) -> None:
    world.api.next_fetch = [b"half a pict"] * 20
    task = await world.ask()
    await world.work(300)
    assert (await world.now(task)).state is TaskState.CLOSED
    assert await world.picture_store.used_bytes() == 0


def patience(seen: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    """Return a condition for `eventually` that holds once `seen` does, or after 20 checks."""
    left = iter(range(20))

    async def ask() -> bool:
        return seen() or next(left, None) is None

    return ask


async def test_nothing_is_posted_before_its_copy_is_kept(world: EngineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    put, posted = world.picture_store.put, list[bool]()

    async def slow(key: str, data: bytes) -> None:
        await eventually(patience(lambda: bool(world.discord.sent)))
        posted.append(bool(world.discord.sent))
        await put(key, data)

    monkeypatch.setattr(world.picture_store, "put", slow)
    task = await world.ask()
    await world.work(60)
    assert posted == [False]
    assert len(world.discord.sent) == 1
    assert (await world.stores.pictures.of_task(task.id))[0].key is not None


async def test_what_was_fetched_beside_a_failure_is_not_fetched_again(world: EngineWorld) -> None:
    world.api.next_fetch = [png("navy"), Unavailable("503")]
    asked, fetch = list[str](), world.api.fetch

    async def counted(url: str) -> bytes:
        asked.append(url)
        return await fetch(url)

    world.api.fetch = counted  # type: ignore[method-assign]  # counts the downloads
    await world.ask(variants=2)
    await world.work(120)
    assert len(world.discord.sent) == 1
    assert len(asked) == 3


@pytest.mark.sweep
async def test_however_many_wait_the_bytes_being_posted_are_bounded(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_delivery, "POSTED_BYTES", 2 * len(png()))
    await world.restart()
    world.discord.down = True
    for number in range(6):
        await world.ask(asker_id=number, channel_id=100 + number)
    await world.work(60, every=4)
    post, busy, most = world.discord.post, 0, 0

    async def posted(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await eventually(patience(lambda: most > 2))
        busy -= 1
        return await post(outcome, part, uncertain=uncertain)

    world.discord.down = False
    world.discord.post = posted  # type: ignore[method-assign]  # counts concurrent posts
    await world.work(120, every=60)
    assert len(world.discord.sent) == 6
    assert most == 2


async def test_one_write_lies_between_a_fetched_picture_and_its_message(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[str] = []
    post, fetch, write = world.discord.post, world.api.fetch, Database.write

    def written(database: Database, **how: Any) -> AbstractAsyncContextManager[Transaction]:
        writes.append("write")
        return write(database, **how)

    async def fetched(url: str) -> bytes:
        writes.clear()
        return await fetch(url)

    async def posted(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        assert writes == ["write"]
        return await post(outcome, part, uncertain=uncertain)

    monkeypatch.setattr(Database, "write", written)
    world.api.fetch = fetched  # type: ignore[method-assign]  # writes are counted from the download on
    world.discord.post = posted  # type: ignore[method-assign]  # checks the count
    await world.ask()
    await world.work(60)
    assert len(world.discord.sent) == 1


async def test_an_outcome_is_delivered_in_the_step_that_found_it_as_a_counted_attempt(world: EngineWorld) -> None:
    task = await world.ask()
    post, found = world.discord.post, []

    async def posting(outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        found.append(await world.now(task))
        return await post(outcome, part, uncertain=uncertain)

    world.discord.post = posting  # type: ignore[method-assign]  # to read the row during the delivery
    while (await world.now(task)).state is not TaskState.GENERATING:
        await world.engine.step()
    world.clock.turn(60)
    await world.engine.step()
    assert (await world.now(task)).state is TaskState.CLOSED
    assert [(row.state, row.attempts, row.owner) for row in found] == [
        (TaskState.SETTLED, 1, world.engine.membership.id)
    ]


async def test_after_a_stop_an_outcome_that_was_found_is_left_to_the_next_process(world: EngineWorld) -> None:
    task = await world.ask()
    while (await world.now(task)).state is not TaskState.GENERATING:
        await world.engine.step()
    world.clock.turn(60)
    due, _ = await world.engine._tasks.claim(await world.engine._tasks.look())
    world.engine.stop()
    await world.engine._tasks.push(due[0])
    left = await world.now(task)
    assert (left.state, left.owner, left.attempts) == (TaskState.SETTLED, None, 0)


async def test_a_suspect_that_is_found_once_an_outcome_is_stored_is_not_tried_beside_its_delivery(
    world: EngineWorld,
) -> None:
    suspect, may_begin = (TASK, "suspect"), []

    async def found() -> None:
        world.engine._quarantine.suspect(suspect, 2)
        may_begin.append(world.engine._quarantine.may_begin(suspect))

    await world.restart_with(Meanwhile(world.tasks, "settle", found))
    task = await world.ask()
    await world.work(60)
    assert (await world.now(task)).state is TaskState.CLOSED
    assert may_begin == [False]
    assert world.engine._quarantine.may_begin(suspect)
