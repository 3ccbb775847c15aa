"""Redraw posted messages according to the present rows, or delete them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import discord

from bot.client import Atelier
from bot.delivery.interaction_reply import ORIGINAL, answer_by, can_answer, living_token
from bot.delivery.outcomes import (
    OutcomePoster,
    Payload,
    as_posted,
    file_of,
    is_out_of_reach,
    limit_for,
    part_of_repost,
)
from bot.delivery.sending import NO_USER, with_smaller_files
from bot.discord_errors import map_discord_errors
from bot.engine.ports import Outcome, Posted
from bot.errors import MessageGone, RouteClosed
from bot.traffic import Priority, requests_as
from bot.ui.kit.pictures import closing, picture_stem
from bot.ui.results.outcomes import AttachedPicture, pictures_view
from storage.community import Repost
from storage.models import OutcomePart, Picture, Reach, Route, Task


class MessageEditor:
    def __init__(self, client: Atelier, outcomes: OutcomePoster, *, clock: Callable[[], int]) -> None:
        self._client = client
        self._outcomes = outcomes
        self._clock = clock

    async def redraw(self, outcome: Outcome, part: OutcomePart) -> None:
        """Edit the part's message to match the rows, for example hidden or with late pictures; keep its files. Do
        nothing for a part without a message. Raises RouteClosed, Unavailable, and MissingCopy for a late picture."""
        late = any(picture.late_at is not None for picture in outcome.pictures)
        token = living_token(outcome.task, part.route, self._clock())
        with requests_as(Priority.RESULT if late else Priority.PERSON):
            await self._redraw(outcome, part, token=token)

    async def redraw_repost(self, outcome: Outcome, repost: Repost) -> None:
        """Edit the message of a repost, as `redraw` does."""
        shown = as_posted(outcome, repost)
        await self._redraw(shown, part_of_repost(shown, repost), token=None)

    async def _redraw(self, outcome: Outcome, part: OutcomePart, *, token: str | None) -> None:
        """`token`: the token of the interaction that the message answers, while the token lives. None: edit the message
        as one of the channel."""
        if part.message_id is None or part.message_channel_id is None:
            return
        message = await self._posted_message(outcome, part, token)
        shown = _shown(outcome, message)
        missing = [
            picture for picture in _late(outcome, part) if picture.position not in {here.position for here in shown}
        ]

        async def edit(limit: int) -> None:
            load = await self._outcomes.load(missing, limit)
            await _edit(message, outcome, part, shown, load, by_token=token is not None)

        await with_smaller_files(limit_for(outcome, part) if missing else 0, edit, task=outcome.task.id)

    async def _posted_message(self, outcome: Outcome, part: OutcomePart, token: str | None) -> discord.Message:
        """Return the message as fetched from Discord. A message that `is_out_of_reach` can be read and edited only by
        its token. Raises RouteClosed if the message is deleted or cannot be reached, and Unavailable."""
        if token is not None:
            with map_discord_errors(by_token=True):
                return await answer_by(self._client, token).fetch_message(ORIGINAL)
        if part.message_channel_id is None or part.message_id is None or is_out_of_reach(outcome, part):
            raise RouteClosed("its interaction can no longer be answered")
        channel = self._client.get_partial_messageable(part.message_channel_id)
        with map_discord_errors():
            return await channel.fetch_message(part.message_id)

    async def remove(self, outcome: Outcome, part: OutcomePart) -> None:
        """Delete the part's message; do nothing for a part without a message or one that is not `removable`. A message
        that is deleted already is no error, but MessageGone where the bot can only answer. Raises RouteClosed,
        Unavailable."""
        task = outcome.task
        if part.message_id is None or part.message_channel_id is None or not self.removable(task, part):
            return
        if task.reach is Reach.CHANNEL or part.route is Route.DIRECT:
            await self.delete(Posted(channel_id=part.message_channel_id, message_id=part.message_id))
        else:
            with map_discord_errors(by_token=True):
                await answer_by(self._client, task.interaction_token).delete_message(ORIGINAL)

    def removable(self, task: Task, part: OutcomePart) -> bool:
        """Return whether the part's message is of a kind that the bot can delete now; its permissions are not checked.
        That is always so in a channel where the bot posts and for a direct message; for the first answer where the bot
        can only answer, while the token lives; for an ephemeral answer and a part collected with a button, never."""
        if part.route in {Route.EPHEMERAL, Route.COLLECTED}:
            return False
        return task.reach is Reach.CHANNEL or part.route is Route.DIRECT or can_answer(task, self._clock())

    async def delete(self, place: Posted) -> None:
        """Delete the message; a message that is already deleted is no error. Raises RouteClosed, Unavailable."""
        message = self._client.get_partial_messageable(place.channel_id).get_partial_message(place.message_id)
        try:
            with map_discord_errors():
                await message.delete()
        except MessageGone:
            return


async def _edit(
    message: discord.Message,
    outcome: Outcome,
    part: OutcomePart,
    shown: Sequence[AttachedPicture],
    load: Payload,
    *,
    by_token: bool,
) -> None:
    """Edit the message once: keep its files and add those of `load`. Free the bytes of the added files afterwards."""
    fresh = [file_of(outcome, picture, fitted) for picture, fitted in load.fitted]
    whole = sorted([*shown, *[picture for picture, _ in fresh]], key=lambda picture: picture.position)
    view = pictures_view(outcome, part, whole, _linked(outcome, part, whole))
    files = [file for _, file in fresh]
    with closing(files), map_discord_errors(by_token=by_token):
        await message.edit(view=view, attachments=[*message.attachments, *files], allowed_mentions=NO_USER)


def _late(outcome: Outcome, part: OutcomePart) -> list[Picture]:
    return [
        picture for picture in outcome.pictures if picture.late_at is not None and picture.position in part.pictures
    ]


def _shown(outcome: Outcome, message: discord.Message) -> list[AttachedPicture]:
    """Return the pictures among the message's files. A file whose size differs from the stored copy was re-encoded."""
    found = []
    for picture in outcome.pictures:
        stem = f"{picture_stem(picture.task_id, picture.position)}."
        for file in message.attachments:
            if file.filename.startswith(stem):
                anew = picture.bytes is not None and file.size != picture.bytes
                found.append(AttachedPicture(position=picture.position, filename=file.filename, reencoded=anew))
    return found


def _linked(outcome: Outcome, part: OutcomePart, shown: Sequence[AttachedPicture]) -> list[Picture]:
    """Return the pictures of the part that are not attached to its message, to be shown as links; part 0 also has the
    pictures that were delivered as links. Whether a stored copy exists does not matter, because copies are deleted
    after some time."""
    here = {attachment.position for attachment in shown}
    carried = [
        picture
        for picture in outcome.pictures
        if picture.position in part.pictures or (not part.number and picture.unfetchable)
    ]
    return [picture for picture in carried if picture.position not in here]
