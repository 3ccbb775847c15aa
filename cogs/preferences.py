"""`/preferences`: show and change a person's own defaults, for that person only."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Atelier
from bot.texts.command_texts import localized
from bot.ui.kit.forms import add_form
from bot.ui.settings.preferences import (
    WORDS_FORM,
    AddedWordsButton,
    PreferenceSelect,
    ResetPreferencesButton,
    preferences_panel,
    store_words,
)


class PersonalDefaults(commands.Cog):
    @app_commands.command(description=localized("preferences-command"))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def preferences(self, interaction: discord.Interaction[Atelier]) -> None:
        await interaction.response.send_message(view=await preferences_panel(interaction), ephemeral=True)


async def setup(bot: Atelier) -> None:
    bot.add_dynamic_items(PreferenceSelect, AddedWordsButton, ResetPreferencesButton)
    add_form(bot, WORDS_FORM, store_words)
    await bot.add_cog(PersonalDefaults())
