"""Tests for the web endpoint over real HTTP: liveness, readiness with its reasons, callbacks, and failing to listen."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from bot.errors import ConfigurationError
from bot.process import counters
from bot.web.readiness import Readiness
from sandbox.kie import Emulator
from tests.web.visiting import address_of, opened, visiting
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.process import KEY, TOKEN, bot
from tests.wire.traps import Moment, Traps, holds
from tests.worlds.engine_world import START, Clock, png
from tests.worlds.waiting import eventually

pytestmark = pytest.mark.usefixtures("discord_as_it_was")

WEBHOOK_KEY = "a-key-for-callbacks"


@pytest.fixture
async def discord() -> AsyncIterator[LoopbackDiscord]:
    async with loopback_discord(TOKEN) as running:
        running.files["cat.png"] = png("orange", (96, 72))
        yield running


# -- liveness and readiness ----------------------------------------------------------------------------------------


async def test_it_is_alive_before_anything_is_connected(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, _, visitor):
        assert await visitor.get("/healthz") == (200, "alive\n")


@pytest.mark.sweep
async def test_it_is_not_ready_while_the_gateway_is_not_connected(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, _, visitor):
        status, said = await visitor.get("/readyz")
        assert (status, said) == (503, "not ready: Discord's gateway is not connected (0 of so far unknown shards)\n")


@pytest.mark.sweep
async def test_it_is_ready_when_all_shards_are_connected_and_not_while_they_are_gone(
    tmp_path: Path, discord: LoopbackDiscord
) -> None:
    discord.gateway.shards = 2
    async with Emulator(key=KEY) as image_api, bot(tmp_path, discord, image_api) as running:
        async with visiting(await address_of(running)) as visitor:
            await running.connected(shards=2)

            async def ready() -> bool:
                return await visitor.get("/readyz") == (200, "ready\n")

            async def lost() -> bool:
                return await visitor.get("/readyz") == (
                    503,
                    "not ready: Discord's gateway is not connected (0 of 2 shards)\n",
                )

            await eventually(ready)
            async with discord.down():
                await eventually(lost)
                assert (await visitor.get("/healthz"))[0] == 200
            await eventually(ready)
        assert await running.stopped() == 0


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold the write lock of the database from another connection."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.sweep
async def test_it_is_not_ready_while_the_database_cannot_be_written(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, _, visitor):
        with locked(tmp_path / "atelier.db"):
            async with asyncio.timeout(10):
                status, said = await visitor.get("/readyz")
        assert status == 503
        assert "not ready: the database could not be written to within 2 seconds\n" in said

        async def written() -> bool:
            return "database" not in (await visitor.get("/readyz"))[1]

        await eventually(written)


@pytest.mark.sweep
async def test_however_often_it_is_asked_rows_are_written_once_a_second(tmp_path: Path) -> None:
    async with opened(tmp_path) as (atelier, _, _):
        clock = Clock()
        readiness = Readiness(atelier.client, atelier.stores, clock=clock)
        written = []
        for clock.now in (START, START + 999, START + 1000):
            await asyncio.gather(*[readiness.missing() for _ in range(10)])
            written.append(await atelier.stores.key_values.get("last_readiness_check"))
    assert written == [str(START), str(START), str(START + 1000)]


@pytest.mark.sweep
async def test_it_is_not_ready_while_it_stops_and_alive_to_the_end(tmp_path: Path, discord: LoopbackDiscord) -> None:
    """Stopping waits for a create that is not answered yet."""
    traps, answered = Traps(), asyncio.Event()
    create = traps.lay("POST */generate", Moment.RECEIVED, holds(answered))
    async with (
        Emulator(key=KEY, shrink=8, middlewares=[traps.middleware]) as image_api,
        bot(tmp_path, discord, image_api) as running,
        visiting(await address_of(running)) as visitor,
    ):
        await running.connected()
        await discord.imagine("a red door")
        await create.sprung.wait()
        running.process.terminate()

        async def stopping() -> bool:
            return await visitor.get("/readyz") == (503, "not ready: the bot is stopping\n")

        await eventually(stopping)
        assert (await visitor.get("/healthz"))[0] == 200
        answered.set()
        assert await running.ended() == 0
        with pytest.raises(aiohttp.ClientConnectorError):
            await visitor.get("/healthz")


# -- callbacks -----------------------------------------------------------------------------------------------------


def callback_headers(job_id: str) -> dict[str, str]:
    stamp = str(int(time.time()))
    digest = hmac.digest(WEBHOOK_KEY.encode(), f"{job_id}.{stamp}".encode(), hashlib.sha256)
    return {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": base64.b64encode(digest).decode()}


def callbacks_counted() -> dict[str, float]:
    samples = [sample for family in counters.CALLBACKS.collect() for sample in family.samples]
    return {sample.labels["result"]: sample.value for sample in samples}


@pytest.mark.sweep
async def test_callbacks_are_there_before_the_gateway_is_and_each_is_counted(tmp_path: Path) -> None:
    before = callbacks_counted()
    on: dict[str, Any] = {"kie_webhook_key": SecretStr(WEBHOOK_KEY), "public_url": "https://atelier.example"}
    async with opened(tmp_path, **on) as (_, _, visitor):
        body = '{"code": 200, "data": {"taskId": "kie1"}}'
        assert await visitor.post("/callbacks/kie/unknown", body, **callback_headers("kie1")) == 404
        assert await visitor.post("/callbacks/kie/unknown", body) == 401
        assert await visitor.post("/callbacks/kie/unknown", "nothing", **callback_headers("kie1")) == 400
        assert await visitor.post("/callbacks/kie/unknown", b"x" * 2**20, **callback_headers("kie1")) == 413
        assert (await visitor.get("/callbacks/kie/unknown"))[0] == 405
    counted = {result: number - before.get(result, 0) for result, number in callbacks_counted().items()}
    wanted = {"unknown": 1, "not_signed": 1, "unreadable": 1, "too_large": 1}
    assert {result: number for result, number in counted.items() if number} == wanted


async def test_where_callbacks_are_off_there_is_nothing(tmp_path: Path) -> None:
    before = callbacks_counted()
    async with opened(tmp_path, public_url="https://atelier.example") as (_, _, visitor):
        assert await visitor.post("/callbacks/kie/unknown", "{}", **callback_headers("kie1")) == 404
        assert (await visitor.get("/nothing"))[0] == 404
    assert callbacks_counted() == before


# -- listening -----------------------------------------------------------------------------------------------------


@pytest.mark.sweep
async def test_a_port_that_is_taken_is_one_line_that_names_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"^HTTP_PORT {port} .* is taken by another program; .*$"):
            async with opened(tmp_path, http_port=port):
                pass


@pytest.mark.sweep
async def test_a_host_of_another_machine_is_one_line_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^HTTP_HOST 192\.0\.2\.1 is no address of this machine; .*$"):
        async with opened(tmp_path, http_host="192.0.2.1"):
            pass


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
async def test_a_host_that_cannot_be_listened_at_is_one_line_with_the_cause(tmp_path: Path) -> None:
    """An address of a link without the name of the link."""
    with pytest.raises(ConfigurationError, match=r"^HTTP_PORT 8123 on HTTP_HOST fe80::1 cannot be listened at: .+$"):
        async with opened(tmp_path, http_host="fe80::1", http_port=8123):
            pass


@pytest.mark.sweep
async def test_a_port_that_is_taken_ends_the_bot_with_78(tmp_path: Path, discord: LoopbackDiscord) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with Emulator(key=KEY) as image_api, bot(tmp_path, discord, image_api, HTTP_PORT=port) as running:
            assert await running.ended() == 78
        (line,) = [line for line in running.said().splitlines() if "HTTP_PORT" in line]
        assert line.startswith(f"HTTP_PORT {port} on 127.0.0.1 is taken")
        assert "Traceback" not in running.said()


@pytest.mark.sweep
async def test_the_address_is_logged_once(tmp_path: Path, discord: LoopbackDiscord) -> None:
    async with Emulator(key=KEY) as image_api, bot(tmp_path, discord, image_api) as running:
        async with visiting(await address_of(running)) as visitor:
            await visitor.get("/healthz")
            await visitor.get("/metrics")
        assert await running.stopped() == 0
    assert running.said().count("web endpoint open") == 1
    assert "/healthz" not in running.said()
