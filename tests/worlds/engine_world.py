"""An engine on a real SQLite file, or several on one PostgreSQL database, with small stand-ins for its two ports and a
clock that the test controls."""

from __future__ import annotations

import asyncio
import inspect
import io
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from PIL import Image

from bot.engine.engine import Engine
from bot.engine.policy import Policy
from bot.engine.ports import CreateRequest, Record, RecordStatus, SuccessRates
from bot.engine.processes.membership import Membership
from bot.engine.work.picture_work import PictureWork
from bot.errors import Unconfirmed
from bot.imaging.processes import WorkerThreads
from storage.catalogue import WireForm
from storage.database import Database
from storage.models import Limits, NewReference, NewTask, Reference, ReferenceKind, Task
from storage.outbox import Outbox
from storage.pictures import PictureStore
from storage.stores import Stores
from storage.tasks import TaskStore
from tests.worlds.due import next_due
from tests.worlds.new_tasks import new_task
from tests.worlds.postgres import postgres
from tests.worlds.ready_database import ready_database
from tests.worlds.stand_in_discord import Port, StandInDiscord

DEADLY = (
    *(
        "tasks",
        "claims",
        "polls",
        "due_work",
        "queue",
        "card_facts",
        "creates",
        "references",
        "pictures",
        "parts",
        "undelivered",
        "retention",
        "key_values",
    ),
    *("reposts", "reports", "curation", "erasures", "late_pictures", "attempts"),
)
"""Stores in whose calls a test may let the process die. Batches have tests of their own."""
START = 1_800_000_000_000
NO_LIMITS = Limits(open_tasks_per_user=0, pictures_per_user_per_day=0, pictures_per_day=0)
KEEP_PICTURES = timedelta(days=90)


def png(colour: str = "teal", size: tuple[int, int] = (64, 64)) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "PNG")
    return data.getvalue()


class Crash(BaseException):
    """A simulated death of the process; no code may catch it."""


@dataclass
class Deaths:
    """
    Kills the process at the n-th call through a wrapped part, before or after the call has its effect.

    With `fails` the call raises an ordinary error instead, and the process continues.
    """

    calls: int = 0
    at: int | None = None
    after: bool = False
    fails: bool = False

    def arm(self, at: int, *, after: bool, fails: bool = False) -> None:
        self.calls, self.at, self.after, self.fails = 0, at, after, fails

    def counted(self) -> bool:
        """Count a call; return whether it is the n-th."""
        self.calls += 1
        return self.calls - 1 == self.at

    def strike(self, name: str) -> BaseException:
        return OSError(f"{name} failed") if self.fails else Crash(name)

    def disarm(self) -> None:
        self.at = None

    def wrap(self, part: Any) -> Any:
        return _Mortal(part, self)


class _Mortal:
    def __init__(self, part: Any, deaths: Deaths) -> None:
        self._part = part
        self._deaths = deaths

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._part, name)
        if isinstance(value, Outbox | Port):
            return _Mortal(value, self._deaths)
        if not inspect.iscoroutinefunction(value):
            return value

        async def call(*args: Any, **kwargs: Any) -> Any:
            dies = self._deaths.counted()
            if dies and not self._deaths.after:
                raise self._deaths.strike(name)
            answer = await value(*args, **kwargs)
            if dies:
                raise self._deaths.strike(name)
            return answer

        return call


@dataclass
class Meanwhile:
    """Does something after the call `name` of a store has returned, as another worker might at that moment; the first
    `times` times."""

    store: Any
    name: str
    act: Callable[[], Awaitable[object]]
    times: int = 1

    def wrap(self, part: Any) -> Any:
        return _Watched(part, self) if part is self.store else part


class _Watched:
    def __init__(self, part: Any, meanwhile: Meanwhile) -> None:
        self._part = part
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._part, name)
        if name != self._meanwhile.name:
            return value

        async def call(*args: Any, **kwargs: Any) -> Any:
            answer = await value(*args, **kwargs)
            if self._meanwhile.times:
                self._meanwhile.times -= 1
                await self._meanwhile.act()
            return answer

        return call


@dataclass
class Clock:
    now: int = START

    def __call__(self) -> int:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


@dataclass
class StandInAPI:
    """Accepts requests and finishes tasks after `seconds`; the `next_` lists hold other answers, each used once."""

    clock: Clock
    seconds: float = 30.0
    most_pictures: int = 4
    """The largest number of pictures of a task, whatever was asked for."""
    taken: list[CreateRequest] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    uploaded: list[bytes] = field(default_factory=list)
    """The data of each of the `uploads`."""
    forms: list[str] = field(default_factory=list)
    """The wire form of each record and each direct link that was asked for."""
    next_create: list[Exception | None] = field(default_factory=list)
    """None: the create is accepted."""
    lose_answer: int = 0
    """How many creates are accepted without an answer."""
    next_record: list[Record | Exception] = field(default_factory=list)
    records: dict[str, Record | Exception] = field(default_factory=dict)
    """What is said of a job, by its id, for as long as it is in this mapping."""
    price: float | None = None
    """Credits of each job, as its record says; None: it does not."""
    next_upload: list[Exception] = field(default_factory=list)
    next_fetch: list[Exception | bytes] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)
    """Pictures that cannot be fetched, by a part of their address, for as long as they are in this mapping."""
    next_link: list[Exception] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    """Every address that was requested."""
    balance: float = 100.0
    asked: list[tuple[int, str]] = field(default_factory=list)
    created: list[int] = field(default_factory=list)
    """When (ms) each create came, the refused ones included."""
    _done_at: dict[str, tuple[int, int]] = field(default_factory=dict)

    async def create(self, request: CreateRequest) -> str:
        self.created.append(self.clock())
        if self.next_create and (error := self.next_create.pop(0)) is not None:
            raise error
        self.taken.append(request)
        job_id = f"kie{len(self.taken)}"
        self._done_at[job_id] = (self.clock() + int(self.seconds * 1000), request.request.variants)
        if self.lose_answer:
            self.lose_answer -= 1
            raise Unconfirmed("the connection broke")
        return job_id

    async def record(self, job_id: str, form: str = WireForm.FOUR_O) -> Record:
        self.asked.append((self.clock(), job_id))
        self.forms.append(form)
        if self.next_record:
            answer = self.next_record.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if job_id in self.records:
            of_job = self.records[job_id]
            if isinstance(of_job, Exception):
                raise of_job
            return of_job
        done_at, variants = self._done_at[job_id]
        variants = min(variants, self.most_pictures)
        request = self.taken[int(job_id.removeprefix("kie")) - 1]
        if self.clock() < done_at:
            return Record(status=RecordStatus.RUNNING, prompt=request.request.prompt, files=request.files)
        urls = tuple(f"https://results.test/{job_id}/{n}.png" for n in range(variants))
        succeeded = Record(status=RecordStatus.SUCCEEDED, progress=1.0, urls=urls, credits=self.price)
        return replace(succeeded, prompt=request.request.prompt, files=request.files)

    async def upload(self, filename: str, content_type: str, data: bytes) -> str:
        if self.next_upload:
            raise self.next_upload.pop(0)
        self.uploads.append(f"{filename} {content_type}")
        self.uploaded.append(data)
        return f"https://uploads.test/{filename}"

    async def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        for part, error in self.broken.items():
            if part in url:
                raise error
        if self.next_fetch:
            answer = self.next_fetch.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return png()

    async def direct_link(self, job_id: str, url: str, form: str = WireForm.FOUR_O) -> str:
        if self.next_link:
            raise self.next_link.pop(0)
        self.forms.append(form)
        return f"{url}?link-of={job_id}"

    async def credits(self) -> float:
        return self.balance


@dataclass
class EngineWorld:
    clock: Clock
    api: StandInAPI
    discord: StandInDiscord
    stores: Stores
    picture_store: PictureStore
    policy: Policy
    attachments: dict[str, bytes | BaseException | asyncio.Event]
    engine: Engine
    database: Database
    engine_clock: Callable[[], int] | None = None
    """The engine's clock, if it differs from the world's."""
    success_rates: SuccessRates | None = None
    shard_count: int | None = None
    shard_ids: tuple[int, ...] = ()
    wrap: Callable[[Any], Any] = lambda part: part
    fetching: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the engine waits for an attachment that is an event."""
    _interactions: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def tasks(self) -> TaskStore:
        return self.stores.tasks

    async def restart(self) -> None:
        """Simulate a crash and a restart: only the rows, the copies and the outside world remain."""
        await self.stores.claims.void_leases()
        self.engine = self._new_engine()
        await self.engine.start()

    async def restart_with(self, meanwhile: Meanwhile) -> None:
        self.wrap = meanwhile.wrap
        await self.restart()

    def _new_engine(self) -> Engine:
        return Engine(
            stores=replace(self.stores, **{name: self.wrap(getattr(self.stores, name)) for name in DEADLY}),
            picture_store=self.wrap(self.picture_store),
            api=self.wrap(self.api),
            delivery=self.wrap(self.discord),
            fetch_reference=self._fetch,
            picture_work=PictureWork(WorkerThreads()),
            policy=self.policy,
            success_rates=self.success_rates,
            membership=Membership(
                self.stores.processes,
                shard_count=self.shard_count,
                shard_ids=self.shard_ids,
                clock=self.engine_clock or self.clock,
            ),
            clock=self.engine_clock or self.clock,
        )

    async def _fetch(self, reference: Reference) -> bytes:
        answer = self.attachments[reference.filename]
        if isinstance(answer, asyncio.Event):
            self.fetching.set()
            await answer.wait()
            return png()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def attach(
        self, filename: str, data: bytes | BaseException | asyncio.Event, kind: ReferenceKind = ReferenceKind.IMAGE
    ) -> NewReference:
        self.attachments[filename] = data
        return NewReference(kind=kind, url=f"https://cdn.discordapp.com/a/{filename}", filename=filename)

    def request(self, prompt: str = "a red door", **changes: Any) -> NewTask:
        number = next(self._interactions)
        values: dict[str, Any] = {
            "interaction_id": number,
            "interaction_token": f"token{number}",
            "arrived_at": self.clock(),
            "asker_id": 7,
            "channel_id": 9,
            "prompt": prompt,
        }
        return new_task(**(values | changes))

    async def ask(self, prompt: str = "a red door", **changes: Any) -> Task:
        return (await self.engine.requests.accept(self.request(prompt, **changes))).task

    async def now(self, task: Task) -> Task:
        found = await self.stores.tasks.get(task.id)
        assert found is not None
        return found

    async def work(self, seconds: float = 120.0, every: float = 1.0) -> None:
        """Let time pass with the engine at work: at least `every` seconds between steps, more while no task is due."""
        end = self.clock() + int(seconds * 1000)
        while self.clock() < end:
            await self.engine.step()
            due = await next_due(self.stores, self.clock())
            self.clock.now = min(max(self.clock() + int(every * 1000), due or end), end)


@asynccontextmanager
async def open_engine_world(folder: Path, **policy: Any) -> AsyncIterator[EngineWorld]:
    async with ready_database(folder / "atelier.db") as database:
        yield await engine_world_on(database, folder, **policy)


async def engine_world_on(database: Database, folder: Path, **policy: Any) -> EngineWorld:
    """Return a world on this database, which is open and migrated."""
    clock = Clock()
    settings: dict[str, Any] = {"limits": NO_LIMITS, "keep_pictures": KEEP_PICTURES} | policy
    world = EngineWorld(
        clock=clock,
        api=StandInAPI(clock),
        discord=StandInDiscord(),
        stores=Stores.on(database),
        picture_store=PictureStore.open(str(folder / "pictures")),
        policy=Policy(**settings),
        attachments={},
        engine=None,  # type: ignore[arg-type]  # set by restart, which needs the other fields
        database=database,
    )
    world.discord.picture_store = world.picture_store
    await world.restart()
    return world


@asynccontextmanager
async def open_engine_worlds(
    folder: Path, *shard_ids: tuple[int, ...], shard_count: int = 4, **policy: Any
) -> AsyncIterator[list[EngineWorld]]:
    """Open as many processes as there are `shard_ids`, on one PostgreSQL database. They share the clock, the image API,
    the messages in Discord and the folder of pictures; each has its own connections and shows its own cards."""
    settings: dict[str, Any] = {"limits": NO_LIMITS, "keep_pictures": KEEP_PICTURES} | policy
    clock = Clock()
    api = StandInAPI(clock)
    interactions = itertools.count(1)
    discord = StandInDiscord()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context((await postgres()).database())
        worlds: list[EngineWorld] = []
        for own in shard_ids:
            database = await stack.enter_async_context(Database.open(url))
            world = EngineWorld(
                clock=clock,
                api=api,
                discord=replace(discord, shown=[]),
                stores=Stores.on(database),
                picture_store=PictureStore.open(str(folder / "pictures")),
                policy=Policy(**settings),
                attachments={},
                engine=None,  # type: ignore[arg-type]  # set by restart, which needs the other fields
                database=database,
                shard_count=shard_count,
                shard_ids=own,
                _interactions=interactions,
            )
            world.discord.picture_store = world.picture_store
            await world.restart()
            worlds.append(world)
        for world in worlds:
            await world.engine.membership.beat()
        yield worlds
