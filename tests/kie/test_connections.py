"""Test the image API's client with broken connections: a create is sent once, and a lost answer is `Unconfirmed`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.errors import Unavailable, Unconfirmed, Unreachable
from bot.kie.client import KieClient
from tests.kie.kie_server import (
    LAKE,
    PATIENT,
    SHORT,
    SHORT_TO_CONNECT,
    Talk,
    error_of,
    kie_client,
    raw_server,
    read_request,
)

Ask = Callable[[KieClient], Awaitable[object]]


def create(client: KieClient) -> Awaitable[object]:
    return client.create(LAKE)


def record(client: KieClient) -> Awaitable[object]:
    return client.record("5fd1")


def upload(client: KieClient) -> Awaitable[object]:
    return client.upload("a.png", "image/png", b"png")


async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.transport.abort()


def saying(answer: bytes) -> Talk:
    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()

    return says


async def stays_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await asyncio.Event().wait()


async def stops_halfway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 83\r\n\r\n{"code":')
    await asyncio.Event().wait()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN_TALKS: dict[str, Talk] = {
    "closed after receipt": closes,
    "reset after receipt": resets,
    "half a head": saying(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "half a body": saying(b'HTTP/1.1 200 OK\r\nContent-Length: 83\r\n\r\n{"code":200'),
    "half a chunk": saying(CHUNKED + b'20\r\n{"code":429'),
    "no chunk": saying(CHUNKED + b"zz\r\n"),
    "not compressed": saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"),
    "no HTTP": saying(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "silence": stays_silent,
    "silence halfway": stops_halfway,
}


def patience(talk: Talk) -> aiohttp.ClientTimeout:
    return SHORT if talk in (stays_silent, stops_halfway) else PATIENT


@pytest.mark.parametrize("talk", BROKEN_TALKS.values(), ids=BROKEN_TALKS)
async def test_a_create_without_a_whole_answer_is_unconfirmed_and_sent_once(talk: Talk) -> None:
    connections = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await talk(reader, writer)

    async with raw_server(counted) as url, kie_client(url, timeout=patience(talk)) as client:
        assert type(await error_of(create(client))) is Unconfirmed
    assert connections == 1


@pytest.mark.parametrize("talk", BROKEN_TALKS.values(), ids=BROKEN_TALKS)
@pytest.mark.parametrize("ask", [record, upload])
async def test_anything_else_without_a_whole_answer_is_unavailable(ask: Ask, talk: Talk) -> None:
    async with raw_server(talk) as url, kie_client(url, timeout=patience(talk)) as client:
        assert type(await error_of(ask(client))) is Unavailable


async def test_a_create_on_a_connection_that_was_used_before_is_sent_once() -> None:
    received: list[bytes] = []

    async def answers_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await read_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + b'{"code":200}')
        received.append(await read_request(reader))

    async with raw_server(answers_once) as url, kie_client(url) as client:
        await client.record("5fd1")
        assert type(await error_of(create(client))) is Unconfirmed
    assert [request.split()[0] for request in received] == [b"GET", b"POST"]


async def talks_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()


async def never_talks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


class Nowhere(AbstractResolver):
    """A resolver that finds no name, or (`silent`) never answers."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        if self._silent:
            await asyncio.Event().wait()
        raise OSError("no such name")

    async def close(self) -> None: ...


EVERY_CALL = pytest.mark.parametrize("ask", [create, record, upload])


@EVERY_CALL
async def test_where_nobody_listens_nothing_was_sent(ask: Ask) -> None:
    async with raw_server(never_talks) as gone:
        pass
    async with kie_client(gone) as client:
        assert type(await error_of(ask(client))) is Unreachable


@EVERY_CALL
@pytest.mark.parametrize("silent", [True, False])
async def test_where_no_name_is_found_nothing_was_sent(ask: Ask, silent: bool) -> None:
    async with kie_client("http://api.test", resolver=Nowhere(silent=silent), timeout=SHORT_TO_CONNECT) as client:
        assert type(await error_of(ask(client))) is Unreachable


@EVERY_CALL
@pytest.mark.parametrize("talk", [talks_plainly, never_talks])
async def test_where_tls_does_not_stand_nothing_was_sent(ask: Ask, talk: Talk) -> None:
    async with raw_server(talk, scheme="https") as url, kie_client(url, timeout=SHORT_TO_CONNECT) as client:
        assert type(await error_of(ask(client))) is Unreachable


async def test_a_cancelled_create_stays_cancelled() -> None:
    received = asyncio.Event()

    async def holds(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        received.set()
        await asyncio.Event().wait()

    async with raw_server(holds) as url, kie_client(url) as client:
        creating = asyncio.create_task(client.create(LAKE))
        await received.wait()
        creating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await creating
