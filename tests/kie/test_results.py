"""Download results without sending the API key to other hosts."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from bot.errors import Refused, Throttled, Unavailable, Unconfirmed, Unreachable
from bot.kie.client import KieClient
from bot.net.results import ResultHosts
from tests.kie.kie_server import (
    KEY,
    LAKE,
    SHORT,
    Answer,
    KieServer,
    error_of,
    kie_client,
    kie_server,
    raw_server,
    read_request,
)

PICTURE = b"\x89PNG\r\n\x1a\n and the rest"
PNG = Answer(body=PICTURE, content_type="image/png")
SECRET = "0123456789"


@pytest.fixture
async def server() -> AsyncIterator[KieServer]:
    async with kie_server() as server:
        yield server


@pytest.fixture
async def elsewhere() -> AsyncIterator[KieServer]:
    async with kie_server() as server:
        server.say(PNG)
        yield server


@pytest.fixture
async def client(server: KieServer) -> AsyncIterator[KieClient]:
    async with kie_client(server.url) as client:
        yield client


def to(address: str, status: int = 302) -> Answer:
    return Answer(status=status, headers={"Location": address}, content_type=None)


@pytest.mark.parametrize("kind", ["image/png", "image/webp", "application/octet-stream", "binary/octet-stream", None])
async def test_a_result_is_fetched_without_the_key(server: KieServer, client: KieClient, kind: str | None) -> None:
    server.say(Answer(body=PICTURE, content_type=kind))
    assert await client.fetch(f"{server.url}/s/a.png?sign={SECRET}") == PICTURE
    [asked] = server.asked
    assert (asked.method, asked.path, asked.query) == ("GET", "/s/a.png", {"sign": "0123456789"})
    assert asked.headers["User-Agent"].startswith("Atelier/")
    assert "Authorization" not in asked.headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed_where_it_stays_allowed(server: KieServer, client: KieClient, status: int) -> None:
    server.say(to("/s/b.png", status), PNG)
    assert await client.fetch(f"{server.url}/s/a.png") == PICTURE
    assert [asked.path for asked in server.asked] == ["/s/a.png", "/s/b.png"]


async def test_five_redirects_are_followed_and_a_sixth_is_not(server: KieServer, client: KieClient) -> None:
    server.say(*[to("/next")] * 5, PNG)
    assert await client.fetch(f"{server.url}/first") == PICTURE
    server.asked.clear()
    server.say(*[to("/next")] * 6, PNG)
    error = await error_of(client.fetch(f"{server.url}/first"))
    assert isinstance(error, Refused)
    assert error.code == 508
    assert len(server.asked) == 6


async def test_a_redirect_to_another_host_is_not_followed(
    server: KieServer, client: KieClient, elsewhere: KieServer
) -> None:
    server.say(to(f"{elsewhere.url}/s/a.png"))
    assert isinstance(await error_of(client.fetch(f"{server.url}/s/a.png")), Refused)
    assert elsewhere.asked == []


@pytest.mark.parametrize("location", ["", "http://[", "ftp://x/y", "//evil.test/a"])
async def test_a_redirect_to_nowhere_sensible_ends(server: KieServer, client: KieClient, location: str) -> None:
    server.say(to(location))
    assert isinstance(await error_of(client.fetch(f"{server.url}/s/a.png")), Refused)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://aiquickdraw.com/a.png", True),
        ("https://tempfile.aiquickdraw.com/a.png?b=c", True),
        ("https://TempFile.AIquickdraw.com/a.png", True),
        ("https://tempfile.aiquickdraw.com:8443/a.png", False),
        ("http://tempfile.aiquickdraw.com/a.png", False),
        ("https://evilaiquickdraw.com/a.png", False),
        ("https://aiquickdraw.com.evil.test/a.png", False),
        ("https://aiquickdraw.com@evil.test/a.png", False),
        ("https://evil.test/aiquickdraw.com", False),
        ("ftp://aiquickdraw.com/a.png", False),
        ("file:///etc/passwd", False),
        ("//aiquickdraw.com/a.png", False),
        ("/a.png", False),
        ("", False),
        ("http://127.0.0.1:8090/a.png", True),
        ("http://127.0.0.1:8091/a.png", False),
        ("http://127.0.0.1/a.png", False),
        ("http://localhost:8090/a.png", False),
    ],
)
def test_results_come_from_allowed_hosts_alone(address: str, allowed: bool) -> None:
    hosts = ResultHosts(own=URL("http://127.0.0.1:8090/"), suffixes=("aiquickdraw.com",))
    assert hosts.allow(URL(address)) is allowed


def test_the_apis_own_host_does_not_lose_its_https() -> None:
    hosts = ResultHosts(own=URL("https://api.kie.ai"), suffixes=())
    assert hosts.allow(URL("https://api.kie.ai/a.png"))
    assert not hosts.allow(URL("http://api.kie.ai/a.png"))
    assert not hosts.allow(URL("http://api.kie.ai:443/a.png"))


class Everywhere(AbstractResolver):
    """A resolver that returns this machine and `port` for every name, and records the names."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.port: int | None = None

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        self.names.append(host)
        return [ResolveResult(hostname=host, host="127.0.0.1", port=self.port or port, family=2, proto=0, flags=0)]

    async def close(self) -> None: ...


async def test_an_allowed_host_is_met_with_tls_and_another_not_at_all() -> None:
    said: list[bytes] = []

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.append(await reader.read(4096))

    names = Everywhere()
    async with raw_server(listens) as url, kie_client(url, resolver=names) as client:
        names.port = URL(url).port
        assert isinstance(await error_of(client.fetch("https://a.redpanda.test/a.png")), Unreachable)
        assert isinstance(await error_of(client.fetch("https://a.panda.test/a.png")), Refused)
    assert names.names == ["a.redpanda.test"]
    assert said[0].startswith(b"\x16\x03")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, Refused) for status in (400, 401, 403, 404, 410, 451)),
        *((status, Unavailable) for status in (201, 204, 206, 300, 304, 408, 425, 500, 502, 503, 504)),
        (429, Throttled),
    ],
)
async def test_a_status_says_whether_it_may_pass(
    server: KieServer, client: KieClient, status: int, expected: type[Exception]
) -> None:
    server.say(Answer(status=status, body=PICTURE, content_type="image/png"))
    error = await error_of(client.fetch(f"{server.url}/a.png"))
    assert type(error) is expected
    assert str(status) in str(error)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json"])
async def test_what_is_no_picture_is_refused(server: KieServer, client: KieClient, kind: str) -> None:
    server.say(Answer(body="<html>", content_type=kind))
    assert isinstance(await error_of(client.fetch(f"{server.url}/a.png")), Refused)


async def test_an_empty_result_may_fill_later(server: KieServer, client: KieClient) -> None:
    server.say(Answer(body=b"", content_type="image/png"))
    assert isinstance(await error_of(client.fetch(f"{server.url}/a.png")), Unavailable)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"


@pytest.mark.parametrize("declared", [True, False])
async def test_a_result_above_64_mib_is_refused_while_it_comes(declared: bool) -> None:
    sent = 0

    async def pours(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(HEAD + (b"Content-Length: 67108865\r\n\r\n" if declared else b"\r\n"))
        for _ in range(0 if declared else 100):
            writer.write(bytes(2**20))
            await writer.drain()
            sent += 1
        await asyncio.Event().wait()

    async with raw_server(pours) as url, kie_client(url) as client:
        error = await error_of(client.fetch(f"{url}/a.png"))
    assert isinstance(error, Refused)
    assert error.code == 413
    assert sent < 80


async def test_a_result_of_exactly_64_mib_is_taken() -> None:
    async def pours(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + b"Content-Length: 67108864\r\n\r\n")
        for _ in range(64):
            writer.write(bytes(2**20))
            await writer.drain()

    async with raw_server(pours) as url, kie_client(url) as client:
        assert len(await client.fetch(f"{url}/a.png")) == 67108864


@pytest.mark.parametrize("rest", [b"", b"Content-Length: 99\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"])
async def test_a_result_that_breaks_off_may_come_later(rest: bytes) -> None:
    async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + rest)

    async with raw_server(breaks) as url, kie_client(url) as client:
        assert isinstance(await error_of(client.fetch(f"{url}/a.png")), Unavailable)


async def test_a_result_that_never_ends_runs_out_of_time() -> None:
    async def dawdles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + b"Content-Length: 99\r\n\r\nhalf")
        await asyncio.Event().wait()

    async with raw_server(dawdles) as url, kie_client(url, timeout=SHORT) as client:
        assert isinstance(await error_of(client.fetch(f"{url}/a.png")), Unavailable)


async def test_a_result_without_a_connection_is_unreachable() -> None:
    async with raw_server(read_once) as url:
        gone = url
    async with kie_client(gone) as client:
        assert isinstance(await error_of(client.fetch(f"{gone}/a.png")), Unreachable)


async def read_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def speaks_no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_key_does_not_follow_a_redirect(
    server: KieServer, client: KieClient, elsewhere: KieServer, status: int
) -> None:
    server.say(to(f"{elsewhere.url}/api", status))
    assert isinstance(await error_of(client.create(LAKE)), Unconfirmed)
    assert isinstance(await error_of(client.record("5fd1")), Unavailable)
    assert isinstance(await error_of(client.upload("a.png", "image/png", b"png")), Unavailable)
    assert elsewhere.asked == []


async def test_the_key_goes_to_the_upload_host_and_uploads_go_nowhere_else(
    server: KieServer, elsewhere: KieServer
) -> None:
    elsewhere.say('{"code":200,"data":{"downloadUrl":"https://a.test/b.png"}}')
    async with kie_client(server.url, upload_url=elsewhere.url) as client:
        await client.upload("a.png", "image/png", b"png")
    assert server.asked == []
    assert [asked.headers["Authorization"] for asked in elsewhere.asked] == [f"Bearer {KEY}"]


async def test_the_upload_host_is_no_host_of_results(server: KieServer, elsewhere: KieServer) -> None:
    async with kie_client(server.url, upload_url=elsewhere.url) as client:
        assert isinstance(await error_of(client.fetch(f"{elsewhere.url}/a.png")), Refused)
    assert elsewhere.asked == []


def test_the_clients_repr_has_no_key(client: KieClient) -> None:
    assert KEY not in repr(client) + repr(vars(client))


async def test_no_error_and_no_log_shows_the_key_or_a_query(
    server: KieServer, client: KieClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.CRITICAL, logger="aiohttp.access")  # the log of the test server
    words = f"Wrong key {KEY}" + f" for https://cdn.test/a.png?sign={SECRET}" * 20
    errors = []
    for code in (200, 400, 401, 429, 500, 777):
        server.say(json.dumps({"code": code, "msg": words, "data": {"taskId": "", "url": SECRET}}))
        errors += [await error_of(client.create(LAKE)), await error_of(client.record(f"5fd1?sign={SECRET}"))]
    for status in (403, 429, 503):
        server.say(Answer(status=status))
        errors.append(await error_of(client.fetch(f"{server.url}/a.png?sign={SECRET}")))
    for talk in (read_once, speaks_no_http):
        async with raw_server(talk) as url, kie_client(url) as broken:
            errors += [await error_of(broken.record(SECRET)), await error_of(broken.fetch(f"{url}/a?sign={SECRET}"))]
    async with kie_client(url, timeout=aiohttp.ClientTimeout(total=5)) as refused:
        errors += [await error_of(refused.record(SECRET)), await error_of(refused.fetch(f"{url}/a?sign={SECRET}"))]
    for error in errors:
        told = "".join(traceback.format_exception(error)) + repr(error)
        assert KEY not in told
        assert SECRET not in told
        assert len(str(error)) < 260
    assert KEY not in caplog.text
    assert SECRET not in caplog.text
