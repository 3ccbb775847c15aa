"""
Tests for the whole bot, as `bot.app` builds it, with the Discord of simcord and the image API emulator in a separate
process.

Bot and engine are stopped at once at each state of a task and started again; Discord and the image API keep running.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from simcord.env import Env

from bot.app import Running, open_atelier
from bot.config import Settings
from bot.engine.timing.durations import LearnedDurations
from bot.engine.timing.schedule import Durations
from sandbox.world import Attachments
from storage.models import Task, TaskState
from tests.worlds.bot_world import PHOTO, button_ids, texts
from tests.worlds.waiting import LONGEST_SECONDS, eventually


@pytest.fixture(autouse=True)
def quick_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the expected time of a picture to the second that it takes here, so that the bot polls early."""
    second = Durations(prior_seconds=1.0)
    monkeypatch.setattr(LearnedDurations, "of", lambda *_, **__: second)


@pytest.fixture(scope="module")
def image_api() -> Iterator[str]:
    """Run the emulator and yield its address."""
    command = [sys.executable, "-m", "sandbox.kie", "--port", "0", "--seconds", "1", "--shrink", "8"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # own code
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield found[0]
        process.terminate()


class House:
    """One Discord with a channel and a person, in which one bot process runs after another."""

    env: Env
    running: Running

    def __init__(self, folder: Path, image_api: str) -> None:
        self.image_api = image_api
        self._settings = Settings(
            discord_token=SecretStr("token"),
            kie_api_key=SecretStr("key"),
            kie_api_url=image_api,
            kie_upload_url=image_api,
            references_as="upload",
            database_url=f"sqlite:///{folder / 'atelier.db'}",
            pictures_url=str(folder / "pictures"),
        )
        self._process = AsyncExitStack()
        self._work: asyncio.Task[None] | None = None

    async def build(self) -> None:
        await self._open()
        self.env = Env(self.running.client, shard_count=1, settle_timeout=LONGEST_SECONDS)
        await self.env.start()
        await self.running.client.publish_commands(self.running.stores.key_values)
        self.channel = self.env.create_guild("Studio").create_text_channel("pictures")
        self.alice = self.env.guild.add_member(self.env.create_user("alice"))

    async def _open(self) -> None:
        self.running = await self._process.enter_async_context(
            open_atelier(self._settings, attachments=lambda client: Attachments(client=client), card_every=0.0)
        )

    def work(self) -> None:
        self._work = asyncio.create_task(self.running.work())

    async def die(self) -> None:
        """Stop the bot at once, whatever is running."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
            self._work = None
        await self._process.aclose()

    async def restart(self) -> None:
        await self.die()
        self.env.backend.faults.clear()
        await self._open()
        await self.env.restart_bot(self.running.client)

    async def ask(self, prompt: str, **options: Any) -> Task:
        await self.alice.slash(self.channel, "imagine", prompt=prompt, **options)
        return (await self.running.stores.tasks.of_user(self.alice.id))[0]

    async def until(self, task: Task, *states: TaskState) -> Task:
        async def reached() -> Task | None:
            current = await self.running.stores.tasks.get(task.id)
            return current if current is not None and current.state in states else None

        found = await eventually(reached)
        assert found is not None
        return found

    async def creates(self, prompt: str) -> int:
        """Return how many creates with this prompt the image API accepted."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.image_api}/_emulator/creates") as answer,
        ):
            return [body["prompt"] for body in await answer.json()].count(prompt)


@asynccontextmanager
async def house(folder: Path, image_api: str) -> AsyncIterator[House]:
    built = House(folder, image_api)
    await built.build()
    try:
        yield built
    finally:
        await built.die()
        await built.env.shutdown()


async def _queued(at: House) -> Task:
    return await at.ask("stopped while queued", image=PHOTO)


async def _queued_again(at: House) -> Task:
    task = await at.ask("stopped after a refusal [429]", image=PHOTO)
    at.work()

    async def refused() -> bool:
        return any(event.why.startswith("not accepted") for event in await at.running.stores.tasks.events(task.id))

    await eventually(refused)
    return await at.until(task, TaskState.QUEUED)


async def _generating(at: House) -> Task:
    task = await at.ask("stopped while generating", image=PHOTO, variants=4)
    at.work()
    return await at.until(task, TaskState.GENERATING)


async def _settled(at: House) -> Task:
    task = await at.ask("stopped while settled", image=PHOTO)
    at.env.inject_error("POST", "/channels/*/messages", status=503, times=None)
    at.work()
    return await at.until(task, TaskState.SETTLED)


async def _closed(at: House) -> Task:
    task = await at.ask("stopped when all was done", image=PHOTO)
    at.work()
    return await at.until(task, TaskState.CLOSED)


@pytest.mark.parametrize("reach", [_queued, _queued_again, _generating, _settled, _closed], ids=lambda f: f.__name__)
@pytest.mark.sampled(every=5)
async def test_a_task_survives_its_process(tmp_path: Path, image_api: str, reach: Callable[[House], Any]) -> None:
    async with house(tmp_path, image_api) as at:
        task = await reach(at)
        await at.restart()
        at.work()
        ended = await at.until(task, TaskState.CLOSED)
        assert ended.reason is None
        assert await at.creates(task.prompt) == 1
        (message,) = at.channel.history()
        assert "is ready" in texts(message) or "are ready" in texts(message)
        assert len(message.attachments) == task.variants


@pytest.mark.sweep
async def test_a_create_that_was_under_way_is_told_as_unconfirmed_and_asked_again_only_by_the_asker(
    tmp_path: Path, image_api: str
) -> None:
    async with house(tmp_path, image_api) as at:
        task = await at.ask("stopped while submitting [slow]")
        at.work()
        await at.until(task, TaskState.SUBMITTING)
        await eventually(lambda: at.creates(task.prompt))
        await at.restart()
        at.work()
        ended = await at.until(task, TaskState.CLOSED)
        assert ended.reason == "unconfirmed"
        assert await at.creates(task.prompt) == 1
        (message,) = at.channel.history()
        assert "may cost a second time" in texts(message)
        assert button_ids(message) == [f"a1:again:{task.id}", f"a1:clear:{task.id}"]


@pytest.mark.sweep
async def test_cancel_works_on_a_card_from_before_the_restart(tmp_path: Path, image_api: str) -> None:
    async with house(tmp_path, image_api) as at:
        task = await at.ask("taken back")
        (card,) = at.channel.history()
        await at.restart()
        await at.alice.click(card, custom_id=f"a1:cancel:{task.id}")
        at.work()
        assert (await at.until(task, TaskState.CANCELLED)).charged is False
        assert await at.creates("taken back") == 0


@pytest.mark.sweep
async def test_a_refusal_of_the_api_is_told_in_plain_words(tmp_path: Path, image_api: str) -> None:
    async with house(tmp_path, image_api) as at:
        task = await at.ask("something [policy]")
        at.work()
        await at.until(task, TaskState.CLOSED)
        (message,) = at.channel.history()
        assert "doesn’t allow this request" in texts(message)
