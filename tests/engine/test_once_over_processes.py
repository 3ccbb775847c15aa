"""What several processes on one database do once: alerts, periodic jobs, metrics of rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import event

from bot.client import Atelier
from bot.engine import due_tasks
from bot.engine.outbox import outboxes
from bot.engine.processes.membership import LEASE_MS
from bot.errors import Reason
from bot.web.balance import Balance
from bot.web.metrics import Metrics
from storage.disks import Disks
from storage.models import TaskState
from storage.statistics import StatisticsStore
from tests.engine.test_fair_places import at_work
from tests.worlds.engine_world import EngineWorld, open_engine_worlds
from tests.worlds.waiting import eventually


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[list[EngineWorld]]:
    async with open_engine_worlds(tmp_path, (0, 1), (2, 3)) as worlds:
        yield worlds


async def test_an_alert_that_two_processes_have_at_the_same_moment_is_sent_once(two: list[EngineWorld]) -> None:
    alerts = [world.engine._alerts for world in two]
    await asyncio.gather(*[alert.alert(Reason.ACCOUNT_CREDIT) for alert in alerts])
    assert two[0].discord.told_operator == [Reason.ACCOUNT_CREDIT]
    two[0].clock.turn(25 * 3600)
    await asyncio.gather(*[alert.alert(Reason.ACCOUNT_CREDIT) for alert in alerts])
    assert two[0].discord.told_operator == [Reason.ACCOUNT_CREDIT] * 2


async def test_an_alert_that_one_process_could_not_send_is_sent_by_another(two: list[EngineWorld]) -> None:
    first, second = two
    first.discord.down = True
    await first.engine._alerts.alert(Reason.ACCOUNT_CREDIT)
    first.clock.turn(61)
    await second.engine._alerts.alert(Reason.ACCOUNT_CREDIT)
    assert second.discord.told_operator == [Reason.ACCOUNT_CREDIT]


async def test_only_the_leader_does_the_jobs_of_all(two: list[EngineWorld]) -> None:
    done: list[int] = []

    async def job() -> None:
        done.append(1)

    jobs = [world.engine._if_leading(job) for world in two]
    for each in jobs:
        await each()
    assert len(done) == 1
    two[0].clock.turn(LEASE_MS / 1000)
    await two[1].engine.membership.beat()
    for each in jobs:
        await each()
    assert len(done) == 2


async def test_rows_are_counted_in_the_metrics_of_the_leader_alone(two: list[EngineWorld]) -> None:
    await two[0].ask()
    shown = []
    for world in two:
        metrics = Metrics(
            Atelier(extensions=()),
            StatisticsStore(world.database),
            Balance(world.api.credits),
            Disks(),
            membership=world.engine.membership,
            clock=world.clock,
        )
        shown.append((await metrics.scrape()).decode().splitlines())
    first, second = shown
    assert 'atelier_tasks{state="queued"} 1.0' in first
    assert not [line for line in second if line.startswith(("atelier_tasks", "atelier_outcomes", "atelier_creates"))]
    for lines, leads in ((first, 1), (second, 0)):
        assert f"atelier_leads {leads}.0" in lines
        assert "atelier_processes 2.0" in lines
        assert "atelier_database_readable 1.0" in lines


async def test_a_process_that_cannot_write_its_row_shows_an_unreadable_database(two: list[EngineWorld]) -> None:
    second = two[1]
    second.clock.turn(LEASE_MS / 1000)
    metrics = Metrics(
        Atelier(extensions=()),
        StatisticsStore(second.database),
        Balance(second.api.credits),
        Disks(),
        membership=second.engine.membership,
        clock=second.clock,
    )
    assert "atelier_database_readable 0.0" in (await metrics.scrape()).decode().splitlines()


class Uses:
    """Counts how often a connection of a process is used: a transaction, or some reads."""

    def __init__(self, world: EngineWorld) -> None:
        self.count = 0
        event.listen(world.database._engine.sync_engine, "checkout", self._used)

    def _used(self, *_: object) -> None:
        self.count += 1


async def a_second(world: EngineWorld) -> float:
    """Return how often per second an idle process uses the database."""
    uses = Uses(world)
    await world.engine._tasks.start_due()
    rate = uses.count / due_tasks.IDLE_SECONDS
    for job, pause, *_ in world.engine._periodic_jobs():
        before = uses.count
        await job()
        rate += (uses.count - before) / (pause if isinstance(pause, float | int) else pause())
    return rate


async def test_more_processes_cost_little_while_there_is_nothing_to_do(tmp_path: Path) -> None:
    async with open_engine_worlds(tmp_path, (0,), (1,), (2,), (3,)) as worlds:
        leader, *others = [await a_second(world) for world in worlds]
    assert leader < 2.5
    assert max(others) < 1.5


async def test_a_request_needs_few_transactions(two: list[EngineWorld]) -> None:
    first, second = two
    task = await first.ask(guild_id=1)
    uses = Uses(first)
    while (await second.now(task)).state is not TaskState.CLOSED:
        await first.engine._tasks.start_due()
        await asyncio.gather(*first.engine._tasks.steps)
        first.clock.turn(40)
    assert uses.count <= 13


@pytest.mark.parametrize("shard", [0, 2])
async def test_outbox_rows_are_worked_on_by_the_process_of_their_shard_when_the_leader_sees_them(
    two: list[EngineWorld], monkeypatch: pytest.MonkeyPatch, shard: int
) -> None:
    monkeypatch.setattr(outboxes, "NOT_TOLD_SECONDS", 600.0)
    monkeypatch.setattr(outboxes, "SHARING_SECONDS", 0.05)

    async def are_done() -> bool:
        return not await two[0].stores.curation.outbox.due(now=two[0].clock(), limit=9)

    async def all_hear() -> bool:
        return all(world.database.notices.complete for world in two)

    await eventually(all_hear)
    task = await two[0].ask(guild_id=shard << 22 | 7)
    await two[0].engine.requests.cancel(task.id, task.asker_id)
    async with AsyncExitStack() as stack:
        for world in two:
            await stack.enter_async_context(at_work(world))
        for _ in range(3):  # at the first time, also by the look of each process when it starts
            await two[0].stores.curation.remove(task.id, by=task.asker_id, now=two[0].clock())
            await eventually(are_done)
