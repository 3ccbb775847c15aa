"""What an answer of Discord means for us."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
import discord

from bot.errors import RouteClosed, Unavailable

UNKNOWN_MESSAGE: Final = 10008
ARCHIVED_THREAD: Final = 50083

CLOSED_CODES: Final = frozenset(
    {
        10003,  # unknown channel
        UNKNOWN_MESSAGE,
        10013,  # unknown user
        10015,  # unknown webhook: the interaction's token
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

_TOO_LARGE_CODES: Final = frozenset({40005, 50045})


class TooLarge(Exception):
    """Discord finds a file, or the files together, too large."""


@contextmanager
def translated() -> Iterator[None]:
    """Discord's refusals as ours: RouteClosed, TooLarge, or else Unavailable."""
    try:
        yield
    except discord.HTTPException as refusal:
        said = f"Discord answered {refusal.status}, code {refusal.code}"
        if refusal.code in _TOO_LARGE_CODES or refusal.status == 413:
            raise TooLarge(said) from refusal
        if refusal.code in CLOSED_CODES:
            raise RouteClosed(said) from refusal
        raise Unavailable(said) from refusal
    except (discord.DiscordException, aiohttp.ClientError, OSError) as failure:
        raise Unavailable(f"Discord could not be reached: {type(failure).__name__}") from failure
