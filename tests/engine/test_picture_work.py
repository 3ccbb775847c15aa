"""Tests for the order of picture decoding: paid work first, and no person waits for another person's large pictures."""

from __future__ import annotations

import asyncio

import pytest

from bot.engine.work import picture_work
from bot.engine.work.picture_work import DELIVERY, PictureWork, Requester, WorkPriority
from bot.errors import BadReference, Reason
from bot.imaging.cost import MIB, Cost
from bot.imaging.jobs import Job, Made
from bot.imaging.picture_info import PictureInfo, PlainCopy, Unreadable
from bot.imaging.processes import WorkerThreads
from tests.hostile.pictures import one_colour, riff
from tests.imaging.picture_files import file_of, painted

SMALL = file_of(painted(96, 64))
LARGE = riff(one_colour(3000, 2000))
"""A large picture by its cost: three canvases of 6 megapixels."""


class Bench:
    """A stand-in for the decoders. Each job runs until the test calls `end` with its name."""

    def __init__(self) -> None:
        self.at_work: list[str] = []
        self.most = 0
        self._ends: dict[str, asyncio.Event] = {}

    async def do(self, job: Job, cost: Cost) -> Made:
        name = job.given.get("filename", job.work)
        self.at_work.append(name)
        self.most = max(self.most, len(self.at_work))
        await self._ends.setdefault(name, asyncio.Event()).wait()
        self.at_work.remove(name)
        if job.work == "look_at_result":
            return PictureInfo(content_type="image/png", width=1, height=1)
        return PlainCopy(data=b"", content_type="image/png", width=1, height=1, is_converted=True)

    def end(self, name: str) -> None:
        self._ends.setdefault(name, asyncio.Event()).set()


class Desk:
    def __init__(self) -> None:
        self.bench = Bench()
        self.work = PictureWork(self.bench)
        self.tasks: list[asyncio.Task[PlainCopy]] = []

    def ask(self, name: str, data: bytes, person: int | None, rank: WorkPriority = WorkPriority.REQUEST) -> None:
        self.tasks.append(asyncio.create_task(self.work.plain_copy(data, name, Requester(person, rank))))

    async def at_work(self) -> list[str]:
        """Return the sorted names of the running jobs, after the event loop has settled."""
        for _ in range(20):
            await asyncio.sleep(0)
        return sorted(self.bench.at_work)

    async def all_end(self) -> None:
        while not all(task.done() for task in self.tasks):
            for name in await self.at_work():
                self.bench.end(name)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_somebodys_photo_waits_for_no_large_picture(desk: Desk) -> None:
    for number in range(5):
        desk.ask(f"large {number}", LARGE, person=1)
    assert await desk.at_work() == ["large 0"]
    desk.ask("photo", SMALL, person=2)
    assert await desk.at_work() == ["large 0", "photo"]
    await desk.all_end()


async def test_large_pictures_of_several_people_leave_a_place_for_small_ones(desk: Desk) -> None:
    for person in range(4):
        desk.ask(f"large {person}", LARGE, person=person)
    desk.ask("photo", SMALL, person=9)
    assert await desk.at_work() == ["large 0", "photo"]
    await desk.all_end()


async def test_a_persons_second_picture_waits_behind_everybodys_first(desk: Desk) -> None:
    for number in range(6):
        desk.ask(f"small {number}", SMALL, person=1)
    desk.ask("other", SMALL, person=2)
    desk.ask("third", SMALL, person=3)
    assert await desk.at_work() == ["other", "small 0"]
    desk.bench.end("small 0")
    assert await desk.at_work() == ["other", "third"]
    await desk.all_end()


async def test_what_is_paid_comes_first_and_browsing_last(desk: Desk) -> None:
    desk.ask("a", SMALL, person=1)
    desk.ask("b", SMALL, person=2)
    await desk.at_work()
    desk.ask("browsing", SMALL, person=3, rank=WorkPriority.BROWSING)
    desk.ask("request", SMALL, person=4)
    result = asyncio.create_task(desk.work.look_at_result(SMALL))
    desk.bench.end("a")
    assert await desk.at_work() == ["b", "look_at_result"]
    desk.bench.end("look_at_result")
    await result
    assert await desk.at_work() == ["b", "request"]
    await desk.all_end()


async def test_results_of_one_person_are_looked_at_together(desk: Desk) -> None:
    results = [asyncio.create_task(desk.work.look_at_result(SMALL)) for _ in range(4)]
    assert await desk.at_work() == ["look_at_result", "look_at_result"]
    desk.bench.end("look_at_result")
    await asyncio.gather(*results)
    assert desk.bench.most == 2


async def test_who_stops_waiting_takes_nobodys_place(desk: Desk) -> None:
    desk.ask("large", LARGE, person=1)
    await desk.at_work()
    desk.ask("second", LARGE, person=2)
    desk.ask("third", LARGE, person=3)
    await desk.at_work()
    desk.tasks.pop(1).cancel()
    desk.bench.end("large")
    assert await desk.at_work() == ["third"]
    await desk.all_end()


async def test_what_is_refused_by_its_header_takes_no_turn(desk: Desk) -> None:
    with pytest.raises(BadReference) as refused:
        await desk.work.plain_copy(riff(one_colour(8192, 8191)), "a.webp", Requester(1, WorkPriority.REQUEST))
    assert refused.value.reason is Reason.REFERENCE_TOO_MANY_PIXELS
    assert refused.value.parameters["filename"] == "a.webp"
    with pytest.raises(Unreadable):
        await desk.work.look_at_result(b"<html>")
    assert desk.bench.most == 0


# -- memory for files --------------------------------------------------------------------------------------------------
class Holder:
    """Holds the bytes of files in memory until `let_go` is set."""

    def __init__(self) -> None:
        self.work = PictureWork(WorkerThreads())
        self.held: list[str] = []
        self.let_go = asyncio.Event()

    async def hold(self, name: str, size: int | None, person: int) -> None:
        async with self.work.holding(size, Requester(person, WorkPriority.REQUEST)):
            self.held.append(name)
            await self.let_go.wait()

    async def settled(self) -> list[str]:
        for _ in range(20):
            await asyncio.sleep(0)
        return self.held


class Exhausted:
    """A stand-in for decoders whose process dies at every job."""

    async def do(self, job: Job, cost: Cost) -> Made:
        raise Unreadable(Reason.REFERENCE_TOO_COMPLEX)


async def test_an_attachment_that_takes_its_process_down_is_refused_by_its_name() -> None:
    work, somebody = PictureWork(Exhausted()), Requester(1, WorkPriority.REQUEST)
    for making in (work.plain_copy(SMALL, "cat.png", somebody), work.plain_mask(SMALL, "cat.png", None, somebody)):
        with pytest.raises(BadReference) as refused:
            await making
        assert (refused.value.reason, refused.value.parameters["filename"]) == (
            Reason.REFERENCE_TOO_COMPLEX,
            "cat.png",
        )


async def test_files_in_memory_are_bounded_in_all_and_for_each_person() -> None:
    holder = Holder()
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(holder.hold(f"first {number}", 40 * MIB, 1))
        for person in range(2, 7):
            group.create_task(holder.hold(f"person {person}", 17 * MIB, person))
        assert await holder.settled() == ["first 0", "person 2", "person 3", "person 4", "person 5"]
        group.create_task(holder.hold("photo", 3000, 9))
        assert (await holder.settled())[-1] == "photo"
        holder.let_go.set()
    assert len(holder.held) == 9


async def test_a_file_of_unknown_size_counts_as_the_largest() -> None:
    holder = Holder()
    async with asyncio.TaskGroup() as group:
        for person in range(3):
            group.create_task(holder.hold("held", None, person))
        assert await holder.settled() == ["held"] * 2
        holder.let_go.set()


async def test_threads_do_the_same_work() -> None:
    work = PictureWork(WorkerThreads())
    assert (await work.plain_copy(SMALL, "x", DELIVERY)).width == 96
    assert (await work.plain_copy(SMALL + bytes(picture_work.READ_AT_ONCE), "x", DELIVERY)).width == 96
    assert (await work.fit(SMALL, 100_000)).data == SMALL
