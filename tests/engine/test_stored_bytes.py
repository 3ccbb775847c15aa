"""Tests for the limits on kept attachments: how long, how many bytes per person, and how many in 24 hours."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import pytest

from bot.engine.housekeeping.retention import Retention
from bot.errors import BadReference, LimitReached, Reason, Refused
from storage.community import ReferenceSet, StoredPicture
from storage.limits import LimitExceeded
from storage.models import Limits, NewReference, Origin, ReferenceKind, Task, TaskState, new_id
from storage.pictures import MissingCopy
from tests.worlds.bot_world import PHOTO, open_bot_world
from tests.worlds.engine_world import NO_LIMITS, EngineWorld, open_engine_world, png

MIB: Final = 2**20
HOUR: Final = 60 * 60
A_FEW: Final = replace(NO_LIMITS, stored_bytes_per_user=30 * MIB)
A_FEW_TODAY: Final = replace(NO_LIMITS, stored_bytes_per_user_per_day=30 * MIB)


def retention(world: EngineWorld) -> Retention:
    return Retention(
        stores=world.stores, picture_store=world.picture_store, keep=world.engine.keep_pictures, clock=world.clock
    )


def photo(megabytes: int, **changes: Any) -> NewReference:
    """Return a reference with a declared size. No file is downloaded."""
    values: dict[str, Any] = {"filename": "cat.png", "declared_bytes": megabytes * MIB} | changes
    return NewReference(kind=ReferenceKind.IMAGE, url="https://cdn.discordapp.com/a/cat.png", **values)


async def refused(world: EngineWorld) -> Task:
    """Return a task that the image API refused after its picture was copied. The task is not charged."""
    world.api.next_create.append(Refused(400, "no"))
    task = await world.ask(references=(world.attach("cat.png", png()),))
    await world.work(60)
    task = await world.now(task)
    assert (task.state, task.charged) == (TaskState.CLOSED, False)
    return task


# -- uncharged tasks ---------------------------------------------------------------------------------------------------


async def test_copies_of_what_was_refused_go_within_the_hour(world: EngineWorld) -> None:
    for _ in range(6):
        await refused(world)
    assert await world.picture_store.used_bytes() == 6 * len(png())
    world.clock.turn(30 * 60)
    assert await retention(world).sweep_uncharged() == 0
    world.clock.turn(10 * 60)
    assert await retention(world).sweep_uncharged() == 6
    assert await world.picture_store.used_bytes() == 0
    assert await retention(world).sweep_uncharged() == 0


async def test_copies_of_what_was_cancelled_go_within_the_hour(world: EngineWorld) -> None:
    task = await world.ask(references=(world.attach("cat.png", png()),))
    await world.engine._lifecycle._preparation.prepare(task)
    await world.engine.requests.cancel(task.id, 7)
    assert await world.picture_store.used_bytes()
    world.clock.turn(50 * 60)
    assert await retention(world).sweep_uncharged() == 1
    assert await world.picture_store.used_bytes() == 0


async def test_copies_of_what_was_paid_stay(world: EngineWorld) -> None:
    task = await world.ask(references=(world.attach("cat.png", png()),))
    await world.work(60)
    world.clock.turn(24 * HOUR)
    assert await retention(world).sweep_uncharged() == 0
    (reference,) = await world.stores.references.of_task(task.id)
    assert reference.key is not None


async def test_the_sweep_goes_on_by_itself(world: EngineWorld) -> None:
    pauses = {job.__name__: seconds for job, seconds, *_ in world.engine._periodic_jobs()}
    assert pauses["sweep_uncharged"] == 10 * 60
    assert pauses["sweep_proposals"] == pauses["sweep_kept"] == HOUR


def origin(world: EngineWorld) -> Origin:
    asked = world.request()
    return Origin(**{field.name: getattr(asked, field.name) for field in fields(Origin)})


async def again(world: EngineWorld, task: Task) -> Task:
    card = await world.engine.requests.again(task.id, origin(world))
    await world.work(60)
    return await world.now(card.task)


async def test_ask_again_takes_the_copy_for_a_while(world: EngineWorld) -> None:
    task = await refused(world)
    world.attachments["cat.png"] = BadReference(Reason.REFERENCE_UNFETCHABLE, filename="cat.png")
    assert (await again(world, task)).reason is None


async def test_ask_again_fetches_what_was_attached_once_the_copy_is_gone(world: EngineWorld) -> None:
    task = await refused(world)
    world.clock.turn(HOUR)
    await retention(world).sweep_uncharged()
    asked = await again(world, task)
    assert (asked.reason, asked.state) == (None, TaskState.CLOSED)


async def test_ask_again_says_to_attach_it_anew_once_discord_no_longer_has_it(world: EngineWorld) -> None:
    task = await refused(world)
    world.clock.turn(HOUR)
    await retention(world).sweep_uncharged()
    world.attachments["cat.png"] = BadReference(Reason.REFERENCE_UNFETCHABLE, filename="cat.png")
    asked = await again(world, task)
    assert (asked.reason, asked.charged) == (Reason.REFERENCE_UNFETCHABLE, False)


async def test_ask_again_begins_with_the_set_it_began_with(world: EngineWorld) -> None:
    await world.picture_store.put("sets/a/1", png())
    world.api.next_create.append(Refused(400, "no"))
    task = await world.ask(references=(photo(0, stored_key="sets/a/1", filename="set.png"),))
    await world.work(60)
    world.clock.turn(HOUR)
    assert await retention(world).sweep_uncharged() == 1
    world.attachments["set.png"] = BadReference(Reason.REFERENCE_UNFETCHABLE, filename="set.png")
    assert (await again(world, task)).reason is None


# -- limits per person -------------------------------------------------------------------------------------------------


async def submit(world: EngineWorld, limits: Limits, *megabytes: int, asker_id: int = 7, count: int = 1) -> Task:
    references = tuple(photo(size) for size in megabytes)
    task, *_ = await world.stores.tasks.add(
        world.request(asker_id=asker_id, references=references), limits, now=world.clock()
    )
    return task


async def prepared(world: EngineWorld, task: Task, *, kept: bool = True) -> None:
    for reference in await world.stores.references.of_task(task.id):
        key = f"references/{task.id}/{reference.position}"
        await world.stores.references.save(
            replace(reference, key=key if kept else None, bytes=reference.declared_bytes)
        )


@pytest.mark.parametrize("limits", [A_FEW, A_FEW_TODAY])
async def test_what_is_declared_counts_before_it_is_fetched(world: EngineWorld, limits: Limits) -> None:
    await submit(world, limits, 25)
    with pytest.raises(LimitExceeded) as reached:
        await submit(world, limits, 6)
    assert (reached.value.allowed, reached.value.used) == (30 * MIB, 25 * MIB)
    await submit(world, limits, 5)
    await submit(world, limits)
    await submit(world, limits, 25, asker_id=8)


async def test_forty_requests_at_once_keep_exactly_what_is_allowed(world: EngineWorld) -> None:
    asked = [submit(world, A_FEW, 1) for _ in range(40)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(outcome, Task) for outcome in outcomes) == 30


async def test_what_is_no_longer_kept_counts_for_the_day_alone(world: EngineWorld) -> None:
    task = await submit(world, NO_LIMITS, 25)
    await prepared(world, task, kept=False)
    await world.stores.tasks.move(await world.now(task), TaskState.CANCELLED, now=world.clock(), why="test")
    await submit(world, A_FEW, 25)
    with pytest.raises(LimitExceeded):
        await submit(world, A_FEW_TODAY, 25)


async def test_what_is_kept_counts_however_old_it_is(world: EngineWorld) -> None:
    task = await submit(world, NO_LIMITS, 25)
    await prepared(world, task)
    world.clock.turn(50 * HOUR)
    with pytest.raises(LimitExceeded) as reached:
        await submit(world, A_FEW, 10)
    assert reached.value.used == 25 * MIB
    await submit(world, A_FEW_TODAY, 25)


async def test_the_day_says_when_there_is_room_again(world: EngineWorld) -> None:
    began = world.clock()
    await submit(world, NO_LIMITS, 20)
    world.clock.turn(HOUR)
    await submit(world, NO_LIMITS, 5)
    with pytest.raises(LimitExceeded) as reached:
        await submit(world, A_FEW_TODAY, 10)
    assert reached.value.free_at == began + 24 * HOUR * 1000
    with pytest.raises(LimitExceeded) as reached:
        await submit(world, A_FEW_TODAY, 20, 20)
    assert reached.value.free_at is None
    world.clock.turn(24 * HOUR)
    await submit(world, A_FEW_TODAY, 25)


async def test_sets_count_too(world: EngineWorld) -> None:
    def a_set(megabytes: int) -> ReferenceSet:
        kept = StoredPicture(
            key="sets/x/1", filename="a.png", content_type="image/png", bytes=megabytes * MIB, width=1, height=1
        )
        number = new_id()
        return ReferenceSet(id=number, owner_id=7, name=number, pictures=(kept,), created_at=world.clock())

    await world.stores.sets.save(a_set(20), A_FEW)
    with pytest.raises(LimitExceeded):
        await submit(world, A_FEW, 11)
    await submit(world, A_FEW, 5)
    with pytest.raises(LimitExceeded):
        await world.stores.sets.save(a_set(6), A_FEW)
    with pytest.raises(LimitExceeded):
        await world.stores.sets.check(7, "more", 6 * MIB, A_FEW, now=world.clock())
    await world.stores.sets.save(a_set(5), A_FEW)


async def test_a_batch_counts_as_often_as_it_is_made(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path, limits=A_FEW) as world:
        asked = world.request("{a, b} door", references=(photo(16),))
        batch = (await world.engine.batches.propose(asked, ["a door", "b door"])).batch
        with pytest.raises(LimitReached) as reached:
            await world.engine.batches.begin(batch, origin(world), most=10)
        assert reached.value.reason is Reason.STORED_TOO_MUCH
        assert await world.stores.tasks.of_user(7) == ()


async def test_a_picture_larger_than_it_was_declared_is_refused_before_it_is_kept(tmp_path: Path) -> None:
    data = png(size=(64, 64))
    async with open_engine_world(tmp_path, limits=replace(NO_LIMITS, stored_bytes_per_user=len(data) - 1)) as world:
        task = await world.ask(references=(world.attach("cat.png", data),))
        await world.work(10)
        task = await world.now(task)
        assert (task.reason, task.charged) == (Reason.STORED_TOO_MUCH, False)
        assert await world.picture_store.used_bytes() == 0


async def test_people_read_how_much_there_is_and_what_to_do(tmp_path: Path) -> None:
    limits = replace(NO_LIMITS, stored_bytes_per_user=1)
    async with open_bot_world(tmp_path, limits=limits) as world:
        told = world.refusal(await world.ask(image=PHOTO))
        assert "more than the 0 MB" in told
        assert "Remove a set with </reference remove:" in told
        assert "</privacy erase:" in told
        saved = await world.alice.slash(world.channel, "reference save", name="cat", image=PHOTO)
        assert "/reference remove" in world.refusal(saved)
        assert await world.picture_store.used_bytes() == 0
        with pytest.raises(MissingCopy):
            await world.picture_store.get("sets/x/1")
