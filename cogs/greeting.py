"""Greet a server once, when the bot joins it: in a channel, else directly the person who added the bot or, if that is
not known, the server's owner."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import discord
import structlog
from discord.ext import commands

from bot.client import Atelier
from bot.discord_errors import map_discord_errors
from bot.discord_permissions import can_read_audit_log, may_write
from bot.errors import RouteClosed, ServiceError
from bot.texts import texts_in
from bot.texts.discord_text import escaped
from bot.ui.asking.examples import guide_view

JOINED_WITHIN: Final = timedelta(hours=1)
"""A join that is older is none: Discord also announces a server again after an outage."""
CHANNELS_TRIED: Final = 3
MS: Final = timedelta(milliseconds=1)

log = structlog.get_logger(__name__)


class Greeting(commands.Cog):
    def __init__(self, bot: Atelier) -> None:
        self._bot = bot

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Greet a server that the bot serves and has just joined, unless it was greeted before: also if the bot left it
        since. That it is greeted is stored first, so a greeting that failed or may have been posted is not repeated."""
        if self._bot.allowed_guilds and guild.id not in self._bot.allowed_guilds:
            return
        if not self._has_just_joined(guild) or not await self._is_first(guild):
            return
        try:
            await self._greet(guild)
        except ServiceError as error:
            log.info(
                "server not greeted: Discord error, network error or closed ways, not tried again", error=str(error)
            )

    def _has_just_joined(self, guild: discord.Guild) -> bool:
        joined = guild.me.joined_at
        now = self._bot.services.engine.clock()
        return joined is not None and now - int(joined.timestamp() * 1000) < JOINED_WITHIN / MS

    async def _is_first(self, guild: discord.Guild) -> bool:
        facts, name = self._bot.services.stores.key_values, f"greeted_{guild.id}"
        if await facts.get(name) is not None:
            return False
        await facts.set(name, str(self._bot.services.engine.clock()))
        return True

    async def _greet(self, guild: discord.Guild) -> None:
        """Post the greeting in the first of at most `CHANNELS_TRIED` channels that accepts it, else send it to the
        person who added the bot. Raises RouteClosed if every way is closed, and Unavailable."""
        say = texts_in(str(guild.preferred_locale))
        for channel in _channels(guild)[:CHANNELS_TRIED]:
            try:
                with map_discord_errors():
                    await channel.send(view=guide_view(say, say("greeting")), nonce=f"greet-{guild.id}")
            except RouteClosed:
                continue
            return
        with map_discord_errors():
            direct = await self._bot.create_dm(discord.Object(await _added_by(guild, self._bot.user)))
            await direct.send(view=guide_view(say, say("greeting-direct", server=escaped(guild.name, 100))))


def _channels(guild: discord.Guild) -> Sequence[discord.TextChannel]:
    """Return the channels in which the bot may write: the one for Discord's own messages first."""
    first = [guild.system_channel] if guild.system_channel is not None else []
    others = [channel for channel in guild.text_channels if channel not in first]
    return [channel for channel in (*first, *others) if may_write(channel.permissions_for(guild.me), channel)]


async def _added_by(guild: discord.Guild, bot: discord.ClientUser | None) -> int:
    """Return the id of who added the bot, if the bot may read that; else of the server's owner, 0 if unknown."""
    if bot is not None and can_read_audit_log(guild.me.guild_permissions):
        async for entry in guild.audit_logs(action=discord.AuditLogAction.bot_add, limit=5):
            if entry.target is not None and entry.target.id == bot.id and entry.user_id is not None:
                return entry.user_id
    return guild.owner_id or 0


async def setup(bot: Atelier) -> None:
    await bot.add_cog(Greeting(bot))
