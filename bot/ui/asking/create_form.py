"""The form of `/create`: its fields, and the request that they make."""

from __future__ import annotations

from typing import Any, Final

import discord
from discord import ui

from bot.client import Atelier
from bot.intake.requests import Wish, references_of
from bot.texts import texts_in
from bot.ui.asking.ask import ask
from bot.ui.kit.dynamic_items import services_of
from bot.ui.kit.forms import (
    FormValues,
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

CREATE_FORM: Final = "create"


async def open_create_form(interaction: discord.Interaction[Any], words: str = "") -> None:
    """Open the form, with `words` as the prompt to begin with."""
    settings = await services_of(interaction).stores.guilds.settings(interaction.guild_id)
    say = texts_in(str(interaction.locale))
    fields = [
        words_field(say, words),
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
