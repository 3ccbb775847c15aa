"""Test how the engine handles the answers to creates."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.engine.lifecycle import submission
from bot.engine.policy import CREATES_PER_WINDOW
from bot.engine.ports import Record, RecordStatus
from bot.errors import (
    AccountRefused,
    Reason,
    Refused,
    ServerFault,
    Throttled,
    Unavailable,
    Unconfirmed,
    Unreachable,
)
from storage.availability import DatabaseAway
from storage.models import CreateState, Reference, Task, TaskState
from tests.worlds.engine_world import EngineWorld, Meanwhile, open_engine_world, png
from tests.worlds.waiting import eventually

DAY = 24 * 3600.0


@pytest.mark.parametrize("error", [Throttled("429"), Throttled("455"), Unreachable("refused")])
async def test_what_was_not_taken_goes_back_to_the_queue_and_is_created_later(
    world: EngineWorld, error: Exception
) -> None:
    world.api.next_create = [error, error]
    task = await world.ask()
    await world.work(1)
    assert (await world.now(task)).state is TaskState.QUEUED
    await world.work(90)
    assert (await world.now(task)).reason is None
    assert len(world.api.taken) == 1


async def test_the_distance_grows_with_each_refusal_that_may_pass(world: EngineWorld) -> None:
    world.api.next_create = [Throttled("429")] * 4
    task = await world.ask()
    waits = []
    for _ in range(4):
        before = len(world.api.next_create)
        while len(world.api.next_create) == before:
            await world.engine.step()
            world.clock.turn(0.5)
        waits.append((await world.now(task)).due_at - world.clock())
    assert waits == sorted(waits)
    assert waits[-1] > 4 * waits[0]


async def test_three_faults_end_it_and_it_is_not_charged(world: EngineWorld) -> None:
    world.api.next_create = [ServerFault("500")] * 3
    task = await world.ask()
    await world.work(60)
    ended = await world.now(task)
    assert (ended.state, ended.reason, ended.charged) == (TaskState.CLOSED, Reason.SERVICE_FAULT, False)


async def test_two_faults_do_not(world: EngineWorld) -> None:
    world.api.next_create = [ServerFault("500")] * 2
    task = await world.ask()
    await world.work(90)
    assert (await world.now(task)).reason is None


async def test_an_explicit_refusal_is_told_with_its_reason(world: EngineWorld) -> None:
    world.api.next_create = [Refused(422, "size error")]
    task = await world.ask()
    await world.work(3)
    assert (await world.now(task)).reason == Reason.INVALID_REQUEST
    assert world.discord.sent[0].reason == Reason.INVALID_REQUEST


async def test_a_model_that_cannot_be_had_is_told_once_never_sent_again_and_logged(
    world: EngineWorld,
) -> None:
    words = "The model name you specified is not supported: a red door"
    world.api.next_create = [Refused(422, words, Reason.MODEL_UNAVAILABLE)]
    with capture_logs() as logs:
        task = await world.ask(model="grok")
        await world.work(120)
        await world.restart()
        await world.work(120)
    ended = await world.now(task)
    assert (ended.state, ended.reason, ended.charged) == (TaskState.CLOSED, Reason.MODEL_UNAVAILABLE, False)
    assert [message.reason for message in world.discord.sent] == [Reason.MODEL_UNAVAILABLE]
    assert world.api.taken == []
    [line] = [line for line in logs if "no longer has the model" in line["event"]]
    assert (line["log_level"], line["model"], line["task"]) == ("error", "grok", task.id)
    assert "not supported" in line["error"]
    assert "a red door" not in str(logs)


@pytest.mark.parametrize(("key", "form"), [("4o", "kie"), ("flux-kontext", "kie-flux"), ("grok", "kie-jobs")])
async def test_the_create_the_polls_and_the_direct_link_of_a_task_use_one_wire_form(
    world: EngineWorld, key: str, form: str
) -> None:
    world.api.broken = {"results.test": Unavailable("503")}
    await world.ask(model=key)
    await world.work(300)
    assert [request.form for request in world.api.taken] == [form]
    assert len(world.api.forms) > len(world.api.asked) > 0
    assert set(world.api.forms) == {form}


async def test_all_six_pictures_of_one_job_are_delivered(world: EngineWorld) -> None:
    urls = tuple(f"https://results.test/{number}.png" for number in range(6))
    world.api.next_record = [Record(status=RecordStatus.SUCCEEDED, urls=urls, credits=4.0)]
    task = await world.ask(model="grok")
    await world.work(60)
    assert (await world.now(task)).state is TaskState.CLOSED
    assert [picture.url for picture in await world.stores.pictures.of_task(task.id)] == list(urls)
    assert [message.reason for message in world.discord.sent] == [None]


@pytest.mark.parametrize("error", [Unconfirmed("timeout"), ValueError("a defect of ours")])
async def test_an_unconfirmed_create_is_told_and_never_sent_again(world: EngineWorld, error: Exception) -> None:
    world.api.next_create = [error]
    task = await world.ask()
    await world.work(120)
    await world.restart()
    await world.work(120)
    ended = await world.now(task)
    assert (ended.state, ended.reason, ended.charged) == (TaskState.CLOSED, Reason.UNCONFIRMED, True)
    assert world.api.taken == []
    assert len(world.discord.sent) == 1


@pytest.mark.sweep
async def test_a_refused_account_stops_creates_tells_the_operator_once_and_goes_on_when_it_is_put_right(
    world: EngineWorld,
) -> None:
    world.api.balance = 2.0
    world.api.next_create = [AccountRefused(402, "credits", Reason.ACCOUNT_CREDIT)]
    first = await world.ask("first")
    await world.work(3)
    second = await world.ask("second")
    await world.work(180)
    await world.engine._cards.show_waiting()
    assert (await world.now(first)).reason == Reason.ACCOUNT_CREDIT
    assert (await world.now(second)).state is TaskState.QUEUED
    assert world.discord.told_operator == [Reason.ACCOUNT_CREDIT]
    assert any(card.paused for card in world.discord.shown if card.task.id == second.id)
    await world.restart()
    await world.work(30)
    assert world.api.taken == []
    world.api.balance = 500.0
    await world.work(180)
    assert (await world.now(second)).reason is None


async def test_credits_that_were_added_during_a_restart_are_noticed_though_they_could_not_be_read_at_first(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable() -> float:
        raise Unavailable("500")

    world.api.balance = 2.0
    world.api.next_create = [AccountRefused(402, "credits", Reason.ACCOUNT_CREDIT)]
    with monkeypatch.context() as patched:
        patched.setattr(world.api, "credits", unreadable)
        await world.ask("first")
        await world.work(3)
    world.clock.turn(61)
    await world.engine.step()
    world.api.balance = 500.0
    await world.restart()
    second = await world.ask("second")
    await world.work(90)
    assert (await world.now(second)).reason is None
    assert len(world.api.taken) == 1


@pytest.mark.sweep
async def test_a_probe_costs_one_task_and_not_the_whole_queue(world: EngineWorld) -> None:
    world.api.balance = 0.0
    refused = AccountRefused(402, "credits", Reason.ACCOUNT_CREDIT)
    world.api.next_create = [refused]
    await world.ask("first")
    await world.work(10)
    waiting = [await world.ask(f"{number}", asker_id=10 + number) for number in range(5)]
    world.api.next_create = [refused] * 5
    await world.work(11 * 60, every=20)
    assert [(await world.now(task)).reason for task in waiting].count(Reason.ACCOUNT_CREDIT) == 1
    world.api.next_create = []
    await world.work(15 * 60, every=20)
    assert {(await world.now(task)).state for task in waiting} == {TaskState.CLOSED}
    assert len(world.api.taken) == 4


async def test_the_account_is_looked_after_beside_the_work(world: EngineWorld) -> None:
    world.api.balance = 1.0
    world.api.next_create = [AccountRefused(402, "credits", Reason.ACCOUNT_CREDIT)]
    await world.ask("first")
    await world.work(3)
    hanging = asyncio.Event()

    async def balance() -> float:
        await hanging.wait()
        return 1.0

    world.api.credits = balance  # type: ignore[method-assign]  # the image API does not answer
    world.clock.turn(120)
    running = asyncio.create_task(world.engine.run())
    task = await world.ask("second")
    await eventually(lambda: _is_prepared(world, task))
    world.engine.stop()
    await running


async def test_a_pause_is_probed_after_a_while_even_if_the_balance_cannot_tell(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path, probe_account_after=timedelta(minutes=5)) as world:
        world.api.next_create = [AccountRefused(402, "credits", Reason.ACCOUNT_CREDIT)]
        await world.ask("first")
        await world.work(3)
        second = await world.ask("second")
        await world.work(7 * 60, every=20)
        assert (await world.now(second)).state is TaskState.CLOSED


async def _is_prepared(world: EngineWorld, task: Task) -> bool:
    return (await world.now(task)).prepared_at is not None


async def test_a_paid_create_is_written_down_however_long_the_database_is_busy(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id is known, so the create is not reported as unconfirmed."""
    busy = True
    move = world.tasks.move

    async def moved(task: Task, to: TaskState, **changes: Any) -> Task:
        if busy and to is TaskState.GENERATING:
            raise OSError("database is locked")
        return await move(task, to, **changes)

    monkeypatch.setattr(world.tasks, "move", moved)
    monkeypatch.setattr(submission, "WRITE_TRIES", 1)
    task = await world.ask()
    await world.work(10)
    assert len(world.api.taken) == 1
    busy = False
    await world.work(300)
    assert (await world.now(task)).reason is None
    assert [message.reason for message in world.discord.sent] == [None]
    assert len(world.api.taken) == 1


async def test_a_paid_create_is_kept_until_a_database_that_is_away_is_back(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step of the task waits: another process could look at the task, which does not know the id."""
    tries = 0
    move = world.tasks.move

    async def moved(task: Task, to: TaskState, **changes: Any) -> Task:
        nonlocal tries
        if to is TaskState.GENERATING and (tries := tries + 1) <= 3 * submission.WRITE_TRIES:
            raise DatabaseAway("the connection was lost")
        return await move(task, to, **changes)

    monkeypatch.setattr(world.tasks, "move", moved)
    monkeypatch.setattr(submission, "AWAY_SECONDS", 0.0)
    task = await world.ask()
    while not world.api.taken:
        await world.engine.step()
    assert (await world.now(task)).state is TaskState.GENERATING
    assert tries == 3 * submission.WRITE_TRIES + 1
    await world.work(300)
    assert (await world.now(task)).reason is None
    assert [message.reason for message in world.discord.sent] == [None]
    assert len(world.api.taken) == 1


async def test_the_id_of_a_paid_create_reaches_the_new_owner_of_its_task_although_the_database_goes_away_again(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that starts refuses some statements and takes others. Another process has claimed the task."""
    away, tries = asyncio.Event(), 0
    move, put = world.tasks.move, world.stores.creates.put_in_question

    async def moved(task: Task, to: TaskState, **changes: Any) -> Task:
        if to is TaskState.GENERATING and asyncio.current_task() is pushing and not away.is_set():
            await taken_over()
        return await move(task, to, **changes)

    async def taken_over() -> None:
        away.set()
        world.clock.turn(31)
        await world._new_engine().step()

    async def put_in_question(*args: Any, **given: Any) -> bool:
        nonlocal tries
        if (tries := tries + 1) <= 2:
            raise DatabaseAway("it is starting or being stopped")
        return await put(*args, **given)

    monkeypatch.setattr(world.tasks, "move", moved)
    monkeypatch.setattr(world.stores.creates, "put_in_question", put_in_question)
    monkeypatch.setattr(submission, "AWAY_SECONDS", 0.0)
    task = await world.ask()
    _, (created,) = await world.engine._tasks.claim(await world.engine._tasks.look())
    pushing = asyncio.create_task(world.engine._tasks.push(created))
    await pushing
    assert tries == 3
    await world.work(300)
    assert (await world.now(task)).reason is None
    assert world.discord.sent[-1].reason is None
    assert len(world.api.taken) == 1


async def test_nothing_is_sent_once_the_lease_has_run_out(world: EngineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may already have informed the asker."""
    reached, goes_on = asyncio.Event(), asyncio.Event()
    begun = world.engine._cards.begun
    await world.ask()

    async def slowly(task: Task) -> tuple[Reference, ...]:
        reached.set()
        await goes_on.wait()
        return await begun(task)

    monkeypatch.setattr(world.engine._cards, "begun", slowly)
    pushing = asyncio.create_task(world.engine.step())
    await reached.wait()
    world.clock.turn(31)
    await world.restart()
    await world.work(30)
    goes_on.set()
    await pushing
    assert world.api.taken == []
    assert [message.reason for message in world.discord.sent] == [Reason.UNCONFIRMED]


async def test_what_failed_before_it_was_sent_is_sent_in_its_next_turn(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task is queued again at once: in `submitting`, another process could not know that nothing was sent."""
    task = await world.ask()
    _fail_once_while_submitting(world, monkeypatch)
    await world.engine.step()
    assert (await world.now(task)).state is TaskState.QUEUED
    await world._new_engine().step()
    await world.work(120)
    assert (await world.now(task)).reason is None
    assert len(world.api.taken) == 1


@pytest.mark.parametrize("answer", [None, Throttled("429"), Refused(422, "size error")])
async def test_a_create_that_is_known_to_have_cost_nothing_is_never_unconfirmed_because_the_database_was_away(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch, answer: Exception | None
) -> None:
    """None: the database goes away before the create is sent."""
    tries = 0

    def fails_first(store: Callable[..., Awaitable[Task]]) -> Callable[..., Awaitable[Task]]:
        async def stored(task: Task, *args: Any, **changes: Any) -> Task:
            nonlocal tries
            if task.state is TaskState.SUBMITTING and (tries := tries + 1) <= 20:
                raise DatabaseAway("the connection was lost")
            return await store(task, *args, **changes)

        return stored

    await world.ask()
    if answer is None:
        _fail_once_while_submitting(world, monkeypatch)
    else:
        world.api.next_create = [answer]
    for name in ("move", "settle", "change"):
        monkeypatch.setattr(world.tasks, name, fails_first(getattr(world.tasks, name)))
    monkeypatch.setattr(submission, "AWAY_SECONDS", 0.0)
    await world.work(150)
    assert tries > 20
    assert [message.reason for message in world.discord.sent] == [getattr(answer, "reason", None)]
    assert len(world.api.created) == (2 if isinstance(answer, Throttled) else 1)


async def test_creates_that_stalled_before_they_were_sent_do_not_exceed_the_limit_with_those_after_them(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk or the machine stalls for longer than a create without an answer counts."""
    engine, reached, goes_on, at_hold = world.engine, asyncio.Event(), asyncio.Event(), list[Task]()
    hold = engine._lifecycle.submission._hold

    async def held(task: Task) -> None:
        at_hold.append(task)
        if len(at_hold) == CREATES_PER_WINDOW:
            reached.set()
        await goes_on.wait()
        await hold(task)

    monkeypatch.setattr(engine._lifecycle.submission, "_hold", held)
    tasks = [await world.ask(asker_id=asker) for asker in range(1, 61)]
    pushes = [
        asyncio.create_task(engine._tasks.push(task))
        for task in chain(*await engine._tasks.claim(await engine._tasks.look()))
    ]
    await reached.wait()
    world.clock.turn(91)
    pushes += [
        asyncio.create_task(engine._tasks.push(task))
        for task in chain(*await engine._tasks.claim(await engine._tasks.look()))
    ]
    goes_on.set()
    await asyncio.gather(*pushes)
    await world.work(300)
    came = sorted(world.api.created)
    assert max(sum(at <= other < at + 10_000 for other in came) for at in came) <= CREATES_PER_WINDOW
    assert {(await world.now(task)).reason for task in tasks} == {None}
    assert len(world.api.taken) == 60


@pytest.mark.parametrize("away_seconds", [1, 40])
@pytest.mark.parametrize("is_stored", [True, False])
@pytest.mark.parametrize("model", [{}, {"model": "z-image", "variants": 2}])
async def test_a_create_whose_commit_has_no_answer_is_sent_once(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch, is_stored: bool, away_seconds: int, model: dict[str, Any]
) -> None:
    """It was not sent, which only this process knows, even once its lease has run out. For a model that makes one
    picture per create, this happens to the second create."""
    begin, before, failed = world.stores.creates.begin, TaskState.GENERATING if model else TaskState.QUEUED, False
    task = await world.ask(**model)

    async def begun(*args: Any, **given: Any) -> Task | None:
        nonlocal failed
        fails = not failed and (await world.now(task)).state is before
        found = await begin(*args, **given) if is_stored or not fails else None
        if fails and (found is not None or not is_stored):
            failed = True
            raise DatabaseAway("the connection was lost", uncertain=True)
        return found

    monkeypatch.setattr(world.stores.creates, "begin", begun)
    while not failed:
        await world.engine.step()
        world.clock.turn(1)
    world.clock.turn(away_seconds)
    await world.work(150)
    assert len(world.api.created) == (2 if model else 1)
    assert [message.reason for message in world.discord.sent] == [None]
    assert CreateState.UNCONFIRMED not in {create.state for create in await world.stores.creates.of_task(task.id)}


async def test_a_probe_that_others_took_over_before_it_was_sent_gives_its_turn_back(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.engine._admission.account.probe()
    first, other = await world.ask("first"), world._new_engine()
    _fail_once_while_submitting(world, monkeypatch)
    back = world.tasks.move

    async def moving(task: Task, to: TaskState, **given: Any) -> Task:
        if to is TaskState.QUEUED:
            raise OSError("the database is away")
        return await back(task, to, **given)

    monkeypatch.setattr(world.tasks, "move", moving)
    await world.engine.step()
    assert (await world.now(first)).state is TaskState.SUBMITTING
    world.clock.turn(31)
    await other.step()
    assert (await world.now(first)).reason == Reason.UNCONFIRMED
    second = await world.ask("second", asker_id=8)
    await world.work(120)
    assert (await world.now(second)).reason is None
    assert len(world.api.taken) == 1


def _fail_once_while_submitting(world: EngineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = world.engine._cards.begun

    async def failing(task: Task) -> tuple[Reference, ...]:
        monkeypatch.setattr(world.engine._cards, "begun", begun)
        raise OSError("the database is away")

    monkeypatch.setattr(world.engine._cards, "begun", failing)


async def test_a_pause_that_began_while_another_was_looked_at_stays(world: EngineWorld) -> None:
    world.api.balance = 1.0
    account = world.engine._admission.account
    await account.refused(AccountRefused(402, "credits", Reason.ACCOUNT_CREDIT))
    world.clock.turn(61)

    async def credits_are_read() -> float:
        world.api.credits = lambda: _soon(9.0)  # type: ignore[method-assign]  # after the first reading
        await account.refused(AccountRefused(401, "key", Reason.ACCOUNT_KEY))
        return 500.0

    world.api.credits = credits_are_read  # type: ignore[method-assign]  # another refusal arrives during the reading
    await account.check()
    assert account.paused is Reason.ACCOUNT_KEY
    await world.restart()
    assert world.engine._admission.account.paused is Reason.ACCOUNT_KEY


async def _soon(value: float) -> float:
    return value


async def test_a_quota_used_up_by_an_upload_is_told_to_the_operator_once(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path, always_upload=True) as world:
        world.api.next_upload = [Refused(433, "limit", Reason.ACCOUNT_QUOTA)] * 2
        tasks = [await world.ask(references=(world.attach("a.png", png()),)) for _ in range(2)]
        await world.work(30)
        assert {(await world.now(task)).reason for task in tasks} == {Reason.ACCOUNT_QUOTA}
        assert world.discord.told_operator == [Reason.ACCOUNT_QUOTA]
        assert world.engine._admission.takes_creates


async def test_a_create_that_begins_while_the_cards_are_updated_has_the_pictures_that_were_read_with_it(
    world: EngineWorld,
) -> None:
    """The task is in work already: its first create was refused because of its pictures, and others were uploaded."""
    uploaded: list[Reference] = []

    async def begins_again() -> None:
        facts = await world.stores.card_facts.of(task)
        uploaded.extend(replace(picture, uploaded_url="https://uploads.test/again") for picture in facts.references)
        world.engine._cards.remember(task, replace(facts, references=tuple(uploaded)))

    await world.restart_with(Meanwhile(world.stores.references, "of_tasks", begins_again))
    task = await world.ask(references=(world.attach("a.png", png()),))
    while (await world.now(task)).state is not TaskState.GENERATING:
        await world.engine.step()
    other = await world.ask(references=(world.attach("b.png", png()),))
    while (await world.now(other)).prepared_at is None:
        await world.engine.step()
    await world.engine._cards.show_waiting()
    assert uploaded
    assert await world.engine._cards.begun(await world.now(task)) == tuple(uploaded)
