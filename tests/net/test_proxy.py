"""Tests for a network whose only way out is a proxy, and for one whose resolver answers with fake addresses."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import discord
import pytest
import structlog
from pydantic import SecretStr

from bot.client import Atelier
from bot.config import Settings
from bot.doctor import examine
from bot.engine.ports import CreateRequest
from bot.errors import Unreachable
from bot.kie.client import image_api
from bot.net.attachments import AttachmentFetcher
from bot.net.public_addresses import PublicAddresses
from bot.net.sessions import discord_proxy, open_session
from bot.process.logs import SecretRedactor
from storage.models import PictureRequest, Reference, ReferenceKind
from tests.hostile.addresses import FAKE
from tests.kie.kie_server import error_of, raw_server
from tests.net.test_public_addresses import Liar

pytestmark = pytest.mark.usefixtures("discord_as_it_was", "bare_environment")

SECRET = "hunter2hunter2"
LONGEST_SECONDS = 20.0


@dataclass
class Proxy:
    """A proxy that accepts CONNECT, or refuses it if `status` is not 200. It reads the first 2 bytes sent through a
    tunnel, then closes the connection without an answer."""

    status: int = 200
    asked: list[str] = field(default_factory=list)
    authorized: list[str] = field(default_factory=list)
    first_bytes: list[bytes] = field(default_factory=list)
    url: str = ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.partition(" HTTP/")[0])
        headers = dict(line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
        self.authorized.append(headers.get("Proxy-Authorization", ""))
        writer.write(f"HTTP/1.1 {self.status} So\r\n\r\n".encode())
        await writer.drain()
        if self.status == 200:
            self.first_bytes.append(await reader.read(2))

    def with_password(self) -> str:
        return self.url.replace("://", f"://somebody:{SECRET}@")


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    running = Proxy()
    async with raw_server(running.talk) as running.url:
        yield running


def settings_of(proxy: Proxy, **values: object) -> Settings:
    return Settings.model_validate({"https_proxy": proxy.url, "kie_api_key": SecretStr("a-key-of-the-api")} | values)


def attachment() -> Reference:
    url = "https://cdn.discordapp.com/attachments/1/2/cat.png"
    return Reference(task_id="5f37", position=0, kind=ReferenceKind.IMAGE, url=url, filename="cat.png")


def request() -> CreateRequest:
    return CreateRequest(
        request=PictureRequest(prompt="a red door", size="1:1", variants=1, enhance=False, fallback=False),
        files=(),
        mask=None,
        callback_url=None,
    )


async def attempted(asking: Awaitable[object]) -> None:
    """Await a request that cannot succeed through this proxy, and ignore how it fails."""
    with suppress(aiohttp.ClientError, OSError, discord.DiscordException):
        async with asyncio.timeout(LONGEST_SECONDS):
            await asking


@asynccontextmanager
async def client_of(settings: Settings) -> AsyncIterator[Atelier]:
    client = Atelier(extensions=(), proxy=discord_proxy(settings))
    async with client:
        yield client


# -- connections through the proxy -------------------------------------------------------------------------------------


async def test_the_image_api_results_and_attachments_are_reached_through_the_proxy(proxy: Proxy) -> None:
    settings = settings_of(proxy, kie_upload_url="https://uploads.test")
    async with open_session(settings) as session:
        api = image_api(session, settings)
        for asking in (
            api.credits(),
            api.upload("a.png", "image/png", b"x"),
            api.fetch("https://tempfile.aiquickdraw.com/a.png"),
            AttachmentFetcher(session)(attachment()),
        ):
            assert isinstance(await error_of(asking), Exception)
    hosts = ("api.kie.ai", "uploads.test", "tempfile.aiquickdraw.com", "cdn.discordapp.com")
    assert list(dict.fromkeys(proxy.asked)) == [f"CONNECT {host}:443" for host in hosts]
    assert set(proxy.first_bytes) == {b"\x16\x03"}


async def test_discords_requests_and_its_gateway_are_reached_through_the_proxy(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.status = 502
    async with client_of(settings_of(proxy)) as client:
        await attempted(client.login("a-token"))
        assert set(proxy.asked) == {"CONNECT discord.com:443"}
        client.http._HTTPClient__session = session = aiohttp.ClientSession()  # type: ignore[attr-defined]
        await attempted(client.http.ws_connect("wss://gateway.discord.gg/"))
        await session.close()
    assert proxy.asked[-1] == "CONNECT gateway.discord.gg:443"


async def test_addresses_of_the_operators_own_over_plain_http_are_reached_directly(proxy: Proxy) -> None:
    met: list[bytes] = []

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1\r\n\r\nx")
        await writer.drain()

    async with raw_server(answers) as own:
        settings = settings_of(proxy, kie_api_url=own, discord_api_url=own)
        async with open_session(settings) as session:
            assert await image_api(session, settings).fetch(f"{own}/a.png") == b"x"
        assert discord_proxy(settings) is None
    assert len(met) == 1
    assert proxy.asked == []


async def test_only_allowed_hosts_are_asked_for_through_the_proxy(proxy: Proxy) -> None:
    settings = settings_of(proxy)
    async with open_session(settings) as session:
        api = image_api(session, settings)
        for address in ("https://evil.test/a.png", "https://10.0.0.1/a.png", "https://tempfile.aiquickdraw.com:22/a"):
            assert isinstance(await error_of(api.fetch(address)), Exception)
    assert proxy.asked == []


# -- password and refusals of the proxy --------------------------------------------------------------------------------


async def test_user_and_password_are_given_to_the_proxy_and_to_no_log(proxy: Proxy, tmp_path: Path) -> None:
    proxy.status = 407
    settings = settings_of(
        proxy,
        https_proxy=proxy.with_password(),
        discord_token=SecretStr("a-token-of-a-bot"),
        database_url=f"sqlite:///{tmp_path}/atelier.db",
        pictures_url=f"{tmp_path}/pictures",
    )
    expected = "Basic " + base64.b64encode(f"somebody:{SECRET}".encode()).decode()
    async with open_session(settings) as session, client_of(settings) as client:
        error = await error_of(image_api(session, settings).credits())
        await attempted(client.login("a-token"))
    assert len(proxy.authorized) >= 2
    assert set(proxy.authorized) == {expected}
    assert SECRET not in f"{error!r} {error.__cause__!r} {settings!r}"
    assert SECRET not in SecretRedactor(settings.secrets).text(f"407 from {settings.https_proxy}")
    findings = await examine(settings)
    assert SECRET not in repr(findings)
    assert [found for found in findings if found.name == "image API" and "HTTPS_PROXY" in found.remedy]


@pytest.mark.parametrize("status", [403, 407, 502, 503])
async def test_a_create_that_the_proxy_refuses_was_never_sent(proxy: Proxy, status: int) -> None:
    proxy.status = status
    settings = settings_of(proxy)
    async with open_session(settings) as session:
        assert isinstance(await error_of(image_api(session, settings).create(request())), Unreachable)


async def test_a_create_that_breaks_off_behind_the_proxy_before_tls_was_never_sent(proxy: Proxy) -> None:
    settings = settings_of(proxy)
    async with open_session(settings) as session:
        assert isinstance(await error_of(image_api(session, settings).create(request())), Unreachable)
    assert proxy.first_bytes == [b"\x16\x03"]


# -- fake addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", FAKE)
async def test_an_address_that_stands_for_a_name_is_refused_with_the_setting_or_taken(address: str) -> None:
    with structlog.testing.capture_logs() as logs, pytest.raises(OSError, match="no public address"):
        await PublicAddresses(resolver=Liar(address)).resolve("cdn.test", 443)
    assert "ALLOW_FAKE_IPS=true" in logs[0]["remedy"]
    (taken,) = await PublicAddresses(fake=True, resolver=Liar(address)).resolve("cdn.test", 443)
    assert taken["host"] == address


async def test_fake_addresses_open_no_other_network() -> None:
    for address in ("10.0.0.1", "127.0.0.1", "198.20.0.1x", "169.254.169.254", "192.168.1.1"):
        with structlog.testing.capture_logs() as logs, pytest.raises(OSError, match="no public address"):
            await PublicAddresses(fake=True, resolver=Liar(address)).resolve("cdn.test", 443)
        assert logs[0]["remedy"] is None
