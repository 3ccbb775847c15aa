"""Tests for the web endpoint without a reverse proxy: partial requests, too many connections, malformed requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from bot.app import open_atelier
from bot.web.balance import Balance
from bot.web.connections import ConnectionLimits, Connections
from bot.web.metrics import Metrics
from bot.web.readiness import Readiness
from bot.web.site import Site
from storage.disks import Disks
from tests.hostile.requests import HALF, UNREADABLE
from tests.web.visiting import settings_of

pytestmark = pytest.mark.usefixtures("discord_as_it_was")

SHORT = ConnectionLimits(head_seconds=0.05)
PATIENT_SECONDS = 20.0


@asynccontextmanager
async def listening(
    folder: Path, limits: ConnectionLimits = SHORT, *routes: web.RouteDef
) -> AsyncIterator[tuple[str, int]]:
    async with open_atelier(settings_of(folder)) as atelier:
        balance = Balance(atelier.api.credits)
        site = Site(
            readiness=Readiness(atelier.client, atelier.stores),
            metrics=Metrics(atelier.client, atelier.figures, balance, Disks(), membership=atelier.engine.membership),
            callbacks=routes,
            limits=limits,
        )
        async with site.open("127.0.0.1", 0) as address:
            parts = urlsplit(address)
            yield str(parts.hostname), int(parts.port or 0)
        await balance.close()


class Peer:
    """A raw TCP connection to the endpoint."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def answer(self) -> bytes:
        """Read until the endpoint closes the connection."""
        said = bytearray()
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENT_SECONDS):
                while data := await self._reader.read(65536):
                    said += data
        return bytes(said)

    async def head(self) -> bytes:
        async with asyncio.timeout(PATIENT_SECONDS):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def whole(self) -> bytes:
        """Read one answer with the body `alive` from a connection that stays open."""
        head = await self.head()
        return head + await self._reader.readexactly(len(b"alive\n"))


@asynccontextmanager
async def connected(address: tuple[str, int]) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


# -- timeouts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HALF)
@pytest.mark.sampled(every=4)
@pytest.mark.sweep
async def test_a_half_request_is_closed_without_an_answer(tmp_path: Path, name: str) -> None:
    async with listening(tmp_path) as address, connected(address) as peer:
        peer.send(HALF[name])
        assert await peer.answer() == b""


@pytest.mark.sweep
async def test_bytes_that_trickle_in_do_not_extend_the_time_for_the_headers(tmp_path: Path) -> None:
    async with listening(tmp_path) as address, connected(address) as peer:

        async def trickle() -> None:
            for byte in b"GET /healthz HTTP/1.1\r\n" + b"x: y\r\n" * 100_000:
                peer.send(bytes([byte]))
                await asyncio.sleep(0.001)

        trickling = asyncio.create_task(trickle())
        assert await peer.answer() == b""
        trickling.cancel()


@pytest.mark.sweep
async def test_a_second_request_on_the_same_connection_has_no_longer_than_the_first(tmp_path: Path) -> None:
    async with listening(tmp_path, replace(SHORT, head_seconds=0.3)) as address, connected(address) as peer:
        peer.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await peer.whole()).endswith(b"alive\n")
        peer.send(b"GET /healthz HTTP/1.1\r\nHost")
        assert await peer.answer() == b""


async def test_an_idle_connection_is_closed(tmp_path: Path) -> None:
    limits = ConnectionLimits(idle_seconds=0.05)
    async with listening(tmp_path, limits) as address, connected(address) as peer:
        peer.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await peer.answer()).endswith(b"alive\n")


@pytest.mark.sweep
async def test_a_body_that_never_ends_is_closed_after_the_answer(tmp_path: Path) -> None:
    async with listening(tmp_path, ConnectionLimits(idle_seconds=0.05)) as address, connected(address) as peer:
        peer.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nhalf")
        assert (await peer.answer()).endswith(b"alive\n")


async def test_an_answer_that_is_not_read_does_not_hold_the_connection(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 2**20)
        finally:
            ended.set()

    limits = ConnectionLimits(answer_seconds=0.05)
    async with listening(tmp_path, limits, web.get("/endless", endless)) as address, connected(address) as peer:
        peer.send(b"GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")
        async with asyncio.timeout(PATIENT_SECONDS):
            await ended.wait()


# -- number of connections ---------------------------------------------------------------------------------------------


async def test_one_address_has_so_many_connections_and_no_more_until_one_is_closed(tmp_path: Path) -> None:
    async with listening(tmp_path, ConnectionLimits(per_address=2)) as address:
        async with connected(address) as first, connected(address):
            first.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            await first.head()
            async with connected(address) as third:
                third.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
                assert await third.answer() == b""
        async with connected(address) as fourth:
            fourth.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            assert (await fourth.answer()).endswith(b"alive\n")


async def test_strangers_do_not_take_the_places_of_this_machine() -> None:
    connections = Connections(ConnectionLimits(connections=3, per_address=2))
    assert [connections.admit(f"203.0.113.{n}") for n in range(4)] == [True, True, True, False]
    assert [connections.admit(address) for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1")] == [True, True, False]
    connections.leave("203.0.113.0")
    assert connections.admit("203.0.113.9")


async def test_a_customer_of_ipv6_is_one_address() -> None:
    connections = Connections(ConnectionLimits(per_address=2))
    assert [connections.admit(f"2001:db8::{n}") for n in range(3)] == [True, True, False]
    assert connections.admit("2001:db8:0:1::1")


async def test_refused_connections_are_one_warning(capsys: pytest.CaptureFixture[str]) -> None:
    connections = Connections(ConnectionLimits(per_address=1))
    assert [connections.admit("203.0.113.1") for _ in range(5)] == [True, *[False] * 4]
    assert capsys.readouterr().out.count("web connection refused") == 1


# -- malformed requests ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.sampled(every=6)
async def test_what_cannot_be_read_is_400_and_one_line_without_a_traceback(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(tmp_path) as address, connected(address) as peer:
        capsys.readouterr()
        peer.send(UNREADABLE[name])
        answer = await peer.answer()
    said = capsys.readouterr()
    assert answer.startswith(b"HTTP/1.0 400 ")
    assert b"\r\nserver:" not in answer.lower()
    logged = said.out + said.err + caplog.text
    assert len([line for line in (said.out + said.err).splitlines() if "refused" in line]) == 1
    assert "Traceback" not in logged
    assert "secret" not in logged


@pytest.mark.parametrize("status", [200, 400, 404, 405, 413, 500])
@pytest.mark.sampled(every=3)
@pytest.mark.sweep
async def test_no_answer_names_what_runs(tmp_path: Path, status: int) -> None:
    async def broken(_: web.Request) -> web.Response:
        if status == 500:
            raise RuntimeError("a defect")
        if status == 400:
            raise web.HTTPBadRequest
        if status == 413:
            raise web.HTTPRequestEntityTooLarge(1, 2)
        return web.Response(text="well")

    route = web.post("/test", broken)
    path, method = ("/nothing" if status == 404 else "/test"), "GET" if status == 405 else "POST"
    async with (
        listening(tmp_path, ConnectionLimits(), route) as (host, port),
        aiohttp.ClientSession() as session,
        session.request(method, f"http://{host}:{port}{path}") as answer,
    ):
        assert answer.status == status
        assert not {"Server", "X-Powered-By"} & set(answer.headers)
        assert "aiohttp" not in await answer.text()
