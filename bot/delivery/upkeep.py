"""Messages that stand already: made into what the row says by now, or deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import discord

from bot.client import Atelier
from bot.delivery.answers import ORIGINAL, answer_by
from bot.delivery.refusals import translated
from bot.engine.ports import Outcome, Posted
from bot.errors import MessageGone
from bot.ui.outcomes import Shown, pictures_view
from bot.ui.pictures import picture_stem
from storage.models import OutcomePart, Picture, Reach, Route

NOBODY: Final = discord.AllowedMentions.none()


class Upkeeper:
    def __init__(self, client: Atelier) -> None:
        self._client = client

    async def redraw(self, outcome: Outcome, part: OutcomePart) -> None:
        """With the files it has. Raises RouteClosed, Unavailable."""
        if part.message_id is None or part.message_channel_id is None:
            return
        channel = self._client.get_partial_messageable(part.message_channel_id)
        with translated():
            message = await channel.fetch_message(part.message_id)
            shown = _shown(outcome, message)
            view = pictures_view(outcome, part, shown, _linked(outcome, part, shown))
            await message.edit(view=view, attachments=message.attachments, allowed_mentions=NOBODY)

    async def remove(self, outcome: Outcome, part: OutcomePart, *, token_lives: bool) -> None:
        """What only the asker sees can be deleted as long as its interaction's token lives. Raises RouteClosed,
        Unavailable."""
        task = outcome.task
        if part.message_id is None or part.message_channel_id is None or part.route is Route.COLLECTED:
            return
        if task.reach is Reach.CHANNEL or part.route is Route.DIRECT:
            await self.delete(Posted(channel_id=part.message_channel_id, message_id=part.message_id))
        elif token_lives:
            with translated(by_token=True):
                await answer_by(self._client, task.interaction_token).delete_message(ORIGINAL)

    async def delete(self, place: Posted) -> None:
        """Not there any more is fine. Raises RouteClosed, Unavailable."""
        message = self._client.get_partial_messageable(place.channel_id).get_partial_message(place.message_id)
        try:
            with translated():
                await message.delete()
        except MessageGone:
            return


def _shown(outcome: Outcome, message: discord.Message) -> list[Shown]:
    """The pictures among the message's files. One of another size than our copy was saved anew."""
    found = []
    for picture in outcome.pictures:
        stem = f"{picture_stem(picture.task_id, picture.position)}."
        for file in message.attachments:
            if file.filename.startswith(stem):
                anew = picture.bytes is not None and file.size != picture.bytes
                found.append(Shown(position=picture.position, filename=file.filename, reencoded=anew))
    return found


def _linked(outcome: Outcome, part: OutcomePart, shown: Sequence[Shown]) -> list[Picture]:
    """What the message tells as addresses. A copy that is swept by now says nothing about how it was told."""
    here = {one.position for one in shown}
    told = [one for one in outcome.pictures if one.position in part.pictures or (not part.number and one.unfetchable)]
    return [one for one in told if one.position not in here]
