"""The menu of a person: make pictures that start from their avatar."""

from __future__ import annotations

from typing import Final

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.client import Atelier
from bot.errors import Reason, TooLate
from bot.texts import texts_in
from bot.translation import said
from bot.ui.asking import Request, ask
from bot.ui.forms import Filled, add_form, open_form, size_field, size_in, variants_field, variants_in, words_field
from storage.community import Draft
from storage.models import NewReference, ReferenceKind, new_task_id

AVATAR_FORM: Final = "avatar"
AVATAR_EDGE: Final = 1024
"""Pixels; Discord has them in powers of two, up to 4096."""
FILENAME: Final = "avatar.png"


@app_commands.context_menu(name=said("avatar-menu"))
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
@app_commands.allowed_installs(guilds=True, users=True)
async def use_avatar(interaction: discord.Interaction[Atelier], person: discord.User | discord.Member) -> None:
    """Which avatar it was is written down: they may have another one by the time the form comes back."""
    services = interaction.client.services
    now = services.engine.clock()
    draft = Draft(id=new_task_id(), person_id=interaction.user.id, at=now, pictures=(avatar_of(person),))
    await services.drafts.begin(draft)
    settings = await services.guilds.settings(interaction.guild_id)
    say = texts_in(str(interaction.locale))
    fields = [
        words_field(say, changes=True),
        size_field(say, settings.size),
        variants_field(say, settings.variants),
        ui.Label(text=say("forms-private"), component=ui.Checkbox(custom_id="private")),
    ]
    await open_form(interaction, AVATAR_FORM, draft.id, title=say("avatar-form-title"), fields=fields)


async def used(interaction: discord.Interaction[Atelier], draft_id: str, filled: Filled) -> None:
    services = interaction.client.services
    draft = await services.drafts.get(draft_id, interaction.user.id, now=services.engine.clock())
    if draft is None:
        raise TooLate(Reason.FORM_GONE)
    request = Request(
        prompt=filled.words("words"),
        references=draft.pictures,
        size=size_in(filled),
        variants=variants_in(filled),
        private=filled.ticked("private"),
    )
    await ask(interaction, request)


def avatar_of(person: discord.User | discord.Member) -> NewReference:
    """That of this server where they have one, as one sees it; of one that moves, a still picture. It is theirs,
    whoever uses it."""
    shown = person.display_avatar.replace(size=AVATAR_EDGE, format="png")
    return NewReference(
        kind=ReferenceKind.IMAGE, url=shown.url, filename=FILENAME, declared_type="image/png", owner_id=person.id
    )


async def setup(bot: Atelier) -> None:
    add_form(bot, AVATAR_FORM, used)
    bot.tree.add_command(use_avatar)


async def teardown(bot: commands.AutoShardedBot) -> None:
    bot.tree.remove_command(use_avatar.name, type=discord.AppCommandType.user)
