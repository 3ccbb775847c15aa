"""Check who may decide for a server. Checked at every press, as permissions may change while a message remains."""

from __future__ import annotations

from typing import Any

import discord

from bot.engine.outbox.curation import Role
from bot.errors import NotAllowed, NotHere, Reason


def managed_by(interaction: discord.Interaction[Any]) -> int:
    """Return the server's id. Raises NotAllowed if the person may not manage the server, and NotHere outside the
    servers that the bot serves."""
    return _guild_id(interaction, allowed=interaction.permissions.manage_guild, otherwise=Reason.MANAGERS_ONLY)


def moderated_by(interaction: discord.Interaction[Any]) -> int:
    """Return the server's id. Raises NotAllowed if the person may manage neither the server nor the messages of this
    channel, and NotHere outside the servers that the bot serves."""
    return _guild_id(interaction, allowed=moderates(interaction.permissions), otherwise=Reason.MODERATORS_ONLY)


def moderates(allowed: discord.Permissions) -> bool:
    return allowed.manage_guild or allowed.manage_messages


def role_of(interaction: discord.Interaction[Any]) -> Role:
    """Return the person, and whether they may manage the server in which they ask, or the messages of this channel."""
    in_guild = interaction.guild_id is not None
    return Role(
        person_id=interaction.user.id,
        guild_id=interaction.guild_id,
        moderates=in_guild and moderates(interaction.permissions),
    )


def _guild_id(interaction: discord.Interaction[Any], *, allowed: bool, otherwise: Reason) -> int:
    served: frozenset[int] = interaction.client.allowed_guilds
    if interaction.guild_id is None or (served and interaction.guild_id not in served):
        raise NotHere(Reason.NOT_THIS_SERVER)
    if not allowed:
        raise NotAllowed(otherwise)
    return interaction.guild_id
