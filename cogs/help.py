"""`/help`: examples of prompts, what a picture costs, and what is left of a person's pictures."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Atelier
from bot.texts.command_texts import localized
from bot.ui.asking.examples import ExampleButton, HelpButton, send_help


class Help(commands.Cog):
    @app_commands.command(description=localized("help-command"))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def help(self, interaction: discord.Interaction[Atelier]) -> None:
        await send_help(interaction)


async def setup(bot: Atelier) -> None:
    bot.add_dynamic_items(ExampleButton, HelpButton)
    await bot.add_cog(Help())
