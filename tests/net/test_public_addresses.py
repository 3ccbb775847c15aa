"""No address leads the bot into a private network: no host name, no IP address, and no forged DNS answer."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from yarl import URL

from bot.config import Settings
from bot.errors import BadReference, Refused, Unreachable
from bot.kie.client import KieClient
from bot.net.attachments import AttachmentFetcher
from bot.net.public_addresses import PublicAddresses, is_name, is_public
from bot.net.results import ResultHosts
from bot.net.sessions import open_session
from storage.models import Reference, ReferenceKind
from tests.hostile.addresses import PORTS, PRIVATE
from tests.kie.kie_server import PATIENT, error_of, raw_server, read_request

PICTURE = b"\x89PNG picture"
PUBLIC = ("8.8.8.8", "104.16.0.1", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1")
NUMBERS = (
    *("127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "0", "127.0.0.1.", "①②⑦.0.0.1"),
    *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fe80::1%25eth0]", "[64:ff9b::7f00:1]", "%31%32%37.0.0.1"),
)
DISGUISES = (
    *("cdn.test.", "evil.test#@cdn.test", "evil.test?@cdn.test", "evil.test/cdn.test", "x@cdn.test", ":x@cdn.test"),
    *("cdn.test@evil.test", "cdn%2etest", "cdn.test%2eevil.test", "cdn.test%00.evil.test", "cdn.test\x00.evil.test"),
    *("evil.test\\@cdn.test", "evil.test\t.cdn.tesT.evil", "xcdn.test", "cdn.test:0x1bb", "cdn.test:-1", ".cdn.test"),
    *("a..cdn.test", f"{'a' * 64}.cdn.test", f"{'a.' * 130}cdn.test", "\ud800.cdn.test", "a b.cdn.test", "*.cdn.test"),
    *("evil.test\r\nHost:.cdn.test", "xn--.cdn.test.evil", "сdn.test", "[cdn.test]", "", "."),
)


class Liar(AbstractResolver):
    """A resolver that returns the same addresses for every name."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.names: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        self.names.append(host)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in self.addresses
        ]

    async def close(self) -> None: ...


class Listener:
    """A server that answers with a picture and counts its connections."""

    def __init__(self) -> None:
        self.met = 0
        self.url = ""

    @property
    def port(self) -> int:
        port = URL(self.url).port
        assert port
        return port

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.met += 1
        await read_request(reader)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: {len(PICTURE)}\r\n\r\n"
        writer.write(head.encode() + PICTURE)
        await writer.drain()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    async with raw_server(listener.talk) as listener.url:
        yield listener


@asynccontextmanager
async def guarded(*own: str, liar: Liar) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(resolver=PublicAddresses(*own, resolver=liar))
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


def client_of(session: aiohttp.ClientSession, api_url: str) -> KieClient:
    return KieClient(
        session,
        api_key=SecretStr("kie-key"),
        api_url=api_url,
        upload_url=api_url,
        result_hosts=("cdn.test",),
        answer_timeout=PATIENT,
        transfer_timeout=PATIENT,
    )


def reference(url: str) -> Reference:
    return Reference(task_id="5f37", position=0, kind=ReferenceKind.IMAGE, url=url, filename="cat.png")


# -- IP addresses and host names ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_not_public_in_whatever_it_is_wrapped(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_no_more_public_inside_an_ipv6_one(inner: ipaddress.IPv4Address) -> None:
    number = int(inner)
    wrapped = (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80 | 1)
    assert {is_public(str(ipaddress.IPv6Address(address))) for address in wrapped} == {is_public(str(inner))}


@given(st.ip_addresses())
def test_no_address_that_its_registry_calls_special_is_public(address: ipaddress.IPv4Address) -> None:
    special = (address.is_loopback, address.is_link_local, address.is_multicast, address.is_unspecified)
    assert not (is_public(str(address)) and any(special))


@pytest.mark.parametrize("host", NUMBERS + DISGUISES)
def test_numbers_and_disguises_are_no_hosts_of_results_or_attachments(host: str) -> None:
    hosts = ResultHosts(own=URL("https://api.test"), suffixes=("cdn.test", "0.0.1", "1", "0x7f000001", "2130706433"))
    try:
        url = URL(f"https://{host}/a.png")
    except ValueError:
        return
    assert not hosts.allow(url)


@pytest.mark.parametrize("host", NUMBERS + DISGUISES)
async def test_nothing_is_even_looked_up_for_them(host: str) -> None:
    liar = Liar("8.8.8.8")
    async with guarded(liar=liar) as session:
        fetch = AttachmentFetcher(session, hosts=("cdn.test",))
        assert isinstance(await error_of(fetch(reference(f"https://{host}/a.png"))), BadReference)
        client = client_of(session, "https://api.test")
        assert isinstance(await error_of(client.fetch(f"https://{host}/a.png")), Refused)
    assert liar.names == []


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("cdn.test", True),
        ("a-b_c.cdn.test", True),
        ("xn--bcher-kva.test", True),
        ("1.2.3.a4", True),
        ("cdn.test.", False),
    ],
)
def test_a_name_is_taken_in_its_plain_form_alone(host: str, plain: bool) -> None:
    assert is_name(host) is plain


@pytest.mark.parametrize("address", ["https://CDN.test/a", "https://ｃdn.test/a", "https://a.cdn。test/a"])
def test_a_name_written_otherwise_is_the_name_that_is_asked(address: str) -> None:
    url = URL(address)
    assert ResultHosts(own=URL("https://api.test"), suffixes=("cdn.test",)).allow(url)
    assert (url.raw_host or "").endswith("cdn.test")


@pytest.mark.parametrize("name", PORTS)
async def test_results_and_attachments_come_from_port_443_alone(name: str) -> None:
    port, allowed = PORTS[name]
    hosts = ResultHosts(own=URL("http://api.test:8090"), suffixes=("cdn.test",))
    assert hosts.allow(URL(f"https://a.cdn.test{port}/a.png")) is allowed
    assert hosts.allow(URL("http://api.test:8090/a.png"))
    liar = Liar("127.0.0.1")
    async with guarded(liar=liar) as session:
        fetch = AttachmentFetcher(session, hosts=("a.cdn.test",))
        assert (
            isinstance(await error_of(fetch(reference(f"https://a.cdn.test{port}/a.png"))), BadReference) is not allowed
        )
    assert bool(liar.names) is allowed


# -- DNS answers -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "::1", "10.0.0.1"])  # noqa: S104
async def test_an_allowed_host_that_leads_inside_is_met_by_nobody(listener: Listener, address: str) -> None:
    liar = Liar(address)
    async with guarded("https://api.test", liar=liar) as session:
        client = client_of(session, "https://api.test")
        refused = [
            await error_of(client.fetch("https://a.cdn.test/a.png")),
            await error_of(AttachmentFetcher(session)(reference("https://cdn.discordapp.com/a.png"))),
        ]
        assert all(isinstance(error, Unreachable) and "DNSError" in str(error) for error in refused)
    assert liar.names == ["a.cdn.test", "cdn.discordapp.com"]
    assert listener.met == 0


async def test_the_operators_own_host_and_port_may_lead_inside_and_no_other_port(listener: Listener) -> None:
    own = f"http://api.test:{listener.port}"
    async with guarded(own, liar=Liar("127.0.0.1")) as session:
        assert await client_of(session, own).fetch(f"{own}/a.png") == PICTURE
        assert await AttachmentFetcher(session, origin=own)(reference(f"{own}/a.png")) == PICTURE
        other = client_of(session, f"http://api.test:{listener.port + 1 & 0xFFFF}")
        assert isinstance(await error_of(other.credits()), Unreachable)
    assert listener.met == 2


async def test_a_redirect_from_the_own_host_to_an_allowed_one_that_leads_inside_ends_there(listener: Listener) -> None:
    async def sends_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        target = "https://a.cdn.test/a.png"
        writer.write(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    async with raw_server(sends_away) as url:
        own = f"http://api.test:{URL(url).port}"
        async with guarded(own, liar=Liar("127.0.0.1")) as session:
            assert isinstance(await error_of(client_of(session, own).fetch(f"{own}/a.png")), Unreachable)
    assert listener.met == 0


async def test_of_several_answers_only_the_public_ones_are_kept() -> None:
    resolver = PublicAddresses(resolver=Liar("10.0.0.1", "8.8.8.8", "fe80::1", "2606:4700::1"))
    assert [address["host"] for address in await resolver.resolve("a.test", 443)] == ["8.8.8.8", "2606:4700::1"]


async def test_an_answer_that_changes_between_two_questions_is_judged_each_time(listener: Listener) -> None:
    """DNS rebinding: the name resolves to a public address first, then to a private one. Every answer is checked, and
    the connection goes to the checked address."""
    liar = Liar("8.8.8.8")
    resolver = PublicAddresses(resolver=liar)
    assert await resolver.resolve("a.cdn.test", listener.port)
    liar.addresses = ("127.0.0.1",)
    with pytest.raises(OSError, match=r"a\.cdn\.test leads to no public address"):
        await resolver.resolve("a.cdn.test", listener.port)


# -- the program's own session -----------------------------------------------------------------------------------------
async def test_the_programs_session_refuses_a_name_of_this_machine_unless_it_is_set(listener: Listener) -> None:
    inside = f"http://localhost:{listener.port}"
    async with open_session(Settings()) as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(inside)
    assert listener.met == 0
    for name in ("discord_api_url", "kie_api_url", "kie_upload_url"):
        async with open_session(Settings.model_validate({name: inside})) as session, session.get(inside) as answer:
            assert await answer.read() == PICTURE
    assert listener.met == 3


async def test_a_proxy_of_the_environment_is_not_used(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, listener.url)
    async with raw_server(Listener().talk) as url, open_session(Settings(kie_api_url=url)) as session:
        answer = await session.get(url)
        assert await answer.read() == PICTURE
    assert listener.met == 0
