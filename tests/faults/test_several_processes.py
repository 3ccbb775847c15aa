"""Over real sockets, several processes on one database keep the image API's limit of creates together, however long the
work between the row of a create and its request takes."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import aiohttp
import pytest
from pydantic import SecretStr

from bot.engine.lifecycle.submission import request_of
from bot.engine.policy import CREATES_PER_WINDOW, LEASE_MS, Policy
from bot.errors import Throttled
from bot.kie.client import KieClient
from sandbox.kie import Emulator
from storage.database import Database
from storage.models import Task, TaskState, released
from storage.stores import Stores
from tests.faults.image_api_world import Door
from tests.faults.test_limits import most_within
from tests.storage.rows import NOW, UNLIMITED, request
from tests.worlds.engine_world import KEEP_PICTURES
from tests.worlds.postgres import postgres

pytestmark = pytest.mark.sweep

PROCESSES: Final = 4
CREATES: Final = 400
FASTER: Final = 4
"""Seconds of the clock in one real second. The delays of real sockets and of a busy loop take as many times longer."""
MOST_WORK: Final = 4.0
"""Seconds of the clock between the row of a create and its request, at most."""
BLOCKED: Final = 0.03
"""Real seconds for which the event loop is blocked again and again."""
POLICY: Final = Policy(limits=UNLIMITED, keep_pictures=KEEP_PICTURES, max_in_flight=10 * CREATES)


class FastClock:
    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self) -> int:
        return NOW + int((time.monotonic() - self._began) * FASTER * 1000)

    def seconds(self) -> float:
        return self() / 1000


class Creating:
    """One process that does nothing but begin creates, send them and store the answers."""

    def __init__(self, name: str, stores: Stores, api: KieClient, clock: FastClock, seed: int) -> None:
        self.name = name
        self._stores = stores
        self._api = api
        self._clock = clock
        self._chance = random.Random(seed)
        self.begun = 0
        self.throttled = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as sending:
            while (await self._stores.tasks.count_by_state())[TaskState.QUEUED]:
                task = await self._stores.creates.begin(self.name, POLICY.creates, now=self._clock(), lease_ms=LEASE_MS)
                if task is None:
                    await asyncio.sleep(self._chance.random() / FASTER)
                else:
                    self.begun += 1
                    sending.create_task(self._send(task))

    async def _send(self, task: Task) -> None:
        await asyncio.sleep(self._chance.random() * MOST_WORK / FASTER)
        try:
            job_id = await self._api.create(request_of(task, ()))
        except Throttled:
            self.throttled += 1
            await self._stores.tasks.move(
                task, TaskState.QUEUED, now=self._clock(), why="throttled", **released(self._clock())
            )
            return
        await self._stores.tasks.move(
            task, TaskState.GENERATING, now=self._clock(), why="taken", job_id=job_id, **released(self._clock())
        )


@asynccontextmanager
async def processes(url: str, emulator: Emulator, clock: FastClock) -> AsyncIterator[list[Creating]]:
    """Open processes, each with connections of its own."""
    async with AsyncExitStack() as stack:
        opened = []
        for number in range(PROCESSES):
            stores = Stores.on(await stack.enter_async_context(Database.open(url)))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            api = KieClient(
                session,
                api_key=SecretStr("the-right-key"),
                api_url=emulator.url,
                upload_url=emulator.url,
                result_hosts=("results.test",),
            )
            opened.append(Creating(f"process {number}", stores, api, clock, seed=number))
        yield opened


async def keep_busy() -> None:
    while True:
        time.sleep(BLOCKED)  # noqa: ASYNC251  # that is the point
        await asyncio.sleep(3 * BLOCKED)


async def test_four_busy_processes_send_twenty_creates_in_ten_seconds_and_no_more() -> None:
    clock, door = FastClock(), Door()
    door.clock = clock.seconds
    async with (
        (await postgres()).database() as url,
        Emulator(seconds=3600, shrink=32, clock=clock.seconds, middlewares=door.middlewares) as emulator,
        processes(url, emulator, clock) as running,
    ):
        async with Database.open(url) as database:
            stores = Stores.on(database)
            for number in range(CREATES):
                await stores.tasks.add(request(asker_id=number % 40), UNLIMITED, now=NOW, prepared=True)
        busy = asyncio.create_task(keep_busy())
        await asyncio.gather(*[process.run() for process in running])
        busy.cancel()
    arrived = [at for at, path, _ in door.times if path.endswith("/generate")]
    assert len(arrived) == CREATES == len(emulator.creates)
    assert most_within(arrived, 10) <= CREATES_PER_WINDOW
    assert [process.throttled for process in running] == [0] * PROCESSES
    assert all(process.begun for process in running), Counter({process.name: process.begun for process in running})
    longest_pause = max(later - first for first, later in itertools.pairwise(arrived))
    assert longest_pause < 60, "seconds without a create while some wait"
