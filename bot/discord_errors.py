"""
Name Discord's error codes (https://discord.com/developers/docs/topics/opcodes-and-status-codes), and translate
Discord's errors into those of `bot.errors`.

| Discord's answer | meaning |
|---|---|
| a `TooLargeCode`, 413 | the caller sends smaller files, at last links; if it attaches none, this route is closed |
| `UNKNOWN_MESSAGE` | the message was deleted: this route is closed for the message |
| a `ClosedCode`; any other explicit refusal (400, 403, 404 with a code) | this route is closed |
| a `PassingCode`, 429, 5xx, no connection | retried later |
| 401, 403, 404 to an interaction's token | the token is invalid or expired: this route is closed |
| 401 to the bot's token | retried later: the operator has to set a new token, and the gateway ends the process |
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

import aiohttp
import discord

from bot.errors import MessageGone, RouteClosed, Unavailable
from bot.process.counters import discord_error


class ClosedCode(IntEnum):
    """A retry by the same route cannot succeed unless something changes in Discord."""

    UNKNOWN_CHANNEL = 10003
    UNKNOWN_USER = 10013
    UNKNOWN_WEBHOOK = 10015  # or an interaction's token that is not valid
    UNKNOWN_INTERACTION = 10062  # or the first answer came too late
    ALREADY_ACKNOWLEDGED = 40060  # the interaction has a first answer
    MISSING_ACCESS = 50001
    DIRECT_MESSAGES_CLOSED = 50007
    NO_TEXT_CHANNEL = 50008  # this kind of channel takes no messages
    MISSING_PERMISSIONS = 50013
    WRONG_CHANNEL_TYPE = 50024  # not possible in this kind of channel
    TOKEN_EXPIRED = 50027  # the interaction's
    ARCHIVED_THREAD = 50083
    NO_SERVER_IN_COMMON = 50278
    LOCKED_THREAD = 160005
    SERVER_FILTER = 200000  # the server's own filter of messages
    LINK_FILTER = 240000


class PassingCode(IntEnum):
    """A temporary refusal, whatever the HTTP status."""

    SLOW_MODE = 20016
    ANNOUNCEMENT_RATE = 20022  # each RATE: too many of these at present
    CHANNEL_RATE = 20028
    SERVER_RATE = 20029
    OLD_EDIT_RATE = 30046  # edits of messages older than an hour
    DIRECT_MESSAGE_RATE = 40003  # direct messages opened too fast
    SENDING_OFF = 40004  # switched off for now
    FEATURE_OFF = 40006  # switched off for now
    SERVICE_RATE = 40062
    OVERLOADED = 130000  # Discord itself


class TooLargeCode(IntEnum):
    """The files have too many bytes."""

    REQUEST = 40005
    FILE = 50045


UNKNOWN_MESSAGE: Final = 10008
"""The message was deleted."""
CLOSED_CODES: Final = frozenset(ClosedCode)
PASSING_CODES: Final = frozenset(PassingCode)
TOO_LARGE_CODES: Final = frozenset(TooLargeCode)

_REFUSED: Final = frozenset({400, 403, 404})
_TOKEN_REFUSED: Final = frozenset({401, 403, 404})


class TooLarge(RouteClosed):
    """Discord rejects a file, or all files together, as too large."""


@contextmanager
def map_discord_errors(*, by_token: bool = False) -> Iterator[None]:
    """Count Discord's errors within the block and translate them, and those of the network: raises TooLarge,
    MessageGone, RouteClosed, or else Unavailable. `by_token`: the requests are authorised by an interaction's token
    instead of the bot's own, so 401 and a 403 or 404 without a code close the route too."""
    try:
        yield
    except discord.HTTPException as refusal:
        discord_error(refusal.status)
        message = f"Discord answered {refusal.status}, code {refusal.code}"
        if is_too_large(refusal):
            raise TooLarge(message) from refusal
        if refusal.code == UNKNOWN_MESSAGE:
            raise MessageGone(message) from refusal
        if _is_closed(refusal, by_token=by_token):
            raise RouteClosed(message) from refusal
        raise Unavailable(message) from refusal
    except (discord.DiscordException, aiohttp.ClientError, OSError) as failure:
        discord_error(None)
        raise Unavailable(f"Discord could not be reached: {type(failure).__name__}") from failure


def is_too_large(refusal: discord.HTTPException) -> bool:
    return refusal.code in TOO_LARGE_CODES or refusal.status == 413


def is_archived(closed: RouteClosed) -> bool:
    """Return whether Discord refused because the thread is archived, which the bot can change unless it is locked."""
    return getattr(closed.__cause__, "code", None) == ClosedCode.ARCHIVED_THREAD


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
