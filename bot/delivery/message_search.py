"""Search a channel for a message of the bot, when it is uncertain whether the message was sent. All searches raise
RouteClosed, and Unavailable, also before the client has logged in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import discord

from bot.client import Atelier
from bot.delivery.sending import posted
from bot.discord_errors import map_discord_errors
from bot.discord_limits import HISTORY_PAGE
from bot.engine.ports import Outcome, Posted
from bot.errors import Unavailable
from bot.ui.kit.pictures import picture_stem, task_stem
from bot.ui.results.outcomes import part_id
from bot.ui.waiting.cards import card_id
from storage.models import OutcomePart, Task

SEARCHED: Final = 2000
"""Most messages searched for a part of an outcome or for a repost, starting `BEFORE` its first attempt."""
BEFORE: Final = timedelta(minutes=2)
"""A margin for clocks that disagree."""
LATEST: Final = HISTORY_PAGE
"""Newest messages searched for a card: one request. The search usually takes place soon after the card was posted."""
NEWEST: Final = 500
"""Newest messages searched for a message whose time of posting is unknown."""


async def find_part(
    client: Atelier, channel: discord.abc.Messageable, outcome: Outcome, part: OutcomePart
) -> Posted | None:
    """Return where the part was posted; None if it is not among the `SEARCHED` messages, also if the bot sees the
    channel but may not read its history: Discord then returns an empty history."""
    after = discord.Object(_earliest(outcome, part))
    messages = channel.history(limit=SEARCHED, after=after, oldest_first=True)
    found = await _first_own(client, messages, lambda message: _carries(message, outcome, part))
    return posted(found) if found else None


async def find_card(client: Atelier, channel: discord.abc.Messageable, task: Task) -> discord.Message | None:
    """Return the task's card; None if it is not among the `LATEST` messages, also if it was edited into the outcome."""
    sought = card_id(task)
    return await _first_own(client, channel.history(limit=LATEST), lambda message: sought in _ids(message))


async def find_by_id(
    client: Atelier, channel: discord.abc.Messageable, sought: int, *, since: int | None = None
) -> discord.Message | None:
    """Return the newest message of the bot with a component of this id; None if it is not among the `NEWEST` messages
    nor, if it may have been posted long ago but not before `since` (ms), among the `SEARCHED` messages from then on."""

    def is_it(message: discord.Message) -> bool:
        return sought in _ids(message)

    found = await _first_own(client, channel.history(limit=NEWEST), is_it)
    if found is not None or since is None:
        return found
    after = discord.Object(discord.utils.time_snowflake(datetime.fromtimestamp(since / 1000, UTC) - BEFORE))
    return await _first_own(client, channel.history(limit=SEARCHED, after=after, oldest_first=True), is_it)


def is_waiting_card(message: discord.Message, task: Task) -> bool:
    """Return whether the message is the task's card, and not the one of a cancelled or withheld task, which has a
    button that deletes it."""
    return card_id(task) in _ids(message) and f"a1:clear:{task.id}" not in _custom_ids(message)


async def _first_own(
    client: Atelier, messages: AsyncIterator[discord.Message], is_it: Callable[[discord.Message], bool]
) -> discord.Message | None:
    """Return the first message of the bot for which `is_it` holds. Raises RouteClosed, Unavailable."""
    if client.user is None:
        raise Unavailable("not logged in to Discord yet")
    with map_discord_errors():
        async for message in messages:
            if message.author.id == client.user.id and is_it(message):
                return message
    return None


def _earliest(outcome: Outcome, part: OutcomePart) -> int:
    """Return a snowflake from `BEFORE` the first attempt, by Discord's clock: the time of the interaction's id plus the
    time between arrival and attempt by the bot's clock; never earlier than that id. A task of a batch has a negative
    interaction id."""
    task = outcome.task
    waited = (part.attempted_at or task.arrived_at) - task.arrived_at - int(BEFORE.total_seconds() * 1000)
    return abs(task.interaction_id) + (max(0, waited) << 22)


def _carries(message: discord.Message, outcome: Outcome, part: OutcomePart) -> bool:
    if part_id(part) in _ids(message):
        return True
    if outcome.repost is not None:  # messages with the same files exist, so file names prove nothing
        return False
    if outcome.task.backed_up_at is not None and part.number == 0 and _tells(message, outcome.task):
        return True
    stems = tuple(f"{picture_stem(outcome.task.id, position)}." for position in part.pictures)
    return any(attachment.filename.startswith(stems) for attachment in message.attachments)


def _tells(message: discord.Message, task: Task) -> bool:
    """Return whether the message tells an outcome of the task, whichever: its files or its buttons are the task's. An
    outcome that was delivered after the backup from which the task was restored has another nonce."""
    if card_id(task) in _ids(message):
        return False
    if any(attachment.filename.startswith(task_stem(task.id)) for attachment in message.attachments):
        return True
    offer = f"a1:show:{task.id}"  # on messages of other tasks
    return any(name.split(":")[2:3] == [task.id] and name != offer for name in _custom_ids(message))


def _custom_ids(message: discord.Message) -> set[str]:
    return {name for component in _walked(message.components) if (name := getattr(component, "custom_id", None))}


def _ids(message: discord.Message) -> set[int | None]:
    """Return the ids of all components of the message; Discord assigns ids to components sent without an id."""
    return {component.id for component in _walked(message.components)}


def _walked(components: Sequence[Any]) -> Iterator[Any]:
    for component in components:
        yield component
        yield from _walked(getattr(component, "children", ()))
