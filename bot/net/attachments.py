"""Download attachments, from Discord's hosts only and within limits. Implements the engine's FetchReference over
HTTP."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

import aiohttp
from yarl import URL

from bot.errors import BadReference, Reason, Unavailable, Unreachable
from bot.imaging.decoding import MAX_BYTES
from storage.models import Reference

HOSTS: Final = (
    "cdn.discordapp.com",
    "media.discordapp.net",
    "images-ext-1.discordapp.net",
    "images-ext-2.discordapp.net",
)
"""Discord's hosts of attachments, and its proxies for pictures that a message embeds from other hosts."""
CONNECT_SECONDS: Final = 10.0
TOTAL_SECONDS: Final = 60.0
STALL_SECONDS: Final = 15.0
USER_AGENT: Final = f"DiscordBot (https://github.com/Rapptz/discord.py, {version('discord.py')})"
"""The form that Discord asks for. The address is that of discord.py, which makes all other requests to Discord."""

_HEADERS: Final = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
_GONE: Final = frozenset({403, 404, 410})
_CHUNK_BYTES: Final = 64 * 1024


class _TooLarge(Exception):
    """The attachment has more bytes than the limit."""


class AttachmentFetcher:
    """
    Download attachments. `session` must keep no cookies (aiohttp.DummyCookieJar) and have no default headers, as the
    session would send both to Discord. The session's resolver ensures that Discord's names lead to no private address
    (`bot.net.public_addresses`).

    `origin`: an address (DISCORD_API_URL) whose scheme, host and port are allowed as well, also without https.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        origin: str | None = None,
        hosts: tuple[str, ...] = HOSTS,
        limit_bytes: int = MAX_BYTES,
        total_seconds: float = TOTAL_SECONDS,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._session = session
        self._origin = URL(origin).origin() if origin else None
        self._hosts = hosts
        self._limit_bytes = limit_bytes
        self._limits = aiohttp.ClientTimeout(
            total=total_seconds, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=stall_seconds
        )

    async def __call__(self, reference: Reference) -> bytes:
        """Return the bytes. Raises BadReference (more bytes than the limit, an address that is not Discord's, 403, 404,
        410), Unreachable (no connection), or Unavailable for all else, redirects included. No error contains the
        address."""
        url = self._address(reference)
        try:
            self._check_size(reference.declared_bytes)
            return await self._fetched(url, reference)
        except _TooLarge:
            megabytes = self._limit_bytes // 2**20
            name = reference.filename
            raise BadReference(Reason.REFERENCE_TOO_LARGE, filename=name, megabytes=megabytes) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError) as error:
            raise Unreachable(f"no connection for an attachment ({type(error).__name__})") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"an attachment broke off ({type(error).__name__})") from None

    def _address(self, reference: Reference) -> URL:
        """Return the address if it is on one of the allowed hosts; checked before anything is sent, so no person can
        make the bot contact another host. Raises BadReference otherwise."""
        try:
            url = URL(reference.url)
            origin = url.origin()
        except ValueError:
            raise _unfetchable(reference) from None
        discord = url.scheme == "https" and url.raw_host in self._hosts and url.port == 443
        if url.raw_user is not None or url.raw_password is not None or not (discord or origin == self._origin):
            raise _unfetchable(reference)
        return url

    async def _fetched(self, url: URL, reference: Reference) -> bytes:
        request = self._session.get(
            url, headers=_HEADERS, allow_redirects=False, raise_for_status=False, timeout=self._limits
        )
        async with request as response:
            if response.status in _GONE:
                raise _unfetchable(reference)
            if response.status != 200:
                raise Unavailable(f"{response.status} to an attachment")
            return await self._read(response)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        self._check_size(response.content_length or 0)
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            body += chunk
            self._check_size(len(body))
        return bytes(body)

    def _check_size(self, size: int) -> None:
        if size > self._limit_bytes:
            raise _TooLarge


def _unfetchable(reference: Reference) -> BadReference:
    return BadReference(Reason.REFERENCE_UNFETCHABLE, filename=reference.filename)
