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

    Everything else of a private network is left out of the answer; OSError when nothing remains.
    """

    def __init__(self, *own: str | None, resolver: AbstractResolver | None = None) -> None:
        self._own = frozenset((url.raw_host, url.port) for url in map(URL, filter(None, own)))
        self._resolver = resolver or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if (host, port) in self._own:
            return found
        public = [one for one in found if is_public(one["host"])]
        if not public:
            log.warning("a name leads to no public address, so nothing is fetched from it", host=host)
            raise OSError(f"{host} leads to no public address")
        return public

    async def close(self) -> None:
        await self._resolver.close()
