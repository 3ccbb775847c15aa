"""
Edit an interaction's first answer by its token, or send another answer that only the asker sees. The edit can be
repeated if its result is uncertain; another answer could appear twice.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import discord

from bot.client import Atelier
from bot.discord_limits import INTERACTION_LIFE
from bot.errors import Unavailable
from storage.models import Route, Task


class _Original(int):
    """`@original`, which Discord accepts instead of the first answer's message id. The class is an int because
    discord.py's webhooks accept only ids and would percent-encode a string."""

    def __format__(self, format_spec: str) -> str:
        return "@original"


ORIGINAL: Final = _Original()
TOKEN_LIFE: Final = INTERACTION_LIFE - timedelta(seconds=30)
"""How long an interaction's token is used: 30 s less than Discord allows, for the requests' travel time."""


def token_lives(arrived_at: int, now: int) -> bool:
    """Return whether an interaction's token is still usable. `arrived_at`: when (ms) the interaction arrived, by the
    bot's own clock, as Discord's clock may differ."""
    return now - arrived_at < TOKEN_LIFE.total_seconds() * 1000


def can_answer(task: Task, now: int) -> bool:
    """Return True while the task's interaction can be answered; always False for a request by message, which has no
    interaction."""
    return bool(task.interaction_token) and token_lives(task.arrived_at, now)


def living_token(task: Task, route: Route, now: int) -> str | None:
    """Return the token of the interaction whose first answer is the outcome (`ORIGINAL`, `COLLECTED`). None if the
    token has expired at `now` (ms), and for all other routes, also `EPHEMERAL`."""
    if route is Route.ORIGINAL and can_answer(task, now):
        return task.interaction_token
    if route is Route.COLLECTED and task.collect_at is not None and token_lives(task.collect_at, now):
        return task.collect_token
    return None


def answer_by(client: Atelier, token: str) -> discord.Webhook:
    """Return the webhook that reads, edits and deletes the first answer. Raises Unavailable before the client has
    logged in."""
    if client.application_id is None:
        raise Unavailable("not logged in to Discord yet")
    return discord.Webhook.partial(client.application_id, token, client=client)


def ephemeral_by(client: Atelier, token: str) -> discord.Webhook:
    """Return the webhook that sends another answer to the interaction, also an ephemeral one, which discord.py allows
    to webhooks of applications only. Raises Unavailable before the client has logged in."""
    if client.application_id is None:
        raise Unavailable("not logged in to Discord yet")
    data: Any = {"id": client.application_id, "type": discord.WebhookType.application.value, "token": token}
    return discord.Webhook.from_state(data, state=client._connection)
