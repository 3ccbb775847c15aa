"""
Post each message of a batch once, then edit it. An edit keeps the files of the pictures that are still shown and
attaches only the pictures that the message does not have yet, so a picture that is shown needs no stored copy any
longer. The rest of the message is rebuilt each time. A batch that the asker collects is shown in answers that only the
asker sees.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Final

import discord
import structlog

from bot.client import Atelier
from bot.delivery.interaction_reply import ORIGINAL, answer_by, token_lives
from bot.delivery.message_editor import MessageEditor
from bot.delivery.message_search import find_by_id
from bot.delivery.sending import NO_USER, direct_messages, fitted, in_open_thread, only, posted, with_smaller_files
from bot.discord_errors import map_discord_errors
from bot.discord_limits import BYTES_PER_MESSAGE, FILES_PER_MESSAGE
from bot.engine.batch_view import BatchView
from bot.engine.ports import Posted
from bot.engine.work.picture_work import PictureWork
from bot.errors import RouteClosed
from bot.traffic import Priority, requests_as
from bot.ui.kit.component_ids import component_id
from bot.ui.kit.pictures import closing, picture_stem, shown_in, task_stem
from bot.ui.results.batch_messages import batch_view, ended_view
from bot.ui.waiting.undelivered import delivered_elsewhere_view
from storage.community import BatchMessage
from storage.models import Picture, Route
from storage.pictures import MissingCopy, PictureStore

SHARE: Final = BYTES_PER_MESSAGE // FILES_PER_MESSAGE
"""Most bytes of a picture in a message of a batch, so that ten pictures fit one message; less if the channel accepts
less. Larger pictures are re-encoded or scaled down; the “Full size” button of the opened task gives the original."""

log = structlog.get_logger(__name__)

File = discord.Attachment | discord.File


class BatchPoster:
    def __init__(
        self,
        client: Atelier,
        picture_store: PictureStore,
        work: PictureWork,
        editor: MessageEditor,
        *,
        clock: Callable[[], int],
    ) -> None:
        self._client = client
        self._editor = editor
        self._picture_store = picture_store
        self._work = work
        self._clock = clock

    async def show(self, shared: BatchView, message: BatchMessage, *, uncertain: bool) -> Posted:
        """Edit the message if its id is stored, else post it in the place of its route. If `uncertain`, search that
        place before posting, and edit the message that is found. Raises MessageGone if the message was deleted,
        RouteClosed, Unavailable."""
        with requests_as(Priority.RESULT):
            channel = await self._place(shared, message.route)
            earlier = await self._earlier_message(channel, message, uncertain=uncertain)

            async def sent(limit: int) -> Posted:
                once = partial(self._once, channel, shared, message, earlier, limit)
                return await in_open_thread(self._client, channel.id, once)

            return await with_smaller_files(min(SHARE, shared.batch.asked.upload_limit), sent)

    async def _find(self, shared: BatchView, route: Route, nonce: str) -> Posted | None:
        """Search for a message of the batch by its nonce. None if it is not found. Raises RouteClosed, Unavailable."""
        channel = await self._place(shared, route)
        since = shared.batch.ending_attempted_at if nonce == shared.batch.ending_nonce else None
        found = await find_by_id(self._client, channel, component_id(nonce), since=since)
        return posted(found) if found else None

    async def end(self, shared: BatchView, first: BatchMessage, *, uncertain: bool) -> Posted:
        """Post the notice that the batch is over, which mentions the asker and links `first`, where `first` was posted.
        If `uncertain`, search for an earlier notice first, and return that if it is found. Raises RouteClosed,
        Unavailable."""
        with requests_as(Priority.RESULT):
            return await self._end(shared, first, uncertain=uncertain)

    async def remove(self, shared: BatchView, route: Route, nonce: str, place: Posted | None) -> None:
        """Delete a message of the batch; without `place`, search for it by its nonce. A message that is gone or not
        found is no error. Raises RouteClosed, Unavailable."""
        found = place or await self._find(shared, route, nonce)
        if found is not None:
            await self._editor.delete(found)

    async def hand_over(self, shared: BatchView, message: BatchMessage | None, *, more: bool) -> Posted:
        """Edit the answer to the interaction with which the asker came for a kept batch: show the message, and with
        `more` the button for the next one; without a message, say that the batch was delivered elsewhere. Raises
        RouteClosed, Unavailable."""
        batch = shared.batch
        token, came_at = batch.collect_token, batch.collect_at
        if token is None or came_at is None or not token_lives(came_at, self._clock()):
            raise RouteClosed("the interaction by which the asker came has expired")
        answer = answer_by(self._client, token)
        if message is None:
            with map_discord_errors(by_token=True):
                view = delivered_elsewhere_view(batch.asked)
                return posted(await answer.edit_message(ORIGINAL, view=view, attachments=[]))

        async def sent(limit: int) -> Posted:
            _, fresh, names = await self._files(shared, message, None, limit)
            view = batch_view(shared, message, names, more=more)
            with closing(fresh), map_discord_errors(by_token=True):
                return posted(await answer.edit_message(ORIGINAL, view=view, attachments=fresh))

        return await with_smaller_files(min(SHARE, batch.asked.upload_limit), sent)

    async def _end(self, shared: BatchView, first: BatchMessage, *, uncertain: bool) -> Posted:
        channel, batch = await self._place(shared, first.route), shared.batch
        if uncertain and (found := await self._find(shared, first.route, batch.ending_nonce)):
            return found
        with map_discord_errors():
            view, mentions = ended_view(shared, first), only(batch.asked.asker_id)
            return posted(await channel.send(view=view, nonce=batch.ending_nonce, allowed_mentions=mentions))

    async def _place(self, shared: BatchView, route: Route) -> discord.abc.MessageableChannel:
        asked = shared.batch.asked
        if route is Route.CHANNEL:
            return self._client.get_partial_messageable(asked.channel_id, guild_id=asked.guild_id)
        return await direct_messages(self._client, asked.asker_id)

    async def _earlier_message(
        self, channel: discord.abc.MessageableChannel, message: BatchMessage, *, uncertain: bool
    ) -> discord.Message | None:
        """Return the message as fetched from Discord, searched for if its id is not stored and it may have been posted
        (`uncertain`). None if it has to be posted. Raises MessageGone if it was deleted, RouteClosed, Unavailable."""
        if message.message_id is not None:
            with map_discord_errors():
                return await channel.fetch_message(message.message_id)
        if not uncertain:
            return None
        return await find_by_id(self._client, channel, component_id(message.nonce), since=message.attempted_at)

    async def _once(
        self,
        channel: discord.abc.MessageableChannel,
        shared: BatchView,
        message: BatchMessage,
        earlier: discord.Message | None,
        limit: int,
    ) -> Posted:
        """Make one attempt to post or edit the message. Free the bytes of the attached files afterwards. A message that
        shows more than a restored backup knows stays as it is."""
        if earlier is not None and _shows_more(earlier, shared, message.number):
            return posted(earlier)
        kept, fresh, names = await self._files(shared, message, earlier, limit)
        view = batch_view(shared, message, names)
        with closing(fresh), map_discord_errors():
            if earlier is not None:
                return posted(await earlier.edit(view=view, attachments=[*kept, *fresh], allowed_mentions=NO_USER))
            return posted(await channel.send(view=view, files=fresh, nonce=message.nonce))

    async def _files(
        self, shared: BatchView, message: BatchMessage, earlier: discord.Message | None, limit: int
    ) -> tuple[list[discord.Attachment], list[discord.File], dict[tuple[str, int], str]]:
        """Return the attachments to keep, the files to attach, and the file name of each picture by task id and
        position; a picture that cannot be attached has no name. At most `FILES_PER_MESSAGE` files in all."""
        kept: list[discord.Attachment] = []
        fresh: list[discord.File] = []
        names: dict[tuple[str, int], str] = {}
        shown = [picture for entry in shared.on(message.number) for picture in entry.shown]
        for picture in shown[:FILES_PER_MESSAGE]:
            attached = shown_in(earlier, picture)
            if attached is not None:
                kept.append(attached)
                names[picture.task_id, picture.position] = attached.filename
            elif (file := await self._file(picture, limit)) is not None:
                fresh.append(file)
                names[picture.task_id, picture.position] = file.filename
        return kept, fresh, names

    async def _file(self, picture: Picture, limit: int) -> discord.File | None:
        """Return the picture as a file of at most `limit` bytes; None where `fitted` returns None, and if the stored
        copy is missing."""
        try:
            copy = await fitted(self._picture_store, self._work, picture, limit)
        except MissingCopy:
            log.warning("picture left out of a batch message: stored copy missing", task=picture.task_id)
            return None
        if copy is None:
            return None
        name = f"{picture_stem(picture.task_id, picture.position)}.{copy.extension}"
        return discord.File(io.BytesIO(copy.data), name)


def _shows_more(earlier: discord.Message, shared: BatchView, number: int) -> bool:
    """Return whether the message has pictures, of a task that was restored from a backup, of which the backup has no
    rows: they were made since, and an edit would drop them."""
    for entry in shared.on(number):
        if entry.task.backed_up_at is None or entry.task.removed_at is not None:
            continue
        known = tuple(f"{picture_stem(picture.task_id, picture.position)}." for picture in entry.pictures)
        files = [file.filename for file in earlier.attachments if file.filename.startswith(task_stem(entry.task.id))]
        if not all(name.startswith(known) for name in files):
            return True
    return False
