"""Check whether the bot can post in a channel of a server."""

from __future__ import annotations

from typing import Any

import discord

from bot.discord_permissions import IN_CHANNEL, lacking
from bot.errors import BadChoice, Reason


def lacking_in(guild: discord.Guild, channel_id: int) -> tuple[str, ...] | None:
    """Return the names of the permissions that the bot needs in the channel and lacks; None if the bot does not know
    such a channel of the server."""
    channel = guild.get_channel(channel_id)
    return lacking(channel.permissions_for(guild.me), channel) if channel is not None else None


def check_channels(interaction: discord.Interaction[Any], channel_ids: tuple[int, ...]) -> None:
    """Raise BadChoice for the first channel in which the bot cannot work, with the permissions that it lacks there (all
    that it needs if it does not know such a channel of the server)."""
    for channel_id in channel_ids:
        lacks = lacking_in(interaction.guild, channel_id) if interaction.guild is not None else None
        if lacks is None or lacks:
            raise unusable(channel_id, lacks)


def unusable(channel_id: int, lacks: tuple[str, ...] | None) -> BadChoice:
    permissions = ",".join(lacks or IN_CHANNEL)
    return BadChoice(Reason.CHANNEL_UNUSABLE, channel=f"<#{channel_id}>", permissions=permissions)
