"""Work that ends the process is identified, tried alone, and given up after three deaths. Other work goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from bot.engine.work.quarantine import ALONE_MS, HELD_MS, MOST_ATTEMPTS
from bot.errors import Reason, Unavailable
from storage.community import ReportState, Setting
from storage.models import Task, TaskState
from tests.worlds.engine_batches import begun, tasks_of
from tests.worlds.engine_world import Crash, EngineWorld, png
from tests.worlds.new_tasks import gallery_copy
from tests.worlds.stand_in_discord import Port, StandInDiscord
from tests.worlds.waiting import eventually

GUILD = 77


@dataclass
class Lives:
    """Run steps of the engine, and restart the process after each death."""

    world: EngineWorld
    deaths: int = 0
    beside: list[int] = field(default_factory=list)
    """Number of other asyncio tasks that were running at each death."""

    async def step(self) -> None:
        before = asyncio.all_tasks()
        try:
            await self.world.engine.step()
        except Crash:
            left = asyncio.all_tasks() - before
            for work in left:
                work.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            self.deaths += 1
            self.beside.append(len(left))
            await self.world.restart()

    async def steps(self, number: int, seconds: float = 1.0) -> None:
        for _ in range(number):
            await self.step()
            self.world.clock.turn(seconds)


class _Dies:
    """Wrap a part of the world. The process dies at each call of `name` for which `when` returns true."""

    def __init__(self, part: Any, name: str, when: Callable[..., bool]) -> None:
        self._part = part
        self._name = name
        self._when = when

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._part, name)
        if isinstance(value, Port):
            return Port(cast("StandInDiscord", self), **value.names)
        if name != self._name:
            return value

        async def call(*args: Any, **kwargs: Any) -> Any:
            if self._when(*args, **kwargs):
                raise Crash(name)
            return await value(*args, **kwargs)

        return call


async def dying(world: EngineWorld, part: Any, name: str, when: Callable[..., bool] = lambda *_, **__: True) -> None:
    """Restart the world with `part` wrapped in `_Dies`."""
    world.wrap = lambda wrapped: _Dies(wrapped, name, when) if wrapped is part else wrapped
    await world.restart()


async def asked(world: EngineWorld, name: str, data: Any, **changes: Any) -> Task:
    return await world.ask(name, references=(world.attach(name, data),), **changes)


async def test_a_file_that_ends_the_process_is_refused_after_three_deaths_and_costs_nothing(world: EngineWorld) -> None:
    task = await asked(world, "deadly.png", Crash())
    lives = Lives(world)
    await lives.steps(15, seconds=5)
    ended = await world.now(task)
    assert lives.deaths == MOST_ATTEMPTS
    assert (ended.state, ended.reason, ended.charged) == (TaskState.CLOSED, Reason.ATTACHED_UNUSABLE, False)
    assert [message.reason for message in world.discord.sent] == [Reason.ATTACHED_UNUSABLE]
    assert world.discord.told_operator == [Reason.WORK_GIVEN_UP]


@pytest.mark.sweep
async def test_what_was_under_way_beside_it_is_done_and_only_the_cause_is_refused(world: EngineWorld) -> None:
    innocent = [await asked(world, f"{n}.png", png(), asker_id=n) for n in range(1, 9)]
    world.clock.turn(0.001)
    deadly = await asked(world, "deadly.png", Crash(), asker_id=9)
    world.clock.turn(0.001)
    innocent += [await asked(world, f"{n}.png", png(), asker_id=n) for n in range(11, 19)]
    lives = Lives(world)
    await lives.steps(60, seconds=3)
    assert lives.deaths == MOST_ATTEMPTS
    assert lives.beside[2:] == [0], "it was tried alone in the end"
    ends = [await world.now(task) for task in innocent]
    assert [(end.state, end.reason) for end in ends] == [(TaskState.CLOSED, None)] * 16
    assert (await world.now(deadly)).reason == Reason.ATTACHED_UNUSABLE
    assert len(world.discord.sent) == 17
    assert len(world.api.taken) == 16


async def test_after_a_single_death_all_that_was_under_way_goes_on_at_once(world: EngineWorld) -> None:
    """A power cut is not caused by a task, so after one death the tasks are not tried one by one."""
    tasks = [await asked(world, f"{n}.png", png(), asker_id=n) for n in range(30)]
    claimed = await world.stores.claims.claim("a process that died", now=world.clock(), lease_ms=10**6, limit=100)
    assert len(claimed) == 30
    await world.restart()
    await world.engine.step()
    assert all([await _prepared(world, task) for task in tasks])


async def test_several_that_end_the_process_are_each_found_out(world: EngineWorld) -> None:
    deadly = [await asked(world, f"deadly{n}.png", Crash(), asker_id=n) for n in range(3)]
    good = await asked(world, "good.png", png(), asker_id=7)
    lives = Lives(world)
    await lives.steps(40, seconds=3)
    assert lives.deaths <= 3 * MOST_ATTEMPTS
    assert [(await world.now(task)).reason for task in deadly] == [Reason.ATTACHED_UNUSABLE] * 3
    assert (await world.now(good)).reason is None
    assert len(world.discord.sent) == 4


async def test_one_that_hangs_while_it_is_tried_alone_keeps_the_others_waiting_for_seconds_only(
    world: EngineWorld,
) -> None:
    hangs = asyncio.Event()
    slow = await asked(world, "slow.png", hangs, asker_id=1)
    world.clock.turn(0.001)
    deadly = await asked(world, "deadly.png", Crash(), asker_id=2)
    lives = Lives(world)
    await lives.steps(2)
    assert lives.deaths == 2
    good = await asked(world, "good.png", png(), asker_id=3)
    world.attachments["deadly.png"] = png()
    running = asyncio.create_task(_run(world))
    await eventually(lambda: _attempted(world, slow, 3))
    await _moment()
    assert not await _prepared(world, good), "the slow one is tried alone"
    assert not await _prepared(world, deadly)
    world.clock.turn(ALONE_MS / 1000)
    await eventually(lambda: _prepared(world, good))
    assert await _prepared(world, deadly)
    assert not await _prepared(world, slow)
    hangs.set()
    await eventually(lambda: _prepared(world, slow))
    world.engine.stop()
    await running


async def _run(world: EngineWorld) -> None:
    await world.engine.run()


async def _moment() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


async def _prepared(world: EngineWorld, task: Task) -> bool:
    return (await world.now(task)).prepared_at is not None


async def test_a_suspect_that_was_taken_back_keeps_nobody_waiting(world: EngineWorld) -> None:
    gone = await asked(world, "deadly.png", Crash(), asker_id=1)
    lives = Lives(world)
    await lives.step()
    assert lives.deaths == 1
    await world.engine.requests.cancel(gone.id, 1)
    good = await asked(world, "good.png", png(), asker_id=2)
    await lives.steps(2)
    assert await _prepared(world, good)
    assert lives.deaths == 1


async def test_a_paid_result_that_ends_the_process_is_told_by_its_link(world: EngineWorld) -> None:
    await dying(world, world.api, "fetch")
    task = await world.ask()
    lives = Lives(world)
    await lives.steps(25, seconds=5)
    assert lives.deaths == MOST_ATTEMPTS
    ended = await world.now(task)
    assert (ended.state, ended.reason, ended.charged) == (TaskState.CLOSED, None, True)
    assert [picture.unfetchable for picture in await world.stores.pictures.of_task(task.id)] == [True]
    assert [message.reason for message in world.discord.sent] == [None]


async def test_a_paid_result_whose_telling_ends_the_process_in_any_form_is_left_to_the_commands(
    world: EngineWorld,
) -> None:
    await dying(world, world.discord, "post")
    task, lives = await world.ask(), Lives(world)
    await lives.steps(30, seconds=5)
    assert lives.deaths == 2 * MOST_ATTEMPTS
    assert (await world.now(task)).state is TaskState.CLOSED
    assert len(await world.stores.pictures.of_task(task.id)) == 1
    assert world.discord.told_operator == [Reason.WORK_GIVEN_UP]


async def test_a_copy_that_ends_the_process_when_it_is_made_to_fit_stays_and_is_told_by_its_link(
    world: EngineWorld,
) -> None:
    def looks(outcome: Any, *_: Any, **__: Any) -> bool:
        return any(picture.key and not picture.unfetchable for picture in outcome.pictures)

    await dying(world, world.discord, "post", looks)
    task, lives = await world.ask(), Lives(world)
    await lives.steps(25, seconds=5)
    assert lives.deaths == MOST_ATTEMPTS
    assert [message.reason for message in world.discord.sent] == [None]
    (picture,) = await world.stores.pictures.of_task(task.id)
    assert picture.key is not None
    assert await world.picture_store.get(picture.key)


async def test_running_out_of_memory_counts_as_a_death_also_where_the_process_survives_it(world: EngineWorld) -> None:
    task = await asked(world, "huge.png", MemoryError())
    good = await asked(world, "good.png", png(), asker_id=8)
    lives = Lives(world)
    await lives.steps(20, seconds=5)
    assert lives.deaths == 0
    assert (await world.now(task)).reason == Reason.ATTACHED_UNUSABLE
    assert (await world.now(good)).reason is None


async def test_what_fails_in_order_is_no_suspect_however_often(world: EngineWorld) -> None:
    task = await asked(world, "later.png", Unavailable("not now"))
    await world.engine.step()
    assert (await world.now(task)).attempts == 0
    await world.restart()
    assert await world.stores.claims.suspects(now=world.clock()) == ()


async def test_what_is_under_way_when_the_process_is_asked_to_stop_is_no_suspect(world: EngineWorld) -> None:
    hangs = asyncio.Event()
    task = await asked(world, "slow.png", hangs)
    running = asyncio.create_task(_run(world))
    await eventually(lambda: _attempted(world, task, 1))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await world.now(task)).attempts == 0


async def _attempted(world: EngineWorld, task: Task, times: int) -> bool:
    return (await world.now(task)).attempts == times


async def test_a_claim_whose_end_could_not_be_written_is_no_death(world: EngineWorld) -> None:
    task = await asked(world, "a.png", png())
    for _ in range(2 * MOST_ATTEMPTS):
        claimed = await world.stores.claims.claim("this process", now=world.clock(), lease_ms=10, limit=10)
        assert [(claim.id, claim.attempts) for claim in claimed] == [(task.id, 1)]
        world.clock.turn(1)
    assert await world.stores.claims.claim("another process", now=world.clock(), lease_ms=10, limit=10) == ()
    assert await world.stores.claims.suspects(now=world.clock()) == ((task.id, 1),)
    (found,) = await world.stores.claims.claim_suspects("another process", [task.id], now=world.clock(), lease_ms=10)
    assert found.attempts == 2


@pytest.mark.sweep
async def test_a_batch_whose_messages_end_the_process_is_told_with_links_and_then_not_at_all(
    world: EngineWorld,
) -> None:
    shows_pictures = False

    def looks(shared: Any, *_: Any, **__: Any) -> bool:
        shown = [picture for entry in shared.entries for picture in entry.shown]
        return any(not picture.unfetchable for picture in shown) or (shows_pictures and bool(shown))

    await dying(world, world.discord, "show_batch", looks)
    await begun(world)
    lives = Lives(world)
    await lives.steps(40, seconds=5)
    assert lives.deaths >= MOST_ATTEMPTS
    assert lives.deaths % MOST_ATTEMPTS == 0
    assert len(world.discord.endings) == 1
    assert world.discord.told_operator == [Reason.WORK_GIVEN_UP]
    shows_pictures, before = True, lives.deaths
    other = await begun(world)
    await lives.steps(50, seconds=5)
    assert lives.deaths > before
    found = await world.stores.batches.get(other.id)
    assert found is not None
    assert found.closed_at is not None
    assert all(task.state is TaskState.CLOSED for task in await tasks_of(world, other))


async def told(world: EngineWorld) -> Task:
    task = await world.ask(asker_id=1, guild_id=GUILD)
    await world.work(60)
    return task


async def test_a_copy_for_a_gallery_that_ends_the_process_is_given_up_and_may_be_asked_for_again(
    world: EngineWorld,
) -> None:
    task = await told(world)
    await dying(world, world.discord, "repost")
    new = gallery_copy(task, channel_id=5, guild_id=GUILD)
    await world.engine.reposts.ask(new)
    lives = Lives(world)
    await lives.steps(30)
    assert lives.deaths == MOST_ATTEMPTS
    assert await world.stores.reposts.of_task(task.id) == ()
    assert world.discord.told_operator == [Reason.WORK_GIVEN_UP]
    _, is_new = await world.engine.reposts.ask(new)
    assert is_new


async def test_a_report_whose_message_ends_the_process_is_given_up(world: EngineWorld) -> None:
    task = await told(world)
    await world.stores.guilds.choose(GUILD, Setting.MODERATORS, 600, by=3, now=world.clock())
    await dying(world, world.discord, "tell_moderators")
    await world.engine.reports.report(task.id, GUILD, by=2, why="", locale="en-US", seen=(9, 1))
    lives = Lives(world)
    await lives.steps(30)
    assert lives.deaths == MOST_ATTEMPTS
    found = await world.stores.reports.get(task.id, GUILD)
    assert found is not None
    assert (found.state, found.due_at) == (ReportState.OPEN, None)


async def test_a_removal_that_ends_the_process_is_given_up(world: EngineWorld) -> None:
    task = await told(world)
    await dying(world, world.discord, "remove")
    await world.stores.curation.remove(task.id, by=1, now=world.clock())
    lives = Lives(world)
    await lives.steps(30)
    assert lives.deaths == MOST_ATTEMPTS
    assert (await world.now(task)).sync_at is None


@pytest.mark.parametrize("again", ["asked", "a day later"])
@pytest.mark.sampled(every=2)
async def test_an_erasure_that_ends_the_process_is_put_by_for_a_day(world: EngineWorld, again: str) -> None:
    task, deadly = await told(world), [True]
    await dying(world, world.picture_store, "delete", lambda *_, **__: deadly[0])
    await world.engine.erasures.ask(1, removes=False, locale="en-US", token="t")
    lives = Lives(world)
    await lives.steps(20, seconds=5)
    assert lives.deaths == MOST_ATTEMPTS
    assert world.discord.told_operator == [Reason.WORK_GIVEN_UP]
    assert await world.stores.tasks.get(task.id) is not None
    deadly[0] = False
    if again == "asked":
        await world.engine.erasures.ask(1, removes=False, locale="en-US", token="t")
    else:
        await lives.steps(5)
        assert await world.stores.tasks.get(task.id) is not None
        world.clock.turn(24 * 3600)
    await lives.steps(5)
    assert await world.stores.tasks.get(task.id) is None
    assert len(world.discord.receipts_sent) == 1


async def test_other_work_waits_while_something_of_another_kind_is_tried_alone(world: EngineWorld) -> None:
    """A copy for a gallery was running when a file caused a death. The two are not tried at the same time."""
    task = await told(world)
    deadly = await asked(world, "deadly.png", Crash(), asker_id=2)
    await world.stores.attempts.begin("repost", "it is gone", owner="before", now=world.clock())
    lives = Lives(world)
    await lives.steps(15, seconds=5)
    assert lives.deaths == MOST_ATTEMPTS
    assert (await world.now(deadly)).reason == Reason.ATTACHED_UNUSABLE
    assert (await world.now(task)).reason is None


async def test_a_suspect_whose_subject_is_gone_keeps_others_waiting_for_seconds_only(world: EngineWorld) -> None:
    await world.stores.attempts.begin("repost", "it is gone", owner="before", now=world.clock())
    await world.restart()
    good = await asked(world, "good.png", png())
    await world.engine.step()
    assert not await _prepared(world, good)
    world.clock.turn(HELD_MS / 1000)
    await world.engine.step()
    assert await _prepared(world, good)


async def test_attempts_that_no_work_will_ever_end_are_forgotten(world: EngineWorld) -> None:
    await world.stores.attempts.begin("thumbnails", "old", owner="before", now=world.clock())
    world.clock.turn(31 * 24 * 3600)
    await world.restart()
    assert await world.stores.attempts.begin("thumbnails", "old", owner="now", now=world.clock()) == 1


async def test_nothing_is_left_counted_after_ordinary_work(world: EngineWorld) -> None:
    task = await asked(world, "good.png", png(), asker_id=1, guild_id=GUILD)
    await begun(world)
    await world.work(120)
    await world.stores.curation.remove(task.id, by=1, now=world.clock())
    await world.engine.step()
    assert await world.stores.attempts.left(now=world.clock()) == ()
    assert await world.stores.claims.suspects(now=world.clock()) == ()
    assert replace(await world.now(task), attempts=0) == await world.now(task)
