"""Servers that drip, flood, lie or nest deeply: each answer ends as an error of the bot, in bounded time and memory."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.engine.ports import RecordStatus
from bot.errors import BadReference, Reason, Refused, ServiceError, Unavailable, Unconfirmed
from bot.kie.records import JobInfo, RecordInfo
from bot.kie.wire import Created, Envelope, Uploaded
from bot.net.attachments import AttachmentFetcher
from bot.net.results import LARGEST_RESULT
from storage.catalogue import WireForm
from storage.models import Reference, ReferenceKind
from tests.kie.kie_server import LAKE, KieServer, Talk, error_of, kie_client, kie_server, raw_server, read_request

MIB = 2**20
OK = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
FOUND = b"HTTP/1.1 302 Found\r\n"

Way = Callable[[str, float], Awaitable[bytes]]


async def result(url: str, seconds: float) -> bytes:
    async with kie_client(url, timeout=aiohttp.ClientTimeout(total=seconds)) as client:
        return await client.fetch(f"{url}/a.png")


async def attachment(url: str, seconds: float) -> bytes:
    reference = Reference(task_id="5f37", position=0, kind=ReferenceKind.IMAGE, url=f"{url}/a.png", filename="a.png")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        fetch = AttachmentFetcher(session, origin=url, total_seconds=seconds, stall_seconds=seconds)
        return await fetch(reference)


def saying(*parts: bytes, for_ever: bytes = b"", every: float = 0.0) -> Talk:
    """Send `parts`, then repeat `for_ever` until the client disconnects."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"".join(parts))
        await writer.drain()
        while for_ever:
            writer.write(for_ever)
            await writer.drain()
            await asyncio.sleep(every)

    return talk


async def trouble(talk: Talk, fetch: Way, seconds: float = 20.0) -> Exception:
    async with raw_server(talk) as url:
        async with asyncio.timeout(seconds + 20):
            return await error_of(fetch(url, seconds))


async def taken(fetch: Way, said: bytes) -> bytes | None:
    """Return the bytes, or None after a transient error (`Unavailable`). Every other error is raised."""
    async with raw_server(saying(said)) as url:
        try:
            return await fetch(url, 20.0)
        except Unavailable:
            return None


BOTH = pytest.mark.parametrize("fetch", [result, attachment])


@BOTH
@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (OK + b"Content-Length: 1000\r\n\r\n", b"x"),
        (OK + b"\r\n", b"x"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (OK, b"X: y\r\n"),
        (b"", b"H"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["known length", "no length", "chunks", "headers", "first line", "only hints"],
)
@pytest.mark.sampled(every=4)
async def test_a_server_that_drips_runs_out_of_time(fetch: Way, start: bytes, drop: bytes) -> None:
    """Each drop arrives well before the stall timeout."""
    assert isinstance(await trouble(saying(start, for_ever=drop, every=0.02), fetch, seconds=0.4), ServiceError)


@BOTH
@pytest.mark.parametrize(
    "head", [OK + b"\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n"], ids=["no length", "chunks"]
)
async def test_a_body_without_an_end_is_left_at_the_limit(fetch: Way, head: bytes) -> None:
    piece = bytes(MIB)
    flood = b"%x\r\n%b\r\n" % (len(piece), piece) if b"chunked" in head else piece
    assert_too_large(await trouble(saying(head, for_ever=flood), fetch))


@BOTH
async def test_200_mib_that_are_announced_are_not_even_begun(fetch: Way) -> None:
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(OK + b"Content-Length: %d\r\n\r\n" % (200 * MIB))
        while True:
            writer.write(bytes(MIB))
            await writer.drain()
            sent += 1

    assert_too_large(await trouble(talk, fetch))
    assert sent < 25


@BOTH
async def test_more_bytes_than_announced_are_not_taken(fetch: Way) -> None:
    assert await taken(fetch, OK + b"Content-Length: 4\r\n\r\n" + b"four" * MIB) in (b"four", None)


@BOTH
@pytest.mark.parametrize("length", [b"5", b"+4", b"-1", b"0x4", b"4, 5", b"9" * 5000, b"\xb2"])
async def test_a_length_that_lies_or_is_none_is_an_error_of_theirs(fetch: Way, length: bytes) -> None:
    error = await trouble(saying(OK, b"Content-Length: " + length + b"\r\n\r\nfour"), fetch)
    assert isinstance(error, ServiceError | BadReference)


@BOTH
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.sampled(every=4)
async def test_a_bomb_that_is_compressed_unasked_does_not_go_off(fetch: Way, coding: str) -> None:
    """128 MiB are compressed to 128 KiB: the limit applies to the decompressed size, not to the sent size."""
    plain = bytes(128 * MIB)
    bomb = gzip.compress(plain, 9) if coding == "gzip" else zlib.compress(plain, 9)
    del plain
    head = OK + f"Content-Encoding: {coding}\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    tracemalloc.start()
    try:
        assert_too_large(await trouble(saying(head, bomb), fetch))
        assert tracemalloc.get_traced_memory()[1] < 3 * LARGEST_RESULT
    finally:
        tracemalloc.stop()


@BOTH
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "nonsense", "gzip, gzip"])
async def test_what_only_says_that_it_is_compressed_is_an_error_of_theirs_or_taken_as_it_is(
    fetch: Way, coding: str
) -> None:
    head = OK + f"Content-Encoding: {coding}\r\nContent-Length: 4\r\n\r\n".encode()
    assert await taken(fetch, head + b"four") in (b"four", None)


async def test_nothing_compressed_is_asked_for() -> None:
    asked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await read_request(reader))
        writer.write(OK + b"Content-Length: 4\r\n\r\nfour")

    async with raw_server(talk) as url:
        for fetch in (result, attachment):
            assert await fetch(url, 20.0) == b"four"
    assert [b"Accept-Encoding: identity\r\n" in request for request in asked] == [True, True]


@BOTH
@pytest.mark.parametrize(
    "headers",
    [b"Location: /" + b"a" * 2 * MIB, b"X: y\r\n" * 100_000, b"X" * 2 * MIB, b"Set-Cookie: " + b"a=b; " * 100_000],
    ids=["an address of 2 MiB", "100,000 of them", "a name of 2 MiB", "a cookie of 500 kB"],
)
async def test_a_flood_of_headers_is_cut_off(fetch: Way, headers: bytes) -> None:
    error = await trouble(saying(FOUND, headers, b"\r\nContent-Length: 0\r\n\r\n"), fetch)
    assert isinstance(error, ServiceError)
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    "location",
    [
        b"http://[",
        b"\xff\xfe",
        b"https://xn--/",
        b"//" + b"a" * 5000,
        b"http://a:99999/",
        b"\\\\evil.test\\a",
        b"?" * 500,
    ],
)
async def test_an_address_that_makes_no_sense_ends_as_an_error_of_theirs(location: bytes) -> None:
    error = await trouble(saying(FOUND, b"Location: ", location, b"\r\nContent-Length: 0\r\n\r\n"), result)
    assert isinstance(error, Refused | Unavailable)


def assert_too_large(error: Exception) -> None:
    assert isinstance(error, Refused | BadReference)
    assert error.code == 413 if isinstance(error, Refused) else error.reason is Reason.REFERENCE_TOO_LARGE


# -- JSON --------------------------------------------------------------------------------------------------------------
HUGE = "1" * 4000
BEYOND = "1" * 5000
"""More digits than Python converts to an int."""
DEEP = "[" * 100_000
VALUES = [HUGE, BEYOND, f'"{HUGE}"', f'"{BEYOND}"', f"-{HUGE}", "NaN", "Infinity", "-1e999", '"inf"', '"nan"', "1e-400"]
ODD = [*VALUES, "null", "true", "[]", "{}", '""', r'"\ud800"', r'"\u0000"', DEEP, f'"{DEEP}"', '{"a":' * 5000]
FIELDS = ("successFlag", "progress", "errorCode", "errorMessage", "response", "paramJson")
JOB_FIELDS = (
    *("state", "successFlag", "progress", "response", "resultJson", "failCode", "failMsg", "creditsConsumed"),
    *("param", "paramJson", "costTime", "model"),
)


@pytest.fixture(scope="module")
def anything() -> st.SearchStrategy[object]:
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    return st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


async def said(body: str) -> list[Exception]:
    """Send the body as the answer to every request, and return the errors."""
    async with kie_server() as server, kie_client(server.url) as client:
        server.say(body)
        asked = (
            *(client.create(replace(LAKE, request=replace(LAKE.request, model=key))) for key in ("4o", "grok")),
            *(client.record("5f37", form) for form in WireForm),
            *(client.direct_link("5f37", "https://a.test/1.png", form) for form in WireForm),
            client.credits(),
            client.upload("a", "image/png", b"a"),
        )
        return [
            answer for answer in await asyncio.gather(*asked, return_exceptions=True) if isinstance(answer, Exception)
        ]


@pytest.mark.parametrize("value", ODD)
async def test_an_odd_envelope_is_an_error_of_theirs_in_a_short_line(value: str) -> None:
    for body in (value, f'{{"code":{value}}}', f'{{"code":500,"msg":{value}}}', f'{{"code":200,"data":{value}}}'):
        errors = await said(body)
        assert all(isinstance(error, ServiceError | Unconfirmed) and len(str(error)) < 300 for error in errors), errors


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("field", FIELDS)
def test_an_odd_value_in_a_record_is_read_or_refused(field: str, value: str) -> None:
    body = f'{{"code":200,"data":{{"successFlag":3,"{field}":{value}}}}}'
    if (envelope := Envelope.read(body.encode())) is not None:
        read_record(envelope.data)


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("field", JOB_FIELDS)
@pytest.mark.parametrize("state", ["fail", "success", "generating"])
def test_an_odd_value_in_the_record_of_a_job_is_read_or_refused(state: str, field: str, value: str) -> None:
    body = f'{{"code":200,"data":{{"state":"{state}","{field}":{value}}}}}'
    if (envelope := Envelope.read(body.encode())) is not None:
        read_record(envelope.data, JobInfo)


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("code", [408, 501])
async def test_an_odd_envelope_that_ends_a_job_is_read_or_an_error_of_theirs(code: int, value: str) -> None:
    for body in (f'{{"code":{code},"msg":{value}}}', f'{{"code":{code},"data":{value}}}'):
        async with kie_server() as server, kie_client(server.url) as client:
            server.say(body)
            try:
                record = await client.record("5f37", WireForm.JOBS)
            except ServiceError as error:
                assert len(str(error)) < 300  # noqa: PT017 -- reading it is as good
            else:
                assert record.status is RecordStatus.FAILED
                assert len(record.message) <= 200


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.sweep
def test_whatever_a_record_holds_is_read_or_refused(anything: st.SearchStrategy[object], data: st.DataObject) -> None:
    value = anything | anything.map(json.dumps)
    read_record({"successFlag": data.draw(st.integers(0, 3)), **{name: data.draw(value) for name in FIELDS[1:]}})
    state = data.draw(st.sampled_from(["fail", "success", "waiting", None]))
    read_record({"state": state, **{name: data.draw(value) for name in JOB_FIELDS[1:]}}, JobInfo)


def read_record(data: object, info: type[RecordInfo | JobInfo] = RecordInfo) -> None:
    """Read the record. pydantic may refuse it with a `ValueError`; otherwise its values can be stored and logged."""
    try:
        record = info.model_validate(data).as_record()
    except ValueError:
        return
    assert 0.0 <= record.progress <= 1.0
    assert record.credits is None or 0.0 <= record.credits <= 1e6
    assert len(record.message) <= 200
    assert all(url.isprintable() and url.encode() for url in record.urls)


@pytest.mark.parametrize("task_id", ["", "a\x00b", "a b", "a\nb", "a" * 201, "ä"])
def test_an_id_that_could_not_be_stored_is_no_id(task_id: str) -> None:
    with pytest.raises(ValueError, match="task"):
        Created.model_validate({"taskId": task_id})


@pytest.mark.parametrize("url", ["https://a.test/\x00", "https://a.test/\x1b[2J", "https://a.test/\n", "file:///a"])
def test_an_address_that_could_not_be_stored_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="download"):
        Uploaded.model_validate({"downloadUrl": f"{url}x"})


async def test_a_file_name_adds_no_header_to_an_upload(server: KieServer) -> None:
    server.say('{"code":200,"data":{"downloadUrl":"https://a.test/b.png"}}')
    async with kie_client(server.url) as client:
        await client.upload('a"\r\nX-Evil: 1\r\n\r\n../../\x00\u202e' + "y" * 4000 + ".png", "image/png", b"png")
    (asked,) = server.asked
    assert b"X-Evil:" not in asked.body
    names = [line for line in asked.body.split(b"\r\n") if b"filename=" in line]
    assert len(names) == 1
    assert b"/" not in names[0]
    assert len(names[0]) < 250


@pytest.fixture
async def server() -> AsyncIterator[KieServer]:
    async with kie_server() as server:
        yield server
