"""Where a request came from, and whether it could be answered there."""

from __future__ import annotations

import discord

from bot.client import Atelier
from bot.errors import MissingPermissions, NotHere, Reason
from storage.models import Origin


def origin_of(interaction: discord.Interaction[Atelier]) -> Origin:
    """
    Raises MissingPermissions where the outcome could not be posted, before anything is paid, and NotHere where nothing
    may be made: commands and buttons both pass here. The time of arrival is ours: an interaction's own may be of a
    clock that disagrees.
    """
    if interaction.channel_id is None or not _is_allowed(interaction):
        raise NotHere(Reason.NOT_THIS_SERVER)
    _check_permissions(interaction)
    return Origin(
        interaction_id=interaction.id,
        interaction_token=interaction.token,
        arrived_at=interaction.client.services.engine.clock(),
        asker_id=interaction.user.id,
        channel_id=interaction.channel_id,
        guild_id=interaction.guild_id,
        locale=str(interaction.locale),
        guild_locale=str(interaction.guild_locale) if interaction.guild_locale else None,
        upload_limit=upload_limit(interaction),
    )


def upload_limit(interaction: discord.Interaction[Atelier]) -> int:
    """Bytes per file that a message of ours may have here.

    An interaction's own limit is the greatest of the server's and the asker's personal one, and the personal one is not
    ours to use: outcomes are plain messages of the bot. So: the server's, Discord's default in direct messages, and
    never more than the interaction says.
    """
    ours = interaction.guild.filesize_limit if interaction.guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
    return min(ours, interaction.filesize_limit)


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
