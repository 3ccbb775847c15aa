"""
Which hosts may be asked for what strangers point us to.

A name is checked twice: `is_name` says before anything happens that it is a name and no address in disguise;
`PublicAddresses`, the resolver of the one session that fetches, drops what the name leads to unless everybody on the
internet may reach it. aiohttp connects to exactly what the resolver gave, so nothing can change in between. It does not
resolve a host that is written as an address: only `is_name` keeps those out.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Final, TypeAlias

import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from yarl import URL

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAME: Final = re.compile(r"(?=.{1,253}\Z)([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A name never ends in one; 127.1, 0177.0.0.1 and 0x7f000001 are ways to write an IPv4 address."""
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_SPECIAL: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24"),
        *("2001::/23", "2620:4f:8000::/48", "3fff::/20"),
    )
)
"""
Of IANA's special-purpose registries (IPv4 and IPv6, 2024-10) what `is_global` lets through or what not every Python
knows: protocol assignments (Teredo and ORCHID among them), AS112, AMT, the former 6to4 relays, documentation. Nobody
keeps pictures there.
"""
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")

FAKE: Final = ipaddress.IPv4Network("198.18.0.0/15")
"""For benchmarks. Some proxies let every name lead into it, and connect to the name when such an address is met."""
FAKE_REMEDY: Final = "ALLOW_FAKE_IPS=true, if a proxy on this network answers every name so (fake IP)"

log = structlog.get_logger(__name__)


def is_name(host: str) -> bool:
    """Whether this is a host's name in its plain form: lower case, ASCII, without a dot at its end."""
    return _NAME.fullmatch(host) is not None and not _NUMBER.fullmatch(host.rpartition(".")[2])


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet, and the IPv4 address within it too, where there is one."""
    try:
        found = _unwrapped(ipaddress.ip_address(address))
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found not in _UNICAST:
        return False
    return found.is_global and not found.is_multicast and not any(found in network for network in _SPECIAL)


def is_fake(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return isinstance(found, ipaddress.IPv4Address) and found in FAKE


def _unwrapped(address: Address) -> Address:
    """What an IPv6 address stands for that leads to an IPv4 address: mapped, 6to4, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


class PublicAddresses(AbstractResolver):
    """
    Names lead to public addresses alone, but for the host and port of each address in `own`, which the operator set.

    Everything else of a private network is left out of the answer; OSError when nothing remains. `fake`: addresses of
    `FAKE` count as public.
    """

    def __init__(self, *own: str | None, fake: bool = False, resolver: AbstractResolver | None = None) -> None:
        self._own = frozenset((url.raw_host, url.port) for url in map(URL, filter(None, own)))
        self._fake = fake
        self._resolver = resolver or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if (host, port) in self._own:
            return found
        public = [one for one in found if is_public(one["host"]) or (self._fake and is_fake(one["host"]))]
        if not public:
            remedy = FAKE_REMEDY if any(is_fake(one["host"]) for one in found) else None
            log.warning("a name leads to no public address, so nothing is fetched from it", host=host, remedy=remedy)
            raise OSError(f"{host} leads to no public address")
        return public

    async def close(self) -> None:
        await self._resolver.close()
