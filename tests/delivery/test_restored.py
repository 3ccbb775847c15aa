"""Tests of what a bot that was restored from a backup finds in Discord, and does not post again."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.engine.ports import Record, RecordStatus
from bot.errors import Reason
from storage.backup.since import mark, release_all
from storage.copying import copy_rows
from storage.database import Database
from storage.models import Task, TaskState
from storage.schema import metadata
from tests.worlds.bot_batches import begun
from tests.worlds.bot_world import BotWorld, button_ids, texts


@dataclass
class Backups:
    """Backups of a world's rows, and their restore in the same world, in which Discord has gone on."""

    world: BotWorld
    folder: Path
    at: int = 0

    async def make(self) -> None:
        self.at = self.world.clock()
        await asyncio.to_thread(self._copy)

    def _copy(self) -> None:
        with closing(sqlite3.connect(self.folder / "atelier.db")) as connection:
            connection.execute("VACUUM INTO ?", (str(self.folder / "backup.db"),))

    async def restore(self) -> None:
        world = self.world
        async with (
            Database.open(f"sqlite+aiosqlite:///{self.folder / 'backup.db'}") as backup,
            backup.read(long=True) as reading,
            world.database.rebuild() as writing,
        ):
            for table in reversed(metadata.sorted_tables):
                await writing.execute(table.delete())
            await copy_rows(reading, writing)
            await release_all(writing)
            await mark(writing, backed_up_at=self.at, now=world.clock())
        await world.restart()


@pytest.fixture
def backups(world: BotWorld, tmp_path: Path) -> Backups:
    return Backups(world, tmp_path)


async def generating(world: BotWorld, **options: Any) -> Task:
    await world.ask(**options)
    await world.work(10)
    task = await world.only_task()
    assert task.state is TaskState.GENERATING
    return task


def messages(world: BotWorld) -> list[Any]:
    return list(world.channel.history())


async def test_a_result_that_was_posted_after_the_backup_is_found_and_stays_alone(
    world: BotWorld, backups: Backups
) -> None:
    task = await generating(world)
    await backups.make()
    await world.work(120)
    (posted,) = messages(world)
    await backups.restore()
    await world.work(120)
    assert [message.id for message in messages(world)] == [posted.id]
    (part,) = await world.stores.parts.of_task(task.id)
    assert part.message_id == posted.id
    assert (await world.only_task()).state is TaskState.CLOSED


async def test_a_result_that_was_not_posted_since_is_posted_once_and_its_card_removed(
    world: BotWorld, backups: Backups
) -> None:
    await generating(world)
    await backups.make()
    await backups.restore()
    await world.work(120)
    (posted,) = messages(world)
    assert len(posted.attachments) == 1
    assert world.pinged(posted) == [world.alice.id]


async def test_a_result_that_was_removed_after_the_backup_is_not_posted_again_but_offered(
    world: BotWorld, backups: Backups
) -> None:
    task = await generating(world)
    await backups.make()
    await world.work(120)
    await world.stores.curation.remove(task.id, by=world.alice.id, now=world.clock())
    await world.work(60)
    assert messages(world) == []
    await backups.restore()
    await world.work(600)
    assert messages(world) == []
    kept = await world.stores.card_facts.offered([world.alice.id])
    assert kept == {world.alice.id: ((task.id,), ())}
    await world.ask("another door")
    (card,) = messages(world)
    assert f"a1:show:{task.id}" in button_ids(card)


async def test_a_request_that_waited_and_was_made_after_the_backup_is_not_asked_about(
    world: BotWorld, backups: Backups
) -> None:
    await world.ask()
    await backups.make()
    await world.work(180)
    (posted,) = messages(world)
    await backups.restore()
    await world.work(120)
    assert [message.id for message in messages(world)] == [posted.id]
    task = await world.only_task()
    assert (task.state, task.reason, len(world.api.taken)) == (TaskState.CLOSED, Reason.RESTORED, 1)


async def test_a_request_that_waited_and_was_not_made_since_is_asked_about(world: BotWorld, backups: Backups) -> None:
    await world.ask()
    await backups.make()
    await backups.restore()
    await world.work(120)
    (posted,) = messages(world)
    task = await world.only_task()
    assert "restored from a backup" in texts(posted)
    assert button_ids(posted) == [f"a1:again:{task.id}", f"a1:clear:{task.id}"]
    assert world.api.taken == []


async def test_a_request_that_was_cancelled_after_the_backup_gets_no_card_and_no_message(
    world: BotWorld, backups: Backups
) -> None:
    await world.ask()
    task = await world.only_task()
    await backups.make()
    (card,) = messages(world)
    await world.alice.click(card, label="Cancel")
    await backups.restore()
    await world.work(120)
    (left,) = messages(world)
    assert (left.id, f"a1:clear:{task.id}" in button_ids(left)) == (card.id, True)


async def test_no_card_is_posted_for_a_restored_task_whose_card_is_gone(world: BotWorld, backups: Backups) -> None:
    task = await generating(world)
    await backups.make()
    await world.work(120)
    (posted,) = messages(world)
    await backups.restore()
    world.api.records[task.job_id or ""] = Record(status=RecordStatus.RUNNING)
    await world.work(60)
    assert (await world.only_task()).state is TaskState.GENERATING
    assert [message.id for message in messages(world)] == [posted.id]


async def test_a_batch_message_keeps_the_pictures_that_were_made_after_the_backup(
    world: BotWorld, backups: Backups
) -> None:
    await begun(world)
    await world.engine.step_outbox()
    await backups.make()
    await world.work(240)
    before = [(message.id, [file.filename for file in message.attachments]) for message in messages(world)]
    assert [len(files) for _, files in before] == [4, 0]
    await backups.restore()
    await world.work(240)
    after = [(message.id, [file.filename for file in message.attachments]) for message in messages(world)]
    assert after == before
    assert len(world.api.taken) == 4


async def test_a_receipt_that_came_as_a_direct_message_does_not_come_again(world: BotWorld) -> None:
    erasure, _ = await world.engine.erasures.ask(world.alice.id, removes=False, locale="en-US", token="")
    with world.env.time_context():
        for _ in range(2):
            await world.delivery.receipts.send(replace(erasure, interaction_token=None, done_at=world.clock()))
    direct = [request for request in world.requests("POST", "/messages") if str(world.channel.id) not in request.path]
    assert len(direct) == 1
