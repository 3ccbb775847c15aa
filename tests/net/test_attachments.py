"""Tests for downloading attachments over real sockets: from Discord only, within limits, and no address leaks."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from bot.errors import BadReference, Reason, ServiceError, Unavailable, Unreachable
from bot.net.attachments import AttachmentFetcher
from storage.models import Reference, ReferenceKind

SIGNED = "?ex=6543&is=1234&hm=5ec4e7"
LIMIT = 2 * 1024 * 1024

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def reference(url: str, declared_bytes: int = 0) -> Reference:
    return Reference(
        task_id="5f3759df5f3759df",
        position=0,
        kind=ReferenceKind.IMAGE,
        url=url,
        filename="cat.png",
        declared_bytes=declared_bytes,
    )


@asynccontextmanager
async def fetching(origin: str | None = None, total: float = 20, stall: float = 20) -> AsyncIterator[AttachmentFetcher]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield AttachmentFetcher(session, origin=origin, limit_bytes=LIMIT, total_seconds=total, stall_seconds=stall)


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """Serve the answer on every path. Yield the origin of the server."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    """Run a raw server that need not speak HTTP. Yield its origin."""

    visits: set[asyncio.Task[None] | None] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(meet, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*(visit for visit in visits if visit))


async def fetch_from(answer: Answer) -> bytes:
    async with serving(answer) as origin, fetching(origin) as fetch:
        return await fetch(reference(f"{origin}/attachments/1/2/cat.png{SIGNED}"))


async def trouble_with(talk: Talk, *, total: float = 20, stall: float = 20) -> ServiceError:
    async with talking(talk) as origin, fetching(origin, total, stall) as fetch:
        with pytest.raises(ServiceError) as trouble:
            await fetch(reference(f"{origin}/cat.png{SIGNED}"))
    assert "5ec4e7" not in "".join(traceback.format_exception(trouble.value))
    return trouble.value


async def test_the_bytes_come_as_they_are() -> None:
    async def whole(_: web.Request) -> web.Response:
        return web.Response(body=bytes(range(256)) * 4096)

    assert await fetch_from(whole) == bytes(range(256)) * 4096


async def test_the_request_says_who_asks_and_carries_nothing_else_of_ours() -> None:
    seen: dict[str, str] = {}

    async def listening(request: web.Request) -> web.Response:
        seen.update(request.headers)
        assert request.query_string == SIGNED.removeprefix("?")
        return web.Response(body=b"x", headers={"Set-Cookie": "a=b"})

    assert await fetch_from(listening) == b"x"
    assert seen.keys() == {"Host", "User-Agent", "Accept", "Accept-Encoding"}
    assert seen["User-Agent"].startswith("DiscordBot (https://")
    assert seen["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_what_discord_no_longer_has_is_the_askers_to_attach_again(status: int) -> None:
    async def gone(_: web.Request) -> web.Response:
        return web.Response(status=status, text="This content is no longer available.")

    with pytest.raises(BadReference) as refused:
        await fetch_from(gone)
    assert (refused.value.reason, refused.value.parameters) == (Reason.REFERENCE_UNFETCHABLE, {"filename": "cat.png"})


@pytest.mark.parametrize("status", [204, 206, 400, 429, 500, 502, 503])
async def test_other_answers_are_trouble_that_may_pass(status: int) -> None:
    async def other(_: web.Request) -> web.Response:
        return web.Response(status=status)

    with pytest.raises(Unavailable, match=str(status)):
        await fetch_from(other)


async def test_redirects_are_not_followed() -> None:
    asked: list[str] = []

    async def redirecting(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    with pytest.raises(Unavailable, match="302"):
        await fetch_from(redirecting)
    assert asked == ["/attachments/1/2/cat.png"]


async def test_what_discord_said_is_too_large_is_not_even_asked_for() -> None:
    async with fetching() as fetch:
        with pytest.raises(BadReference) as refused:
            await fetch(reference("https://cdn.discordapp.com/cat.png", declared_bytes=LIMIT + 1))
    assert refused.value.reason is Reason.REFERENCE_TOO_LARGE
    assert refused.value.parameters == {"filename": "cat.png", "megabytes": 2}


async def test_a_declared_length_that_is_too_large_is_not_read() -> None:
    async def announce(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {LIMIT + 1}\r\n\r\n".encode())
        await reader.read()  # send no byte of the body, wait until the client closes

    async with talking(announce) as origin, fetching(origin) as fetch:
        with pytest.raises(BadReference, match="reference_too_large"):
            await fetch(reference(f"{origin}/cat.png"))


async def test_an_endless_stream_is_cut_off_at_the_limit() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionError):
            while sent < 50 * LIMIT:
                await response.write(bytes(65_536))
                sent += 65_536
        return response

    with pytest.raises(BadReference, match="reference_too_large"):
        await fetch_from(endless)
    assert LIMIT <= sent < 50 * LIMIT


async def test_a_compressed_body_counts_as_what_it_becomes() -> None:
    async def squeezed(_: web.Request) -> web.Response:
        response = web.Response(body=bytes(LIMIT + 1))
        response.enable_compression(web.ContentCoding.gzip)
        return response

    with pytest.raises(BadReference, match="reference_too_large"):
        await fetch_from(squeezed)


async def test_exactly_the_limit_is_taken() -> None:
    async def full(_: web.Request) -> web.Response:
        return web.Response(body=bytes(LIMIT))

    assert len(await fetch_from(full)) == LIMIT


async def stalling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await reader.read()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    with suppress(ConnectionError):
        while not reader.at_eof():
            writer.write(b".")
            await writer.drain()
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.01)


async def breaking(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


async def silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Close the connection after the request, without an answer."""


async def babbling(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 this is no web server\r\n\r\n")


async def test_a_stalled_stream_is_given_up() -> None:
    trouble = await trouble_with(stalling, stall=0.05)
    assert isinstance(trouble, Unavailable)
    assert "SocketTimeout" in str(trouble)


async def test_a_stream_that_drips_for_ever_is_given_up() -> None:
    assert isinstance(await trouble_with(dripping, total=0.2), Unavailable)


@pytest.mark.parametrize("talk", [breaking, silent, babbling])
async def test_a_connection_that_breaks_is_trouble_that_may_pass(talk: Talk) -> None:
    assert isinstance(await trouble_with(talk), Unavailable)


async def test_no_connection_is_unreachable() -> None:
    origin = f"http://127.0.0.1:{unused_port()}"
    async with fetching(origin) as fetch:
        with pytest.raises(Unreachable) as trouble:
            await fetch(reference(f"{origin}/cat.png{SIGNED}"))
    assert "5ec4e7" not in "".join(traceback.format_exception(trouble.value))


@pytest.mark.parametrize(
    "address",
    [
        "{origin}/cat.png",
        "https://cdn.discordapp.com:8443/cat.png",
        "http://cdn.discordapp.com/cat.png",
        "http://cdn.discordapp.com:443/cat.png",
        "https://cdn.discordapp.com.example.com/cat.png",
        "https://cdn.discordapp.com@example.com/cat.png",
        "https://somebody:secret@cdn.discordapp.com/cat.png",
        "https://evilcdn.discordapp.com/cat.png",
        "https://example.com/cat.png",
        "ftp://cdn.discordapp.com/cat.png",
        "file:///etc/passwd",
        "data:image/png;base64,iVBO",
        "//cdn.discordapp.com/cat.png",
        "https://[cdn.discordapp.com/cat.png",
        "https://cdn.discordapp.com:port/cat.png",
        "cat.png",
        "",
    ],
)
async def test_addresses_that_are_not_discords_are_never_asked(address: str) -> None:
    asked: list[aiohttp.TraceRequestStartParams] = []

    async def note(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        asked.append(params)
        raise AssertionError("a request was about to go out")

    async def never(_: web.Request) -> web.Response:
        raise AssertionError("a request came in")

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(note)
    async with serving(never) as origin, aiohttp.ClientSession(trace_configs=[trace]) as session:
        fetch = AttachmentFetcher(session, origin="http://127.0.0.1:9")
        with pytest.raises(BadReference, match="reference_unfetchable"):
            await fetch(reference(address.format(origin=origin)))
    assert asked == []


@pytest.mark.parametrize("host", ["cdn.discordapp.com", "media.discordapp.net", "CDN.discordapp.com:443"])
async def test_discords_own_addresses_are_asked_as_they_stand(host: str) -> None:
    asked: list[str] = []

    async def note(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        asked.append(str(params.url))
        raise aiohttp.ClientConnectionError("far enough")

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(note)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        with pytest.raises(Unavailable):
            await AttachmentFetcher(session)(reference(f"https://{host}/attachments/1/2/a%20cat.png{SIGNED}"))
    assert asked == [f"https://{host.lower().removesuffix(':443')}/attachments/1/2/a%20cat.png{SIGNED}"]
