"""Edit a finished picture with a form: prompt, picture to start from, further pictures, shape, and number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import discord
from discord import ui

from bot.client import Atelier
from bot.intake.requests import Wish, references_of
from bot.texts import texts_in
from bot.texts.prompt_expansion import literal
from bot.ui.asking.ask import ask
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
from bot.ui.kit.pictures import as_reference, by_position, picture_options, pictures_of, shown_in
from storage.bounds import MOST_REFERENCES
from storage.models import Derivation, Picture

EDIT_FORM: Final = "edit"


async def open_edit(interaction: discord.Interaction[Any], task_id: str, *, position: int | None = None) -> None:
    """Open the form with the task's values. `position`: the picture that is selected. Raises NotFound, or Gone if the
    task has no picture."""
    task, pictures = await pictures_of(interaction, task_id)
    say = texts_in(str(interaction.locale))
    fields = [words_field(say, literal(task.prompt), changes=True)]
    if len(pictures) > 1:
        chosen = next((picture for picture in pictures if picture.position == position), None)
        options = picture_options(say, pictures, chosen=chosen or _first_shown(interaction.message, pictures))
        select: ui.Select[ui.Modal] = ui.Select(custom_id="picture", options=options, required=False)
        fields.append(ui.Label(text=say("forms-picture"), component=select))
    fields.append(files_field(say, most=MOST_REFERENCES - 1, label=say("forms-files-more")))
    fields += [size_field(say, task.size), variants_field(say, task.variants)]
    await open_form(interaction, EDIT_FORM, task_id, title=say("forms-edit-title"), fields=fields)


async def edited(interaction: discord.Interaction[Atelier], task_id: str, filled: FormValues) -> None:
    """Handle the submitted form. The chosen picture becomes the first reference."""
    task, pictures = await pictures_of(interaction, task_id)
    picture = filled.one("picture", by_position(pictures)) or _first_shown(interaction.message, pictures)
    references = (await as_reference(interaction, task, picture), *references_of(filled.files("files")))
    wish = Wish(
        request=replace(task.request, prompt=filled.words("words"), references=references, style=None),
        size=size_in(filled) or task.size,
        variants=variants_in(filled) or task.variants,
        private=task.private,
        derivation=Derivation.EDIT,
        parent_id=task.id,
        parent_picture=picture.position,
    )
    await ask(interaction, wish)


def _first_shown(message: discord.Message | None, pictures: tuple[Picture, ...]) -> Picture:
    """Return the first picture that the message with the button shows, as a result may span several messages; else the
    task's first picture."""
    return next((picture for picture in pictures if shown_in(message, picture)), pictures[0])
