"""Add the message menu "Edit pictures", which edits the pictures of any message."""

from __future__ import annotations

from typing import Final

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.client import Atelier
from bot.discord_limits import OPTION_CHARACTERS, OPTIONS_PER_SELECT
from bot.errors import Gone, Reason, UserError
from bot.intake.choosing import defaults_of
from bot.intake.message_pictures import pictures_in
from bot.intake.requests import Wish, references_of
from bot.texts import Texts, texts_in
from bot.texts.command_texts import localized
from bot.texts.discord_text import shortened
from bot.ui.asking.ask import ask
from bot.ui.kit.forms import (
    FormValues,
    Label,
    add_form,
    files_field,
    model_field,
    model_in,
    open_form,
    size_field,
    size_in,
    variants_field,
    variants_in,
    words_field,
)
from storage.catalogue import Model
from storage.community import Draft
from storage.models import NewReference, PictureRequest, new_id

MENU_FORM: Final = "pictures"


@app_commands.context_menu(name=localized("forms-menu"))
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
@app_commands.allowed_installs(guilds=True, users=True)
async def edit_pictures(interaction: discord.Interaction[Atelier], message: discord.Message) -> None:
    """Store the addresses of the message's pictures (the first `OPTIONS_PER_SELECT`) as a draft and open the form: the
    form's submission will not contain the message. Raises UserError if there is no picture, and what `pictures_in`
    raises."""
    services = interaction.client.services
    pictures = pictures_in(message)[:OPTIONS_PER_SELECT]
    if not pictures:
        raise UserError(Reason.NO_PICTURE_THERE)
    now = services.engine.clock()
    draft = Draft(id=new_id(), person_id=interaction.user.id, at=now, pictures=pictures)
    await services.stores.drafts.begin(draft)
    defaults = await defaults_of(services, interaction.guild_id, interaction.user.id)
    model = defaults.model
    say = texts_in(str(interaction.locale))
    fields = [words_field(say, changes=True), *_choice(say, model, pictures)]
    fields.append(files_field(say, model, besides=len(pictures), label=say("forms-files-more")))
    if len(pictures) == 1:  # a form has at most five fields
        fields += model_field(say, defaults.here, model)
    fields += [
        size_field(say, model, otherwise=say("forms-size-of-picture")),
        variants_field(say, model, defaults.variants(model)),
    ]
    await open_form(interaction, MENU_FORM, draft.id, title=say("forms-menu-title"), fields=fields)


async def edited(interaction: discord.Interaction[Atelier], draft_id: str, filled: FormValues) -> None:
    services = interaction.client.services
    draft = await services.stores.drafts.get(draft_id, interaction.user.id, now=services.engine.clock())
    if draft is None:
        raise Gone(Reason.FORM_GONE)
    offered = {str(at): picture for at, picture in enumerate(draft.pictures)}
    chosen = filled.several("pictures", offered, most=OPTIONS_PER_SELECT)
    if not chosen:
        defaults = await defaults_of(services, interaction.guild_id, interaction.user.id)
        chosen = draft.pictures[: _preset(defaults.model, draft.pictures)]
    wish = Wish(
        request=PictureRequest(
            prompt=filled.words("words"), references=(*chosen, *references_of(filled.files("files")))
        ),
        model=model_in(filled),
        size=size_in(filled),
        variants=variants_in(filled),
    )
    await ask(interaction, wish)


def _choice(say: Texts, model: Model, pictures: tuple[NewReference, ...]) -> list[Label]:
    """Return a field to choose among several pictures, with as many chosen as the model takes; no field for a single
    picture."""
    if len(pictures) == 1:
        return []
    preset = _preset(model, pictures)
    options = [
        discord.SelectOption(
            label=say("outcome-picture-of", number=at + 1, count=len(pictures)),
            description=shortened(picture.filename, OPTION_CHARACTERS),
            value=str(at),
            default=at < preset,
        )
        for at, picture in enumerate(pictures)
    ]
    select: ui.Select[ui.Modal] = ui.Select(
        custom_id="pictures", options=options, min_values=1, max_values=len(pictures), required=False
    )
    return [ui.Label(text=say("forms-pictures"), component=select)]


def _preset(model: Model, pictures: tuple[NewReference, ...]) -> int:
    return min(len(pictures), max(1, model.most_references))


async def setup(bot: Atelier) -> None:
    add_form(bot, MENU_FORM, edited)
    bot.tree.add_command(edit_pictures)


async def teardown(bot: commands.AutoShardedBot) -> None:
    bot.tree.remove_command(edit_pictures.name, type=discord.AppCommandType.message)
