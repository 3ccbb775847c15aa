"""Atelier's own engine, as in production, on SQLite or PostgreSQL; only the image API and Discord are stand-ins."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from benchmarks.engines.life import ASKERS, IN_FLIGHT, MODEL, WORD_SECONDS, NoAnswer, Text, World
from benchmarks.engines.life import Throttled as TooMany
from bot.engine.engine import Engine
from bot.engine.lifecycle import submission
from bot.engine.policy import Policy
from bot.engine.ports import Card, CreateRequest, Outcome, Posted, Record, RecordStatus
from bot.engine.work.picture_work import PictureWork
from bot.errors import Reason, Throttled, TooLate, Unavailable, Unconfirmed
from bot.imaging.processes import WorkerThreads
from storage.catalogue import WireForm
from storage.database import Database
from storage.migrations import migrate
from storage.models import Limits, NewTask, OutcomePart, PictureRequest, Reference
from storage.pictures import PictureStore
from storage.stores import Stores
from tests.worlds.engine_world import StandInAPI
from tests.worlds.stand_in_discord import StandInDiscord

NO_LIMITS = Limits(open_tasks_per_user=0, pictures_per_user_per_day=0, pictures_per_day=0)


async def prepare(url: str) -> None:
    async with Database.open(_with_driver(url)) as database:
        await migrate(database)


@asynccontextmanager
async def carrier(url: str, world: World, name: str) -> AsyncIterator[AtelierCarrier]:
    vars(submission)["WORD_WITHIN"] = timedelta(seconds=WORD_SECONDS)  # ten minutes in production
    with tempfile.TemporaryDirectory() as folder:
        async with Database.open(_with_driver(url)) as database:
            stores = Stores.on(database)
            await stores.claims.void_leases()
            engine = Engine(
                stores=stores,
                picture_store=PictureStore.open(folder),
                api=ImageAPI(world),
                delivery=Channel(world),
                fetch_reference=_no_reference,
                picture_work=PictureWork(WorkerThreads()),
                policy=Policy(
                    limits=NO_LIMITS, keep_pictures=timedelta(days=1), max_in_flight=IN_FLIGHT, callbacks="http://bot/"
                ),
            )
            await engine.start()
            running = asyncio.create_task(engine.run())
            yield AtelierCarrier(engine)
            engine.stop()
            await running


class AtelierCarrier:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ids: dict[int, str] = {}

    async def ask(self, number: int) -> None:
        new = NewTask(
            request=PictureRequest(prompt=str(number), model=MODEL.key),
            interaction_id=number + 1,
            interaction_token=str(number),
            arrived_at=time.time_ns() // 1_000_000,
            asker_id=number % ASKERS + 1,
            channel_id=1,
        )
        self._ids[number] = (await self._engine.requests.accept(new)).task.id

    async def cancel(self, number: int) -> bool:
        try:
            await self._engine.requests.cancel(self._ids[number], number % ASKERS + 1)
        except TooLate:
            return False
        return True

    async def called_back(self, number: int, token: str, job_id: str) -> None:
        await self._engine.called_back(token, job_id)


class ImageAPI(StandInAPI):
    """The world's image API. A job ends as failed, so that its message has no picture."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def create(self, request: CreateRequest) -> str:
        token = (request.callback_url or "").rpartition("/")[2]
        try:
            return await self._world.create(int(request.request.prompt), token)
        except TooMany as error:
            raise Throttled("too many creates") from error
        except NoAnswer as error:
            raise Unconfirmed(str(error)) from error

    async def record(self, job_id: str, form: str = WireForm.FOUR_O) -> Record:
        number, ready = await self._world.record(job_id)
        if not ready:
            return Record(status=RecordStatus.RUNNING, prompt=str(number))
        return Record(status=RecordStatus.FAILED, reason=Reason.GENERATION_FAILED, prompt=str(number))


class Channel(StandInDiscord):
    """The world's channel. Cards are not shown."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def show(self, card: Card) -> None:
        pass

    async def post(self, outcome: Outcome, part: OutcomePart, *, uncertain: bool) -> Posted:
        number = int(outcome.task.prompt)
        try:
            if not (uncertain and await self._world.is_posted(number)):
                unconfirmed = outcome.task.reason == Reason.UNCONFIRMED
                await self._world.post(number, Text.UNCONFIRMED if unconfirmed else Text.MADE)
        except NoAnswer as error:
            raise Unavailable(str(error)) from error
        return Posted(channel_id=1, message_id=number + 1)


def _with_driver(url: str) -> str:
    return url.replace("sqlite:", "sqlite+aiosqlite:").replace("postgresql:", "postgresql+asyncpg:")


async def _no_reference(reference: Reference) -> bytes:
    raise AssertionError("there are no references")
