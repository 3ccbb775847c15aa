"""Edit a finished picture with a form: prompt, picture to start from, further pictures, shape, and number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import discord
from discord import ui

from bot.client import Atelier
from bot.discord_limits import OPTION_CHARACTERS
from bot.intake.choosing import defaults_of, model_of_edit
from bot.intake.requests import Former, Wish, references_of
from bot.texts import texts_in
from bot.texts.discord_text import is_blank, shortened
from bot.texts.prompt_expansion import literal
from bot.texts.prompt_parameters import without_parameters
from bot.ui.asking.ask import ask
from bot.ui.kit.dynamic_items import services_of
from bot.ui.kit.forms import (
    FormValues,
    files_field,
    fits_form,
    model_field,
    model_in,
    open_form,
    size_field,
    size_in,
    variants_field,
    variants_in,
    words_field,
)
from bot.ui.kit.pictures import as_reference, by_position, picture_options, pictures_of, shown_in
from bot.ui.waiting.cards import replaced_line
from storage.models import Derivation, Picture, Task

EDIT_FORM: Final = "edit"


async def open_edit(interaction: discord.Interaction[Any], task_id: str, *, position: int | None = None) -> None:
    """Open the form with the task's values, as far as the model that makes the edit has them; if that is another model
    than the task's, the form says why. `position`: the picture that is selected; None selects the first one in the
    button's message, or else of the task. Raises NotFound if the task is unknown or the person may not see it, or Gone
    if the task has no picture."""
    task, pictures = await pictures_of(interaction, task_id)
    defaults = await defaults_of(services_of(interaction), interaction.guild_id, interaction.user.id)
    model, kept = model_of_edit(task, defaults)
    say = texts_in(str(interaction.locale))
    why = replaced_line(say, kept)
    fields = [words_field(say, _as_typed(task), changes=True)]
    if len(pictures) > 1:
        chosen = next((picture for picture in pictures if picture.position == position), None)
        options = picture_options(say, pictures, chosen=chosen or _first_shown(interaction.message, pictures))
        select: ui.Select[ui.Modal] = ui.Select(custom_id="picture", options=options, required=False)
        hint = shortened(why, OPTION_CHARACTERS) if why else None
        fields.append(ui.Label(text=say("forms-picture"), description=hint, component=select))
    fields.append(files_field(say, model, besides=1, label=say("forms-files-more")))
    if len(pictures) == 1:  # a form has at most five fields
        fields += model_field(say, defaults.here, model, why=why)
    size, variants = model.like_size(task.size), model.nearest_variants(task.variants)
    fields += [size_field(say, model, size), variants_field(say, model, variants)]
    await open_form(interaction, EDIT_FORM, task_id, title=say("forms-edit-title"), fields=fields)


async def edited(interaction: discord.Interaction[Atelier], task_id: str, filled: FormValues) -> None:
    """Handle the submitted form. The chosen picture becomes the first reference. A shape and a number count as chosen
    if they are neither those of the task nor what the form made of them. An empty prompt keeps the task's prompt if
    that did not fit into the form."""
    task, pictures = await pictures_of(interaction, task_id)
    model, _ = model_of_edit(
        task, await defaults_of(services_of(interaction), interaction.guild_id, interaction.user.id)
    )
    picture = filled.one("picture", by_position(pictures)) or _first_shown(interaction.message, pictures)
    references = (await as_reference(interaction, task, picture), *references_of(filled.files("files")))
    words, size, variants = filled.words("words"), size_in(filled), variants_in(filled)
    kept = is_blank(words) and not fits_form(_as_typed(task))
    asked = task.request if kept else replace(task.request, prompt=words, style=None)
    wish = Wish(
        request=replace(asked, references=references),
        model=model_in(filled),
        size=size if size not in (task.size, model.like_size(task.size)) else None,
        variants=variants if variants not in (task.variants, model.nearest_variants(task.variants)) else None,
        former=Former.of(task),
        private=task.private,
        as_stored=kept,
        derivation=Derivation.EDIT,
        parent_id=task.id,
        parent_picture=picture.position,
    )
    await ask(interaction, wish)


def _as_typed(task: Task) -> str:
    """Return the words that are read as exactly the task's prompt."""
    return without_parameters(literal(task.prompt))


def _first_shown(message: discord.Message | None, pictures: tuple[Picture, ...]) -> Picture:
    """Return the first picture that the message with the button shows, as a result may span several messages; else the
    task's first picture."""
    return next((picture for picture in pictures if shown_in(message, picture)), pictures[0])
