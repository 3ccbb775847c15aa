"""Handle messages to the bot: requests without a command (a reply to a message with pictures, say), and small talk."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable
from typing import Any, Final

import discord
import structlog
from discord import ui
from discord.ext import commands

from bot.client import Atelier
from bot.discord_errors import map_discord_errors
from bot.engine.ports import Card
from bot.error_replies import explain, explain_away
from bot.errors import AtelierError, Reason, ServiceError
from bot.intake.choosing import defaults_of, new_task
from bot.intake.mentions import (
    language_of,
    may_react,
    may_refer_to,
    may_speak,
    mentions_only_role,
    origin_of_message,
    wish_in,
    words_for,
)
from bot.intake.message_pictures import pictures_in
from bot.intake.small_talk import SmallTalk, small_talk_in
from bot.texts import Texts, texts_in
from bot.texts.discord_text import is_blank
from bot.ui.asking.examples import guide_view
from bot.ui.waiting.cards import card_view
from storage.availability import DatabaseAway
from storage.community import GuildSettings
from storage.disks import says_full

ASKED: tuple[discord.MessageType, ...] = (discord.MessageType.default, discord.MessageType.reply)
GUIDED_EVERY_MS: Final = 60 * 1000
"""A person's small talk is answered in words at most this often; in between with a reaction, or not at all where the
bot cannot react."""
WAVE: Final = "\N{WAVING HAND SIGN}"
SMILE: Final = "\N{SMILING FACE WITH SMILING EYES}"
MUTE: Final = "\N{SPEAKER WITH CANCELLATION STROKE}"
"""The reaction to a message that can be answered in no other way."""

log = structlog.get_logger(__name__)


class Mentions(commands.Cog):
    def __init__(self, bot: Atelier) -> None:
        self._bot = bot
        self._guided: dict[int, int] = {}
        """When (ms) a person's small talk was last answered in words."""

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Handle a request or small talk by message. Messages that are not addressed to the bot are ignored, and those
        of webhooks and bots, including this bot, so that bots do not answer each other forever."""
        user = self._bot.user
        unasked = message.author.bot or message.webhook_id is not None or message.type not in ASKED
        if user is None or unasked or isinstance(message.channel, discord.PartialMessageable):
            return
        words = "" if mentions_only_role(message) else words_for(message, user.id)
        if words is not None:
            try:
                await self._answer(message, words, user.id)
            except Exception as error:  # noqa: BLE001  # last handler: replies, and logs defects
                await self._defect(message, error)

    async def _defect(self, message: discord.Message, error: Exception) -> None:
        if isinstance(error, DatabaseAway):
            await self._say(message, explain_away(error, texts_in(None)))
            return
        if says_full(error):
            log.error(
                "mention failed: disk full, operator has to free space, asker gets an error message if possible",
                error=str(error).partition("\n")[0],
            )
            await self._say(message, explain(Reason.DISK_FULL, None, texts_in(None)))
            return
        number = secrets.token_hex(3)
        log.error(
            "mention failed: unexpected exception, asker gets the number if possible", number=number, exc_info=error
        )
        await self._say(message, explain(Reason.DEFECT, {"number": number}, texts_in(None)))

    async def _answer(self, message: discord.Message, words: str, bot_id: int) -> None:
        settings = await self._bot.services.stores.guilds.settings(
            message.guild.id if message.guild is not None else None
        )
        say = texts_in(language_of(message, settings))
        if (talk := _small_talk(message, words)) is not None:
            await self._make_small_talk(message, talk, settings, say)
            return
        try:
            origin = origin_of_message(message, settings, self._bot)
            services = self._bot.services
            defaults = await defaults_of(services, origin.guild_id, origin.asker_id)
            wish = await wish_in(services, message, words, bot_id, say, usual=defaults.preferences.words)
            card = await services.engine.requests.accept(new_task(wish, origin, defaults))
        except AtelierError as refusal:
            await self._say(message, explain(refusal.reason, refusal.parameters, say))
            return
        await self._show(message, card)

    async def _make_small_talk(
        self, message: discord.Message, talk: SmallTalk, settings: GuildSettings, say: Texts
    ) -> None:
        """Answer with a smile or a short guide, or with what is in the way of requests here. Nothing is stored."""
        guided = self._was_guided(message.author.id)
        smiles = talk is SmallTalk.THANKS and not message.attachments
        if (smiles or guided) and await self._reacted(message, SMILE if smiles else WAVE):
            return
        if guided:
            return
        self._guided[message.author.id] = self._bot.services.engine.clock()
        if smiles:
            await self._say(message, say("mentions-smile"))
            return
        try:
            origin_of_message(message, settings, self._bot)
        except AtelierError as refusal:
            await self._say(message, explain(refusal.reason, refusal.parameters, say))
            return
        await self._say(message, guide_view(say, _guide(message, say)))

    def _was_guided(self, person_id: int) -> bool:
        """Return whether the person had an answer in words within `GUIDED_EVERY_MS`, and forget older ones."""
        since = self._bot.services.engine.clock() - GUIDED_EVERY_MS
        self._guided = {person: at for person, at in self._guided.items() if at > since}
        return person_id in self._guided

    async def _reacted(self, message: discord.Message, emoji: str) -> bool:
        """Return False if the bot may not react there, or Discord refuses."""
        if not may_react(message):
            return False
        try:
            with map_discord_errors():
                await message.add_reaction(emoji)
        except ServiceError as error:
            log.info("message not answered with a reaction: Discord or network error", error=str(error))
            return False
        return True

    async def _show(self, message: discord.Message, card: Card) -> None:
        """Post the card as a reply, unless the same message arrived twice and its card exists or its task has ended. If
        posting fails, the next update of the card posts it."""
        if not card.task.open or card.task.card_message_id is not None:
            return
        try:
            with map_discord_errors():
                posted = await _posted_below(message, view=card_view(card), nonce=f"card-{card.task.id}")
        except ServiceError as error:
            log.info(
                "card for a mention not posted: Discord or network error, card updates will try to post it",
                task=card.task.id,
                error=str(error),
            )
            return
        try:
            await self._bot.services.engine.requests.card_posted(card, posted.id)
        except Exception:
            log.exception(
                "card for a mention not recorded, updated or deleted: exception, an unrecorded card is searched for",
                task=card.task.id,
            )

    async def _say(self, message: discord.Message, answer: str | ui.LayoutView) -> None:
        """Answer by the first way that is open: in the channel, visible to all readers, because only interactions have
        ephemeral answers; then by a direct message; then with a reaction."""
        said: dict[str, Any] = {"content": answer} if isinstance(answer, str) else {"view": answer}
        said["nonce"] = f"said-{message.id}"
        if may_speak(message) and await _is_sent(_posted_below(message, **said)):
            return
        if await _is_sent(message.author.send(**said)) or await self._reacted(message, MUTE):
            return
        log.warning("mention not answered: message, direct message and reaction failed or not allowed")


async def _posted_below(message: discord.Message, **said: Any) -> discord.Message:
    """Post a reply that notifies no person; a plain message if the replied-to message is gone, or if the bot may not
    refer to it."""
    if may_refer_to(message):
        said["reference"] = message.to_reference(fail_if_not_exists=False)
    return await message.channel.send(mention_author=False, **said)


async def _is_sent(sending: Awaitable[discord.Message]) -> bool:
    """Return False if Discord refuses, or could not be reached."""
    try:
        with map_discord_errors():
            await sending
    except ServiceError as error:
        log.info("answer to a mention not sent: Discord or network error, next way tried, if any", error=str(error))
        return False
    return True


def _small_talk(message: discord.Message, words: str) -> SmallTalk | None:
    """Return the kind of small talk. Without words a message is a request only if something is attached to it; a
    sticker alone is a greeting."""
    if is_blank(words):
        return None if message.attachments or (pictures_in(message) and not message.stickers) else SmallTalk.HELP
    return small_talk_in(words)


def _guide(message: discord.Message, say: Texts) -> str:
    if message.guild is None:
        return say("mentions-direct")
    return say("mentions-role") if mentions_only_role(message) else say("mentions-help")


async def setup(bot: Atelier) -> None:
    await bot.add_cog(Mentions(bot))
