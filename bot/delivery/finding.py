"""Is a message of ours already in the channel? Asked whenever it may or may not have been sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

import discord

from bot.client import Atelier
from bot.engine.ports import Outcome
from bot.errors import Unavailable
from bot.ui.cards import card_id
from bot.ui.outcomes import part_id
from bot.ui.pictures import picture_stem
from storage.models import OutcomePart, Task

SEARCHED: Final = 2000
"""Messages looked through at most for a part, from shortly before the first attempt."""
BEFORE: Final = timedelta(minutes=2)
LATEST: Final = 100
"""Messages looked through for a card, from the newest back: one request. It is asked again soon after it was lost."""

NEWEST: Final = 500
"""Messages looked through for one whose time is not known, from the newest back."""


async def find_part(
    client: Atelier, channel: discord.abc.Messageable, outcome: Outcome, part: OutcomePart
) -> discord.Message | None:
    """Raises Unavailable before the client has logged in, as does `find_card`. Without the right to read the history
    Discord shows an empty one."""
    after = discord.Object(_earliest(outcome, part))
    messages = channel.history(limit=SEARCHED, after=after, oldest_first=True)
    return await _first_of_ours(client, messages, lambda message: _carries(message, outcome, part))


async def find_card(client: Atelier, channel: discord.abc.Messageable, task: Task) -> discord.Message | None:
    """The card, unless it has become the outcome."""
    sought = card_id(task)
    return await _first_of_ours(client, channel.history(limit=LATEST), lambda message: sought in _ids(message))


async def find_by_id(client: Atelier, channel: discord.abc.Messageable, sought: int) -> discord.Message | None:
    """The newest message with a component of this id."""
    return await _first_of_ours(client, channel.history(limit=NEWEST), lambda message: sought in _ids(message))


async def _first_of_ours(
    client: Atelier, messages: AsyncIterator[discord.Message], is_it: Callable[[discord.Message], bool]
) -> discord.Message | None:
    if client.user is None:
        raise Unavailable("not logged in to Discord yet")
    async for message in messages:
        if message.author.id == client.user.id and is_it(message):
            return message
    return None


def _earliest(outcome: Outcome, part: OutcomePart) -> int:
    """A snowflake from before the first attempt, told by Discord's own clock: the interaction's id, and how much later
    by our clock the attempt was. Below zero is that of one of a batch."""
    task = outcome.task
    waited = (part.attempted_at or task.arrived_at) - task.arrived_at - int(BEFORE.total_seconds() * 1000)
    return abs(task.interaction_id) + (max(0, waited) << 22)


def _carries(message: discord.Message, outcome: Outcome, part: OutcomePart) -> bool:
    if part_id(part) in _ids(message):
        return True
    if outcome.posting is not None:  # other messages show the same files
        return False
    stems = tuple(f"{picture_stem(outcome.task.id, position)}." for position in part.pictures)
    return any(attachment.filename.startswith(stems) for attachment in message.attachments)


def _ids(message: discord.Message) -> set[int | None]:
    """Of all components; those that were given none have one of Discord's."""
    return {component.id for component in _walked(message.components)}


def _walked(components: Sequence[Any]) -> Iterator[Any]:
    for component in components:
        yield component
        yield from _walked(getattr(component, "children", ()))
