"""Handle messages that mention the bot: requests without a command, such as a reply to a message with pictures."""

from __future__ import annotations

import secrets

import discord
import structlog
from discord.ext import commands

from bot.client import Atelier
from bot.discord_errors import map_discord_errors
from bot.engine.ports import Card
from bot.error_replies import explain
from bot.errors import AtelierError, Reason, ServiceError
from bot.intake.mentions import language_of, may_speak, origin_of_message, wish_in, words_for
from bot.intake.requests import new_task
from bot.texts import texts_in
from bot.texts.discord_text import is_blank
from bot.ui.waiting.cards import card_view
from storage.disks import says_full

ASKED: tuple[discord.MessageType, ...] = (discord.MessageType.default, discord.MessageType.reply)

log = structlog.get_logger(__name__)


class Mentions(commands.Cog):
    def __init__(self, bot: Atelier) -> None:
        self._bot = bot

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Handle a request by message. Messages of bots, including this bot, are ignored, so that bots do not answer
        each other forever."""
        user = self._bot.user
        unasked = message.author.bot or message.webhook_id is not None or message.type not in ASKED
        if user is None or unasked or isinstance(message.channel, discord.PartialMessageable):
            return
        words = words_for(message, user.id)
        if words is not None:
            try:
                await self._answer(message, words, user.id)
            except Exception as error:  # noqa: BLE001  # last handler: replies, and logs defects
                await self._defect(message, error)

    async def _defect(self, message: discord.Message, error: Exception) -> None:
        if says_full(error):
            log.error("mention failed: disk full, asker gets an error message", error=str(error).partition("\n")[0])
            await self._say(message, explain(Reason.DISK_FULL, None, texts_in(None)))
            return
        number = secrets.token_hex(3)
        log.error("mention failed: unexpected exception, asker gets the number", number=number, exc_info=error)
        await self._say(message, explain(Reason.DEFECT, {"number": number}, texts_in(None)))

    async def _answer(self, message: discord.Message, words: str, bot_id: int) -> None:
        settings = await self._bot.services.stores.guilds.settings(
            message.guild.id if message.guild is not None else None
        )
        say = texts_in(language_of(message, settings))
        try:
            origin = origin_of_message(message, settings, self._bot)
            wish = await wish_in(self._bot.services, message, words, bot_id, say)
            if is_blank(words) and not wish.request.references:
                await self._say(message, say("mentions-help"))
                return
            card = await self._bot.services.engine.requests.accept(new_task(wish, origin, settings))
        except AtelierError as refusal:
            await self._say(message, explain(refusal.reason, refusal.parameters, say))
            return
        await self._show(message, card)

    async def _show(self, message: discord.Message, card: Card) -> None:
        """Post the card, unless the same message arrived twice and its card exists or its task has ended. If posting
        fails, the next update of the card posts it."""
        if not card.task.open or card.task.card_message_id is not None:
            return
        try:
            with map_discord_errors():
                posted = await message.reply(view=card_view(card), mention_author=False, nonce=f"card-{card.task.id}")
        except ServiceError as error:
            log.info(
                "card for a mention not posted: Discord error, card updates will post it",
                task=card.task.id,
                error=str(error),
            )
            return
        try:
            await self._bot.services.engine.requests.card_posted(card, posted.id)
        except Exception:
            log.exception(
                "card for a mention not recorded: unexpected exception, card updates will search for it",
                task=card.task.id,
            )

    async def _say(self, message: discord.Message, sentence: str) -> None:
        """Reply in the channel, visible to all readers: only interactions have ephemeral answers. If the bot may not
        write in the channel, send a direct message; if this fails too, only log."""
        nonce = f"said-{message.id}"
        try:
            with map_discord_errors():
                if may_speak(message):
                    await message.reply(sentence, mention_author=False, nonce=nonce)
                else:
                    await message.author.send(sentence, nonce=nonce)
        except ServiceError as error:
            log.info("mention not answered: Discord error, person gets no reply", error=str(error))


async def setup(bot: Atelier) -> None:
    await bot.add_cog(Mentions(bot))
