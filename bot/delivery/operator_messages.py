"""Send messages to the operator: to the operator's channel, or directly to the application's owner."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import discord
import structlog

from bot.client import Atelier
from bot.delivery.sending import direct_messages
from bot.discord_errors import map_discord_errors
from bot.error_replies import explain_to_operator
from bot.errors import Reason, RouteClosed
from bot.texts import Texts, texts_in

log = structlog.get_logger(__name__)


class OperatorMessages:
    def __init__(self, client: Atelier, channel_id: int | None) -> None:
        self._client = client
        self._channel_id = channel_id

    def trouble(self) -> Reason | None:
        return Reason.DISCORD_REFUSES if self._client.traffic.refusals.too_many else None

    async def send(self, reason: Reason, parameters: Mapping[str, str | int]) -> None:
        """Send the message to the operator's channel. If none is set or the bot may not post there, send a direct
        message to the application's owner (of a team: the team's owner). Raises RouteClosed, Unavailable."""
        nonce = _nonce(reason, parameters)
        if self._channel_id is not None:
            channel = self._client.get_partial_messageable(self._channel_id)
            try:
                with map_discord_errors():
                    sentence = explain_to_operator(reason, parameters, self._texts_there(channel.id))
                    await channel.send(sentence, nonce=nonce)
                return
            except RouteClosed as closed:
                log.warning(
                    "operator message not posted in OPERATOR_CHANNEL_ID: route closed, will send it to the owner",
                    error=str(closed),
                )
        with map_discord_errors():
            application = await self._client.application_info()
            owner = application.team.owner_id if application.team else None
            direct = await direct_messages(self._client, owner or application.owner.id)
            await direct.send(explain_to_operator(reason, parameters, texts_in(None)), nonce=nonce)

    def _texts_there(self, channel_id: int) -> Texts:
        """Return the texts in the language that Discord has for the channel's server, not the one of `/settings`; in
        the default language if the channel is not in the cache."""
        channel = self._client.get_channel(channel_id)
        guild = channel.guild if isinstance(channel, (discord.abc.GuildChannel, discord.Thread)) else None
        return texts_in(str(guild.preferred_locale) if guild else None)


def _nonce(reason: Reason, parameters: Mapping[str, str | int]) -> str:
    """Return a nonce by which Discord recognises a repeated message. A message whose response was lost is sent again
    within minutes, while Discord still knows the nonce, so that the operator gets the message once."""
    text = " ".join([reason.value, *[str(value) for value in parameters.values()]])
    return hashlib.blake2b(text.encode(), digest_size=9).hexdigest()
