"""
Translate errors of Discord into the errors of `bot.errors`.

| Discord's answer | meaning |
|---|---|
| 40005, 50045, 413 | files too large: retried smaller, at last sent as links; closed if there are no files to shrink |
| 10008 | the message was deleted: this route is closed for the message |
| a code of `CLOSED_CODES`; any other explicit refusal (400, 403, 404 with a code) | this route is closed |
| a code of `PASSING_CODES`, 429, 5xx, no connection | retried later |
| 401, 403, 404 to an interaction's token | the token is invalid or expired: this route is closed |
| 401 to the bot's token | retried later: the operator has to set a new token, and the gateway ends the process |
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
import discord

from bot.counters import discord_error
from bot.errors import MessageGone, RouteClosed, Unavailable

UNKNOWN_MESSAGE: Final = 10008
ARCHIVED_THREAD: Final = 50083

CLOSED_CODES: Final = frozenset(
    {
        10003,  # unknown channel
        10013,  # unknown user
        10015,  # unknown webhook: the interaction's token
        10062,  # unknown interaction
        40060,  # interaction already acknowledged
        50001,  # missing access
        50007,  # direct messages are closed
        50008,  # this kind of channel takes no messages
        50013,  # missing permissions
        50024,  # not possible in this kind of channel
        50027,  # the interaction's token has expired
        50278,  # no server in common
        ARCHIVED_THREAD,
        160005,  # locked thread
        200000,  # the server's own filter
        240000,  # a link filter
    }
)
"""Discord's codes for which a retry by the same route cannot succeed."""

PASSING_CODES: Final = frozenset(
    {
        20016,  # slow mode
        20022,  # rate limit of announcements
        20028,  # rate limit of writes to the channel
        20029,  # rate limit of writes to the server
        30046,  # rate limit of edits of old messages
        40003,  # direct messages opened too fast
        40004,  # sending is switched off for now
        40006,  # this feature is switched off for now
        40062,  # rate limit of the service
        130000,  # Discord is overloaded
    }
)
"""Discord's codes for temporary refusals, whatever the HTTP status."""

_TOO_LARGE_CODES: Final = frozenset({40005, 50045})


_REFUSED: Final = frozenset({400, 403, 404})
_TOKEN_REFUSED: Final = frozenset({401, 403, 404})


class TooLarge(RouteClosed):
    """Discord rejects a file, or all files together, as too large."""


@contextmanager
def map_discord_errors(*, by_token: bool = False) -> Iterator[None]:
    """Translate Discord's errors within the block. Raises TooLarge, MessageGone, RouteClosed, or else Unavailable.
    `by_token`: the requests are authorised by an interaction's token instead of the bot's own."""
    try:
        yield
    except discord.HTTPException as refusal:
        discord_error(refusal.status)
        said = f"Discord answered {refusal.status}, code {refusal.code}"
        if refusal.code in _TOO_LARGE_CODES or refusal.status == 413:
            raise TooLarge(said) from refusal
        if refusal.code == UNKNOWN_MESSAGE:
            raise MessageGone(said) from refusal
        if _is_closed(refusal, by_token=by_token):
            raise RouteClosed(said) from refusal
        raise Unavailable(said) from refusal
    except (discord.DiscordException, aiohttp.ClientError, OSError) as failure:
        discord_error(None)
        raise Unavailable(f"Discord could not be reached: {type(failure).__name__}") from failure


def _is_closed(refusal: discord.HTTPException, *, by_token: bool) -> bool:
    """Return whether the refusal closes the route. A refusal without a code is from a proxy or the like, not
    Discord."""
    if refusal.code in CLOSED_CODES:
        return True
    if refusal.code in PASSING_CODES:
        return False
    if by_token and refusal.status in _TOKEN_REFUSED:
        return True
    return bool(refusal.code) and refusal.status in _REFUSED
