"""A model that makes one picture per create: several creates of one task, each sent once, and one outcome."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.engine.lifecycle import submission
from bot.engine.lifecycle.lifecycle import FRESH_MS
from bot.engine.outcomes import outcome_of
from bot.engine.policy import CREATE_WINDOW_MS, CREATES_PER_WINDOW
from bot.engine.ports import Record, RecordStatus
from bot.errors import AccountRefused, Reason, Refused, ServerFault, Throttled, Unavailable, Unconfirmed, Unreachable
from storage.availability import DatabaseAway
from storage.catalogue import catalogue
from storage.clock import ClockStore
from storage.models import CreateChanges, CreateState, Reference, Task, TaskState
from tests.worlds.engine_world import EngineWorld, open_engine_world, png

FAILED = Record(status=RecordStatus.FAILED, reason=Reason.POLICY, message="400: policy")
DAY = 24 * 3600.0
GARDEN = "a secret garden of roses"
QUOTED = f"could not draw {GARDEN}"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[EngineWorld]:
    async with open_engine_world(tmp_path) as opened:
        yield opened


async def four(world: EngineWorld, **changes: object) -> Task:
    """Return a task for four pictures of a model that makes one at a time."""
    return await world.ask(**({"prompt": "a red door", "model": "z-image", "variants": 4} | changes))  # type: ignore[arg-type]  # names of a task


async def states(world: EngineWorld, task: Task) -> list[CreateState]:
    return [create.state for create in await world.stores.creates.of_task(task.id)]


async def missing(world: EngineWorld, task: Task) -> dict[Reason | None, int]:
    return dict((await outcome_of(world.stores, await world.now(task))).missing)


async def pictures(world: EngineWorld, task: Task) -> list[str]:
    return [picture.url for picture in await world.stores.pictures.of_task(task.id)]


def told(world: EngineWorld, task: Task) -> list[tuple[str | None, tuple[int, ...]]]:
    return [(message.reason, message.pictures) for message in world.discord.sent if message.task_id == task.id]


# -- the whole way ---------------------------------------------------------------------------------------------------


async def test_four_pictures_are_four_creates_for_one_each_and_one_message(world: EngineWorld) -> None:
    world.api.price = 0.75
    task = await four(world)
    await world.work(60)
    ended, creates = await world.now(task), await world.stores.creates.of_task(task.id)
    assert told(world, task) == [(None, (0, 1, 2, 3))]
    assert [request.request.variants for request in world.api.taken] == [1, 1, 1, 1]
    assert await pictures(world, task) == [f"https://results.test/kie{n}/0.png" for n in (1, 2, 3, 4)]
    assert [(create.number, create.state, create.job_id) for create in creates] == [
        (n, CreateState.DONE, f"kie{n + 1}") for n in range(4)
    ]
    assert {(create.estimated_credits, create.consumed_credits, create.provider) for create in creates} == {
        (0.8, 0.75, "kie-jobs")
    }
    assert (ended.creates_wanted, ended.provider, ended.estimated_credits, ended.consumed_credits) == (
        4,
        "kie-jobs",
        3.2,
        3.0,
    )
    assert await missing(world, task) == {}


async def test_the_further_creates_follow_at_once(world: EngineWorld) -> None:
    task = await four(world)
    for _ in range(4):
        await world.engine.step()
    assert await states(world, task) == [CreateState.TAKEN] * 4
    assert (await world.now(task)).next_create_at is None


async def test_one_picture_is_one_create_as_of_any_model(world: EngineWorld) -> None:
    world.api.price = 0.8
    task = await four(world, variants=1)
    await world.work(60)
    (create,) = await world.stores.creates.of_task(task.id)
    ended = await world.now(task)
    assert (ended.creates_wanted, create.state, create.consumed_credits) == (1, CreateState.DONE, 0.8)
    assert (create.ended_at, ended.consumed_credits) == (ended.settled_at, 0.8)


async def test_the_cost_is_unknown_if_it_is_not_told_of_one_create(world: EngineWorld) -> None:
    world.api.price = 0.8
    world.api.records = {"kie2": Record(status=RecordStatus.SUCCEEDED, urls=("https://results.test/x.png",))}
    task = await four(world)
    await world.work(60)
    assert (await world.now(task)).consumed_credits is None
    assert told(world, task) == [(None, (0, 1, 2, 3))]


async def test_no_job_is_polled_more_often_than_once_a_second(world: EngineWorld) -> None:
    await four(world)
    for _ in range(300):
        await world.engine.step()
        world.clock.turn(0.2)
    times = {job: [at for at, asked in world.api.asked if asked == job] for _, job in world.api.asked}
    assert len(times) == 4
    gaps = [later - at for asked in times.values() for at, later in itertools.pairwise(asked)]
    assert min(gaps) >= 1000


async def test_pictures_come_in_the_order_of_their_creates_whichever_is_done_first(world: EngineWorld) -> None:
    task = await four(world, variants=2)
    await world.engine.step()
    await world.engine.step()
    world.api._done_at["kie1"] = (world.clock() + 60_000, 1)
    await world.work(120)
    assert await pictures(world, task) == ["https://results.test/kie1/0.png", "https://results.test/kie2/0.png"]


# -- limits and turns ------------------------------------------------------------------------------------------------


async def test_never_more_than_twenty_creates_begin_in_a_window_over_all_tasks(world: EngineWorld) -> None:
    asked = [await four(world, asker_id=n) for n in range(12)] + [await world.ask(f"{n}") for n in range(10)]
    world.api.next_create = [None, Throttled("429"), None, Unreachable("no"), *[None] * 20, ServerFault("500")]
    await world.work(150, every=0.5)
    times = world.api.created
    assert len(times) == 4 * 12 + 10 + 3
    for first, later in zip(times, times[CREATES_PER_WINDOW:], strict=False):
        assert later - first >= CREATE_WINDOW_MS
    assert {(await world.now(task)).reason for task in asked} == {None}


async def test_four_pictures_of_one_person_do_not_push_others_back(world: EngineWorld) -> None:
    many = [await four(world, prompt=f"many {n}", asker_id=1) for n in range(6)]
    world.clock.turn(1)
    late = await world.ask("late", asker_id=2)
    for _ in range(3):
        await world.engine.step()
    order = [request.request.prompt for request in world.api.taken]
    assert order.index("late") <= 1
    assert len(many) == 6
    assert late.id


async def test_places_in_flight_are_taken_for_all_creates_of_a_task_at_once(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path, max_in_flight=5) as world:
        world.api.seconds = 600
        first = await four(world)
        world.clock.turn(1)
        second = await four(world)
        world.clock.turn(1)
        single = await world.ask("one")
        for _ in range(8):
            await world.engine.step()
        assert (await states(world, first), await states(world, second)) == ([CreateState.TAKEN] * 4, [])
        assert (await world.now(single)).state is TaskState.QUEUED, "it waits for its turn behind the larger task"


async def test_a_task_that_wants_more_than_the_limit_begins_alone(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path, max_in_flight=2) as world:
        asked = [await four(world), await world.ask("one"), await four(world)]
        await world.work(200)
        assert {(await world.now(task)).state for task in asked} == {TaskState.CLOSED}
        assert len(world.api.taken) == 9


# -- creates that are not accepted -----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Throttled("429"), Unreachable("no route"), ServerFault("500")])
async def test_a_create_that_was_not_accepted_is_replaced_after_growing_pauses(
    world: EngineWorld, error: Exception
) -> None:
    world.api.next_create = [None, None, error, error]
    task = await four(world)
    await world.work(120)
    refused = CreateState.REFUSED
    assert Counter(await states(world, task)) == {CreateState.DONE: 4, refused: 2}
    assert [create.number for create in await world.stores.creates.of_task(task.id)] == [0, 1, 2, 2, 2, 3]
    first, second = (world.api.created[n + 1] - world.api.created[n] for n in (2, 3))
    assert second - first >= 2000
    assert told(world, task) == [(None, (0, 1, 2, 3))]


async def test_the_image_api_says_how_long_the_next_create_waits(world: EngineWorld) -> None:
    world.api.next_create = [None, Throttled("429", timedelta(seconds=40))]
    await four(world)
    await world.work(120)
    assert world.api.created[2] - world.api.created[1] >= 40_000


async def test_the_third_fault_fails_one_create_and_not_the_others(world: EngineWorld) -> None:
    world.api.next_create = [None, ServerFault("500"), ServerFault("500"), ServerFault("500")]
    task = await four(world)
    await world.work(200)
    assert told(world, task) == [(None, (0, 1, 2))]
    assert await missing(world, task) == {Reason.SERVICE_FAULT: 1}
    assert len(world.api.taken) == 3


async def test_a_create_that_is_throttled_for_a_day_fails_and_what_came_is_told(world: EngineWorld) -> None:
    world.api.next_create = [None, *[Throttled("429", timedelta(hours=13)) for _ in range(3)]]
    task = await four(world, variants=2)
    await world.work(2 * DAY, every=600)
    assert told(world, task) == [(None, (0,))]
    assert await missing(world, task) == {None: 1}


async def test_pictures_that_came_wait_a_quarter_of_an_hour_for_creates_that_are_not_accepted(
    world: EngineWorld,
) -> None:
    world.api.next_create = [None, *[Throttled("455 maintenance") for _ in range(400)]]
    task = await four(world)
    await world.work(10 * 60, every=20)
    assert told(world, task) == []
    await world.work(10 * 60, every=20)
    assert told(world, task) == [(None, (0,))]
    assert await missing(world, task) == {None: 3}


@pytest.mark.parametrize(
    "error", [ServerFault(f"500: {QUOTED}"), Throttled(f"455: {QUOTED}"), Unconfirmed(f"505: {QUOTED}")]
)
async def test_no_log_repeats_the_prompt_that_an_answer_quotes(
    world: EngineWorld, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    world.api.next_create = [None, error]
    await four(world, prompt=GARDEN)
    await world.engine.step()
    await world.engine.step()
    logged = "".join(capsys.readouterr())
    assert "further create" in logged
    assert GARDEN not in logged


async def test_4o_in_its_new_form_costs_what_its_creates_cost(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path) as world:
        task = await world.ask(variants=4)
        assert task.estimated_credits == 8
        await switch_to_jobs(world)
        await world.work(120)
        creates = await world.stores.creates.of_task(task.id)
        assert [create.estimated_credits for create in creates] == [6, 6, 6, 6]
        assert (await world.now(task)).estimated_credits == 24


async def test_4o_makes_every_picture_if_its_form_changes_before_the_upload(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path) as world:
        unfetched = Record(status=RecordStatus.FAILED, reason=Reason.API_REFERENCE_UNFETCHABLE)
        world.api.records = {"kie1": unfetched}
        task = await world.ask(variants=4, references=(world.attach("a.png", png()),))
        while not (await world.now(task)).by_upload:
            await world.engine.step()
            world.clock.turn(1)
        await switch_to_jobs(world)
        await world.work(200)
        assert len(await pictures(world, task)) == 4


async def switch_to_jobs(world: EngineWorld) -> None:
    jobs = catalogue(four_o="jobs")
    world.policy = replace(world.policy, models=jobs, catalogue=jobs)
    await world.restart()


async def test_answers_that_a_start_moves_change_no_duration(world: EngineWorld) -> None:
    world.api.seconds = 5
    await four(world)
    await world.work(100)
    before = await world.stores.queue.recent_seconds("z-image", with_pictures=False)
    clock = ClockStore(world.database)
    await clock.restamp_answers(after=0, at=world.clock() + int(DAY * 1000))
    assert await world.stores.queue.recent_seconds("z-image", with_pictures=False) == before
    assert len(before) == 4


async def test_one_refused_for_its_words_costs_nothing_and_the_others_go_on(world: EngineWorld) -> None:
    world.api.next_create = [None, Refused(400, "policy", Reason.POLICY)]
    task = await four(world)
    await world.work(120)
    assert told(world, task) == [(None, (0, 1, 2))]
    assert await missing(world, task) == {Reason.POLICY: 1}
    assert (await world.now(task)).charged


async def test_all_refused_but_the_first(world: EngineWorld) -> None:
    world.api.next_create = [None, *[Refused(422, "no")] * 3]
    task = await four(world)
    await world.work(120)
    assert told(world, task) == [(None, (0,))]
    assert await missing(world, task) == {Reason.INVALID_REQUEST: 3}


async def test_an_account_without_credit_ends_the_task_with_what_came(world: EngineWorld) -> None:
    world.api.next_create = [None, None, AccountRefused(402, "no credit", Reason.ACCOUNT_CREDIT)]
    task = await four(world)
    await world.work(120)
    assert told(world, task) == [(None, (0, 1))]
    assert await missing(world, task) == {Reason.ACCOUNT_CREDIT: 1, None: 1}
    assert Reason.ACCOUNT_CREDIT in world.discord.told_operator
    assert len(world.api.created) == 3


async def test_the_creates_go_on_if_the_credit_is_put_right_before_the_others_have_ended(world: EngineWorld) -> None:
    world.api.seconds = 300
    world.api.next_create = [None, AccountRefused(402, "no credit", Reason.ACCOUNT_CREDIT)]
    task = await four(world)
    await world.work(30)
    assert len(world.api.created) == 2
    world.api.balance += 100
    await world.work(900)
    assert told(world, task) == [(None, (0, 1, 2))]
    assert await missing(world, task) == {Reason.ACCOUNT_CREDIT: 1}


async def test_what_came_does_not_wait_for_an_account_that_another_task_found_empty(world: EngineWorld) -> None:
    world.api.next_create = [None, ServerFault("500")]
    task = await four(world)
    await world.engine.step()
    await world.engine.step()
    world.api.next_create = [AccountRefused(402, "no credit", Reason.ACCOUNT_CREDIT)]
    await world.ask("another", asker_id=2)
    await world.work(120)
    assert told(world, task) == [(None, (0,))]
    assert await missing(world, task) == {None: 3}


async def test_while_the_image_api_is_unreachable_further_creates_wait(world: EngineWorld) -> None:
    task = await four(world)
    await world.engine.step()
    world.engine._admission.api._trip()
    await world.engine.step()
    assert len(world.api.created) == 1
    await world.work(120)
    assert told(world, task) == [(None, (0, 1, 2, 3))]


async def test_links_that_expired_since_the_first_create_are_not_sent(world: EngineWorld) -> None:
    world.api.seconds = 13 * 3600
    world.api.next_create = [None, Throttled("429", timedelta(hours=12))]
    task = await four(world, model="seedream", variants=2, references=(world.attach("a.png", png()),))
    await world.work(60)
    await world.work(14 * 3600, every=50)
    assert told(world, task) == [(None, (0,))]
    assert await missing(world, task) == {Reason.API_REFERENCE_UNFETCHABLE: 1}
    assert len(world.api.created) == 2


# -- jobs that fail --------------------------------------------------------------------------------------------------


async def test_a_job_that_fails_leaves_the_pictures_of_the_others(world: EngineWorld) -> None:
    world.api.records = {"kie3": FAILED}
    task = await four(world)
    await world.work(120)
    assert told(world, task) == [(None, (0, 1, 2))]
    assert await missing(world, task) == {Reason.POLICY: 1}


async def test_if_all_jobs_fail_the_most_frequent_reason_is_told_and_nothing_is_charged(world: EngineWorld) -> None:
    other = Record(status=RecordStatus.FAILED, reason=Reason.GENERATION_FAILED)
    world.api.records = {"kie1": other, "kie2": FAILED, "kie3": FAILED, "kie4": other}
    world.api.records["kie1"] = FAILED
    task = await four(world)
    await world.work(120)
    assert told(world, task) == [(Reason.POLICY, ())]
    ended = await world.now(task)
    assert (ended.charged, ended.consumed_credits) == (False, None)


async def test_if_no_job_could_download_the_pictures_they_are_uploaded_and_all_creates_sent_again(
    world: EngineWorld,
) -> None:
    lost = Record(status=RecordStatus.FAILED, reason=Reason.API_REFERENCE_UNFETCHABLE)
    world.api.records = {f"kie{n}": lost for n in (1, 2)}
    task = await four(world, model="seedream", variants=2, references=(world.attach("a.png", png()),))
    await world.work(200)
    assert told(world, task) == [(None, (0, 1))]
    assert [request.files[0].startswith("https://uploads") for request in world.api.taken] == [False, False, True, True]
    assert Counter(await states(world, task)) == {CreateState.REFUSED: 2, CreateState.DONE: 2}
    assert await missing(world, task) == {}


async def test_if_the_uploaded_pictures_cannot_be_downloaded_either_the_task_fails(world: EngineWorld) -> None:
    lost = Record(status=RecordStatus.FAILED, reason=Reason.API_REFERENCE_UNFETCHABLE)
    world.api.records = {f"kie{n}": lost for n in (1, 2, 3, 4)}
    task = await four(world, model="seedream", variants=2, references=(world.attach("a.png", png()),))
    await world.work(200)
    assert told(world, task) == [(Reason.API_REFERENCE_UNFETCHABLE, ())]
    assert (len(world.api.taken), (await world.now(task)).charged) == (4, False)


async def test_a_job_that_cannot_be_polled_does_not_keep_the_others_from_being_stored(world: EngineWorld) -> None:
    world.api.records = {"kie1": Unavailable("502"), "kie2": ValueError("a defect")}
    task = await four(world)
    await world.work(120)
    kept = await states(world, task)
    assert kept == [CreateState.TAKEN, CreateState.TAKEN, CreateState.DONE, CreateState.DONE]
    world.api.records.clear()
    await world.work(600)
    assert told(world, task) == [(None, (0, 1, 2, 3))]


async def test_a_job_without_an_outcome_for_a_day_is_lost_and_may_have_been_charged(world: EngineWorld) -> None:
    world.api.records = {"kie2": Record(status=RecordStatus.RUNNING)}
    task = await four(world)
    await world.work(60)
    await world.work(2 * DAY, every=600)
    assert told(world, task) == [(None, (0, 1, 2))]
    assert await missing(world, task) == {Reason.LOST: 1}


async def test_a_success_without_a_picture_is_polled_again_before_it_counts_as_failed(world: EngineWorld) -> None:
    world.api.records = {"kie2": Record(status=RecordStatus.SUCCEEDED)}
    task = await four(world, variants=2)
    await world.work(60)
    assert await states(world, task) == [CreateState.DONE, CreateState.TAKEN]
    await world.work(600)
    assert await missing(world, task) == {Reason.NO_PICTURES: 1}


async def test_a_rejected_key_is_told_to_the_operator_and_the_jobs_are_polled_on(world: EngineWorld) -> None:
    task = await four(world, variants=2)
    await world.work(5)
    world.api.records = {"kie1": AccountRefused(401, "no", Reason.ACCOUNT_KEY)}
    await world.work(60)
    assert Reason.ACCOUNT_KEY in world.discord.told_operator
    world.api.records.clear()
    await world.work(600)
    assert told(world, task) == [(None, (0, 1))]


# -- answers that are lost -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Unconfirmed("timeout"), ValueError("a defect")])
async def test_a_create_without_an_answer_is_never_repeated(world: EngineWorld, error: Exception) -> None:
    world.api.next_create = [None, error]
    task = await four(world)
    await world.work(120)
    assert len(world.api.created) == 4
    assert told(world, task) == [(None, (0, 1, 2))]
    assert await missing(world, task) == {Reason.UNCONFIRMED: 1}


async def test_if_the_only_answered_creates_fail_the_doubt_is_told(world: EngineWorld) -> None:
    world.api.next_create = [None, Unconfirmed("timeout")]
    world.api.records = {"kie1": FAILED}
    task = await four(world, variants=2)
    await world.work(120)
    assert told(world, task) == [(Reason.UNCONFIRMED, ())]
    assert (await world.now(task)).charged


async def test_an_accepted_create_that_could_not_be_stored_is_stored_later(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, change = True, world.stores.creates.change

    async def changed(task: Task, ended: Mapping[int, CreateChanges], **changes: Any) -> Task:
        if busy and any("job_id" in columns for columns in ended.values()):
            raise OSError("database is locked")
        return await change(task, ended, **changes)

    monkeypatch.setattr(world.stores.creates, "change", changed)
    monkeypatch.setattr(submission, "WRITE_TRIES", 1)
    task = await four(world, variants=2)
    await world.work(10)
    assert await states(world, task) == [CreateState.TAKEN, CreateState.SENT]
    busy = False
    await world.work(300)
    assert told(world, task) == [(None, (0, 1))]
    assert len(world.api.created) == 2


async def test_a_create_that_was_not_sent_is_replaced(world: EngineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    task = await four(world, variants=2)
    await world.engine.step()
    hold = world.engine._lifecycle.submission._hold
    failures = [OSError("database is locked")]

    async def held(of: Task) -> None:
        if failures:
            raise failures.pop()
        await hold(of)

    monkeypatch.setattr(world.engine._lifecycle.submission, "_hold", held)
    await world.work(60)
    assert await states(world, task) == [CreateState.DONE, CreateState.REFUSED, CreateState.DONE]
    assert told(world, task) == [(None, (0, 1))]
    assert len(world.api.created) == 2


@pytest.mark.parametrize("refusal", [None, Throttled("429")])
async def test_a_further_create_that_was_not_accepted_is_replaced_although_the_database_was_away(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch, refusal: Exception | None
) -> None:
    """None: the database goes away before the create is sent."""
    task = await four(world, variants=2)
    await world.engine.step()
    hold, change = world.engine._lifecycle.submission._hold, world.stores.creates.change
    failures = [DatabaseAway("the connection was lost")] * 10

    async def held(of: Task) -> None:
        if refusal is None and failures:
            raise failures.pop()
        await hold(of)

    async def changed(task: Task, ended: Mapping[int, CreateChanges], **changes: Any) -> Task:
        if failures and CreateState.REFUSED in {columns.get("state") for columns in ended.values()}:
            raise failures.pop()
        return await change(task, ended, **changes)

    if refusal is not None:
        world.api.next_create = [refusal]
    monkeypatch.setattr(world.engine._lifecycle.submission, "_hold", held)
    monkeypatch.setattr(world.stores.creates, "change", changed)
    monkeypatch.setattr(submission, "AWAY_SECONDS", 0.0)
    await world.work(60)
    assert failures == []
    assert await states(world, task) == [CreateState.DONE, CreateState.REFUSED, CreateState.DONE]
    assert told(world, task) == [(None, (0, 1))]


async def test_a_create_is_not_sent_by_a_process_that_lost_its_lease(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await four(world, variants=2)
    await world.engine.step()
    references = world.stores.references.of_task

    async def slowly(task_id: str) -> tuple[Reference, ...]:
        found = await references(task_id)
        if await states(world, task) == [CreateState.TAKEN, CreateState.SENT]:
            world.clock.turn(FRESH_MS / 1000)
            await world.stores.claims.void_leases()
        return found

    monkeypatch.setattr(world.stores.references, "of_task", slowly)
    await world.engine.step()
    monkeypatch.undo()
    await world.work(120)
    assert len(world.api.created) == 1
    assert told(world, task) == [(None, (0,))]
    assert await missing(world, task) == {Reason.UNCONFIRMED: 1}


# -- what the asker wants --------------------------------------------------------------------------------------------


async def test_who_does_not_want_the_pictures_posted_pays_for_no_further_create(world: EngineWorld) -> None:
    task = await four(world)
    await world.engine.step()
    await world.engine.step()
    await world.engine.requests.withhold(task.id, task.asker_id, withheld=True)
    await world.work(120)
    ended = await world.now(task)
    assert (len(world.api.created), ended.state, ended.reason) == (2, TaskState.CLOSED, None)
    assert await missing(world, task) == {None: 2}
    assert told(world, task) == []


async def test_who_wants_them_after_all_gets_them_all(world: EngineWorld) -> None:
    task = await four(world)
    await world.engine.step()
    await world.engine.requests.withhold(task.id, task.asker_id, withheld=True)
    await world.engine.step()
    assert len(world.api.created) == 1
    await world.engine.requests.withhold(task.id, task.asker_id, withheld=False)
    await world.work(120)
    assert told(world, task) == [(None, (0, 1, 2, 3))]


async def test_no_further_create_begins_for_a_person_who_erases_their_data(world: EngineWorld) -> None:
    task = await four(world)
    await world.engine.step()
    await world.engine.erasures.ask(task.asker_id, removes=True, locale="en-US", token="t")
    await world.work(600)
    assert len(world.api.created) == 2, "one may begin before the task is marked"
    assert told(world, task) == []


async def test_after_an_outage_the_postponed_creates_come_at_once(world: EngineWorld) -> None:
    world.api.next_create = [None, Throttled("429", timedelta(hours=2))]
    await four(world, variants=2)
    await world.work(5)
    await world.engine._admission._go_on()
    await world.work(5)
    assert len(world.api.taken) == 2
