"""`/create`: make pictures with a form."""

from __future__ import annotations

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.client import Atelier
from bot.intake.requests import Wish, references_of
from bot.texts import texts_in
from bot.texts.command_texts import localized
from bot.ui.asking.ask import ask
from bot.ui.kit.forms import (
    FormValues,
    add_form,
    files_field,
    open_form,
    size_field,
    size_in,
    variants_field,
    variants_in,
    words_field,
)
from bot.ui.kit.text import shape
from storage.bounds import MOST_REFERENCES
from storage.models import PictureRequest

CREATE_FORM = "create"


class CreateCommand(commands.Cog):
    @app_commands.command(description=localized("create-command"))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def create(self, interaction: discord.Interaction[Atelier]) -> None:
        settings = await interaction.client.services.stores.guilds.settings(interaction.guild_id)
        say = texts_in(str(interaction.locale))
        fields = [
            words_field(say),
            files_field(say, most=MOST_REFERENCES, label=say("forms-files")),
            size_field(say, None, otherwise=say("forms-size-open", shape=shape(say, settings.size))),
            variants_field(say, settings.variants),
            ui.Label(text=say("forms-private"), component=ui.Checkbox(custom_id="private")),
        ]
        await open_form(interaction, CREATE_FORM, "", title=say("forms-create-title"), fields=fields)


async def created(interaction: discord.Interaction[Atelier], _: str, filled: FormValues) -> None:
    wish = Wish(
        request=PictureRequest(prompt=filled.words("words"), references=references_of(filled.files("files"))),
        size=size_in(filled),
        variants=variants_in(filled),
        private=filled.ticked("private"),
    )
    await ask(interaction, wish)


async def setup(bot: Atelier) -> None:
    add_form(bot, CREATE_FORM, created)
    await bot.add_cog(CreateCommand())
