"""`/status`: whether pictures can be made now, and how long that takes."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Atelier
from bot.texts.command_texts import localized
from bot.ui.asking.status import send_status


class Status(commands.Cog):
    @app_commands.command(description=localized("status-command"))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def status(self, interaction: discord.Interaction[Atelier]) -> None:
        await send_status(interaction)


async def setup(bot: Atelier) -> None:
    await bot.add_cog(Status())
