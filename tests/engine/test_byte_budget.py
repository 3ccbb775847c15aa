"""Tests for `Room`: bytes of memory and slots for work are shared fairly."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.work.byte_budget import ByteBudget


class Guests:
    """Holders of a room. `inside` has the amount that each of them takes."""

    def __init__(self, size: int, *caps: int) -> None:
        self.room = ByteBudget(size, caps=caps)
        self.inside: dict[str, int] = {}
        self.leave = asyncio.Event()

    async def come(self, name: str, wanted: int, *holders: str | None, rank: int = 0) -> None:
        async with self.room.taken(wanted, holders=holders, rank=rank):
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
    room = ByteBudget(10)

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


async def test_a_second_share_of_somebody_waits_behind_everybodys_first() -> None:
    room, order = ByteBudget(2), list[str]()

    async def come(name: str) -> None:
        async with room.taken(1, holders=(name.split()[0],)):
            order.append(name)

    async with room.taken(1, holders=("mei",)):
        async with room.taken(1):
            tasks = [asyncio.create_task(come(name)) for name in ("mei 2", "mei 3", "ada 1", "bob 1")]
            await a_moment()
            assert order == []
        await asyncio.gather(*tasks)
    assert order == ["ada 1", "bob 1", "mei 2", "mei 3"]


async def test_nobody_holds_more_than_their_cap_however_much_is_free() -> None:
    guests = Guests(8, 2)
    comes = [("mei 1", "mei"), ("mei 2", "mei"), ("mei 3", "mei"), ("ada 1", "ada")]
    tasks = [asyncio.create_task(guests.come(name, 1, holder)) for name, holder in comes]
    await a_moment()
    assert set(guests.inside) == {"mei 1", "mei 2", "ada 1"}
    guests.leave.set()
    await asyncio.gather(*tasks)


async def test_a_host_has_a_cap_of_its_own_and_holds_back_nobody_of_another_host() -> None:
    guests = Guests(8, 4, 1)
    comes = [("slow 1", "mei", "slow"), ("slow 2", "ada", "slow"), ("other", "ada", "other"), ("none", "ada", None)]
    tasks = [asyncio.create_task(guests.come(name, 1, *holders)) for name, *holders in comes]
    await a_moment()
    assert set(guests.inside) == {"slow 1", "other", "none"}
    guests.leave.set()
    await asyncio.gather(*tasks)


async def test_what_is_larger_than_its_holders_cap_goes_in_alone() -> None:
    guests = Guests(10, 3)
    comes = [("large", 9), ("small", 1)]
    tasks = [asyncio.create_task(guests.come(name, wanted, "mei")) for name, wanted in comes]
    await a_moment()
    assert guests.inside == {"large": 9}
    guests.leave.set()
    await asyncio.gather(*tasks)


async def test_a_lower_rank_goes_first_though_it_came_later() -> None:
    room, order = ByteBudget(1), list[str]()

    async def come(name: str, rank: int) -> None:
        async with room.taken(1, rank=rank):
            order.append(name)

    async with room.taken(1):
        tasks = [asyncio.create_task(come(*each)) for each in (("browsing", 2), ("asking", 1), ("delivery", 0))]
        await a_moment()
    await asyncio.gather(*tasks)
    assert order == ["delivery", "asking", "browsing"]


HOLDERS = st.sampled_from([(), ("mei",), ("ada",), ("mei", "slow"), ("ada", "slow")])


@given(st.lists(st.tuples(st.integers(0, 15), HOLDERS, st.integers(0, 2), st.booleans()), max_size=30))
def test_never_is_more_taken_than_there_is_and_everybody_gets_in(
    guests: list[tuple[int, tuple[str, ...], int, bool]],
) -> None:
    async def story() -> None:
        room, taken, served = ByteBudget(10, caps=(6, 4)), 0, 0

        async def come(wanted: int, holders: tuple[str, ...], rank: int) -> None:
            nonlocal taken, served
            async with room.taken(wanted, holders=holders, rank=rank):
                taken += min(wanted, 10)
                assert taken <= 10
                try:
                    await asyncio.sleep(0)
                    served += 1
                finally:
                    taken -= min(wanted, 10)

        tasks = [asyncio.create_task(come(wanted, holders, rank)) for wanted, holders, rank, _ in guests]
        await asyncio.sleep(0)
        for task, (*_, leaves) in zip(tasks, guests, strict=True):
            if leaves:
                task.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        assert served + sum(task.cancelled() for task in tasks) == len(guests)
        async with asyncio.timeout(1), room.taken(10):
            pass

    asyncio.run(story())
