"""Post the moderators' message about a report once, and edit it when the report changes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import discord

from bot.client import Atelier
from bot.delivery.message_search import find_by_id
from bot.delivery.sending import NO_USER, posted
from bot.discord_errors import map_discord_errors
from bot.engine.ports import Outcome, Posted
from bot.engine.work.picture_work import Requester, WorkPriority
from bot.engine.work.thumbnails import StoredCopy, Thumbnails
from bot.errors import RouteClosed
from bot.ui.curation.reports import report_view
from bot.ui.kit.component_ids import component_id
from storage.community import Report, ReportCase, ReportState

_OVER: Final = frozenset({ReportState.REMOVED, ReportState.DISMISSED})


class ReportPoster:
    def __init__(self, client: Atelier, thumbnails: Thumbnails) -> None:
        self._client = client
        self._thumbnails = thumbnails

    async def post(
        self, outcome: Outcome, report_case: ReportCase, words: Sequence[Report], *, uncertain: bool
    ) -> Posted:
        """Edit the message if its id is stored or, if `uncertain`, a search of the channel finds it; else post it.
        Raises MessageGone, Unavailable, and RouteClosed, also if the server has no channel for reports."""
        if report_case.channel_id is None:
            raise RouteClosed("this server has no channel for reports")
        channel = self._client.get_partial_messageable(report_case.channel_id, guild_id=report_case.guild_id)
        number = component_id(report_case.nonce)
        found = await find_by_id(self._client, channel, number, since=report_case.attempted_at) if uncertain else None
        message_id = found.id if found is not None else report_case.message_id
        files = [] if report_case.state in _OVER else await self._files(outcome)
        view = report_view(outcome, report_case, words, [file.filename for file in files], number=number)
        with map_discord_errors():
            if message_id is None:
                return posted(await channel.send(view=view, files=files, nonce=report_case.nonce))
            message = channel.get_partial_message(message_id)
            await message.edit(view=view, attachments=files, allowed_mentions=NO_USER)
            return Posted(channel_id=channel.id, message_id=message_id)

    async def _files(self, outcome: Outcome) -> list[discord.File]:
        """Return thumbnails of the reported pictures: enough to decide, as the message itself is linked. A picture of
        which none can be made is left out."""
        small, requester = self._thumbnails.small, Requester(outcome.task.asker_id, WorkPriority.BROWSING)
        return [
            discord.File(io.BytesIO(data), f"reported-{picture.position + 1}.jpg")
            for picture in outcome.pictures
            if picture.key is not None
            and (data := await small(StoredCopy(picture.key, picture.bytes), requester)) is not None
        ]
