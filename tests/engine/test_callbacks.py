"""Callbacks make the engine poll a task at once, and reduce regular polls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.engine.ports import Record
from bot.engine.timing.callback_reliability import RELIED_POLL_COST_SECONDS, CallbackReliability
from bot.engine.timing.schedule import POLL_COST_SECONDS
from storage.catalogue import WireForm
from storage.models import TaskState
from tests.storage.rows import PLENTY
from tests.worlds.engine_callbacks import PREFIX, token, told
from tests.worlds.engine_world import NO_LIMITS, EngineWorld, open_engine_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[EngineWorld]:
    async with open_engine_world(tmp_path, callbacks=PREFIX) as opened:
        yield opened


# -- tokens ----------------------------------------------------------------------------------------------------------


async def test_each_create_has_its_own_token_of_which_only_a_digest_is_kept(world: EngineWorld, tmp_path: Path) -> None:
    for _ in range(3):
        await world.ask()
    await world.work(5)
    tokens = {token(world, create) for create in range(3)}
    assert len(tokens) == 3
    stored = _stored(tmp_path)
    assert all(len(token) >= 43 and token.encode() not in stored for token in tokens)
    assert tokens.isdisjoint(repr(world.api.taken))


def _stored(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("atelier.db*"))


async def test_without_an_address_to_call_back_nothing_is_said_of_one(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path) as world:
        await world.ask()
        await world.work(5)
        assert world.api.taken[0].callback_url is None


async def test_a_token_that_no_create_has_is_unknown(world: EngineWorld) -> None:
    await world.ask()
    await world.work(5)
    assert not await world.engine.called_back("never given", "kie1")


# -- polls caused by callbacks ---------------------------------------------------------------------------------------


async def test_a_callback_has_the_task_asked_about_at_once(world: EngineWorld) -> None:
    world.api.seconds = 0.1
    task = await world.ask()
    while not world.api.taken:
        await world.engine.step()
    world.clock.turn(0.2)
    await world.engine.step()
    assert world.api.asked == []
    assert await world.engine.called_back(token(world), "kie1")
    for _ in range(2):
        await world.engine.step()
    assert (await world.now(task)).state is TaskState.CLOSED
    assert told(world, task) == [None]


async def test_a_callback_during_a_question_has_it_asked_once_more(world: EngineWorld) -> None:
    task = await world.ask()
    await world.work(3)
    ask = world.api.record

    async def record(job_id: str, form: str = WireForm.FOUR_O) -> Record:
        answer = await ask(job_id)
        if len(world.api.asked) == 1:
            await world.engine.called_back(token(world), job_id)
            world.clock.turn(30)
        return answer

    world.api.record = record  # type: ignore[method-assign]  # a callback arrives during the poll
    while not world.api.asked:
        await world.engine.step()
        world.clock.turn(1)
    assert (await world.now(task)).due_at <= world.clock()
    for _ in range(2):
        await world.engine.step()
    assert told(world, task) == [None]


async def test_callbacks_that_come_again_change_nothing(world: EngineWorld) -> None:
    task = await world.ask()
    for _ in range(30):
        await world.work(4)
        if world.api.taken:
            assert await world.engine.called_back(token(world), "kie1")
    assert told(world, task) == [None]
    assert len(world.api.taken) == 1


async def test_a_callback_with_the_id_of_another_task_is_ignored(world: EngineWorld) -> None:
    first, second = await world.ask("first"), await world.ask("second")
    await world.work(3)
    asked = len(world.api.asked)
    due = [(await world.now(task)).due_at for task in (first, second)]
    assert await world.engine.called_back(token(world, 0), "kie2")
    assert [(await world.now(task)).due_at for task in (first, second)] == due
    await world.engine.step()
    assert len(world.api.asked) == asked


# -- regular polls ---------------------------------------------------------------------------------------------------


async def _ended(world: EngineWorld, *called: bool, late: float = 0) -> None:
    """Store a task that ended 70 s ago for each of `called`: true if its callback came `late` seconds after the end."""
    for number, back in enumerate(called):
        task, *_ = await world.stores.tasks.add(world.request(), NO_LIMITS, now=world.clock())
        await world.stores.tasks.change(task, prepared_at=world.clock())
        token = f"{task.id} {number}"
        begun = await world.stores.creates.begin("x", PLENTY, now=world.clock(), lease_ms=1, token=token)
        assert begun is not None
        making = await world.stores.tasks.move(
            begun, TaskState.GENERATING, now=world.clock(), why="taken", job_id=token
        )
        await world.stores.tasks.settle(
            making, now=world.clock(), why="done", reason=None, urls=["https://results.test/1"]
        )
        if back:
            at = world.clock() + int(late * 1000)
            assert await world.stores.creates.called_back(token, token, reason="unconfirmed", now=at, since=0)
    world.clock.turn(70)


async def test_callbacks_are_relied_on_after_twenty_of_which_two_may_be_missing(world: EngineWorld) -> None:
    reliability = CallbackReliability(stores=world.stores, expected=True, clock=world.clock)
    await _ended(world, *[True] * 19)
    assert await reliability.poll_cost() == POLL_COST_SECONDS
    await _ended(world, True)
    assert await reliability.poll_cost() == RELIED_POLL_COST_SECONDS
    await _ended(world, False, True, False)
    assert await reliability.poll_cost() == RELIED_POLL_COST_SECONDS
    await _ended(world, True, False, True)
    assert await reliability.poll_cost() == POLL_COST_SECONDS
    unexpected = CallbackReliability(stores=world.stores, expected=False, clock=world.clock)
    assert await unexpected.poll_cost() == POLL_COST_SECONDS


@pytest.mark.parametrize("late", [None, 61])
@pytest.mark.sampled(every=2)
async def test_callbacks_that_stop_or_come_late_are_relied_on_no_more(world: EngineWorld, late: float | None) -> None:
    reliability = CallbackReliability(stores=world.stores, expected=True, clock=world.clock)
    await _ended(world, *[True] * 20, late=59)
    assert await reliability.poll_cost() == RELIED_POLL_COST_SECONDS
    await _ended(world, *[late is not None] * 2, late=late or 0)
    assert await reliability.poll_cost() == POLL_COST_SECONDS


async def test_polls_are_further_apart_while_callbacks_are_relied_on(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait() -> int:
        before, task = len(world.api.asked), await world.ask()
        while len(world.api.asked) == before:
            await world.work(1)
        return (await world.now(task)).due_at - world.clock()

    async def relied(_: CallbackReliability) -> float:
        return RELIED_POLL_COST_SECONDS

    usual = await wait()
    monkeypatch.setattr(CallbackReliability, "poll_cost", relied)
    assert await wait() >= 1.5 * usual


@pytest.mark.sweep
async def test_callbacks_repeated_in_a_moment_ask_no_more_often_than_the_api_allows(world: EngineWorld) -> None:
    """The API allows three requests per second for a record."""
    world.api.seconds = 300
    await world.ask()
    await world.work(5)
    before = len(world.api.asked)
    for _ in range(100):
        await world.engine.called_back(token(world), "kie1")
        await world.engine.step()
        world.clock.turn(0.02)
    assert len(world.api.asked) - before <= 3
