"""
What an answer of Discord means for us.

| answer | means |
|---|---|
| 40005, 50045, 413 | too large: made smaller, at last told as links; where there is nothing to make smaller, closed |
| 10008 | the message is gone: this route is closed, to it |
| a code of `CLOSED_CODES`; any other explicit refusal (400, 403, 404 with a code) | this route is closed |
| a code of `PASSING_CODES`, 429, 5xx, no connection | tried again later |
| 401, 403, 404 to an interaction's token | the token is no good any more: closed |
| 401 to the bot's token | tried again later: a new token is the operator's to give, and the gateway ends the process |
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
        40060,  # acknowledged already, by somebody else
        50001,  # missing access
        50007,  # direct messages are closed
        50008,  # this kind of channel takes no messages
        50013,  # missing permissions
        50024,  # not in this kind of channel
        50027,  # the interaction's token has run out
        50278,  # no server in common
        ARCHIVED_THREAD,
        160005,  # locked thread
        200000,  # the server's own filter
        240000,  # a link filter
    }
)
"""By this route it will not pass by waiting."""

PASSING_CODES: Final = frozenset(
    {
        20016,  # slow mode
        20022,  # announcements in a row
        20028,  # writes to the channel
        20029,  # writes to the server
        30046,  # edits of an old message
        40003,  # direct messages opened too fast
        40004,  # sending is switched off for now
        40006,  # this feature is switched off for now
        40062,  # the service is limited
        130000,  # Discord is overloaded
    }
)
"""Refused for now, whatever the status."""

_TOO_LARGE_CODES: Final = frozenset({40005, 50045})


_REFUSED: Final = frozenset({400, 403, 404})
_TOKEN_REFUSED: Final = frozenset({401, 403, 404})


class TooLarge(RouteClosed):
    """Discord finds a file, or the files together, too large."""


@contextmanager
def translated(*, by_token: bool = False) -> Iterator[None]:
    """Discord's refusals as ours: RouteClosed, TooLarge, or else Unavailable. `by_token`: an interaction's token is all
    that we show, not the bot's own."""
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
    """A refusal without a code is no word of Discord's but of something on the way there."""
    if refusal.code in CLOSED_CODES:
        return True
    if refusal.code in PASSING_CODES:
        return False
    if by_token and refusal.status in _TOKEN_REFUSED:
        return True
    return bool(refusal.code) and refusal.status in _REFUSED
