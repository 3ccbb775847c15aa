"""What every request here shares: our name, time limits, bodies read with a limit, and which failures sent nothing."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import Final

import aiohttp

from bot.release import RELEASE

NEVER_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)
"""No connection stood (refused, name not found, TLS, timed out before, or a proxy that makes none): not one byte of the
request left."""

CONNECT_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 30.0
ANSWER_TIMEOUT: Final = aiohttp.ClientTimeout(total=60, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS)
"""For creates and questions, which usually take half a second. Connecting ends well before the total does, so that a
slow connection is told apart from a slow answer."""

TRANSFER_TIMEOUT: Final = aiohttp.ClientTimeout(
    total=180, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS
)
"""For pictures, either way."""

LONGEST_RETRY_AFTER: Final = timedelta(hours=1)
_CHUNK_BYTES: Final = 64 * 1024


USER_AGENT: Final = f"Atelier/{RELEASE} (Discord bot)"
"""Said explicitly: a library's default name may be turned away by what stands before the API."""


class TooLong(Exception):
    """A body has more bytes than wanted."""


async def read_at_most(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, decompressed, at most `limit` bytes of it. Raises TooLong, and what aiohttp raises while reading."""
    if (response.content_length or 0) > limit:
        raise TooLong
    body = BytesIO()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        if body.tell() + len(chunk) > limit:
            raise TooLong
        body.write(chunk)
    return body.getvalue()  # the same bytes, not a copy of them


def retry_after(response: aiohttp.ClientResponse) -> timedelta | None:
    """What Retry-After says in seconds, at most an hour; its form with a date is not read."""
    seconds = response.headers.get("Retry-After", "").strip()
    if not (seconds.isascii() and seconds.isdigit()):
        return None
    return min(timedelta(seconds=int(seconds[:6])), LONGEST_RETRY_AFTER)
