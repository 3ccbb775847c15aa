"""Processes with one token, started at the same moment, identify in turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs

from bot.client import Atelier
from bot.endpoints import point_discord_at
from bot.engine.clock import system_clock
from bot.traffic import Identifies, StartLimits
from storage.availability import Availability, for_people
from storage.database import Database
from storage.key_values import KeyValueStore
from tests.storage.rows import NOW
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.process import TOKEN
from tests.worlds.database_line import database_line
from tests.worlds.postgres import postgres
from tests.worlds.waiting import eventually

pytestmark = pytest.mark.usefixtures("discord_as_it_was")

GAP: Final = 0.6
"""Seconds between two identifies; Discord wants 5."""
MARGIN: Final = 1.0
"""Seconds for the way from a turn to Discord, on a busy machine too."""
PROCESSES: Final = 3


@pytest.fixture
async def loopback() -> AsyncIterator[LoopbackDiscord]:
    async with loopback_discord(TOKEN) as running:
        point_discord_at(running.url, running.gateway.url)
        running.gateway.max_concurrency, running.gateway.between_identifies = 1, GAP
        yield running


@asynccontextmanager
async def key_values() -> AsyncIterator[KeyValueStore]:
    async with (await postgres()).database() as url, Database.open(url) as database:
        yield KeyValueStore(database)


async def connect(stack: AsyncExitStack, shard: int, identifies: Identifies | None) -> None:
    client = Atelier(extensions=(), shard_count=PROCESSES, shard_ids=[shard], identifies=identifies)
    await stack.enter_async_context(client)
    await client.login(TOKEN)
    connection = asyncio.create_task(client.connect())

    async def end() -> None:
        await client.close()
        with suppress(asyncio.CancelledError):
            await connection

    stack.push_async_callback(end)


async def test_processes_that_start_at_the_same_moment_wait_for_each_other(loopback: LoopbackDiscord) -> None:
    async with key_values() as shared, AsyncExitStack() as stack:
        for shard in range(PROCESSES):
            await connect(stack, shard, Identifies(shared, clock=system_clock, gap_seconds=GAP + MARGIN))
        await loopback.connected(shards=PROCESSES)
    assert loopback.gateway.too_soon == 0


async def test_shards_of_different_remainders_need_not_wait(loopback: LoopbackDiscord) -> None:
    loopback.gateway.max_concurrency = PROCESSES
    async with key_values() as shared, AsyncExitStack() as stack:
        for shard in range(PROCESSES):
            await connect(stack, shard, Identifies(shared, clock=system_clock, gap_seconds=3600.0))
        await loopback.connected(shards=PROCESSES)
    assert loopback.gateway.too_soon == 0


async def test_a_process_that_died_in_its_turn_holds_nobody_up_for_longer_than_the_turn() -> None:
    now = NOW
    async with key_values() as shared:
        dead = Identifies(shared, clock=lambda: now, gap_seconds=5.0)
        await dead.turn(0, no_limits)
        assert await shared.take_turn("identify 0", clock=lambda: now + 4_999, every_ms=5_000) == 1
        assert await shared.take_turn("identify 0", clock=lambda: now + 5_000, every_ms=5_000) == 0


async def test_a_turn_from_before_the_clock_was_set_back_holds_nobody_up() -> None:
    async with key_values() as shared:
        assert await shared.take_turn("identify 0", clock=lambda: NOW + 86_400_000, every_ms=5_000) == 0
        assert await shared.take_turn("identify 0", clock=lambda: NOW, every_ms=5_000) == 0


async def test_a_turn_that_a_process_with_a_clock_ahead_has_taken_counts() -> None:
    async with key_values() as shared:
        assert await shared.take_turn("identify 0", clock=lambda: NOW + 20, every_ms=5_000) == 0
        assert await shared.take_turn("identify 0", clock=lambda: NOW, every_ms=5_000) == 5_020


async def test_of_many_who_want_a_turn_at_once_one_gets_it() -> None:
    async with key_values() as shared:
        waits = await asyncio.gather(
            *[shared.take_turn("identify 0", clock=lambda: NOW, every_ms=5_000) for _ in range(12)]
        )
    assert sorted(waits) == [0, *[5_000] * 11]


async def test_no_shard_identifies_once_discord_allows_no_more_today() -> None:
    answers = [StartLimits(remaining=0, reset_after_seconds=0.001), StartLimits(remaining=0), StartLimits()]

    async def limits() -> StartLimits:
        return answers.pop(0)

    async with key_values() as shared:
        with capture_logs() as logs:
            await Identifies(shared, clock=lambda: NOW).turn(0, limits)
    assert answers == []
    assert [entry["log_level"] for entry in logs] == ["warning", "warning"]


async def test_a_database_that_gives_no_answer_for_a_while_is_asked_for_a_turn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.postgres.PERSON_SECONDS", 0.2)
    monkeypatch.setattr("bot.traffic.identifies.PAUSE_SECONDS", 0.01)
    server = await postgres()
    async with (
        server.database() as url,
        database_line(server, tmp_path) as line,
        Database.open(line.url(str(make_url(url).database))) as database,
    ):
        line.open.clear()
        with for_people():
            turn = asyncio.create_task(Identifies(KeyValueStore(database), clock=lambda: NOW).turn(0, no_limits))
        assert database.server is not None
        await eventually(partial(is_away, database.server.availability))
        line.open.set()
        await turn
        assert await KeyValueStore(database).get("identify 0") == str(NOW)


async def test_without_the_database_a_shard_identifies_as_if_it_were_alone(loopback: LoopbackDiscord) -> None:
    async with AsyncExitStack() as stack:
        async with key_values() as gone:
            turns = Identifies(gone, clock=system_clock, away_seconds=0.0)
        await connect(stack, 0, turns)
        with capture_logs() as logs:
            await loopback.connected()
    assert any("identify without a turn" in entry["event"] for entry in logs)


async def is_away(availability: Availability) -> bool:
    return availability.away is not None


async def no_limits() -> StartLimits:
    return StartLimits()
