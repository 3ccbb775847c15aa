"""Erasures with the process dying after any call, and with Discord failing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.models import Route, Task, TaskState
from tests.worlds.engine_world import Crash, Deaths, EngineWorld, open_engine_world

PERSON = 7


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[EngineWorld]:
    async with open_engine_world(tmp_path, max_in_flight=1) as opened:
        yield opened


async def begun(world: EngineWorld) -> list[Task]:
    """Return three tasks: one is delivered, one is being generated, one is queued."""
    told = await world.ask(asker_id=PERSON)
    await world.work(60)
    made = await world.ask(asker_id=PERSON)
    world.clock.turn(0.01)
    waits = await world.ask(asker_id=PERSON)
    await world.work(5)
    states = [(await world.now(task)).state for task in (told, made, waits)]
    assert states == [TaskState.CLOSED, TaskState.GENERATING, TaskState.QUEUED]
    return [told, made, waits]


async def asked(world: EngineWorld) -> None:
    await world.engine.erasures.ask(PERSON, removes=True, locale="en-US", token="t")


async def rest(world: EngineWorld, steps: int = 25) -> None:
    for _ in range(steps):
        await world.engine.step()
        world.clock.turn(10)


async def files(world: EngineWorld) -> list[str]:
    return [key async for keys in world.picture_store.older("", 2**62) for key in keys]


@pytest.mark.sweep
async def test_whatever_it_dies_at_all_of_it_goes_and_is_told(world: EngineWorld) -> None:
    deaths, died, at = Deaths(), True, 0
    world.wrap = deaths.wrap
    await world.restart()
    while died:
        tasks = await begun(world)
        for kept in (world.discord.sent, world.discord.receipts_sent, world.discord.deleted):
            kept.clear()
        await asked(world)
        died = await _with_a_death(world, deaths, at)
        await rest(world)
        assert [await world.stores.tasks.get(task.id) for task in tasks] == [None] * 3, f"died at {at}"
        assert await files(world) == []
        assert world.discord.sent == []
        assert len(world.discord.deleted) >= 1
        assert world.discord.receipts_sent
        counts = world.discord.receipts_sent[0].counts
        assert (counts["tasks"], counts["copies"]) == (3, 2), f"died at {at}"
        at += 1
    assert at > 10, "the calls of a whole erasure"


async def _with_a_death(world: EngineWorld, deaths: Deaths, at: int) -> bool:
    deaths.arm(at, after=True)
    died = False
    for _ in range(10):
        try:
            await world.engine.erasures.outbox.step()
        except Crash:
            deaths.disarm()
            died = True
            await world.restart()
        at_work = deaths.at
        deaths.disarm()
        await world.engine.step()
        deaths.at = at_work
        world.clock.turn(16)
    deaths.disarm()
    return died


@pytest.mark.sweep
async def test_a_receipt_waits_for_discord(world: EngineWorld) -> None:
    await begun(world)
    await asked(world)
    for _ in range(10):
        await world.engine.step()
        world.clock.turn(10)
        world.discord.down = True
    world.discord.down = False
    await rest(world)
    assert len(world.discord.receipts_sent) == 1


async def test_what_is_kept_for_them_is_not_brought_any_more(world: EngineWorld) -> None:
    world.discord.closed_routes = set(Route)
    task = await world.ask(asker_id=PERSON)
    await world.work(120)
    assert (await world.now(task)).undelivered_at is not None
    world.discord.closed_routes = set()
    await asked(world)
    await rest(world)
    assert await world.stores.tasks.get(task.id) is None
    assert world.discord.sent == []
