"""The floor of `acknowledge`: a bot with the same library and gateway that only responds to a command."""

from __future__ import annotations

import os

import discord
from discord import app_commands

from bot.endpoints import point_discord_at


class Bare(discord.Client):
    def __init__(self) -> None:
        super().__init__(intents=discord.Intents(guilds=True), max_messages=None)
        self.tree = app_commands.CommandTree(self)

    async def setup_hook(self) -> None:
        self.tree.add_command(imagine)
        await self.tree.sync()


@app_commands.command()
async def imagine(interaction: discord.Interaction, prompt: str) -> None:
    """Answer"""
    view = discord.ui.LayoutView()
    view.add_item(discord.ui.TextDisplay(f"On it: {prompt}"))
    await interaction.response.send_message(view=view, allowed_mentions=discord.AllowedMentions.none())


if __name__ == "__main__":
    point_discord_at(os.environ["DISCORD_API_URL"], os.environ["DISCORD_GATEWAY_URL"])
    Bare().run(os.environ["DISCORD_TOKEN"], log_handler=None)
