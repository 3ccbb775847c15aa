"""`/style`: list a server's named styles, for every member, and change them, for moderators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import discord
from discord import app_commands
from discord.app_commands import Choice
from discord.ext import commands

from bot.client import Atelier
from bot.errors import BadChoice, NotHere, Reason, TooLong
from bot.intake.names import names_in
from bot.intake.requests import Wish
from bot.intake.roles import moderated_by
from bot.intake.stored_pictures import drop_copy, keep_copy
from bot.intake.words import as_read
from bot.services import Services
from bot.texts import Texts, texts_in
from bot.texts.command_texts import localized
from bot.texts.discord_text import cleaned, is_blank, storable
from bot.ui.kit.choices import SIZES, VARIANTS
from bot.ui.library.styles import (
    RemoveStyleButton,
    StylesButton,
    bold,
    offer_names,
    remove_style_view,
    styles_view,
)
from bot.ui.waiting.cards import parameters_line
from storage.bounds import LONGEST_TEMPLATE
from storage.catalogue import all_sizes, nearest
from storage.community import PROMPT, StoredPicture, Style, StyleChanges
from storage.guilds import MOST_STYLES, NameTaken, StyleGone, TooManyStyles
from storage.models import PictureRequest, new_id

LONGEST_NAME: Final = 50
AS_THE_SERVER: Final = "server"
"""Value that resets a style's shape to the server's; for the number of pictures, this value is 0."""
SIZES_OR_SERVER: Final = [
    *SIZES,
    Choice(name=localized("style-server-size"), value=AS_THE_SERVER),
]
VARIANTS_OR_SERVER: Final = [
    *VARIANTS,
    Choice(name=localized("style-server-variants"), value=0),
]

Name = app_commands.Range[str, 1, LONGEST_NAME]
Template = app_commands.Range[str, 1, LONGEST_TEMPLATE]


@app_commands.guild_only()
@app_commands.allowed_installs(guilds=True, users=False)
class Styles(commands.GroupCog, group_name="style", group_description=localized("style-command")):
    @app_commands.command(description=localized("style-add-command"))
    @app_commands.describe(
        name=localized("style-option-name"),
        template=localized("style-option-template"),
        size=localized("style-option-size"),
        variants=localized("style-option-variants"),
        picture=localized("style-option-picture"),
    )
    @app_commands.choices(size=SIZES)
    @app_commands.choices(variants=VARIANTS)
    async def add(
        self,
        interaction: discord.Interaction[Atelier],
        name: Name,
        template: Template,
        size: str | None = None,
        variants: int | None = None,
        picture: discord.Attachment | None = None,
    ) -> None:
        services, style_id = interaction.client.services, new_id()
        now = services.engine.clock()
        guild_id, named = moderated_by(interaction), _name(name)
        read = _template(interaction, template, size)
        await interaction.response.defer(ephemeral=True, thinking=True)
        style = Style(
            id=style_id,
            guild_id=guild_id,
            name=named,
            template=read.request.prompt,
            size=read.size,
            variants=variants,
            picture=await _stored(interaction, picture, style_id) if picture is not None else None,
            created_at=now,
            changed_at=now,
            changed_by=interaction.user.id,
        )
        await _add(services, style)
        say = texts_in(str(interaction.locale))
        answer = _with_parameters(say, say("style-added", name=bold(named)), read)
        await interaction.followup.send(answer, ephemeral=True)

    @app_commands.command(description=localized("style-edit-command"))
    @app_commands.describe(
        name=localized("style-option-which"),
        new_name=localized("style-option-new-name"),
        template=localized("style-option-template"),
        size=localized("style-option-size"),
        variants=localized("style-option-variants"),
        picture=localized("style-option-picture"),
        remove_picture=localized("style-option-remove-picture"),
    )
    @app_commands.autocomplete(name=offer_names)
    @app_commands.choices(size=SIZES_OR_SERVER)
    @app_commands.choices(variants=VARIANTS_OR_SERVER)
    async def edit(
        self,
        interaction: discord.Interaction[Atelier],
        name: str,
        new_name: Name | None = None,
        template: Template | None = None,
        size: str | None = None,
        variants: int | None = None,
        picture: discord.Attachment | None = None,
        remove_picture: bool = False,
    ) -> None:
        services = interaction.client.services
        style = await _known(services, moderated_by(interaction), name)
        read = _template(interaction, template, size) if template is not None else None
        changes = _changes(new_name, read, size, variants)
        if remove_picture:
            changes["picture"] = None
        if not changes and picture is None:
            raise BadChoice(Reason.STYLE_UNCHANGED, name=style.name)
        await interaction.response.defer(ephemeral=True, thinking=True)
        if picture is not None:
            changes["picture"] = await _stored(interaction, picture, style.id)
        await _change(services, style, changes, by=interaction.user.id)
        called = bold(changes.get("name", style.name))
        say = texts_in(str(interaction.locale))
        answer = _with_parameters(say, say("style-changed", name=called), read)
        await interaction.followup.send(answer, ephemeral=True)

    @app_commands.command(description=localized("style-remove-command"))
    @app_commands.describe(name=localized("style-option-which"))
    @app_commands.autocomplete(name=offer_names)
    async def remove(self, interaction: discord.Interaction[Atelier], name: str) -> None:
        style = await _known(interaction.client.services, moderated_by(interaction), name)
        view = remove_style_view(texts_in(str(interaction.locale)), style)
        await interaction.response.send_message(view=view, ephemeral=True)

    @app_commands.command(name="list", description=localized("style-list-command"))
    async def list_(self, interaction: discord.Interaction[Atelier]) -> None:
        if interaction.guild_id is None:
            raise NotHere(Reason.NOT_THIS_SERVER)
        styles = await interaction.client.services.stores.guilds.styles(interaction.guild_id)
        view = styles_view(texts_in(str(interaction.locale)), styles)
        await interaction.response.send_message(view=view, ephemeral=True)


async def _stored(
    interaction: discord.Interaction[Atelier], picture: discord.Attachment, style_id: str
) -> StoredPicture:
    """Store the style's picture without its name and metadata, as it is used in other people's requests."""
    services, by = interaction.client.services, interaction.user.id
    return await keep_copy(services, picture, f"styles/{style_id}", by=by, for_others=True)


async def _known(services: Services, guild_id: int, name: str) -> Style:
    style = await services.stores.guilds.style(guild_id, name)
    if style is None:
        raise BadChoice(Reason.STYLE_UNKNOWN, name=name)
    return style


def _changes(name: str | None, read: Wish | None, size: str | None, variants: int | None) -> StyleChanges:
    changes = StyleChanges()
    if name is not None:
        changes["name"] = _name(name)
    if read is not None:
        changes["template"] = read.request.prompt
        if read.size is not None:
            changes["size"] = read.size
    if size is not None:
        changes["size"] = size if size != AS_THE_SERVER else None
    if variants is not None:
        changes["variants"] = variants or None
    return changes


async def _add(services: Services, style: Style) -> None:
    """Add a style. If this fails, delete the copy of its picture."""
    try:
        with _explained(style.name):
            await services.stores.guilds.add_style(style)
    except BaseException:
        await drop_copy(services, style.picture)
        raise


async def _change(services: Services, style: Style, changes: StyleChanges, *, by: int) -> None:
    try:
        with _explained(changes.get("name", style.name)):
            before = await services.stores.guilds.change_style(style, changes, by=by, now=services.engine.clock())
    except BaseException:
        await drop_copy(services, changes.get("picture"))
        raise
    await drop_copy(services, before)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except NameTaken:
        raise BadChoice(Reason.STYLE_TAKEN, name=name) from None
    except TooManyStyles:
        raise BadChoice(Reason.STYLES_FULL, allowed=MOST_STYLES) from None
    except StyleGone:
        raise BadChoice(Reason.STYLE_UNKNOWN, name=name) from None


def _name(typed: str) -> str:
    if is_blank(name := cleaned(typed)):
        raise BadChoice(Reason.STYLE_NAMELESS, name=typed)
    return name


def _template(interaction: discord.Interaction[Atelier], typed: str, size: str | None) -> Wish:
    """Return the template as the prompt of a wish: with names for mentions, without parameters, and with the size that
    was chosen, or the one that is nearest to `--ar` of those that any model has. A style has neither a model nor a
    resolution. Raises BadChoice unless it contains `PROMPT` exactly once, and TooLong."""
    wish = Wish(request=PictureRequest(prompt=storable(typed)), size=size)
    read = as_read(wish, names_in(interaction), texts_in(str(interaction.locale)))
    if read.ratio is not None:
        read = replace(read, size=nearest(all_sizes(), *read.ratio))
    own = [name for name in ("model", "resolution") if getattr(read, name) is not None]
    if own:
        left_out = (*read.parameters.get("left_out", "").split(), *own)
        read = replace(read, parameters={**read.parameters, "left_out": " ".join(left_out)})
    if read.request.prompt.count(PROMPT) != 1:
        raise BadChoice(Reason.STYLE_TEMPLATE)
    if len(read.request.prompt) > LONGEST_TEMPLATE:
        raise TooLong(LONGEST_TEMPLATE)
    return read


def _with_parameters(say: Texts, answer: str, read: Wish | None) -> str:
    """Return the answer with what became of the template's parameters."""
    became = parameters_line(say, read.parameters, read.size or "") if read is not None else ""
    return f"{answer}\n-# {became}" if became else answer


async def setup(bot: Atelier) -> None:
    bot.add_dynamic_items(StylesButton, RemoveStyleButton)
    await bot.add_cog(Styles())
