"""The form of `/create`: its fields, and the request that they make."""

from __future__ import annotations

from typing import Any, Final

import discord

from bot.client import Atelier
from bot.intake.choosing import defaults_of, model_here
from bot.intake.requests import Wish, references_of
from bot.texts import texts_in
from bot.texts.shapes import shape
from bot.ui.asking.ask import ask
from bot.ui.kit.dynamic_items import services_of
from bot.ui.kit.forms import (
    FormValues,
    files_field,
    model_field,
    model_in,
    open_form,
    private_in,
    size_field,
    size_in,
    variants_field,
    variants_in,
    words_field,
)
from storage.models import PictureRequest

CREATE_FORM: Final = "create"


async def open_create_form(interaction: discord.Interaction[Any], words: str = "", model: str | None = None) -> None:
    """Open the form, with `words` as the prompt to begin with, and with the shapes and numbers of the model of this key
    or name (None: of the default model). Raises what `model_here` raises."""
    defaults = await defaults_of(services_of(interaction), interaction.guild_id, interaction.user.id)
    chosen = model_here(model, defaults) if model is not None else None
    say, shown = texts_in(str(interaction.locale)), chosen or defaults.model
    private = defaults.preferences.private is True
    fields = [
        words_field(say, words),
        files_field(say, shown, label=say("forms-files")),
        *model_field(say, defaults.here, defaults.model, chosen),
        size_field(say, shown, otherwise=say("forms-size-open", shape=shape(say, defaults.size(shown)))),
        variants_field(say, shown, defaults.variants(shown), private=private),
    ]
    await open_form(interaction, CREATE_FORM, "", title=say("forms-create-title"), fields=fields)


async def created(interaction: discord.Interaction[Atelier], _: str, filled: FormValues) -> None:
    wish = Wish(
        request=PictureRequest(prompt=filled.words("words"), references=references_of(filled.files("files"))),
        model=model_in(filled),
        size=size_in(filled),
        variants=variants_in(filled),
        private=private_in(filled),
    )
    await ask(interaction, wish)
