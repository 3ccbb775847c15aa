"""`/create`: make pictures with a form."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Atelier
from bot.texts.command_texts import localized
from bot.ui.asking.create_form import CREATE_FORM, created, open_create_form
from bot.ui.kit.choices import TypedChoice
from bot.ui.kit.forms import add_form
from bot.ui.kit.model_choices import offer_models


class CreateCommand(commands.Cog):
    @app_commands.command(description=localized("create-command"))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.describe(model=localized("imagine-model"))
    @app_commands.autocomplete(model=offer_models)
    async def create(self, interaction: discord.Interaction[Atelier], model: TypedChoice | None = None) -> None:
        await open_create_form(interaction, model=model)


async def setup(bot: Atelier) -> None:
    add_form(bot, CREATE_FORM, created)
    await bot.add_cog(CreateCommand())
