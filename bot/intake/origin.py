"""Determine where a request came from, and whether the bot can answer there."""

from __future__ import annotations

import discord

from bot.client import Atelier
from bot.discord_limits import BYTES_PER_FILE
from bot.discord_permissions import require
from bot.errors import NotHere, Reason
from storage.community import GuildSettings
from storage.models import Origin, Reach


def origin_of(interaction: discord.Interaction[Atelier], settings: GuildSettings, *, private: bool = False) -> Origin:
    """
    Return the origin of a request. All commands, forms and buttons that make pictures call this function before
    anything is charged. Raises NotHere if no pictures may be made here, and MissingPermissions if the bot may not post
    the outcome here (not checked if the bot only answers the interaction: `Reach.ANSWER`).

    The time of arrival is read from the engine's clock, as the interaction's timestamp may come from a clock that
    disagrees. Public messages are in the language that the server has chosen, else in the asker's.
    """
    if interaction.channel_id is None or not _is_allowed(interaction):
        raise NotHere(Reason.NOT_THIS_SERVER)
    check_channel(settings, interaction.channel_id, interaction.channel)
    reach = _reach(interaction, private=private)
    if reach is Reach.CHANNEL:
        _check_permissions(interaction)
    language = None if private else settings.language
    return Origin(
        interaction_id=interaction.id,
        interaction_token=interaction.token,
        arrived_at=interaction.client.services.engine.clock(),
        asker_id=interaction.user.id,
        channel_id=interaction.channel_id,
        guild_id=interaction.guild_id,
        locale=language or str(interaction.locale),
        guild_locale=str(interaction.guild_locale) if interaction.guild_locale else None,
        upload_limit=upload_limit(interaction),
        private=private,
        reach=reach,
    )


def check_posts(interaction: discord.Interaction[Atelier]) -> None:
    """Check that the bot may post a result again here; where pictures may be made does not matter. Raises NotHere if
    the bot does not serve this place or Discord only lets it answer here, and MissingPermissions."""
    if not _is_allowed(interaction) or _reach(interaction, private=False) is Reach.ANSWER:
        raise NotHere(Reason.CANNOT_POST_HERE)
    _check_permissions(interaction)


def upload_limit(interaction: discord.Interaction[Atelier]) -> int:
    """Return the largest file, in bytes, that a message of the bot may have here.

    The limit in an interaction is the larger of the server's limit and the asker's personal limit. The bot cannot use
    the personal limit, as outcomes are plain messages of the bot. So the limit is the server's (in direct messages
    Discord's default), and never more than the interaction says.
    """
    server_limit = interaction.guild.filesize_limit if interaction.guild else BYTES_PER_FILE
    return min(server_limit, interaction.filesize_limit)


def check_channel(settings: GuildSettings, channel_id: int, channel: object) -> None:
    """Raise NotHere if the server's settings allow pictures to be made only in other channels and their threads."""
    parent_id = channel.parent_id if isinstance(channel, discord.Thread) else None
    if settings.channels and channel_id not in settings.channels and parent_id not in settings.channels:
        raise NotHere(
            Reason.NOT_THIS_CHANNEL, channels=" ".join(f"<#{channel_id}>" for channel_id in settings.channels[:5])
        )


def _reach(interaction: discord.Interaction[Atelier], *, private: bool) -> Reach:
    """Return ANSWER for private requests, and where Discord only lets the bot answer: in a server that has not
    installed the bot, and in direct or group messages between people. Otherwise CHANNEL."""
    elsewhere = interaction.guild_id is not None and not interaction.is_guild_integration()
    among_friends = interaction.context.private_channel is True
    alone = interaction.is_user_integration() and (elsewhere or among_friends)
    return Reach.ANSWER if private or alone else Reach.CHANNEL


def _is_allowed(interaction: discord.Interaction[Atelier]) -> bool:
    """Return whether the bot serves this place: every place, or if `ALLOWED_GUILDS` is set, only these servers and no
    direct messages."""
    allowed = interaction.client.allowed_guilds
    return not allowed or interaction.guild_id in allowed


def _check_permissions(interaction: discord.Interaction[Atelier]) -> None:
    """Raise MissingPermissions if the bot lacks permissions to post here. Direct messages have none to check."""
    if interaction.guild_id is not None:
        require(interaction.app_permissions, interaction.channel)
