"""Erasures with the process dying after any call, and with Discord failing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.engine.clock import SteadyClock
from storage.community import Setting
from storage.models import Route, Task, TaskState
from tests.worlds.engine_world import Crash, Deaths, EngineWorld, Meanwhile, open_engine_world

PERSON = 7
GUILD, MODERATORS = 77, 600


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


async def test_a_receipt_that_discord_does_not_take_is_sent_later_and_its_person_is_then_forgotten(
    world: EngineWorld,
) -> None:
    world.discord.down = True
    await world.engine.erasures.ask(PERSON, removes=False, locale="en-US", token="t")
    await rest(world, 5)
    waits = await world.stores.erasures.of_person(PERSON)
    assert waits is not None
    assert waits.done_at is not None
    world.discord.down = False
    await rest(world, 5)
    assert [receipt.done_at for receipt in world.discord.receipts_sent] == [waits.done_at]
    assert await world.stores.erasures.of_person(PERSON) is None


async def test_a_receipt_that_cannot_be_sent_waits_for_its_person_for_thirty_days(world: EngineWorld) -> None:
    world.discord.receipts_closed = True
    await world.engine.erasures.ask(PERSON, removes=False, locale="en-US", token="t")
    await rest(world, 5)
    unseen = await world.stores.erasures.of_person(PERSON)
    assert unseen is not None
    assert unseen.due_at is None
    for days, waits in ((29, True), (2, False)):
        world.clock.turn(days * 24 * 3600)
        await world.engine.erasures.sweep()
        assert (await world.stores.erasures.of_person(PERSON) is not None) is waits
    assert world.discord.receipts_sent == []


async def test_while_the_clock_is_in_doubt_a_receipt_waits_for_longer(world: EngineWorld) -> None:
    world.discord.receipts_closed = True
    await world.engine.erasures.ask(PERSON, removes=False, locale="en-US", token="t")
    await rest(world, 5)
    jumped = world.clock() + 40 * 24 * 3600 * 1000
    world.engine_clock = SteadyClock(jumped, gap=jumped, wall=lambda: jumped, steady=lambda: 0)
    await world.restart()
    await world.engine.erasures.sweep()
    assert await world.stores.erasures.of_person(PERSON) is not None


async def test_a_task_that_its_asker_cancels_at_that_moment_is_erased_with_the_others(world: EngineWorld) -> None:
    _, _, waits = await begun(world)

    async def cancelled() -> None:
        await world.tasks.move(await world.now(waits), TaskState.CANCELLED, now=world.clock(), why="by the asker")

    await world.restart_with(Meanwhile(world.stores.erasures, "queued", cancelled))
    await asked(world)
    with capture_logs() as logged:
        await rest(world)
    assert await world.tasks.of_user(PERSON) == ()
    assert len(world.discord.receipts_sent) == 1
    assert [entry for entry in logged if entry["log_level"] == "error"] == []


async def reported(world: EngineWorld) -> None:
    """Let another person report a result; the moderators get a message about it."""
    await world.stores.guilds.choose(GUILD, Setting.MODERATORS, MODERATORS, by=1, now=world.clock())
    task = await world.ask(asker_id=PERSON, guild_id=GUILD)
    await world.work(60)
    await world.engine.reports.report(task.id, GUILD, by=2, why="no", locale="en-US", seen=(9, 1))
    await world.engine.step()
    assert len(world.discord.report_nonces) == 1


async def test_moderators_messages_about_their_results_are_deleted_as_soon_as_discord_allows(
    world: EngineWorld,
) -> None:
    await reported(world)
    await asked(world)
    world.discord.down = True
    await rest(world, 5)
    assert len(await world.tasks.of_user(PERSON)) == 1
    world.discord.down = False
    await rest(world)
    assert 2000 in world.discord.deleted
    assert await world.tasks.of_user(PERSON) == ()


async def test_a_moderators_message_that_the_bot_cannot_reach_delays_no_erasure(world: EngineWorld) -> None:
    await reported(world)
    world.discord.closed_channels = {MODERATORS}
    await asked(world)
    await rest(world)
    assert 2000 not in world.discord.deleted
    assert await world.tasks.of_user(PERSON) == ()
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
