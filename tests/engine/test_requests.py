"""Requests of people to the engine: one task per request, limits, asking again, cancelling, and permissions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.engine.ports import CardPhase, Record, RecordStatus
from bot.errors import BadReference, Conflict, LimitReached, NotFound, NotYours, Reason, Refused, Throttled, TooLate
from storage.models import Derivation, Limits, Origin, TaskState
from tests.worlds.engine_world import NO_LIMITS, EngineWorld, open_engine_world, png

DAY = 24 * 3600.0


async def test_the_same_interaction_twice_is_one_task(world: EngineWorld) -> None:
    request = world.request()
    first = await world.engine.requests.accept(request)
    second = await world.engine.requests.accept(request)
    assert first.task.id == second.task.id
    await world.work(60)
    assert len(world.api.taken) == 1


async def test_ten_quick_submits_against_a_limit_of_three_store_three(tmp_path: Path) -> None:
    limits = replace(NO_LIMITS, open_tasks_per_user=3)
    async with open_engine_world(tmp_path, limits=limits) as world:
        answers = await asyncio.gather(*[world.ask() for _ in range(10)], return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, LimitReached)]
        assert len(refused) == 7
        assert {(error.reason, error.parameters["allowed"]) for error in refused} == {(Reason.TOO_MANY_OPEN, 3)}
        await world.work(90)
        assert len(world.api.taken) == 3


async def test_pictures_per_day_count_variants_and_are_given_back_by_a_failure(tmp_path: Path) -> None:
    limits = Limits(open_tasks_per_user=0, pictures_per_user_per_day=4, pictures_per_day=0)
    async with open_engine_world(tmp_path, limits=limits) as world:
        world.api.next_create = [Refused(422, "size error")]
        await world.ask(variants=4)
        with pytest.raises(LimitReached) as too_many:
            await world.ask()
        assert too_many.value.reason is Reason.TOO_MANY_TODAY
        await world.work(5)
        await world.ask(variants=4)


async def test_a_queued_task_can_be_cancelled_by_its_asker_alone(world: EngineWorld) -> None:
    world.api.next_create = [Throttled("429")]
    task = await world.ask()
    await world.work(1)
    with pytest.raises(NotYours):
        await world.engine.requests.cancel(task.id, 8)
    cancelled = await world.engine.requests.cancel(task.id, 7)
    assert world.discord.shown[-1].phase is CardPhase.CANCELLED
    assert (cancelled.state, cancelled.charged) == (TaskState.CANCELLED, False)
    await world.work(120)
    assert world.api.taken == []
    assert world.discord.sent == []


async def test_what_is_paid_cannot_be_cancelled(world: EngineWorld) -> None:
    task = await world.ask()
    await world.work(5)
    with pytest.raises(TooLate) as late:
        await world.engine.requests.cancel(task.id, 7)
    assert late.value.reason is Reason.TOO_LATE_TO_CANCEL


@pytest.mark.parametrize("wanted", [True, False])
async def test_what_is_not_begun_yet_is_cancelled_and_not_withheld(world: EngineWorld, wanted: bool) -> None:
    world.api.next_create = [Throttled("429")]
    task = await world.ask()
    await world.work(1)
    with pytest.raises(TooLate) as early:
        await world.engine.requests.withhold(task.id, 7, withheld=not wanted)
    assert early.value.reason is Reason.TOO_LATE_TO_WITHHOLD


async def test_others_cannot_withhold_it_and_learn_nothing_of_a_private_one(world: EngineWorld) -> None:
    public, private = await world.ask(), await world.ask(private=True)
    await world.work(5)
    with pytest.raises(NotYours):
        await world.engine.requests.withhold(public.id, 8, withheld=True)
    with pytest.raises(NotFound) as unknown:
        await world.engine.requests.withhold(private.id, 8, withheld=True)
    assert unknown.value.reason is Reason.TASK_UNKNOWN


async def test_asking_again_is_a_task_of_its_own_with_our_copies(world: EngineWorld) -> None:
    first = await world.ask(references=(world.attach("a.png", png()),), style="ink")
    await world.work(60)
    del world.attachments["a.png"]
    card = await world.engine.requests.again(first.id, _origin(world, 900))
    await world.work(60)
    again = await world.now(card.task)
    assert (again.again_of, again.reason, again.style) == (first.id, None, "ink")
    assert len(world.api.taken) == 2
    assert (again.derivation, again.parent_id, again.family_id) == (Derivation.AGAIN, first.id, first.id)


async def test_what_everybody_sees_anybody_may_ask_again_as_a_task_of_their_own(world: EngineWorld) -> None:
    first = await world.ask()
    await world.work(60)
    mine = await world.engine.requests.again(first.id, _origin(world, 900))
    theirs = await world.engine.requests.again(first.id, replace(_origin(world, 901), asker_id=8))
    assert (mine.task.asker_id, theirs.task.asker_id) == (7, 8)
    await world.work(60)
    grandchild = await world.engine.requests.again(theirs.task.id, _origin(world, 902))
    assert (grandchild.task.parent_id, grandchild.task.family_id) == (theirs.task.id, first.id)


async def test_only_its_asker_asks_again_what_came_to_nothing(world: EngineWorld) -> None:
    world.api.next_record = [Record(status=RecordStatus.FAILED, reason=Reason.GENERATION_FAILED)]
    first = await world.ask()
    await world.work(60)
    with pytest.raises(NotYours):
        await world.engine.requests.again(first.id, replace(_origin(world, 900), asker_id=8))


@pytest.mark.parametrize("why", ["private", "removed"])
async def test_what_is_not_theirs_to_see_is_unknown_to_others(world: EngineWorld, why: str) -> None:
    first = await world.ask(private=why == "private")
    await world.work(60)
    if why == "removed":
        await world.stores.tasks.change(await world.now(first), removed_at=world.clock())
    with pytest.raises(NotFound) as unknown:
        await world.engine.requests.again(first.id, replace(_origin(world, 900), asker_id=8))
    assert unknown.value.reason is Reason.TASK_UNKNOWN
    await world.engine.requests.again(first.id, _origin(world, 901))


async def test_nothing_is_made_from_a_picture_that_is_not_theirs_to_see(world: EngineWorld) -> None:
    first = await world.ask(private=True)
    await world.work(60)
    with pytest.raises(NotFound) as unknown:
        await world.ask("the same at night", asker_id=8, parent_id=first.id, derivation=Derivation.EDIT)
    assert unknown.value.reason is Reason.TASK_UNKNOWN


async def test_two_quick_clicks_on_ask_again_are_one_task(world: EngineWorld) -> None:
    first = await world.ask()
    await world.work(60)
    clicks = [world.engine.requests.again(first.id, _origin(world, number)) for number in (900, 901)]
    answers = await asyncio.gather(*clicks, return_exceptions=True)
    (refused,) = [answer for answer in answers if isinstance(answer, Conflict)]
    assert refused.reason is Reason.ASKED_AGAIN_ALREADY
    await world.work(60)
    assert len(world.api.taken) == 2
    await world.engine.requests.again(first.id, _origin(world, 902))


async def test_asking_again_when_our_copies_are_gone_is_told(world: EngineWorld) -> None:
    first = await world.ask(references=(world.attach("a.png", png()),))
    await world.work(60)
    await world.picture_store.delete(f"references/{first.id}/0")
    world.attachments["a.png"] = BadReference(Reason.REFERENCE_UNFETCHABLE, filename="a.png")
    card = await world.engine.requests.again(first.id, _origin(world, 900))
    await world.work(5)
    assert (await world.now(card.task)).reason == Reason.REFERENCE_UNFETCHABLE


async def test_asking_again_when_only_our_copies_are_gone_takes_what_discord_still_has(world: EngineWorld) -> None:
    first = await world.ask(references=(world.attach("a.png", png()),))
    await world.work(60)
    await world.picture_store.delete(f"references/{first.id}/0")
    card = await world.engine.requests.again(first.id, _origin(world, 900))
    await world.work(60)
    assert (await world.now(card.task)).state is TaskState.CLOSED
    assert (await world.now(card.task)).reason is None


def _origin(world: EngineWorld, interaction_id: int) -> Origin:
    return Origin(
        interaction_id=interaction_id,
        interaction_token="another",
        arrived_at=world.clock(),
        asker_id=7,
        channel_id=9,
        guild_id=None,
        locale="en-US",
        guild_locale=None,
        upload_limit=10_000_000,
    )
