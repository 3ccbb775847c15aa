"""Room for bytes in memory."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.room import Room


class Guests:
    """Those who are in, and what each takes."""

    def __init__(self, size: int) -> None:
        self.room = Room(size)
        self.inside: dict[str, int] = {}
        self.leave = asyncio.Event()

    async def come(self, name: str, wanted: int) -> None:
        async with self.room.taken(wanted):
            self.inside[name] = wanted
            try:
                await self.leave.wait()
            finally:
                del self.inside[name]


async def a_moment() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_finds_no_room_waits_until_somebody_leaves() -> None:
    guests = Guests(10)
    tasks = [asyncio.create_task(guests.come(name, wanted)) for name, wanted in (("a", 6), ("b", 4), ("c", 5))]
    await a_moment()
    assert guests.inside == {"a": 6, "b": 4}
    guests.leave.set()
    await asyncio.gather(*tasks)


async def test_a_small_one_does_not_overtake_a_large_one() -> None:
    guests = Guests(10)
    tasks = [asyncio.create_task(guests.come(name, wanted)) for name, wanted in (("a", 6), ("large", 9), ("small", 1))]
    await a_moment()
    assert guests.inside == {"a": 6}
    guests.leave.set()
    await asyncio.gather(*tasks)


async def test_what_is_larger_than_the_room_has_it_to_itself() -> None:
    guests = Guests(10)
    tasks = [asyncio.create_task(guests.come(name, wanted)) for name, wanted in (("huge", 99), ("small", 1))]
    await a_moment()
    assert guests.inside == {"huge": 99}
    guests.leave.set()
    await asyncio.gather(*tasks)


async def test_who_gives_up_waiting_takes_nothing_and_lets_the_next_one_in() -> None:
    guests = Guests(10)
    comes = [("a", 6), ("large", 9), ("small", 3)]
    first, large, small = [asyncio.create_task(guests.come(name, wanted)) for name, wanted in comes]
    await a_moment()
    large.cancel()
    await a_moment()
    assert guests.inside == {"a": 6, "small": 3}
    guests.leave.set()
    await asyncio.gather(first, small)
    async with guests.room.taken(10):
        pass


async def test_who_is_cancelled_just_when_let_in_gives_the_room_back() -> None:
    room = Room(10)

    async def come() -> None:
        async with room.taken(10):
            raise AssertionError("it was cancelled")

    async with room.taken(10):
        coming = asyncio.create_task(come())
        await a_moment()
    coming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await coming
    async with asyncio.timeout(1), room.taken(10):
        pass


@given(st.lists(st.tuples(st.integers(0, 15), st.booleans()), max_size=30))
def test_never_is_more_taken_than_there_is_and_everybody_gets_in(guests: list[tuple[int, bool]]) -> None:
    async def story() -> None:
        room, taken, served = Room(10), 0, 0

        async def come(wanted: int) -> None:
            nonlocal taken, served
            async with room.taken(wanted):
                taken += min(wanted, 10)
                assert taken <= 10
                try:
                    await asyncio.sleep(0)
                    served += 1
                finally:
                    taken -= min(wanted, 10)

        tasks = [asyncio.create_task(come(wanted)) for wanted, _ in guests]
        await asyncio.sleep(0)
        for task, (_, leaves) in zip(tasks, guests, strict=True):
            if leaves:
                task.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        assert served + sum(task.cancelled() for task in tasks) == len(guests)
        async with asyncio.timeout(1), room.taken(10):
            pass

    asyncio.run(story())
