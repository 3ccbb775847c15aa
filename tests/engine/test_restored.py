"""
Tests that a restored backup tells nothing twice and pays nothing twice, whatever state each task had when the backup
was made, and whatever happened afterwards.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from bot.engine.ports import CreateRequest, Record, RecordStatus
from bot.errors import Reason, Throttled, Unavailable
from storage.backup import back_up, restore
from storage.card_facts import Offered
from storage.community import Batch, ReportState, Setting
from storage.creates import THROTTLED_FACT
from storage.database import Database
from storage.models import Task, TaskState
from storage.stores import Stores
from tests.worlds.engine_batches import begun, current, work
from tests.worlds.engine_world import EngineWorld, engine_world_on, png
from tests.worlds.new_tasks import gallery_copy
from tests.worlds.postgres import postgres
from tests.worlds.ready_database import lay_migrated

HOURS = 3600.0
GUILD = 77
QUEUED = ("waiting", "cancelled")


@dataclass
class Lives:
    """A bot whose backup is made at some moment, that goes on, and that is then replaced by what the backup has."""

    world: EngineWorld
    folder: Path
    url: str
    new_url: str
    stack: AsyncExitStack

    @property
    def file(self) -> Path:
        return self.folder / "backup.zip"

    async def back_up(self) -> None:
        world = self.world
        await back_up(self.url, world.picture_store, self.file, with_files=False, program="1", now=world.clock())

    async def restore(self, *, not_run_since: bool = False) -> None:
        world = self.world
        database = await self.stack.enter_async_context(Database.open(self.new_url))
        await restore(self.file, database, world.picture_store, now=world.clock(), not_run_since=not_run_since)
        world.database, world.stores = database, Stores.on(database)
        await world.restart()

    async def back_up_while_creating(self, prompt: str) -> Task:
        """Ask, and make the backup while the create is on its way."""
        create = self.world.api.create

        async def interrupted(request: CreateRequest) -> str:
            if request.request.prompt == prompt:
                await self.back_up()
            return await create(request)

        self.world.api.create = interrupted  # type: ignore[method-assign]
        task = await self.world.ask(prompt)
        await self.world.work(4, every=1)
        assert await asyncio.to_thread(self.file.exists)
        return task

    async def until(self, task: Task, state: TaskState) -> Task:
        for _ in range(40):
            await self.world.engine.step()
            if (found := await self.world.now(task)).state is state:
                return found
            self.world.clock.turn(1)
        raise AssertionError(f"{task.prompt} is {found.state}")


@pytest.fixture(params=["sqlite", "postgres"])
async def lives(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Lives]:
    async with AsyncExitStack() as stack:
        url, new_url = (f"sqlite+aiosqlite:///{tmp_path / name}" for name in ("atelier.db", "restored.db"))
        if request.param == "postgres":
            server = await postgres()
            url, new_url = [await stack.enter_async_context(server.database()) for _ in range(2)]
        else:
            await lay_migrated(tmp_path / "atelier.db")
        world = await engine_world_on(await stack.enter_async_context(Database.open(url)), tmp_path)
        yield Lives(world=world, folder=tmp_path, url=url, new_url=new_url, stack=stack)


@dataclass
class Asked:
    """One task in each state, and a batch."""

    closed: Task
    settled: Task
    generating: Task
    withheld: Task
    several: Task
    throttled: Task
    waiting: Task
    cancelled: Task
    creating: Task
    batch: Batch

    @property
    def all(self) -> list[Task]:
        return [task for task in vars(self).values() if isinstance(task, Task)]


async def ask_for_everything(lives: Lives) -> Asked:
    """Ask for tasks such that there is one in each state when the backup is made."""
    world = lives.world
    closed = await lives.until(await world.ask("closed"), TaskState.CLOSED)
    settled = await lives.until(await world.ask("settled"), TaskState.GENERATING)
    world.clock.turn(20)
    batch = await begun(world)
    generating, withheld = await world.ask("generating"), await world.ask("withheld")
    await lives.until(withheld, TaskState.GENERATING)
    await world.engine.step()
    world.discord.down = True
    await lives.until(settled, TaskState.SETTLED)
    world.api.next_create.append(Throttled("busy", timedelta(minutes=5)))
    throttled = await world.ask("throttled")
    await world.engine.step()
    await world.engine.step()
    await world.stores.key_values.set(THROTTLED_FACT, None)  # so that the others need not wait as long as this one
    several = await lives.until(await world.ask("several", model="z-image", variants=4), TaskState.GENERATING)
    cat = world.attach("cat.png", Unavailable("not now"))
    waiting, cancelled = [await world.ask(word, references=(cat,)) for word in QUEUED]
    creating = await lives.back_up_while_creating("creating")
    world.attach("cat.png", png())
    world.discord.down = False
    return Asked(closed, settled, generating, withheld, several, throttled, waiting, cancelled, creating, batch)


def told(world: EngineWorld) -> Counter[tuple[str, int]]:
    return Counter((message.task_id, message.number) for message in world.discord.told)


def created(world: EngineWorld) -> Counter[str]:
    return Counter(request.request.prompt for request in world.api.taken)


async def kept(world: EngineWorld) -> set[str]:
    """Return the prompts of the outcomes that wait for their asker."""
    found = (await world.stores.card_facts.offered([7])).get(7, Offered()).tasks
    return {(task.prompt if (task := await world.stores.tasks.get(task_id)) else "") for task_id in found}


async def states(world: EngineWorld, tasks: Asked) -> dict[str, tuple[TaskState, str | None]]:
    now = [await world.now(task) for task in tasks.all]
    return {task.prompt: (task.state, task.reason) for task in now}


async def test_what_was_told_and_paid_after_the_backup_is_neither_told_nor_paid_again(lives: Lives) -> None:
    world = lives.world
    asked = await ask_for_everything(lives)
    await world.engine.requests.cancel(asked.cancelled.id, 7)
    await world.engine.requests.withhold(asked.withheld.id, 7, withheld=True)
    await world.work(900, every=2)
    assert {state for state, _ in (await states(world, asked)).values()} == {TaskState.CLOSED, TaskState.CANCELLED}
    assert (await current(world, asked.batch)).closed_at is not None
    before, paid, batches = told(world), created(world), dict(world.discord.batch_messages)
    assert set(before.values()) == {1}
    await lives.restore()
    await world.work(6 * HOURS, every=60)
    assert (told(world), created(world)) == (before, paid)
    assert (world.discord.batch_messages.keys(), len(world.discord.endings)) == (batches.keys(), 1)
    assert await kept(world) == {"withheld", "cancelled"}
    open_tasks = {
        prompt for prompt, (state, _) in (await states(world, asked)).items() if state is not TaskState.CLOSED
    }
    assert open_tasks == {"withheld", "cancelled"}


async def test_what_was_not_told_since_the_backup_is_told_once_and_nothing_more_is_paid(lives: Lives) -> None:
    world = lives.world
    asked = await ask_for_everything(lives)
    before, paid = told(world), created(world)
    await lives.restore()
    await world.work(6 * HOURS, every=60)
    assert created(world) == paid
    assert await kept(world) == set()
    reasons = {prompt: reason for prompt, (_, reason) in (await states(world, asked)).items() if reason}
    assert reasons == {
        "throttled": Reason.RESTORED,
        "waiting": Reason.RESTORED,
        "cancelled": Reason.RESTORED,
        "creating": Reason.UNCONFIRMED,
    }
    assert {task.id for task in asked.all} == {task_id for task_id, _ in told(world)}
    assert set(told(world).values()) == {1}
    assert set(before) < set(told(world))
    assert (await current(world, asked.batch)).closed_at is not None
    assert len(world.discord.endings) == 1


async def test_the_asker_gets_a_kept_outcome_of_a_restored_task_when_they_come(lives: Lives) -> None:
    world = lives.world
    asked = await ask_for_everything(lives)
    await world.engine.requests.withhold(asked.withheld.id, 7, withheld=True)
    await world.work(900, every=2)
    await lives.restore()
    await world.work(600, every=60)
    await world.engine.undelivered.collect(asked.withheld.id, 7, "press")
    await world.engine.undelivered.acknowledged(asked.withheld.id, "press")
    await world.work(60, every=5)
    assert [message.task_id for message in world.discord.handed["press"]] == [asked.withheld.id]
    assert (await world.now(asked.withheld)).state is TaskState.CLOSED


async def test_where_no_history_can_be_read_nothing_is_posted_twice(lives: Lives) -> None:
    world = lives.world
    asked = await ask_for_everything(lives)
    await world.work(900, every=2)
    before = told(world)
    world.discord.blind = True
    await lives.restore()
    await world.work(6 * HOURS, every=60)
    assert told(world) == before
    assert await kept(world) == {task.prompt for task in asked.all} - {"closed"}


async def test_a_bot_that_has_not_run_since_goes_on_as_after_any_restart(lives: Lives) -> None:
    world = lives.world
    generating = await lives.until(await world.ask("generating"), TaskState.GENERATING)
    waiting = await world.ask("waiting")
    await lives.back_up()
    await lives.restore(not_run_since=True)
    await world.work(300)
    assert created(world) == {"generating": 1, "waiting": 1}
    assert told(world) == {(generating.id, 0): 1, (waiting.id, 0): 1}
    assert (await world.now(waiting)).reason is None


async def test_a_job_that_could_not_fetch_its_pictures_is_not_created_again_after_a_restore(lives: Lives) -> None:
    world = lives.world
    cat = world.attach("cat.png", png())
    task = await lives.until(await world.ask("a cat", references=(cat,)), TaskState.GENERATING)
    await lives.back_up()
    assert task.job_id is not None
    failed = Record(status=RecordStatus.FAILED, reason=Reason.API_REFERENCE_UNFETCHABLE, message="not fetched")
    world.api.records[task.job_id] = failed
    await world.work(200)
    before, paid = told(world), created(world)
    assert paid == {"a cat": 2}
    await lives.restore()
    await world.work(600, every=10)
    assert (told(world), created(world)) == (before, paid)


async def test_reposts_and_reports_that_were_posted_after_the_backup_are_not_posted_again(lives: Lives) -> None:
    world = lives.world
    task = await lives.until(await world.ask(), TaskState.CLOSED)
    await world.stores.guilds.choose(GUILD, Setting.MODERATORS, 5, by=1, now=world.clock())
    await world.engine.reports.report(task.id, GUILD, by=2, why="", locale="en-US", seen=(9, 1))
    await world.engine.reposts.ask(gallery_copy(task, channel_id=6, guild_id=GUILD))
    await lives.back_up()
    await world.work(60)
    assert (len(world.discord.reposted), len(world.discord.report_nonces)) == (1, 1)
    await lives.restore()
    await world.work(600, every=5)
    assert (len(world.discord.reposted), len(world.discord.report_nonces)) == (1, 1)
    (repost,) = await world.stores.reposts.of_task(task.id)
    case = await world.stores.reports.get(task.id, GUILD)
    assert repost.message_id is not None
    assert case is not None
    assert (case.state, case.message_id is None) == (ReportState.OPEN, False)


async def test_a_batch_message_that_was_removed_after_the_backup_is_not_posted_again(lives: Lives) -> None:
    world = lives.world
    batch = await begun(world)
    await world.engine.step()
    await lives.back_up()
    await work(world, 120)
    assert (await current(world, batch)).closed_at is not None
    world.discord.batch_messages.clear()
    await lives.restore()
    await work(world, 120)
    assert world.discord.batch_messages == {}
    assert (await current(world, batch)).closed_at is not None
    assert len(world.discord.endings) == 1


async def test_a_batch_message_that_was_first_posted_after_the_backup_is_found(lives: Lives) -> None:
    world = lives.world
    batch = await begun(world)
    await lives.back_up()
    await work(world, 120)
    messages = set(world.discord.batch_messages)
    await lives.restore()
    await work(world, 120)
    assert set(world.discord.batch_messages) == messages
    assert (len(world.discord.endings), (await current(world, batch)).closed_at is not None) == (1, True)
