"""Who may decide for a server. Asked at every press: panels and messages outlive people's permissions."""

from __future__ import annotations

from typing import Any

import discord

from bot.errors import NotAllowed, NotHere, Reason


def managed_by(interaction: discord.Interaction[Any]) -> int:
    """The server's id. Raises NotAllowed for whoever may not manage it, and NotHere outside of the servers we serve."""
    return _guild_id(interaction, allowed=interaction.permissions.manage_guild, otherwise=Reason.MANAGERS_ONLY)


def moderated_by(interaction: discord.Interaction[Any]) -> int:
    """The same for its moderators: who may manage the server, or the messages of this channel."""
    return _guild_id(interaction, allowed=moderates(interaction), otherwise=Reason.MODERATORS_ONLY)


def moderates(interaction: discord.Interaction[Any]) -> bool:
    return interaction.permissions.manage_guild or interaction.permissions.manage_messages


def _guild_id(interaction: discord.Interaction[Any], *, allowed: bool, otherwise: Reason) -> int:
    served: frozenset[int] = interaction.client.allowed_guilds
    if interaction.guild_id is None or (served and interaction.guild_id not in served):
        raise NotHere(Reason.NOT_THIS_SERVER)
    if not allowed:
        raise NotAllowed(otherwise)
    return interaction.guild_id
