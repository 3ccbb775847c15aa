"""Define what requests to the image API and downloads of results share: user agent, timeouts, reading up to a limit,
and the errors after which nothing was sent."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import Final

import aiohttp

from bot.process.version import RELEASE

NEVER_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)
"""Errors without a connection (refused, name not found, TLS, timeout while connecting, or a proxy that does not
connect): not one byte of the request was sent."""

CONNECT_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 30.0
ANSWER_TIMEOUT: Final = aiohttp.ClientTimeout(total=60, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS)
"""For creates and queries, which usually take half a second. The connect timeout is well below the total, so that a
slow connection can be distinguished from a slow answer."""

TRANSFER_TIMEOUT: Final = aiohttp.ClientTimeout(
    total=180, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS
)
"""For uploads and downloads of pictures."""

LONGEST_RETRY_AFTER: Final = timedelta(hours=1)
_CHUNK_BYTES: Final = 64 * 1024


USER_AGENT: Final = f"Atelier/{RELEASE} (Discord bot)"
"""Sent explicitly: a server in front of the API may reject a library's default name."""


class ResponseTooLong(Exception):
    """The body has more bytes than the limit."""


async def read_at_most(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the decompressed body of at most `limit` bytes. Raises ResponseTooLong, and aiohttp's errors while
    reading."""
    if (response.content_length or 0) > limit:
        raise ResponseTooLong
    body = BytesIO()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        if body.tell() + len(chunk) > limit:
            raise ResponseTooLong
        body.write(chunk)
    return body.getvalue()  # shares the buffer instead of copying


def retry_after(response: aiohttp.ClientResponse) -> timedelta | None:
    """Return the delay in a Retry-After header, at most an hour; None unless it is a whole number of seconds (its other
    form is a date)."""
    seconds = response.headers.get("Retry-After", "").strip()
    if not (seconds.isascii() and seconds.isdigit()):
        return None
    return min(timedelta(seconds=int(seconds[:6])), LONGEST_RETRY_AFTER)
