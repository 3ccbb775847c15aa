"""Redraw posted messages according to the present rows, or delete them."""

from __future__ import annotations

from collections.abc import Sequence

import discord

from bot.client import Atelier
from bot.delivery.interaction_reply import ORIGINAL, answer_by
from bot.delivery.outcomes import OutcomePoster, Payload, file_of, is_out_of_reach, limit_for
from bot.delivery.sending import NO_USER, with_smaller_files
from bot.discord_errors import map_discord_errors
from bot.engine.ports import Outcome, Posted
from bot.errors import MessageGone, RouteClosed
from bot.ui.kit.pictures import closing, picture_stem
from bot.ui.results.outcomes import AttachedPicture, pictures_view
from storage.models import OutcomePart, Picture, Reach, Route


class MessageEditor:
    def __init__(self, client: Atelier, outcomes: OutcomePoster) -> None:
        self._client = client
        self._outcomes = outcomes

    async def redraw(self, outcome: Outcome, part: OutcomePart, *, token: str | None) -> None:
        """Edit the part's message: keep its files and add late pictures. `token`: the token of the interaction that the
        message answers, while the token lives. Raises RouteClosed, Unavailable, MissingCopy."""
        if part.message_id is None or part.message_channel_id is None:
            return
        message = await self._standing(outcome, part, token)
        shown = _shown(outcome, message)
        missing = [one for one in _late(outcome, part) if one.position not in {here.position for here in shown}]

        async def edit(limit: int) -> None:
            load = await self._outcomes.load(missing, limit)
            await _edit(message, outcome, part, shown, load, by_token=token is not None)

        await with_smaller_files(limit_for(outcome, part) if missing else 0, edit, task=outcome.task.id)

    async def _standing(self, outcome: Outcome, part: OutcomePart, token: str | None) -> discord.Message:
        """Return the message as fetched from Discord. An ephemeral message can be read and edited only by its token.
        Raises RouteClosed if the message cannot be reached."""
        if token is not None:
            with map_discord_errors(by_token=True):
                return await answer_by(self._client, token).fetch_message(ORIGINAL)
        if part.message_channel_id is None or part.message_id is None or is_out_of_reach(outcome, part):
            raise RouteClosed("its interaction can no longer be answered")
        channel = self._client.get_partial_messageable(part.message_channel_id)
        with map_discord_errors():
            return await channel.fetch_message(part.message_id)

    async def remove(self, outcome: Outcome, part: OutcomePart, *, token_lives: bool) -> None:
        """Delete the part's message. An answer to an interaction can be deleted only while the token lives; after that,
        do nothing. Raises RouteClosed, Unavailable."""
        task = outcome.task
        if part.message_id is None or part.message_channel_id is None or part.route is Route.COLLECTED:
            return
        if task.reach is Reach.CHANNEL or part.route is Route.DIRECT:
            await self.delete(Posted(channel_id=part.message_channel_id, message_id=part.message_id))
        elif token_lives:
            with map_discord_errors(by_token=True):
                await answer_by(self._client, task.interaction_token).delete_message(ORIGINAL)

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
    """Edit the message once. Free the bytes of the new files afterwards."""
    fresh = [file_of(outcome, picture, fitted) for picture, fitted in load.fitted]
    whole = sorted([*shown, *[one for one, _ in fresh]], key=lambda one: one.position)
    view = pictures_view(outcome, part, whole, _linked(outcome, part, whole))
    files = [file for _, file in fresh]
    with closing(files), map_discord_errors(by_token=by_token):
        await message.edit(view=view, attachments=[*message.attachments, *files], allowed_mentions=NO_USER)


def _late(outcome: Outcome, part: OutcomePart) -> list[Picture]:
    return [one for one in outcome.pictures if one.late_at is not None and one.position in part.pictures]


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
    """Return the pictures that the message shows as links. Whether a stored copy still exists does not matter, because
    copies are deleted after some time."""
    here = {one.position for one in shown}
    told = [one for one in outcome.pictures if one.position in part.pictures or (not part.number and one.unfetchable)]
    return [one for one in told if one.position not in here]
