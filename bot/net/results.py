"""
Download a finished picture: only from allowed hosts, checked again after every redirect, and at most 64 MiB. The
session's resolver ensures that these hosts are on the public internet (`bot.net.public_addresses`).

This module does not have the API key, so it cannot reveal the key.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from bot.errors import HostNotAllowed, Refused, ResultTooLarge, Throttled, Unavailable, Unreachable
from bot.net.http import NEVER_SENT, USER_AGENT, ResponseTooLong, read_at_most, retry_after
from bot.net.public_addresses import is_name

LARGEST_RESULT: Final = 64 * 1024 * 1024
"""Bytes."""
MOST_REDIRECTS: Final = 5
_HEADERS: Final = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAY_PASS: Final = frozenset({408, 425})
_BYTES_OF_ANY_KIND: Final = frozenset({"application/octet-stream", "binary/octet-stream"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultHosts:
    """The hosts from which results may be downloaded."""

    own: URL
    """The image API's address. Exactly this scheme, host and port is allowed, also without https."""
    suffixes: tuple[str, ...]
    """Host names that are allowed together with their subdomains, over https and port 443 only. An IP address never
    matches, in any notation."""

    def allow(self, url: URL) -> bool:
        host = url.raw_host or ""
        if not host or url.scheme not in {"http", "https"} or url.raw_user is not None or url.raw_password is not None:
            return False
        if url.origin() == self.own.origin():
            return True
        return _can_be_allowed(url) and f".{host}".endswith(tuple(f".{suffix}" for suffix in self.suffixes))

    def refusal(self, url: URL) -> Refused:
        """Return the error for an address that is not allowed: HostNotAllowed if KIE_RESULT_HOSTS could allow its
        host, else Refused."""
        if _can_be_allowed(url):
            return HostNotAllowed(url.raw_host or "")
        return Refused(403, f"results are not fetched from {url.scheme} {ascii(url.raw_host)[:100]}")


def _can_be_allowed(url: URL) -> bool:
    """Return whether the setting KIE_RESULT_HOSTS could allow the host of this address."""
    anonymous = url.raw_user is None and url.raw_password is None
    return url.scheme == "https" and url.port == 443 and anonymous and is_name(url.raw_host or "")


async def fetch_result(
    session: aiohttp.ClientSession, address: str, hosts: ResultHosts, limits: aiohttp.ClientTimeout
) -> bytes:
    """Return the bytes of a result; `limits.total` covers all redirects together. Raises Refused, whose code is the
    host's HTTP status or, where this module refuses, the HTTP status with that meaning (403 address, 415 type, 508
    redirects); HostNotAllowed (403), ResultTooLarge (413), Throttled, Unavailable, Unreachable. No error message
    contains the path or query of an address."""
    try:
        async with asyncio.timeout(limits.total):
            return await _follow(session, _parsed(address), hosts, limits)
    except ResponseTooLong:
        raise ResultTooLarge(f"{LARGEST_RESULT} bytes") from None
    except NEVER_SENT as error:
        raise Unreachable(f"no connection for a result ({type(error).__name__})") from None
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unavailable(f"a result broke off ({type(error).__name__})") from None


async def _follow(session: aiohttp.ClientSession, url: URL, hosts: ResultHosts, limits: aiohttp.ClientTimeout) -> bytes:
    for _ in range(MOST_REDIRECTS + 1):
        if not hosts.allow(url):
            raise hosts.refusal(url)
        async with session.get(url, headers=_HEADERS, allow_redirects=False, timeout=limits) as response:
            if response.status not in _REDIRECTS:
                return await _picture(response)
            url = url.join(_parsed(response.headers.get("Location", "")))
    raise Refused(508, f"more than {MOST_REDIRECTS} redirects")


def _parsed(address: str) -> URL:
    try:
        return URL(address)
    except ValueError:
        raise Refused(403, "a result's address cannot be read") from None


async def _picture(response: aiohttp.ClientResponse) -> bytes:
    status = response.status
    if status == 429:
        raise Throttled(f"{status} to a result", retry_after(response))
    if 400 <= status < 500 and status not in _MAY_PASS:
        raise Refused(status, "to a result")
    if status != 200:
        raise Unavailable(f"{status} to a result")
    kind = response.content_type
    if not kind.startswith("image/") and kind not in _BYTES_OF_ANY_KIND:
        raise Refused(415, f"a result that is {kind[:50]}")
    body = await read_at_most(response, LARGEST_RESULT)
    if not body:
        raise Unavailable("a result without a byte")
    return body
