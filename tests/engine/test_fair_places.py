"""Slow files of one person, a host that hangs, and free look-ups do not delay other people's requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.engine.lifecycle import reference_fetching
from bot.engine.lifecycle.reference_fetching import ReferenceFetching
from bot.engine.ports import FetchReference
from bot.engine.work import fair_slots, picture_work
from bot.engine.work.fair_slots import FairSlots
from bot.engine.work.picture_work import PictureWork
from bot.errors import LimitReached, Reason
from bot.imaging.decoding import MAX_BYTES
from bot.imaging.processes import WorkerThreads
from storage.models import NewReference, Reference, ReferenceKind, Task, TaskState
from tests.worlds.engine_batches import begun
from tests.worlds.engine_world import EngineWorld, open_engine_world, png
from tests.worlds.waiting import eventually

SMALL = 100_000


@asynccontextmanager
async def at_work(world: EngineWorld) -> AsyncIterator[None]:
    working = asyncio.create_task(world.engine.run())
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def prepared(world: EngineWorld, task: Task) -> bool:
    return (await world.now(task)).prepared_at is not None


def hanging(world: EngineWorld, number: int, host: str = "cdn.discordapp.com") -> NewReference:
    name = f"slow{number}.png"
    world.attachments[name] = asyncio.Event()
    return NewReference(kind=ReferenceKind.IMAGE, url=f"https://{host}/a/{name}", filename=name)


@pytest.mark.parametrize("files", [8, 40])
async def test_hanging_files_of_one_person_keep_nobody_else_waiting(world: EngineWorld, files: int) -> None:
    slow = [await world.ask(asker_id=1, references=(hanging(world, n),)) for n in range(files)]
    async with at_work(world):
        await eventually(lambda: claimed(world, slow[-1]))
        good = await world.ask(asker_id=2, references=(world.attach("good.png", png()),))
        await eventually(lambda: prepared(world, good))
        assert not any([await prepared(world, task) for task in slow])


async def claimed(world: EngineWorld, task: Task) -> bool:
    return (await world.now(task)).owner is not None


@pytest.mark.parametrize("host", ["images-ext-1.discordapp.net", "media.discordapp.net"])
async def test_a_hanging_host_keeps_nobody_waiting_whose_file_is_elsewhere(world: EngineWorld, host: str) -> None:
    slow = [await world.ask(asker_id=n, references=(hanging(world, n, host),)) for n in range(1, 41)]
    async with at_work(world):
        await eventually(lambda: claimed(world, slow[-1]))
        good = await world.ask(asker_id=99, references=(world.attach("good.png", png()),))
        await eventually(lambda: prepared(world, good))


async def test_a_hanging_upload_of_one_person_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path, always_upload=True) as world:
        answer, upload = asyncio.Event(), world.api.upload

        async def uploaded(filename: str, content_type: str, data: bytes) -> str:
            if filename.startswith(tuple(f"atelier-{task.id}" for task in slow)):
                await answer.wait()
            return await upload(filename, content_type, data)

        world.api.upload = uploaded  # type: ignore[method-assign]
        slow = [await world.ask(asker_id=1, references=(world.attach(f"{n}.png", png()),)) for n in range(12)]
        async with at_work(world):
            await eventually(lambda: claimed(world, slow[-1]))
            good = await world.ask(asker_id=2, references=(world.attach("good.png", png()),))
            await eventually(lambda: prepared(world, good))
            answer.set()


@pytest.mark.sweep
async def test_a_result_that_comes_slowly_keeps_nobody_elses_waiting(world: EngineWorld) -> None:
    answer, fetch = asyncio.Event(), world.api.fetch
    world.api.seconds = 0

    async def fetched(url: str) -> bytes:
        if "/kie1/" in url or "/kie2/" in url:
            await answer.wait()
        return await fetch(url)

    world.api.fetch = fetched  # type: ignore[method-assign]
    slow = [await world.ask(asker_id=1, variants=4) for _ in range(2)]
    async with at_work(world):
        await eventually(lambda: settled(world, slow))
        good = await world.ask(asker_id=2)
        await eventually(lambda: told(world, good))
        assert not world.discord.sent[1:]
        answer.set()
        await eventually(lambda: told(world, slow[1]))


async def settled(world: EngineWorld, tasks: list[Task]) -> bool:
    world.clock.turn(5)
    return all([(await world.now(task)).state is TaskState.SETTLED for task in tasks])


async def told(world: EngineWorld, task: Task) -> bool:
    world.clock.turn(5)
    return (await world.now(task)).state is TaskState.CLOSED


async def test_batches_of_one_person_leave_a_place_for_somebody_elses(world: EngineWorld) -> None:
    answer, show = asyncio.Event(), world.discord.show_batch
    theirs = [(await begun(world, ("a", "b"), asker_id=1)).id for _ in range(4)]
    entered = list[str]()

    async def shown(shared: object, *args: object, **kwargs: object) -> object:
        entered.append(shared.batch.id)  # type: ignore[attr-defined]
        if shared.batch.id in theirs:  # type: ignore[attr-defined]
            await answer.wait()
        return await show(shared, *args, **kwargs)  # type: ignore[arg-type]

    world.discord.show_batch = shown  # type: ignore[method-assign, assignment]
    good = await begun(world, ("c", "d"), asker_id=2)
    step = asyncio.create_task(world.engine.batches.delivery.outbox.step())
    await eventually(lambda: _in(entered, good.id))
    await eventually(lambda: _has_two(entered, theirs))
    assert len(set(entered) & set(theirs)) == 2
    answer.set()
    await step


async def _has_two(names: list[str], of: list[str]) -> bool:
    return len(set(names) & set(of)) >= 2


async def _in(names: list[str], name: str) -> bool:
    return name in names


@dataclass
class Files:
    """Downloads that are recorded, and wait until `answer` is set."""

    under_way: list[str] = field(default_factory=list)
    answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, reference: Reference) -> bytes:
        self.under_way.append(reference.filename)
        await self.answer.wait()
        return b""

    def reference(self, name: str, *, size: int = SMALL, host: str = "cdn.discordapp.com") -> Reference:
        url = f"https://{host}/{name}"
        image = ReferenceKind.IMAGE
        return Reference(task_id="", position=0, kind=image, url=url, filename=name, declared_bytes=size)


async def a_moment() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def fetching_with(fetch: FetchReference) -> ReferenceFetching:
    return ReferenceFetching(fetch, PictureWork(WorkerThreads()))


async def _fetched(fetching: ReferenceFetching, reference: Reference, by: int) -> None:
    async with AsyncExitStack() as held:
        await fetching.fetched(reference, by=by, held=held)


async def test_a_second_file_of_somebody_waits_behind_everybodys_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_fetching, "FETCHES_AT_ONCE", 2)
    files = Files()
    fair = fetching_with(files)
    asked = [("a1", 1), ("a2", 1), ("a3", 1), ("b1", 2)]
    work = [asyncio.create_task(_fetched(fair, files.reference(name), by)) for name, by in asked]
    await a_moment()
    assert files.under_way == ["a1", "a2"]
    files.answer.set()
    await asyncio.gather(*work)
    assert files.under_way == ["a1", "a2", "b1", "a3"]


async def test_what_is_in_memory_is_bounded_however_many_files_come_and_whatever_they_say_of_their_size() -> None:
    large = picture_work.FILE_BYTES // MAX_BYTES
    for size, most in ((0, large), (MAX_BYTES, large), (10**12, large), (SMALL, reference_fetching.FETCHES_AT_ONCE)):
        files = Files()
        fair = fetching_with(files)
        work = [asyncio.create_task(_fetched(fair, files.reference(f"{n}", size=size), n)) for n in range(60)]
        await a_moment()
        assert len(files.under_way) == most
        files.answer.set()
        await asyncio.gather(*work)
        assert len(files.under_way) == 60


async def test_a_fetch_that_fails_gives_back_its_place_and_its_room() -> None:
    async def fails(reference: Reference) -> bytes:
        raise OSError(reference.filename)

    fair, files = fetching_with(fails), Files()
    for n in range(200):
        with pytest.raises(OSError, match=str(n)):
            await _fetched(fair, files.reference(f"{n}", size=0), 1)


async def test_time_counts_only_once_it_is_a_files_turn() -> None:
    files = Files()
    fair = fetching_with(files)
    slow = [asyncio.create_task(_fetched(fair, files.reference(f"{n}"), 1)) for n in range(2)]
    await a_moment()

    async def priority() -> None:
        async with AsyncExitStack() as held:
            await fair.fetched(files.reference("hurried"), by=1, held=held, seconds=0)

    waits = asyncio.create_task(priority())
    await a_moment()
    assert not waits.done()
    for work in slow:
        work.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    with pytest.raises(TimeoutError):
        await waits


async def test_free_places_are_one_for_each_person_and_few_in_all_and_nobody_waits_endlessly_often() -> None:
    free, inside, leave = FairSlots(2, asked=3, reason=Reason.LOOKING_ALREADY), list[int](), asyncio.Event()

    async def look(person: int) -> None:
        async with free.taken(person):
            inside.append(person)
            await leave.wait()

    looks = [asyncio.create_task(look(person)) for person in (1, 1, 1, 2, 3)]
    await a_moment()
    assert inside == [1, 2]
    with pytest.raises(LimitReached) as refused:
        await look(1)
    assert refused.value.reason is Reason.LOOKING_ALREADY
    leave.set()
    await asyncio.gather(*looks)
    assert sorted(inside) == [1, 1, 1, 2, 3]
    await look(1)


def test_the_places_are_those_that_the_docs_name() -> None:
    assert (fair_slots.LOOKS_AT_ONCE, fair_slots.LOOKS_ASKED, fair_slots.EXPORTS_AT_ONCE) == (4, 5, 2)
