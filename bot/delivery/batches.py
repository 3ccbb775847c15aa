"""
Messages of batches: posted once, then edited. An edit keeps the files that stand there already and adds those that are
new, so that copies may be gone by then; everything else is made anew each time.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import discord
import structlog

from bot.client import Atelier
from bot.delivery.finding import find_by_id
from bot.delivery.packing import BYTES_PER_MESSAGE, FILES_PER_MESSAGE
from bot.delivery.refusals import ARCHIVED_THREAD, TooLarge, translated
from bot.engine.picture_work import PictureWork
from bot.engine.ports import Posted
from bot.engine.shared import Shared
from bot.errors import RouteClosed
from bot.imaging.fitting import unchanged
from bot.imaging.looks import Unreadable
from bot.ui.batch_messages import batch_view, ended_view
from bot.ui.outcomes import component_id
from bot.ui.pictures import picture_stem
from storage.community import BatchMessage
from storage.models import Picture, Route
from storage.pictures import MissingCopy, PictureStore

SHARE: Final = BYTES_PER_MESSAGE // FILES_PER_MESSAGE
"""Bytes of each picture: ten together still fit a request. What is larger is scaled; “Full size” has all of it."""
REFITS: Final = 2
"""Halvings when Discord finds the files too large; then they are named and not shown."""
NOBODY: Final = discord.AllowedMentions.none()

log = structlog.get_logger(__name__)

File = discord.Attachment | discord.File


class BatchPoster:
    def __init__(self, client: Atelier, copies: PictureStore, work: PictureWork) -> None:
        self._client = client
        self._copies = copies
        self._work = work

    async def show(self, shared: Shared, message: BatchMessage, *, uncertain: bool) -> Posted:
        """Raises MessageGone, RouteClosed, Unavailable."""
        channel = await self._place(shared, message.route)
        standing = await self._standing(channel, message, uncertain=uncertain)
        for attempt in range(REFITS + 1):
            limit = min(SHARE, shared.batch.asked.upload_limit) >> attempt
            try:
                return await self._sent(channel, shared, message, standing, limit)
            except TooLarge as error:
                log.info("too large for Discord", limit=limit, error=str(error))
        return await self._sent(channel, shared, message, standing, 0)

    async def find(self, shared: Shared, route: Route, nonce: str) -> Posted | None:
        """Where a message of a batch stands. Raises RouteClosed, Unavailable."""
        channel = await self._place(shared, route)
        with translated():
            found = await find_by_id(self._client, channel, component_id(nonce))
        return Posted(channel_id=found.channel.id, message_id=found.id) if found else None

    async def end(self, shared: Shared, first: BatchMessage, *, uncertain: bool) -> Posted:
        """Raises RouteClosed, Unavailable."""
        channel, batch = await self._place(shared, first.route), shared.batch
        asker = discord.Object(batch.asked.asker_id)
        if uncertain and (found := await self.find(shared, first.route, batch.ending_nonce)):
            return found
        with translated():
            mentions = discord.AllowedMentions(everyone=False, roles=False, replied_user=False, users=[asker])
            view = ended_view(shared, first)
            sent = await channel.send(view=view, nonce=batch.ending_nonce, allowed_mentions=mentions)
        return Posted(channel_id=sent.channel.id, message_id=sent.id)

    async def _place(self, shared: Shared, route: Route) -> discord.abc.MessageableChannel:
        asked = shared.batch.asked
        if route is Route.CHANNEL:
            return self._client.get_partial_messageable(asked.channel_id, guild_id=asked.guild_id)
        with translated():
            return await self._client.create_dm(discord.Object(asked.asker_id))

    async def _standing(
        self, channel: discord.abc.MessageableChannel, message: BatchMessage, *, uncertain: bool
    ) -> discord.Message | None:
        """The message as Discord has it. None where it was never posted."""
        with translated():
            if message.message_id is not None:
                return await channel.fetch_message(message.message_id)
            return await find_by_id(self._client, channel, component_id(message.nonce)) if uncertain else None

    async def _sent(
        self,
        channel: discord.abc.MessageableChannel,
        shared: Shared,
        message: BatchMessage,
        standing: discord.Message | None,
        limit: int,
    ) -> Posted:
        try:
            return await self._once(channel, shared, message, standing, limit)
        except RouteClosed as closed:
            cause = closed.__cause__
            if not isinstance(cause, discord.HTTPException) or cause.code != ARCHIVED_THREAD:
                raise
        with translated():
            thread = await self._client.fetch_channel(channel.id)
            if isinstance(thread, discord.Thread):
                await thread.edit(archived=False)
        return await self._once(channel, shared, message, standing, limit)

    async def _once(
        self,
        channel: discord.abc.MessageableChannel,
        shared: Shared,
        message: BatchMessage,
        standing: discord.Message | None,
        limit: int,
    ) -> Posted:
        """Lets go of the files' bytes when they are sent."""
        kept, fresh, names = await self._files(shared, message, standing, limit)
        view = batch_view(shared, message, names)
        try:
            with translated():
                if standing is not None:
                    sent = await standing.edit(view=view, attachments=[*kept, *fresh], allowed_mentions=NOBODY)
                else:
                    sent = await channel.send(view=view, files=fresh, nonce=message.nonce, allowed_mentions=NOBODY)
        finally:
            for file in fresh:
                io.BytesIO.close(file.fp)  # discord.py covers the file's own
        return Posted(channel_id=sent.channel.id, message_id=sent.id)

    async def _files(
        self, shared: Shared, message: BatchMessage, standing: discord.Message | None, limit: int
    ) -> tuple[list[discord.Attachment], list[discord.File], dict[tuple[str, int], str]]:
        """Those that stay, those that are new, and what they are called. At most ten in all."""
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
        """None where there is no copy of ours, or none that could be sent."""
        if picture.key is None or picture.unfetchable or not limit:
            return None
        try:
            data = await self._copies.get(picture.key)
            fitted = unchanged(data) if len(data) <= limit else await self._work.fit(data, limit)
        except (MissingCopy, Unreadable) as error:
            log.warning("a copy cannot be shown", task=picture.task_id, error=type(error).__name__)
            return None
        name = f"{picture_stem(picture.task_id, picture.position)}.{fitted.extension}"
        return discord.File(io.BytesIO(fitted.data), name)


def _attached(attachments: Sequence[discord.Attachment], picture: Picture) -> discord.Attachment | None:
    stem = f"{picture_stem(picture.task_id, picture.position)}."
    return next((one for one in attachments if one.filename.startswith(stem)), None)
