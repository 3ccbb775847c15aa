"""Add the user menu "Use avatar", which makes pictures from a person's avatar."""

from __future__ import annotations

from typing import Final

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Atelier
from bot.errors import Gone, Reason
from bot.intake.choosing import defaults_of
from bot.intake.requests import Wish
from bot.texts import texts_in
from bot.texts.command_texts import localized
from bot.ui.asking.ask import ask
from bot.ui.kit.forms import (
    FormValues,
    add_form,
    model_field,
    model_in,
    open_form,
    private_field,
    private_in,
    size_field,
    size_in,
    variants_field,
    variants_in,
    words_field,
)
from storage.community import Draft
from storage.models import NewReference, PictureRequest, ReferenceKind, new_id

AVATAR_FORM: Final = "avatar"
AVATAR_EDGE: Final = 1024
"""Pixels; Discord offers powers of two up to 4096."""
FILENAME: Final = "avatar.png"


@app_commands.context_menu(name=localized("avatar-menu"))
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
@app_commands.allowed_installs(guilds=True, users=True)
async def use_avatar(interaction: discord.Interaction[Atelier], person: discord.User | discord.Member) -> None:
    """Store the avatar's address as a draft and open the form: `person` may change the avatar before the form is
    submitted."""
    services = interaction.client.services
    now = services.engine.clock()
    draft = Draft(id=new_id(), person_id=interaction.user.id, at=now, pictures=(avatar_of(person),))
    await services.stores.drafts.begin(draft)
    defaults = await defaults_of(services, interaction.guild_id, interaction.user.id)
    model = defaults.model
    say = texts_in(str(interaction.locale))
    fields = [
        words_field(say, changes=True),
        *model_field(say, defaults.here, model),
        size_field(say, model, otherwise=say("forms-size-of-picture")),
        variants_field(say, model, defaults.variants(model)),
        private_field(say, private=defaults.preferences.private is True),
    ]
    await open_form(interaction, AVATAR_FORM, draft.id, title=say("avatar-form-title"), fields=fields)


async def used(interaction: discord.Interaction[Atelier], draft_id: str, filled: FormValues) -> None:
    services = interaction.client.services
    draft = await services.stores.drafts.get(draft_id, interaction.user.id, now=services.engine.clock())
    if draft is None:
        raise Gone(Reason.FORM_GONE)
    wish = Wish(
        request=PictureRequest(prompt=filled.words("words"), references=draft.pictures),
        model=model_in(filled),
        size=size_in(filled),
        variants=variants_in(filled),
        private=private_in(filled),
    )
    await ask(interaction, wish)


def avatar_of(person: discord.User | discord.Member) -> NewReference:
    """Return the avatar as a reference: the server's avatar if the person has one, and a still picture of an animated
    avatar. The person with the avatar owns the picture, not the asker."""
    shown = person.display_avatar.replace(size=AVATAR_EDGE, format="png")
    return NewReference(
        kind=ReferenceKind.IMAGE, url=shown.url, filename=FILENAME, declared_type="image/png", owner_id=person.id
    )


async def setup(bot: Atelier) -> None:
    add_form(bot, AVATAR_FORM, used)
    bot.tree.add_command(use_avatar)


async def teardown(bot: commands.AutoShardedBot) -> None:
    bot.tree.remove_command(use_avatar.name, type=discord.AppCommandType.user)
