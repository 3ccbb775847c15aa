"""Several processes on one database: who lives, who leads, and who answers for which shard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.engine.processes.membership import LEASE_MS, MARGIN_MS, UNSURE_SHARE, Membership
from storage.processes import Process
from storage.shards import Shards
from storage.stores import Stores
from tests.storage.rows import opened_stores
from tests.worlds.engine_world import Clock

FOUR = 4


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened_stores("postgres", tmp_path) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


def member(stores: Stores, clock: Clock, *shard_ids: int, count: int | None = FOUR) -> Membership:
    return Membership(stores.processes, shard_count=count, shard_ids=shard_ids, clock=clock)


async def beaten(*members: Membership) -> None:
    for each in members:
        await each.beat()


def ids(shards: Shards | None) -> set[int]:
    assert shards is not None
    return set(shards.ids)


async def test_on_sqlite_one_process_does_everything_and_writes_no_row(tmp_path: Path, clock: Clock) -> None:
    async with opened_stores("sqlite", tmp_path) as stores:
        alone = member(stores, clock, 2)
        assert (alone.share, alone.is_leader, alone.shards, alone.living) == (1.0, True, None, 1)
        await alone.beat()
        await alone.leave()
        assert (alone.share, alone.is_leader, alone.shards) == (1.0, True, None)
        other = Process(id="other", shard_count=None, shard_ids=(), started_at=clock(), seen_at=clock())
        assert [found.id for found in await stores.processes.seen(other, lease_ms=LEASE_MS)] == ["other"]


async def test_the_process_that_joined_first_leads_until_it_leaves(stores: Stores, clock: Clock) -> None:
    first, second, third = (member(stores, clock, shard) for shard in range(3))
    await beaten(first, second, third)
    assert [each.is_leader for each in (first, second, third)] == [True, False, False]
    await first.leave()
    await beaten(third, second)
    assert [each.is_leader for each in (first, second, third)] == [False, True, False]


async def test_the_first_to_join_leads_though_another_says_that_it_started_before(stores: Stores, clock: Clock) -> None:
    behind = Clock(clock.now - 1000)
    first, second = member(stores, clock, 0), member(stores, behind, 1)
    await beaten(first, second, first)
    assert (first.is_leader, second.is_leader) == (True, False)


async def test_there_is_never_more_than_one_leader(stores: Stores, clock: Clock) -> None:
    """The first one cannot write its row for a while; the others see it die, and it comes back."""
    first, second = member(stores, clock, 0), member(stores, clock, 1)
    await beaten(first, second)
    leaders = []
    for _ in range(30):
        clock.turn(1)
        await second.beat()
        leaders.append((first.is_leader, second.is_leader))
    assert (True, True) not in leaders
    assert leaders[0] == (True, False)
    assert leaders[-1] == (False, True)
    await beaten(first, second)
    assert (first.is_leader, second.is_leader) == (False, True)


async def test_a_leader_that_comes_back_late_is_the_last_though_no_other_took_its_place(
    stores: Stores, clock: Clock
) -> None:
    first, second = member(stores, clock, 0), member(stores, clock, 1)
    await beaten(first, second)
    clock.turn((LEASE_MS - 1000) / 1000)
    await second.beat()
    clock.turn(1)
    await beaten(first, second)
    assert (first.is_leader, second.is_leader) == (False, True)


async def test_a_process_answers_for_its_own_shards_and_the_leader_for_those_without_a_process(
    stores: Stores, clock: Clock
) -> None:
    first, second = member(stores, clock, 0), member(stores, clock, 2)
    await beaten(first, second, first)
    assert (ids(first.shards), ids(second.shards)) == ({0, 1, 3}, {2})
    guild = 2 << 22 | 77
    assert [each.answers(guild) for each in (first, second)] == [False, True]
    assert first.process_of(guild) == second.process_of(guild) == second.id
    assert first.process_of(None) == first.process_of(3 << 22) == first.id
    assert ids(first.shards_of(second.id)) == {2}
    assert ids(second.shards_of(first.id)) == {0, 1, 3}


async def test_the_leader_takes_over_the_shards_of_a_process_that_died(stores: Stores, clock: Clock) -> None:
    first, second = member(stores, clock, 0, 1), member(stores, clock, 2, 3)
    await beaten(first, second, first)
    assert ids(first.shards) == {0, 1}
    clock.turn(LEASE_MS / 1000)
    await first.beat()
    clock.turn(1)
    await first.beat()
    assert ids(first.shards) == {0, 1, 2, 3}


async def test_a_process_that_leaves_is_followed_at_once(stores: Stores, clock: Clock) -> None:
    first, second = member(stores, clock, 0, 1), member(stores, clock, 2, 3)
    await beaten(first, second, first)
    await first.leave()
    await second.beat()
    assert (ids(second.shards), second.share, second.living) == ({0, 1, 2, 3}, 1.0, 1)


async def test_a_shard_that_two_processes_run_is_with_the_one_that_joined_first(stores: Stores, clock: Clock) -> None:
    old, new = member(stores, clock, 0, 1), member(stores, clock, 0, 1)
    await beaten(old, new, old)
    assert (ids(old.shards), ids(new.shards)) == ({0, 1, 2, 3}, set())


@pytest.mark.parametrize(("count", "shard_ids"), [(5, (1,)), (None, ()), (FOUR, ())])
async def test_processes_that_disagree_on_the_shards_all_answer_for_all(
    stores: Stores, clock: Clock, count: int | None, shard_ids: tuple[int, ...]
) -> None:
    first, second = member(stores, clock, 0), member(stores, clock, *shard_ids, count=count)
    await beaten(first, second, first)
    assert (first.shards, second.shards, first.process_of(1)) == (None, None, None)


async def test_a_process_uses_its_share_once_the_others_know_of_it(stores: Stores, clock: Clock) -> None:
    first, second, third = (member(stores, clock, shard) for shard in range(3))
    assert first.share == UNSURE_SHARE
    await first.beat()
    assert first.share == 1.0
    clock.turn(1)
    await beaten(second, third)
    assert [each.share for each in (first, second, third)] == [1.0, UNSURE_SHARE, UNSURE_SHARE]
    clock.turn(1)
    await beaten(first, third, second)
    assert [each.share for each in (first, second, third)] == [1 / 3, 1 / 3, UNSURE_SHARE]
    await third.beat()
    assert third.share == 1 / 3


async def test_the_share_of_a_dead_process_is_used_only_after_it_has_given_it_up(stores: Stores, clock: Clock) -> None:
    first, second = member(stores, clock, 0), member(stores, clock, 1)
    await beaten(first, second)
    clock.turn(1)
    await beaten(first, second)
    for _ in range(LEASE_MS // 1000 + 2):
        clock.turn(1)
        await second.beat()
        assert first.share + second.share <= 1 + UNSURE_SHARE
    assert (first.share, second.share) == (UNSURE_SHARE, 1.0)


async def test_a_process_that_cannot_write_its_row_gives_its_place_up_before_others_take_it(
    stores: Stores, clock: Clock
) -> None:
    first = member(stores, clock, 0)
    await first.beat()
    clock.turn((LEASE_MS - MARGIN_MS - 1) / 1000)
    assert (first.is_leader, first.share) == (True, 1.0)
    clock.turn(0.001)
    assert (first.is_leader, first.share) == (False, UNSURE_SHARE)
    await first.beat()
    assert (first.is_leader, first.share) == (True, 1.0)
