"""A loopback server that gives the image client the answers of a test and records its requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from bot.engine.ports import CreateRequest
from bot.kie.client import KieClient
from storage.models import PictureRequest

KEY = "kie-key-5f3759df"
LAKE = CreateRequest(request=PictureRequest(prompt="A serene mountain lake", size="1:1", variants=1))
SHORT = aiohttp.ClientTimeout(total=0.2)
SHORT_TO_CONNECT = aiohttp.ClientTimeout(total=20, connect=0.1, sock_connect=0.1)
PATIENT = aiohttp.ClientTimeout(total=20)

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    body: str | bytes = b""
    status: int = 200
    content_type: str | None = "application/json;charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class KieServer:
    """Gives `answers` in order, and then repeats the last one."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[Asked] = []
        self.url = ""

    def say(self, *answers: Answer | str) -> None:
        self.answers = [Answer(body=answer) if isinstance(answer, str) else answer for answer in answers]

    async def reply(self, request: web.Request) -> web.Response:
        self.asked.append(
            Asked(
                method=request.method,
                path=request.path,
                query=dict(request.query),
                headers=dict(request.headers),
                body=await request.read(),
            )
        )
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        headers = dict(answer.headers)
        if answer.content_type:
            headers["Content-Type"] = answer.content_type
        return web.Response(status=answer.status, body=body, headers=headers)


@asynccontextmanager
async def kie_server() -> AsyncIterator[KieServer]:
    server = KieServer()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", server.reply)
    async with TestServer(app) as running:
        server.url = str(running.make_url("")).rstrip("/")
        yield server


@asynccontextmanager
async def raw_server(talk: Talk, scheme: str = "http") -> AsyncIterator[str]:
    """Open a bare socket; `talk` runs once per connection, then the connection is closed."""
    talks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with suppress(OSError, asyncio.CancelledError):
            await talk(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Read one whole request, so that its sender cannot know whether it took effect."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    return head + await reader.readexactly(length)


@asynccontextmanager
async def kie_client(
    api_url: str,
    *,
    upload_url: str | None = None,
    timeout: aiohttp.ClientTimeout = PATIENT,  # noqa: ASYNC109 -- the client's timeout, not this function's
    resolver: AbstractResolver | None = None,
) -> AsyncIterator[KieClient]:
    connector = aiohttp.TCPConnector(resolver=resolver) if resolver else None
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield KieClient(
            session,
            api_key=SecretStr(KEY),
            api_url=api_url,
            upload_url=upload_url or api_url,
            result_hosts=("aiquickdraw.test", "Redpanda.test"),
            answer_timeout=timeout,
            transfer_timeout=timeout,
        )


async def error_of(asking: Awaitable[object]) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- the callers check which exception it is
        await asking
    return caught.value
