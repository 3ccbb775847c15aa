"""Is a part already in the channel? Asked whenever a message may or may not have been sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

import discord

from bot.engine.ports import Outcome
from bot.ui.outcomes import part_id, picture_stem
from storage.models import OutcomePart

SEARCHED: Final = 2000
"""Messages looked through at most, from shortly before the first attempt."""
BEFORE: Final = timedelta(minutes=2)


async def find_posted(
    channel: discord.abc.Messageable, outcome: Outcome, part: OutcomePart, *, author_id: int
) -> discord.Message | None:
    """Our message with this part. Without the right to read the history Discord shows an empty one."""
    after = discord.Object(_earliest(outcome, part))
    async for message in channel.history(limit=SEARCHED, after=after, oldest_first=True):
        if message.author.id == author_id and _carries(message, outcome, part):
            return message
    return None


def _earliest(outcome: Outcome, part: OutcomePart) -> int:
    """A snowflake from before the first attempt, told by Discord's own clock: the interaction's id, and how much later
    by our clock the attempt was."""
    task = outcome.task
    waited = (part.attempted_at or task.arrived_at) - task.arrived_at - int(BEFORE.total_seconds() * 1000)
    return task.interaction_id + (max(0, waited) << 22)


def _carries(message: discord.Message, outcome: Outcome, part: OutcomePart) -> bool:
    if part_id(part) in {component.id for component in _walked(message.components)}:
        return True
    stems = tuple(f"{picture_stem(outcome.task.id, position)}." for position in part.pictures)
    return any(attachment.filename.startswith(stems) for attachment in message.attachments)


def _walked(components: Sequence[Any]) -> Iterator[Any]:
    for component in components:
        yield component
        yield from _walked(getattr(component, "children", ()))
