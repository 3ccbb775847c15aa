"""Where a request came from, and whether it could be answered there."""

from __future__ import annotations

import discord

from bot.client import Atelier
from bot.errors import MissingPermissions, NotHere, Reason
from storage.community import GuildSettings
from storage.models import Origin, Reach


def origin_of(interaction: discord.Interaction[Atelier], settings: GuildSettings, *, private: bool = False) -> Origin:
    """
    Raises MissingPermissions where the outcome could not be posted, before anything is paid, and NotHere where nothing
    may be made: commands and buttons all pass here. The time of arrival is ours: an interaction's own may be of a
    clock that disagrees. What others read is in the server's language where it has chosen one.
    """
    if interaction.channel_id is None or not _is_allowed(interaction):
        raise NotHere(Reason.NOT_THIS_SERVER)
    _check_channel(interaction, settings)
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
    """Raises NotHere where Discord lets us answer and nothing else, and MissingPermissions."""
    if not _is_allowed(interaction) or _reach(interaction, private=False) is Reach.ANSWER:
        raise NotHere(Reason.CANNOT_POST_HERE)
    _check_permissions(interaction)


def upload_limit(interaction: discord.Interaction[Atelier]) -> int:
    """Bytes per file that a message of ours may have here.

    An interaction's own limit is the greatest of the server's and the asker's personal one, and the personal one is not
    ours to use: outcomes are plain messages of the bot. So: the server's, Discord's default in direct messages, and
    never more than the interaction says.
    """
    ours = interaction.guild.filesize_limit if interaction.guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
    return min(ours, interaction.filesize_limit)


def is_made_in(settings: GuildSettings, channel_id: int, parent_id: int | None) -> bool:
    """Whether the server has its pictures made in this channel, or in threads of its parent."""
    return not settings.channels or channel_id in settings.channels or parent_id in settings.channels


def _check_channel(interaction: discord.Interaction[Atelier], settings: GuildSettings) -> None:
    parent_id = interaction.channel.parent_id if isinstance(interaction.channel, discord.Thread) else None
    if interaction.channel_id is not None and not is_made_in(settings, interaction.channel_id, parent_id):
        channels = " ".join(f"<#{one}>" for one in settings.channels[:5])
        raise NotHere(Reason.NOT_THIS_CHANNEL, channels=channels)


def _reach(interaction: discord.Interaction[Atelier], *, private: bool) -> Reach:
    """What only the asker is to see stands in an answer; and where only the asker has installed us, or among friends,
    Discord lets us answer and nothing else."""
    elsewhere = interaction.guild_id is not None and not interaction.is_guild_integration()
    among_friends = interaction.context.private_channel is True
    alone = interaction.is_user_integration() and (elsewhere or among_friends)
    return Reach.ANSWER if private or alone else Reach.CHANNEL


def _is_allowed(interaction: discord.Interaction[Atelier]) -> bool:
    """With `ALLOWED_GUILDS` set, only there; direct messages are elsewhere."""
    allowed = interaction.client.allowed_guilds
    return not allowed or interaction.guild_id in allowed


def _check_permissions(interaction: discord.Interaction[Atelier]) -> None:
    """In direct messages there is nothing to miss, and Discord says nothing of them there."""
    if interaction.guild_id is None:
        return
    in_thread = isinstance(interaction.channel, discord.Thread)
    needed = (
        "view_channel",
        "send_messages_in_threads" if in_thread else "send_messages",
        "attach_files",
        "read_message_history",
    )
    allowed = interaction.app_permissions
    missing = [name for name in needed if not getattr(allowed, name)]
    if missing and not allowed.administrator:
        raise MissingPermissions(Reason.MISSING_PERMISSIONS, permissions=",".join(missing))
