"""Check whether the bot can post in a channel of a server."""

from __future__ import annotations

from typing import Any, Final

import discord

from bot.errors import BadChoice, Reason

NEEDED: Final = ("view_channel", "send_messages", "attach_files", "read_message_history")
NEEDED_IN_POSTS: Final = ("view_channel", "send_messages_in_threads", "attach_files", "read_message_history")
"""For forums: all messages of a forum are in posts, which are threads."""


def lacking(guild: discord.Guild, channel_id: int) -> tuple[str, ...] | None:
    """Return the names of the permissions that the bot needs in the channel and lacks; None if the channel does not
    exist or is not visible to the bot."""
    channel = guild.get_channel(channel_id)
    if channel is None:
        return None
    allowed = channel.permissions_for(guild.me)
    needed = NEEDED_IN_POSTS if isinstance(channel, discord.ForumChannel) else NEEDED
    return tuple(name for name in needed if not getattr(allowed, name))


def check_channels(interaction: discord.Interaction[Any], channel_ids: tuple[int, ...]) -> None:
    """Raise BadChoice, with the missing permissions, for the first channel in which the bot cannot work."""
    for channel_id in channel_ids:
        lacks = lacking(interaction.guild, channel_id) if interaction.guild is not None else None
        if lacks is None or lacks:
            raise unusable(channel_id, lacks)


def unusable(channel_id: int, lacks: tuple[str, ...] | None) -> BadChoice:
    permissions = ",".join(lacks or NEEDED)
    return BadChoice(Reason.CHANNEL_UNUSABLE, channel=f"<#{channel_id}>", permissions=permissions)
