"""Requests of people to the engine: one task per request, limits, asking again, cancelling, and permissions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.engine.ports import CardPhase, Record, RecordStatus
from bot.errors import (
    BadReference,
    BlankPrompt,
    Conflict,
    Gone,
    LimitReached,
    NotFound,
    NotYours,
    Reason,
    Refused,
    Throttled,
    TooLate,
    TooLong,
    UnknownChoice,
    Unmakeable,
)
from storage.bounds import LARGEST_REFERENCE_BYTES, LONGEST_TEMPLATE, LONGEST_WORDS
from storage.models import Derivation, Limits, NewReference, Origin, ReferenceKind, Task, TaskState
from tests.worlds.engine_batches import origin, proposed
from tests.worlds.engine_world import NO_LIMITS, Deaths, EngineWorld, Meanwhile, open_engine_world, png

DAY = 24 * 3600.0


async def test_the_same_interaction_twice_is_one_task(world: EngineWorld) -> None:
    request = world.request()
    first = await world.engine.requests.accept(request)
    second = await world.engine.requests.accept(request)
    assert first.task.id == second.task.id
    await world.work(60)
    assert len(world.api.taken) == 1


async def test_what_is_made_while_a_request_is_written_is_not_returned_if_it_cannot_be_stored(
    world: EngineWorld,
) -> None:
    """SQLite checks a deferred foreign key with the commit."""
    async with world.database.write() as connection:
        await connection.exec_driver_sql(
            "CREATE TABLE late (task_id TEXT REFERENCES tasks (id) DEFERRABLE INITIALLY DEFERRED)"
        )
        await connection.exec_driver_sql(
            "CREATE TRIGGER late AFTER INSERT ON tasks BEGIN INSERT INTO late VALUES ('no task'); END"
        )
    made: list[str] = []
    with pytest.raises(sa.exc.IntegrityError):
        await world.engine.requests.accept_and(world.request(), lambda card: made.append(card.task.prompt))
    assert made == ["a red door"]
    assert await world.stores.tasks.of_user(7) == ()


async def test_ten_quick_submits_against_a_limit_of_three_store_three(tmp_path: Path) -> None:
    limits = replace(NO_LIMITS, open_tasks_per_user=3)
    async with open_engine_world(tmp_path, limits=limits) as world:
        answers = await asyncio.gather(*[world.ask() for _ in range(10)], return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, LimitReached)]
        assert len(refused) == 7
        assert {(error.reason, error.parameters["allowed"]) for error in refused} == {(Reason.TOO_MANY_OPEN, 3)}
        await world.work(90)
        assert len(world.api.taken) == 3


@pytest.mark.parametrize(
    "forged",
    [
        {"private": "yes"},
        {"parent_picture": -1},
        {"parent_picture": 1.0},
        {"model": "another"},
        {"size": "wide"},
        {"size": 5},
        {"resolution": "much"},
        {"resolution": 4},
        {"background": "pink"},
        {"variants": 0},
        {"variants": 2.0},
        {"variants": True},
        {"enhance": "true"},
        {"fallback": 1},
        {"prompt": 5},
        {"prompt": None},
    ],
    ids=str,
)
async def test_a_value_that_was_never_offered_is_refused_and_stores_nothing(
    world: EngineWorld, forged: dict[str, Any]
) -> None:
    with pytest.raises(UnknownChoice):
        await world.ask(**forged)
    assert await world.tasks.of_user(7) == ()


async def test_a_style_adds_to_the_longest_words_that_may_be_asked_for(world: EngineWorld) -> None:
    longest = LONGEST_WORDS + LONGEST_TEMPLATE
    assert len((await world.ask("x" * LONGEST_WORDS)).prompt) == LONGEST_WORDS
    assert len((await world.ask("x" * longest, style="ink")).prompt) == longest
    for style, allowed in ((None, LONGEST_WORDS), ("ink", longest)):
        with pytest.raises(TooLong) as refused:
            await world.ask("x" * (allowed + 1), style=style)
        assert refused.value.parameters == {"allowed": allowed}


async def test_words_that_nobody_can_see_are_enough_only_with_a_picture(world: EngineWorld) -> None:
    with pytest.raises(BlankPrompt):
        await world.ask("\u200b ")
    assert (await world.ask("\u200b ", references=(world.attach("a.png", png()),))).prompt == ""


async def test_what_no_database_stores_is_left_out_of_words_and_names(world: EngineWorld) -> None:
    reference = NewReference(
        kind=ReferenceKind.IMAGE, url="https://cdn.discordapp.com/a\0b", filename="a\0.png", declared_type="im\0age/png"
    )
    task = await world.ask("a red\0 door\ud800", references=(reference,))
    (stored,) = await world.stores.references.of_task(task.id)
    assert (task.prompt, stored.filename, stored.url) == ("a red door?", "a.png", "https://cdn.discordapp.com/a%00b")


async def test_as_many_pictures_are_taken_as_the_model_takes_and_one_mask(world: EngineWorld) -> None:
    pictures = tuple(world.attach(f"{number}.png", png()) for number in range(6))
    masks = tuple(world.attach(f"mask{number}.png", png(), ReferenceKind.MASK) for number in range(2))
    await world.ask(references=(*pictures[:5], masks[0]))
    with pytest.raises(Unmakeable) as refused:
        await world.ask(references=pictures)
    assert (refused.value.reason, refused.value.parameters["allowed"]) == (Reason.TOO_MANY_REFERENCES, 5)
    with pytest.raises(UnknownChoice):
        await world.ask(references=(pictures[0], *masks))


@pytest.mark.parametrize(
    ("asked", "reason", "nearest"),
    [
        ({"size": "16:9"}, Reason.SIZE_LACKING, {"size": "3:2"}),
        ({"variants": 3}, Reason.VARIANTS_LACKING, {"variants": 2}),
        ({"resolution": "2K"}, Reason.RESOLUTION_UNCHOSEN, {"resolution": None}),
        ({"background": "transparent"}, Reason.BACKGROUND_LACKING, {"background": None}),
        ({"model": "grok", "enhance": True}, Reason.ENHANCE_LACKING, {"enhance": False}),
        (
            {"model": "gpt-image", "size": "1:1", "resolution": "4K"},
            Reason.SIZE_NOT_IN_RESOLUTION,
            {"size": "1:1", "resolution": "2K"},
        ),
    ],
    ids=str,
)
async def test_what_does_not_go_together_is_refused_with_the_nearest_that_can_be_stored(
    world: EngineWorld, asked: dict[str, Any], reason: Reason, nearest: dict[str, Any]
) -> None:
    with pytest.raises(Unmakeable) as refused:
        await world.ask(**asked)
    assert refused.value.reason is reason
    assert refused.value.nearest is not None
    assert {name: getattr(refused.value.nearest, name) for name in nearest} == nearest
    assert await world.tasks.of_user(7) == ()
    request = replace(world.request(), request=refused.value.nearest)
    assert (await world.engine.requests.accept(request)).task.model == asked.get("model", "4o")


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        ({"url": 5}, Reason.REFERENCE_NOT_A_PICTURE),
        ({"filename": None}, Reason.REFERENCE_NOT_A_PICTURE),
        ({"declared_type": 7}, Reason.REFERENCE_NOT_A_PICTURE),
        ({"declared_bytes": -1}, Reason.REFERENCE_NOT_A_PICTURE),
        ({"declared_bytes": 2.0}, Reason.REFERENCE_NOT_A_PICTURE),
        ({"declared_bytes": LARGEST_REFERENCE_BYTES + 1}, Reason.REFERENCE_TOO_LARGE),
    ],
    ids=str,
)
async def test_a_picture_that_discord_would_not_describe_so_is_refused_before_it_is_fetched(
    world: EngineWorld, forged: dict[str, Any], reason: Reason
) -> None:
    with pytest.raises(BadReference) as refused:
        await world.ask(references=(replace(world.attach("a.png", png()), **forged),))
    assert refused.value.reason is reason
    assert await world.tasks.of_user(7) == ()


async def test_the_largest_picture_and_a_stored_one_of_any_size_are_taken(world: EngineWorld) -> None:
    largest = replace(world.attach("a.png", png()), declared_bytes=LARGEST_REFERENCE_BYTES)
    stored = replace(largest, declared_bytes=LARGEST_REFERENCE_BYTES + 1, stored_key="sets/1/0")
    for reference in (largest, stored):
        (kept,) = await world.stores.references.of_task((await world.ask(references=(reference,))).id)
        assert kept.declared_bytes == reference.declared_bytes


async def test_the_first_card_needs_no_read_after_the_request_is_stored(world: EngineWorld) -> None:
    first = await world.ask()
    world.clock.turn(1)
    deaths = Deaths()
    world.wrap = lambda part: deaths.wrap(part) if part is world.stores.card_facts else part
    await world.restart()
    deaths.arm(0, after=False, fails=True)
    card = await world.engine.requests.accept(world.request())
    assert (card.phase, card.place) == (CardPhase.QUEUED, 2)
    assert card.task.asker_id == first.asker_id


async def test_a_card_that_was_posted_for_an_erased_task_is_known_to_be_of_no_task(world: EngineWorld) -> None:
    card = await world.engine.requests.accept(world.request())
    await world.engine.erasures.ask(7, removes=False, locale="en-US", token="t")
    for _ in range(10):
        await world.engine.step()
        world.clock.turn(10)
    with pytest.raises(NotFound) as unknown:
        await world.engine.requests.card_posted(card, 55)
    assert unknown.value.reason is Reason.TASK_UNKNOWN


async def test_the_message_of_a_card_is_stored_once_no_response_is_being_made(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.engine.intake.requests.QUIET_SECONDS", 1000.0)
    card = await world.engine.requests.accept(world.request())
    with world.engine.requests.answering():
        stored = asyncio.create_task(world.engine.requests.card_posted(card, 55))
        for _ in range(3):
            await world.stores.claims.renew("nobody", [card.task.id], until=0)
        assert (await world.now(card.task)).card_message_id is None
    await stored
    assert (await world.now(card.task)).card_message_id == 55


async def test_a_picture_that_was_erased_is_not_asked_for(world: EngineWorld) -> None:
    erased = NewReference(kind=ReferenceKind.IMAGE, url="", filename="a.png")
    for asked in (world.ask(references=(erased,)), proposed(world, references=(erased,))):
        with pytest.raises(BadReference) as refused:
            await asked
        assert (refused.value.reason, refused.value.parameters) == (Reason.REFERENCE_ERASED, {"filename": "a.png"})


async def test_a_proposal_as_typed_is_one_task_and_needs_a_picture_that_is_theirs_to_see(world: EngineWorld) -> None:
    first = await world.ask()
    await world.work(60)
    batch = await proposed(world, asker_id=8, parent_id=first.id, derivation=Derivation.EDIT)
    theirs = origin(world, batch, asker_id=8)
    await world.tasks.change(await world.now(first), removed_at=world.clock())
    with pytest.raises(NotFound):
        await world.engine.requests.as_typed(batch, theirs)
    await world.tasks.change(await world.now(first), removed_at=None)
    card = await world.engine.requests.as_typed(batch, theirs)
    assert (card.task.prompt, card.task.parent_id) == ("a {red, green, blue} door", first.id)
    with pytest.raises(Gone):
        await world.engine.requests.as_typed(batch, replace(theirs, interaction_id=5))
    assert len(await world.tasks.of_user(8)) == 1


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


async def waiting(world: EngineWorld) -> Task:
    """Return a task that is prepared and waits to be created."""
    world.api.next_create = [Throttled("429")]
    task = await world.ask()
    await world.work(1)
    return await world.now(task)


async def test_a_task_that_a_worker_claims_at_that_moment_is_cancelled_all_the_same(world: EngineWorld) -> None:
    task = await waiting(world)

    async def claimed() -> None:
        await world.tasks.change(await world.now(task), owner="another worker")

    await world.restart_with(Meanwhile(world.tasks, "get", claimed))
    assert (await world.engine.requests.cancel(task.id, 7)).state is TaskState.CANCELLED


async def test_a_task_whose_create_begins_at_that_moment_is_not_cancelled(world: EngineWorld) -> None:
    task = await waiting(world)
    world.clock.turn(60)

    async def begun() -> None:
        await world.stores.creates.begin("another worker", world.policy.creates, now=world.clock(), lease_ms=60_000)

    await world.restart_with(Meanwhile(world.tasks, "get", begun))
    with pytest.raises(TooLate):
        await world.engine.requests.cancel(task.id, 7)
    assert (await world.now(task)).state is TaskState.SUBMITTING


async def test_a_task_that_changes_hands_at_every_attempt_is_not_cancelled_for_ever(world: EngineWorld) -> None:
    task, workers = await waiting(world), iter("abcdefgh")

    async def claimed() -> None:
        await world.tasks.change(await world.now(task), owner=next(workers))

    await world.restart_with(Meanwhile(world.tasks, "get", claimed, times=8))
    with pytest.raises(TooLate) as late:
        await world.engine.requests.cancel(task.id, 7)
    assert late.value.reason is Reason.TOO_LATE_TO_CANCEL
    assert (await world.tasks.of_user(7))[0].state is TaskState.QUEUED


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
