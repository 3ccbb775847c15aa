"""An interaction's first answer, by its token: editing it is harmless to repeat; followups are never posted."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import discord

from bot.client import Atelier
from bot.errors import Unavailable


class _Original(int):
    """What Discord takes in the place of the first answer's id. An int for discord.py, whose webhooks know ids only and
    would percent-encode a word."""

    def __format__(self, format_spec: str) -> str:
        return "@original"


ORIGINAL: Final = _Original()
TOKEN_LIFE: Final = timedelta(minutes=14, seconds=30)
"""Discord says 15 minutes; the rest is for the way there."""


def token_lives(arrived_at: int, now: int) -> bool:
    """Counted from when it arrived here, as clocks may disagree."""
    return now - arrived_at < TOKEN_LIFE.total_seconds() * 1000


def answer_by(client: Atelier, token: str) -> discord.Webhook:
    """Raises Unavailable before the client has logged in."""
    if client.application_id is None:
        raise Unavailable("not logged in to Discord yet")
    return discord.Webhook.partial(client.application_id, token, client=client)
