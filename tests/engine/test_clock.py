"""The machine's clock jumps: work goes on, no paid task is given up, and no limit is exceeded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.engine.clock import PROVEN_AFTER_MS, SteadyClock, earliest, is_doubtful
from bot.engine.timing.timekeeping import FACT, Timekeeping
from bot.errors import AccountRefused, LimitReached, Reason, Unavailable
from storage.clock import TIMES, ClockStore
from storage.models import Limits, Task, TaskState
from storage.schema import creates, metadata, tasks
from tests.hostile.clocks import DAY, HOUR, JUMPS, skewed
from tests.worlds.engine_world import START, Clock, EngineWorld, open_engine_world, png

MINUTE = 60_000


@dataclass
class Machine:
    """A machine's clocks. `true` is the real time; the wall clock differs from it by `off` ms."""

    true: Clock = field(default_factory=Clock)
    off: int = 0

    def wall(self) -> int:
        return self.true() + self.off

    def steady(self) -> int:
        return self.true() - START + 5 * MINUTE

    def jump(self, name: str) -> None:
        self.off = skewed(JUMPS[name], self.true())


@dataclass
class Hosted:
    """An engine that uses the clocks of a `Machine`."""

    world: EngineWorld
    machine: Machine
    keeping: Timekeeping

    async def restart(self) -> None:
        self.keeping = await begin(self.world, self.machine)
        self.world.engine_clock = self.keeping.clock
        await self.world.restart()

    async def work(self, seconds: float, every: float = 5.0) -> None:
        for _ in range(int(seconds / every)):
            self.machine.true.turn(every)
            await self.keeping.step()
            await self.world.engine.step()

    async def ask(self, **changes: Any) -> Task:
        return await self.world.ask(arrived_at=self.keeping.clock(), **changes)

    async def is_done(self, task: Task) -> bool:
        now = await self.world.now(task)
        return now.state is TaskState.CLOSED and now.reason is None

    async def stamps(self) -> list[int]:
        async with self.world.database.read() as connection:
            return list((await connection.execute(sa.select(creates.c.at).order_by(creates.c.id))).scalars())


async def begin(world: EngineWorld, machine: Machine) -> Timekeeping:
    return await Timekeeping.begin(ClockStore(world.database), world.stores, wall=machine.wall, steady=machine.steady)


@asynccontextmanager
async def opened(folder: Path, **policy: Any) -> AsyncIterator[Hosted]:
    async with open_engine_world(folder, **policy) as world:
        machine = Machine(world.clock)
        hosted = Hosted(world, machine, await begin(world, machine))
        await hosted.restart()
        yield hosted


@pytest.fixture
async def hosted(tmp_path: Path) -> AsyncIterator[Hosted]:
    async with opened(tmp_path) as running:
        yield running


# -- while the bot runs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.sampled(every=4)
async def test_a_jump_while_it_runs_neither_stops_work_nor_gives_up_what_is_paid(hosted: Hosted, jump: str) -> None:
    hosted.world.api.seconds = 40
    paid = await hosted.ask()
    await hosted.work(5)
    hosted.machine.jump(jump)
    later = await hosted.ask()
    await hosted.work(70)
    assert await hosted.is_done(paid)
    assert await hosted.is_done(later)


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.sampled(every=4)
async def test_a_jump_for_half_a_minute_while_it_runs_changes_nothing(hosted: Hosted, jump: str) -> None:
    hosted.world.api.seconds = 120
    paid = await hosted.ask()
    await hosted.work(10)
    hosted.machine.jump(jump)
    await hosted.work(30, every=10)
    hosted.machine.off = 0
    await hosted.work(30, every=10)
    now = await hosted.world.now(paid)
    assert (now.state, now.overdue_notified_at) == (TaskState.GENERATING, None)
    await hosted.work(100, every=20)
    assert await hosted.is_done(paid)
    assert hosted.keeping.clock() == hosted.machine.true()


# -- across a restart --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.sampled(every=4)
async def test_a_jump_over_a_restart_neither_stops_work_nor_gives_up_what_is_paid(hosted: Hosted, jump: str) -> None:
    hosted.world.api.seconds = 120
    paid = await hosted.ask()
    await hosted.work(10)
    hosted.world.api.next_record = [Unavailable("away") for _ in range(3)]
    hosted.machine.jump(jump)
    hosted.machine.true.turn(20)
    await hosted.restart()
    later = await hosted.ask()
    await hosted.work(30, every=10)
    assert (await hosted.world.now(paid)).state is TaskState.GENERATING
    await hosted.work(300, every=30)
    assert await hosted.is_done(paid)
    assert await hosted.is_done(later)


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.sampled(every=4)
async def test_a_jump_for_half_a_minute_over_a_restart_gives_nothing_up(hosted: Hosted, jump: str) -> None:
    """The machine starts with a wrong clock, which is corrected half a minute later."""
    hosted.world.api.seconds = 1000
    paid = await hosted.ask()
    await hosted.work(10)
    hosted.machine.jump(jump)
    hosted.machine.true.turn(20)
    await hosted.restart()
    await hosted.work(30, every=10)
    hosted.machine.off = 0
    await hosted.work(700, every=100)
    assert (await hosted.world.now(paid)).state is TaskState.GENERATING
    hosted.machine.true.turn(5)
    await hosted.restart()
    await hosted.work(700, every=100)
    assert await hosted.is_done(paid)


@pytest.mark.parametrize("jump", [name for name, by in JUMPS.items() if isinstance(by, int)])
@pytest.mark.sampled(every=4)
async def test_a_jump_that_lasts_is_taken_over_at_the_next_start_and_no_age_changes(hosted: Hosted, jump: str) -> None:
    hosted.world.api.seconds = 10_000
    paid = await hosted.ask()
    await hosted.work(10)
    before = await hosted.world.now(paid)
    hosted.machine.jump(jump)
    await hosted.work(PROVEN_AFTER_MS / 1000 + 60, every=60)
    age = hosted.keeping.clock() - (before.generating_at or 0)
    await hosted.restart()
    after = await hosted.world.now(paid)
    assert hosted.keeping.clock() == hosted.machine.wall()
    grown = hosted.keeping.clock() - (after.generating_at or 0) - age
    assert grown == 0 or (-60_000 <= grown < 0 and jump == "a minute back")
    assert after.due_at - hosted.keeping.clock() < 10 * MINUTE
    await hosted.restart()
    assert (await hosted.world.now(paid)).generating_at == after.generating_at


async def test_a_clock_that_was_a_year_behind_and_is_set_right_leaves_every_stamp_as_it_was(hosted: Hosted) -> None:
    task = await hosted.ask()
    await hosted.work(60, every=20)
    hosted.machine.true.turn(10 * DAY / 1000)
    await hosted.restart()
    await hosted.work(700, every=100)
    before = await hosted.world.now(task)
    for jump in (-365 * DAY, 0):
        hosted.machine.off = jump
        await hosted.work(PROVEN_AFTER_MS / 1000 + 60, every=60)
        await hosted.restart()
        assert hosted.keeping.clock() == hosted.machine.wall()
    after = await hosted.world.now(task)
    assert (after.created_at, after.settled_at, after.closed_at) == (
        before.created_at,
        before.settled_at,
        before.closed_at,
    )


async def test_a_clock_before_this_bot_was_written_is_never_taken_over(hosted: Hosted) -> None:
    hosted.machine.jump("to the epoch, as a machine without a battery begins")
    await hosted.restart()
    await hosted.work(2 * PROVEN_AFTER_MS / 1000, every=100)
    await hosted.restart()
    assert hosted.keeping.clock() == hosted.machine.true()


async def test_creates_of_an_older_release_in_the_future_hold_nothing_up(hosted: Hosted) -> None:
    """An older release stored no clock reading, and its last create has a time stamp one day in the future."""
    await hosted.ask()
    await hosted.work(60)
    async with hosted.world.database.write() as connection:
        await connection.execute(sa.update(creates).values(at=creates.c.at + DAY))
    await hosted.world.stores.key_values.set(FACT, None)
    await hosted.restart()
    later = await hosted.ask()
    await hosted.work(60)
    assert await hosted.is_done(later)


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.sampled(every=8)
async def test_whatever_the_clock_does_no_more_than_twenty_creates_are_sent_in_ten_seconds(
    hosted: Hosted, jump: str, restarts: bool
) -> None:
    hosted.world.api.seconds = 5
    sent: list[int] = []
    asked = [await hosted.ask(asker_id=number) for number in range(45)]
    hosted.machine.true.turn(1)
    for second in range(0, 36, 2):
        if second == 4:
            hosted.machine.jump(jump)
            if restarts:
                await hosted.restart()
        if second == 18:
            hosted.machine.off = 0
        await hosted.work(2, every=2)
        sent += [second] * (len(hosted.world.api.taken) - len(sent))
    assert all(late - early >= 10 for early, late in zip(sent, sent[20:], strict=False))
    assert len(sent) == len(asked)


async def test_the_day_of_a_limit_is_neither_begun_anew_nor_prolonged(tmp_path: Path) -> None:
    limits = Limits(open_tasks_per_user=0, pictures_per_user_per_day=1, pictures_per_day=0)
    async with opened(tmp_path, limits=limits) as hosted:
        await hosted.ask()
        for jump in (DAY + HOUR, -DAY - HOUR):
            hosted.machine.off = jump
            await hosted.work(20)
            with pytest.raises(LimitReached):
                await hosted.ask()
        hosted.machine.true.turn(DAY / 1000 + 60)
        await hosted.ask()


async def test_what_waits_to_be_sent_is_not_given_up_after_a_jump_over_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path, always_upload=True) as hosted:
        hosted.world.api.next_upload = [Unavailable("away") for _ in range(50)]
        waiting = await hosted.ask(references=(hosted.world.attach("cat.png", png()),))
        await hosted.work(10)
        hosted.machine.jump("a day and an hour forward")
        await hosted.restart()
        await hosted.work(60)
        now = await hosted.world.now(waiting)
        assert (now.state, now.reason) == (TaskState.QUEUED, None)
        hosted.world.api.next_upload.clear()
        await hosted.work(300, every=30)
        assert await hosted.is_done(waiting)


async def test_what_waits_for_credits_is_not_given_up_after_a_jump_over_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path, probe_account_after=timedelta(days=2)) as hosted:
        hosted.world.api.next_create = [AccountRefused(402, "credits", Reason.ACCOUNT_CREDIT)]
        hosted.world.api.balance = 0
        await hosted.ask()
        await hosted.work(10)
        waiting = await hosted.ask()
        hosted.machine.jump("a day and an hour forward")
        await hosted.restart()
        await hosted.work(60)
        assert (await hosted.world.now(waiting)).state is TaskState.QUEUED
        hosted.machine.off = 0
        hosted.world.api.balance = 100
        await hosted.work(900, every=30)
        assert await hosted.is_done(waiting)


async def test_after_a_long_stop_what_is_too_old_is_given_up_ten_minutes_later(hosted: Hosted) -> None:
    hosted.world.api.seconds = 10 * DAY / 1000
    paid = await hosted.ask()
    await hosted.work(10)
    hosted.machine.true.turn(2 * DAY / 1000)
    await hosted.restart()
    await hosted.work(120, every=60)
    assert (await hosted.world.now(paid)).state is TaskState.GENERATING
    await hosted.work(PROVEN_AFTER_MS / 1000 + 600, every=100)
    assert (await hosted.world.now(paid)).reason == Reason.LOST


async def test_copies_are_not_swept_while_it_is_not_sure_how_old_they_are(hosted: Hosted) -> None:
    task = await hosted.ask()
    await hosted.work(60)
    key = (await hosted.world.stores.pictures.of_task(task.id))[0].key
    assert key is not None
    hosted.machine.jump("a year forward")
    await hosted.restart()
    await hosted.world.engine._retention.sweep()
    await hosted.world.engine._orphans.sweep_orphans()
    assert await hosted.world.picture_store.get(key)


# -- the clock itself --------------------------------------------------------------------------------------------------


def test_small_adjustments_are_followed_and_the_time_never_goes_back_by_more_than_a_moment() -> None:
    machine = Machine()
    clock = SteadyClock(machine.wall(), wall=machine.wall, steady=machine.steady)
    for adjusted in (1500, 300, -1500):
        machine.off = adjusted
        for _ in range(100):
            before = clock()
            clock.follow(clock.offset)
            assert clock() >= before - 100
        assert clock() == machine.wall()


def test_a_gap_is_in_doubt_for_ten_minutes_and_for_good_when_the_clock_goes_back_over_it() -> None:
    machine = Machine()
    proven, taken_back = (SteadyClock(machine.wall(), gap=DAY, wall=machine.wall, steady=machine.steady) for _ in "ab")
    assert is_doubtful(proven)
    machine.true.turn(PROVEN_AFTER_MS / 1000)
    assert not is_doubtful(proven)
    machine.off = -DAY
    assert is_doubtful(taken_back)
    assert earliest(taken_back) == machine.wall()


async def test_a_change_is_told_once_and_that_it_is_right_again(
    hosted: Hosted, capsys: pytest.CaptureFixture[str]
) -> None:
    for off in (0, -HOUR, 0):
        hosted.machine.off = off
        await hosted.work(120, every=60)
    said = capsys.readouterr().out
    assert said.count("machine clock was changed:") == 1
    assert said.count("machine clock is right again") == 1


def test_every_column_of_a_time_moves_with_the_clock() -> None:
    names = {f"{table.name}.{column.name}" for table, columns in TIMES.items() for column in columns}
    assert {"tasks.due_at", "tasks.lease_until", "creates.at", "batches.due_at", "erasures.due_at"} <= names
    numbers = {f"{table.name}.{column.name}" for table in metadata.sorted_tables for column in table.c}
    assert not {name for name in numbers - names if name.endswith(("_at", ".at", "_until"))}


async def test_moving_the_stamps_is_one_transaction_with_what_is_noted(hosted: Hosted) -> None:
    task = await hosted.ask()
    store = ClockStore(hosted.world.database)
    await store.shift(after=task.created_at - 1, by=-HOUR, noting={"a": "1", "b": None})
    moved = await hosted.world.now(task)
    assert (moved.created_at, moved.due_at) == (task.created_at - HOUR, task.due_at - HOUR)
    assert await hosted.world.stores.key_values.get("a") == "1"
    async with hosted.world.database.read() as connection:
        assert (await connection.execute(sa.select(tasks.c.lease_until))).scalar_one() == 0
