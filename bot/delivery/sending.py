"""Send messages to Discord: what the posters of outcomes, batches, reports, cards and receipts share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import discord
import structlog

from bot.client import Atelier
from bot.discord_errors import TooLarge, is_archived, map_discord_errors
from bot.engine.ports import Posted
from bot.engine.work.picture_work import PictureWork
from bot.errors import RouteClosed
from bot.imaging.fitting import Fitted, unchanged
from bot.imaging.picture_info import Unreadable
from storage.models import Picture
from storage.pictures import PictureStore

REFITS: Final = 2
"""How often the limit per file is halved when Discord rejects the files as too large. After that the limit is 0, and no
picture is attached."""
NO_USER: Final = discord.AllowedMentions.none()
"""Notify no person. Passed explicitly to edits, because discord.py does not apply the client's default to them."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


def only(person_id: int) -> discord.AllowedMentions:
    """Allow a mention of this person alone."""
    person = discord.Object(person_id)
    return discord.AllowedMentions(everyone=False, roles=False, replied_user=False, users=[person])


def posted(message: discord.Message) -> Posted:
    return Posted(channel_id=message.channel.id, message_id=message.id)


async def direct_messages(client: Atelier, person_id: int) -> discord.DMChannel:
    """Return the channel of direct messages with the person. Raises RouteClosed, Unavailable."""
    with map_discord_errors():
        return await client.create_dm(discord.Object(person_id))


async def in_open_thread(client: Atelier, channel_id: int, send: Callable[[], Awaitable[T]]) -> T:
    """Call `send`. If that fails because the channel is an archived thread, reopen the thread and call `send` a second
    time. Raises what `send` raises, and RouteClosed or Unavailable if the thread cannot be reopened."""
    try:
        return await send()
    except RouteClosed as closed:
        if not is_archived(closed):
            raise
    with map_discord_errors():
        thread = await client.fetch_channel(channel_id)
        if isinstance(thread, discord.Thread):
            await thread.edit(archived=False)
    return await send()


async def with_smaller_files(limit: int, send: Callable[[int], Awaitable[T]], **about: str) -> T:
    """Call `send` with `limit`, the most bytes of a file that it attaches. If Discord rejects the files as too large,
    call it again with half of the limit, at most `REFITS` times, then with 0: `send` attaches no picture then, and
    files that the message has already may stay. `about`: fields of the log. Raises what `send` raises."""
    for attempt in range(REFITS + 1 if limit else 0):
        try:
            return await send(limit >> attempt)
        except TooLarge as error:
            log.info(
                "message rejected: files too large, sent again at once with smaller or no pictures",
                limit=limit >> attempt,
                error=str(error),
                **about,
            )
    return await send(0)


async def fitted(picture_store: PictureStore, work: PictureWork, picture: Picture, limit: int) -> Fitted | None:
    """Return the stored copy of the picture, re-encoded if it has more than `limit` bytes. None if the picture cannot
    be attached: it has no copy, a process died while handling it (`unfetchable`), `limit` is 0, or the copy cannot be
    read or re-encoded; of a copy that fits, only the first bytes are checked. Raises MissingCopy if the copy that the
    row names is gone, and Unavailable if no process can re-encode now."""
    if picture.key is None or picture.unfetchable or not limit:
        return None
    data = await picture_store.get(picture.key)
    try:
        if len(data) <= limit:
            return unchanged(data)  # without waiting for picture work
        return await work.fit(data, limit)
    except Unreadable as error:
        log.warning(
            "picture cannot be attached: stored copy damaged or too complex, its message goes without the file",
            task=picture.task_id,
            error=str(error),
        )
        return None
