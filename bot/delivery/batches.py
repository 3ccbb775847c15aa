"""
Post each message of a batch once, then edit it. An edit keeps the files that are already attached and adds only new
files, so the stored copies of the attached files may have been deleted. The rest of the message is rebuilt each time.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import discord
import structlog

from bot.client import Atelier
from bot.delivery.finding import find_by_id
from bot.discord_errors import TooLarge, is_archived, map_discord_errors
from bot.discord_limits import BYTES_PER_MESSAGE, FILES_PER_MESSAGE
from bot.engine.batch_view import BatchView
from bot.engine.picture_work import PictureWork
from bot.engine.ports import Posted
from bot.errors import RouteClosed
from bot.imaging.fitting import unchanged
from bot.imaging.looks import Unreadable
from bot.ui.batch_messages import batch_view, ended_view
from bot.ui.component_ids import component_id
from bot.ui.pictures import picture_stem
from storage.community import BatchMessage
from storage.models import Picture, Route
from storage.pictures import MissingCopy, PictureStore

SHARE: Final = BYTES_PER_MESSAGE // FILES_PER_MESSAGE
"""Limit in bytes per picture, so that ten pictures fit one request. Larger pictures are re-encoded or scaled down; the
“Full size” button gives the original."""
REFITS: Final = 2
"""How often the limit is halved when Discord rejects the files as too large. After that, no new file is attached."""
NO_USER: Final = discord.AllowedMentions.none()

log = structlog.get_logger(__name__)

File = discord.Attachment | discord.File


class BatchPoster:
    def __init__(self, client: Atelier, copies: PictureStore, work: PictureWork) -> None:
        self._client = client
        self._copies = copies
        self._work = work

    async def show(self, shared: BatchView, message: BatchMessage, *, uncertain: bool) -> Posted:
        """Post or edit one message. If `uncertain`, search the channel for the message before posting. Raises
        MessageGone, RouteClosed, Unavailable."""
        channel = await self._place(shared, message.route)
        standing = await self._standing(channel, message, uncertain=uncertain)
        for attempt in range(REFITS + 1):
            limit = min(SHARE, shared.batch.asked.upload_limit) >> attempt
            try:
                return await self._sent(channel, shared, message, standing, limit)
            except TooLarge as error:
                log.info("batch message rejected: files too large", limit=limit, error=str(error))
        return await self._sent(channel, shared, message, standing, 0)

    async def find(self, shared: BatchView, route: Route, nonce: str) -> Posted | None:
        """Return where a message of the batch was posted, by its nonce. Raises RouteClosed, Unavailable."""
        channel = await self._place(shared, route)
        with map_discord_errors():
            found = await find_by_id(self._client, channel, component_id(nonce))
        return Posted(channel_id=found.channel.id, message_id=found.id) if found else None

    async def end(self, shared: BatchView, first: BatchMessage, *, uncertain: bool) -> Posted:
        """Post the closing message, which mentions the asker. Raises RouteClosed, Unavailable."""
        channel, batch = await self._place(shared, first.route), shared.batch
        asker = discord.Object(batch.asked.asker_id)
        if uncertain and (found := await self.find(shared, first.route, batch.ending_nonce)):
            return found
        with map_discord_errors():
            mentions = discord.AllowedMentions(everyone=False, roles=False, replied_user=False, users=[asker])
            view = ended_view(shared, first)
            sent = await channel.send(view=view, nonce=batch.ending_nonce, allowed_mentions=mentions)
        return Posted(channel_id=sent.channel.id, message_id=sent.id)

    async def _place(self, shared: BatchView, route: Route) -> discord.abc.MessageableChannel:
        asked = shared.batch.asked
        if route is Route.CHANNEL:
            return self._client.get_partial_messageable(asked.channel_id, guild_id=asked.guild_id)
        with map_discord_errors():
            return await self._client.create_dm(discord.Object(asked.asker_id))

    async def _standing(
        self, channel: discord.abc.MessageableChannel, message: BatchMessage, *, uncertain: bool
    ) -> discord.Message | None:
        """Return the message as fetched from Discord; None if it was never posted."""
        with map_discord_errors():
            if message.message_id is not None:
                return await channel.fetch_message(message.message_id)
            return await find_by_id(self._client, channel, component_id(message.nonce)) if uncertain else None

    async def _sent(
        self,
        channel: discord.abc.MessageableChannel,
        shared: BatchView,
        message: BatchMessage,
        standing: discord.Message | None,
        limit: int,
    ) -> Posted:
        try:
            return await self._once(channel, shared, message, standing, limit)
        except RouteClosed as closed:
            if not is_archived(closed):
                raise
        with map_discord_errors():
            thread = await self._client.fetch_channel(channel.id)
            if isinstance(thread, discord.Thread):
                await thread.edit(archived=False)
        return await self._once(channel, shared, message, standing, limit)

    async def _once(
        self,
        channel: discord.abc.MessageableChannel,
        shared: BatchView,
        message: BatchMessage,
        standing: discord.Message | None,
        limit: int,
    ) -> Posted:
        """Make one attempt to post or edit the message. Free the bytes of the new files afterwards."""
        kept, fresh, names = await self._files(shared, message, standing, limit)
        view = batch_view(shared, message, names)
        try:
            with map_discord_errors():
                if standing is not None:
                    sent = await standing.edit(view=view, attachments=[*kept, *fresh], allowed_mentions=NO_USER)
                else:
                    sent = await channel.send(view=view, files=fresh, nonce=message.nonce, allowed_mentions=NO_USER)
        finally:
            for file in fresh:
                io.BytesIO.close(file.fp)  # discord.py replaces the object's own close()
        return Posted(channel_id=sent.channel.id, message_id=sent.id)

    async def _files(
        self, shared: BatchView, message: BatchMessage, standing: discord.Message | None, limit: int
    ) -> tuple[list[discord.Attachment], list[discord.File], dict[tuple[str, int], str]]:
        """Return the attachments to keep, the new files, and the file name of each picture by task id and position. At
        most ten files in all."""
        kept: list[discord.Attachment] = []
        fresh: list[discord.File] = []
        names: dict[tuple[str, int], str] = {}
        shown = [picture for entry in shared.on(message.number) for picture in entry.shown]
        for picture in shown[:FILES_PER_MESSAGE]:
            stands = _attached(standing.attachments if standing is not None else (), picture)
            if stands is not None:
                kept.append(stands)
                names[picture.task_id, picture.position] = stands.filename
            elif (file := await self._file(picture, limit)) is not None:
                fresh.append(file)
                names[picture.task_id, picture.position] = file.filename
        return kept, fresh, names

    async def _file(self, picture: Picture, limit: int) -> discord.File | None:
        """Return the picture as a file; None if the bot has no stored copy or the copy cannot be sent."""
        if picture.key is None or picture.unfetchable or not limit:
            return None
        try:
            data = await self._copies.get(picture.key)
            fitted = unchanged(data) if len(data) <= limit else await self._work.fit(data, limit)
        except (MissingCopy, Unreadable) as error:
            log.warning("batch picture left out: copy unusable", task=picture.task_id, error=type(error).__name__)
            return None
        name = f"{picture_stem(picture.task_id, picture.position)}.{fitted.extension}"
        return discord.File(io.BytesIO(fitted.data), name)


def _attached(attachments: Sequence[discord.Attachment], picture: Picture) -> discord.Attachment | None:
    stem = f"{picture_stem(picture.task_id, picture.position)}."
    return next((one for one in attachments if one.filename.startswith(stem)), None)
