"""`/settings`: show and change a server's settings, for people who may manage the server."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Atelier
from bot.intake.roles import managed_by
from bot.texts.command_texts import localized
from bot.ui.settings.panel import ResetButton, SettingSelect, panel


class ServerSettings(commands.Cog):
    @app_commands.command(description=localized("settings-command"))
    @app_commands.guild_only()
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    async def settings(self, interaction: discord.Interaction[Atelier]) -> None:
        view = await panel(interaction, managed_by(interaction))
        await interaction.response.send_message(view=view, ephemeral=True)


async def setup(bot: Atelier) -> None:
    bot.add_dynamic_items(SettingSelect, ResetButton)
    await bot.add_cog(ServerSettings())
