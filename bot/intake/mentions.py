"""Read a message that mentions the bot as a request: its prompt, its pictures, and where it came from."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import discord

from bot.client import Atelier
from bot.discord_errors import map_discord_errors
from bot.discord_limits import BYTES_PER_FILE, FILES_PER_MESSAGE
from bot.discord_permissions import can_react, can_reply, may_write, require
from bot.engine.intake.requests import visible_to
from bot.errors import BadChoice, BadReference, MessageGone, NotHere, Reason, ServiceError
from bot.intake.choosing import with_usual_words
from bot.intake.message_pictures import other_files_in, pictures_in
from bot.intake.names import names_of
from bot.intake.origin import check_channel
from bot.intake.requests import Former, Wish
from bot.intake.small_talk import language_in
from bot.intake.words import as_read
from bot.services import Services
from bot.texts import Texts
from bot.texts.prompt_expansion import expand
from storage.community import GuildSettings
from storage.models import Derivation, NewReference, Origin, PictureRequest

_RESULT: Final = re.compile(r"atelier-(?P<task>[0-9a-f]{16})-(?P<number>[0-9]+)\.")
"""Matches the file names that begin with `bot.ui.kit.pictures.picture_stem`."""


def words_for(message: discord.Message, bot_id: int) -> str | None:
    """
    Return the text without the mentions of the bot. Return None if the message is not addressed to the bot. In a server
    only a message that begins or ends with a mention is, so that talk about the bot costs no picture; the bot's own
    role counts, a reply or `@everyone` does not. All direct messages are.
    """
    mention = rf"(?:<@!?{bot_id}>{''.join(f'|<@&{role}>' for role in _own_roles(message))})"
    found = re.fullmatch(rf"\s*(?:{mention}(?P<after>.*)|(?P<before>.*?){mention}\s*)", message.content, re.DOTALL)
    if found is None and message.guild is not None:
        return None
    return re.sub(mention, "", message.content).strip()


def mentions_only_role(message: discord.Message) -> bool:
    """Return whether the message mentions the bot's own role and its text did not arrive: without the message content
    intent, Discord hides messages that mention the role but not the bot."""
    return not message.content and any(role.id in _own_roles(message) for role in message.role_mentions)


async def wish_in(
    services: Services, message: discord.Message, words: str, bot_id: int, say: Texts, *, usual: str = ""
) -> Wish:
    """Return the request, with its words read, and the pictures of the replied-to message first (of one of the bot's
    own only finished pictures), then those of the message. `usual`: the words that the person always wants added.
    Raises BadReference for a file that is no picture or of an impossible size, if the replied-to message is gone or
    cannot be read, and if it is the bot's own and neither message has a picture; and BadChoice if the prompt expands to
    several or cannot be expanded: several need a confirmation, which only an interaction can ask for."""
    replied = await _replied(message)
    _check_other_files(message)
    if replied is not None and replied.author.id != bot_id:  # one of the bot's own may have its prompt as a file
        _check_other_files(replied)
    begun = _usable_pictures(replied, bot_id) if replied is not None else ()
    pictures = (*begun, *pictures_in(message))
    typed = Wish(request=PictureRequest(prompt=words, references=pictures))
    wish = with_usual_words(as_read(typed, names_of(message), say), usual)
    prompts = expand(wish.request.prompt)
    if len(prompts) > 1:
        raise BadChoice(Reason.BATCH_BY_COMMAND)
    wish = replace(wish, request=replace(wish.request, prompt=prompts[0]))
    if replied is None or replied.author.id != bot_id:
        return wish
    if not pictures:
        raise BadReference(Reason.NO_PICTURE_THERE)
    return await _with_lineage(services, wish, begun, message.author.id)


def _check_other_files(message: discord.Message) -> None:
    """Raises BadReference if there is a file beside the pictures that cannot be used: leaving it out in silence might
    make another picture than was meant."""
    if names := other_files_in(message):
        raise BadReference.together(
            [BadReference(Reason.REFERENCE_NOT_A_PICTURE, filename=name) for name in names[:FILES_PER_MESSAGE]]
        )


def origin_of_message(message: discord.Message, settings: GuildSettings, client: Atelier) -> Origin:
    """
    Return the origin of a request by message. There is no interaction and no token: the message's id replaces the
    interaction's, and the bot answers in the channel. Raises NotHere if no pictures may be made here, and
    MissingPermissions if the bot may not post the outcome here.
    """
    guild = message.guild
    if client.allowed_guilds and (guild is None or guild.id not in client.allowed_guilds):
        raise NotHere(Reason.NOT_THIS_SERVER)
    check_channel(settings, message.channel.id, message.channel)
    require(_allowed(message), message.channel)
    return Origin(
        interaction_id=message.id,
        interaction_token="",
        arrived_at=client.services.engine.clock(),
        asker_id=message.author.id,
        channel_id=message.channel.id,
        guild_id=guild.id if guild is not None else None,
        locale=language_of(message, settings),
        guild_locale=str(guild.preferred_locale) if guild is not None else None,
        upload_limit=guild.filesize_limit if guild is not None else BYTES_PER_FILE,
    )


def language_of(message: discord.Message, settings: GuildSettings) -> str:
    """Return the language that the server has chosen, else that of the words if they tell it, else Discord's setting
    for the server ("en-US" in direct messages): a message does not carry the language of its author."""
    if language := settings.language or language_in(message.content):
        return language
    return str(message.guild.preferred_locale) if message.guild is not None else "en-US"


def may_speak(message: discord.Message) -> bool:
    return may_write(_allowed(message), message.channel)


def may_refer_to(message: discord.Message) -> bool:
    return can_reply(_allowed(message))


def may_react(message: discord.Message) -> bool:
    return can_react(_allowed(message))


def _allowed(message: discord.Message) -> discord.Permissions:
    """Return the bot's permissions in the channel. In direct messages, the bot may do everything."""
    if message.guild is None or isinstance(message.channel, (discord.PartialMessageable, discord.DMChannel)):
        return discord.Permissions.all()
    return message.channel.permissions_for(message.guild.me)


def _own_roles(message: discord.Message) -> frozenset[int]:
    """Return the roles that Discord manages for the bot: one, or none if it was added without permissions."""
    if message.guild is None:
        return frozenset()
    return frozenset(role.id for role in message.guild.me.roles if role.managed)


async def _replied(message: discord.Message) -> discord.Message | None:
    """Return the replied-to message, which mostly arrives with the message; None if the message is no reply. Raises
    BadReference if it is gone or cannot be read: the picture made without it would not be what was meant."""
    reference = message.reference
    if reference is None or reference.type is not discord.MessageReferenceType.reply or reference.message_id is None:
        return None
    replied = reference.resolved
    if isinstance(replied, discord.DeletedReferencedMessage):
        raise BadReference(Reason.REPLIED_GONE)
    if replied is None:
        try:
            with map_discord_errors():
                replied = await message.channel.fetch_message(reference.message_id)
        except MessageGone:
            raise BadReference(Reason.REPLIED_GONE) from None
        except ServiceError:
            raise BadReference(Reason.REPLIED_UNSEEN) from None
    if _is_hidden(replied):
        raise BadReference(Reason.REPLIED_UNSEEN)
    return replied


def _is_hidden(replied: discord.Message) -> bool:
    """Return True if the message has no contents at all: then Discord has hidden them, as it does with other people's
    messages without the message content intent."""
    return not (replied.content or replied.attachments or replied.embeds or replied.components or replied.stickers)


def _usable_pictures(replied: discord.Message, bot_id: int) -> tuple[NewReference, ...]:
    """Return the pictures of the replied-to message; of the bot's own messages only finished pictures, as cards contain
    thumbnails of references."""
    found = pictures_in(replied)
    return tuple(picture for picture in found if replied.author.id != bot_id or _RESULT.match(picture.filename))


async def _with_lineage(services: Services, wish: Wish, begun: tuple[NewReference, ...], asker_id: int) -> Wish:
    """Set the task whose result was replied to as the parent, and use its model, size, resolution and background, if
    the asker may see that task."""
    results = [found for picture in begun if (found := _RESULT.match(picture.filename))]
    if not results:
        return wish
    parent = await services.stores.tasks.get(results[0]["task"])
    if parent is None or not visible_to(parent, asker_id):
        return wish
    position = int(results[0]["number"]) - 1 if len(results) == 1 else None
    former = replace(Former.of(parent), variants=None)  # a reply may want another number of pictures
    return replace(wish, former=former, derivation=Derivation.EDIT, parent_id=parent.id, parent_picture=position)
