"""
Decide which hosts may be contacted for URLs that users and results supply.

A host is checked twice. `is_name` accepts only a plain host name, never an IP address in any notation. Then
`PublicAddresses`, the resolver of the one HTTP session that fetches such URLs, drops every resolved address that is
not public. aiohttp connects to exactly the addresses that the resolver returned, so nothing can change in between.
aiohttp does not call the resolver for a host that is written as an IP address: only `is_name`, or for attachments the
list of hosts, rejects those.
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
"""The last label of a host name is never a number; 127.1, 0177.0.0.1 and 0x7f000001 are notations of IPv4 addresses."""
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_SPECIAL: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24"),
        *("2001::/23", "2620:4f:8000::/48", "3fff::/20"),
    )
)
"""
Networks of IANA's special-purpose registries (IPv4 and IPv6, 2024-10) that `is_global` accepts or that not every
Python version knows: protocol assignments (Teredo and ORCHID among them), AS112, AMT, the former 6to4 relays,
documentation. No pictures are hosted there.
"""
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")

FAKE: Final = ipaddress.IPv4Network("198.18.0.0/15")
"""The network for benchmarks. Some proxies resolve every name to an address in this network, and connect to the name
when a client uses that address."""
FAKE_REMEDY: Final = "ALLOW_FAKE_IPS=true, if a proxy on this network answers every name so (fake IP)"

log = structlog.get_logger(__name__)


def is_name(host: str) -> bool:
    """Return whether `host` is a host name in its plain form (lower case, ASCII, without a trailing dot), and no IP
    address in any notation. The name is not resolved."""
    return _NAME.fullmatch(host) is not None and not _NUMBER.fullmatch(host.rpartition(".")[2])


def is_public(address: str) -> bool:
    """Return whether `address`, an IP address, is on the public internet; False for anything else. If an IPv6 address
    embeds an IPv4 address (mapped, 6to4, NAT64), the IPv4 address decides."""
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
    """Return the IPv4 address that an IPv6 address embeds (mapped, 6to4, NAT64); else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


class PublicAddresses(AbstractResolver):
    """
    Resolve names to public addresses only. The host and port of each URL in `own`, which the operator configured, may
    have any address; None in `own` is ignored.

    Other addresses are left out of the answer; raises OSError when none remains. With `fake`, addresses in `FAKE`
    count as public.
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
        public = [
            address for address in found if is_public(address["host"]) or (self._fake and is_fake(address["host"]))
        ]
        if not public:
            remedy = FAKE_REMEDY if any(is_fake(address["host"]) for address in found) else None
            log.warning("connection not opened: host resolves to no public address", host=host, remedy=remedy)
            raise OSError(f"{host} leads to no public address")
        return public

    async def close(self) -> None:
        await self._resolver.close()
