"""Processes that share a database follow the clock of its server, whatever their machines' clocks show."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import structlog

from bot.engine.clock import MOST_BACK_MS, PROVEN_AFTER_MS, is_doubtful, system_clock
from bot.engine.timing.timekeeping import Timekeeping
from storage.clock import ClockStore
from storage.database import Database
from storage.processes import Process
from storage.stores import Stores
from tests.storage.rows import LEASE, stored
from tests.worlds.postgres import postgres

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NEAR_MS = 400
"""How far two measured clocks may differ here: half of a round trip on a busy machine."""


@dataclass
class Machine:
    """A machine of its own, with a clock that is wrong and an uptime of its own; `passed` (ms) can be turned."""

    wrong_by: int
    passed: int = 0

    def wall(self) -> int:
        return system_clock() + self.wrong_by

    def steady(self) -> int:
        return time.monotonic_ns() // 1_000_000 + 7 * self.wrong_by + self.passed


class MovedClock(ClockStore):
    """A server whose clock was set forward, or back, by `by` (ms)."""

    by = 0

    async def ahead_of(self, clock: Callable[[], int], *, rounds: int) -> tuple[int, int]:
        ahead, unsure = await super().ahead_of(clock, rounds=rounds)
        return ahead + self.by, unsure


@dataclass
class Keeper:
    machine: Machine
    database: Database
    server: MovedClock
    keeping: Timekeeping

    @property
    def now(self) -> int:
        return self.keeping.clock()


@pytest.fixture
async def keepers() -> AsyncIterator[list[Keeper]]:
    """Two processes on machines whose clocks are five minutes ahead and three behind."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context((await postgres()).database())
        made = []
        for wrong_by in (5 * MINUTE, -3 * MINUTE):
            database = await stack.enter_async_context(Database.open(url))
            made.append(await keeper(database, wrong_by))
        yield made


async def keeper(database: Database, wrong_by: int, by: int = 0) -> Keeper:
    machine, server = Machine(wrong_by), MovedClock(database)
    server.by = by
    keeping = await Timekeeping.begin(server, Stores.on(database), wall=machine.wall, steady=machine.steady)
    return Keeper(machine, database, server, keeping)


def near(one: int, other: int) -> bool:
    return abs(one - other) <= NEAR_MS


async def test_machines_whose_clocks_differ_by_minutes_have_the_same_time(keepers: list[Keeper]) -> None:
    ahead, behind = keepers
    assert near(ahead.now, behind.now)
    assert near(ahead.now, system_clock())  # the server runs on this machine
    for each in keepers:
        await each.keeping.step()
    assert near(ahead.now, behind.now)


async def test_a_lease_means_the_same_to_machines_whose_clocks_differ(keepers: list[Keeper]) -> None:
    ahead, behind = keepers
    here, there = Stores.on(ahead.database).claims, Stores.on(behind.database).claims
    task = await stored(Stores.on(ahead.database), now=ahead.now)
    (claimed,) = await here.claim("ahead", now=ahead.now, lease_ms=LEASE, limit=9)
    assert claimed.id == task.id
    behind.machine.passed += LEASE - 2000
    assert await there.claim_suspects("behind", [task.id], now=behind.now, lease_ms=LEASE) == ()
    behind.machine.passed += 3000
    (taken_over,) = await there.claim_suspects("behind", [task.id], now=behind.now, lease_ms=LEASE)
    assert taken_over.id == task.id


async def test_a_machine_that_slept_catches_up_with_the_server(keepers: list[Keeper]) -> None:
    one, other = keepers
    one.machine.passed -= 3 * MINUTE  # its uptime did not count them
    assert not near(one.now, other.now)
    await one.keeping.step()
    assert near(one.now, other.now)


async def test_all_follow_a_servers_clock_that_is_set_forward(keepers: list[Keeper]) -> None:
    before = keepers[0].now
    with structlog.testing.capture_logs() as logs:
        for each in keepers:
            each.server.by = HOUR
            await each.keeping.step()
            await each.keeping.step()
    assert near(keepers[0].now, before + HOUR)
    assert near(keepers[0].now, keepers[1].now)
    assert len(logs) == 2


async def test_nothing_is_given_up_for_its_age_because_a_servers_clock_jumped_by_a_day(keepers: list[Keeper]) -> None:
    """Else the paid pictures in the making would be lost, and stored pictures deleted."""
    one, other = keepers
    assert not is_doubtful(one.keeping.clock)
    for each in keepers:
        each.server.by = DAY
        await each.keeping.step()
        each.machine.passed += PROVEN_AFTER_MS
        assert is_doubtful(each.keeping.clock)
    late = await keeper(other.database, 0, by=DAY)
    late.machine.passed += PROVEN_AFTER_MS
    assert is_doubtful(late.keeping.clock)


async def test_a_machine_that_slept_for_a_day_doubts_the_time_for_ten_minutes(keepers: list[Keeper]) -> None:
    one, _ = keepers
    one.machine.passed -= DAY
    await one.keeping.step()
    assert is_doubtful(one.keeping.clock)
    one.machine.passed += PROVEN_AFTER_MS
    assert not is_doubtful(one.keeping.clock)


async def test_time_does_not_jump_back_with_a_servers_clock(keepers: list[Keeper]) -> None:
    before = [each.now for each in keepers]
    with structlog.testing.capture_logs() as logs:
        for each in keepers:
            each.server.by = -HOUR
            for _ in range(3):
                await each.keeping.step()
    assert all(each.now >= began - 3 * MOST_BACK_MS for each, began in zip(keepers, before, strict=True))
    assert near(keepers[0].now, keepers[1].now)
    assert len(logs) == 2


async def test_a_process_that_starts_after_a_servers_clock_was_set_back_has_the_time_of_the_others(
    keepers: list[Keeper],
) -> None:
    one, other = keepers
    this = Process(id="one", shard_count=None, shard_ids=(), started_at=one.now, seen_at=one.now)
    await Stores.on(one.database).processes.seen(this, lease_ms=LEASE)
    late = await keeper(other.database, 0, by=-HOUR)
    assert near(late.now, one.now)


async def test_a_measurement_that_took_long_is_left_out(keepers: list[Keeper]) -> None:
    one, _ = keepers

    async def slow(clock: Callable[[], int], *, rounds: int) -> tuple[int, int]:
        ahead, _ = await ClockStore(one.database).ahead_of(clock, rounds=rounds)
        return ahead + HOUR, 1000

    one.server.ahead_of = slow  # type: ignore[method-assign]
    before = one.now
    await one.keeping.step()
    assert near(one.now, before)
