"""Handle a server's styles: list them, offer them as autocomplete, and apply a style to a request."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import discord
from discord import app_commands, ui

from bot.client import Atelier
from bot.discord_limits import CHOICE_CHARACTERS
from bot.errors import BadChoice, BlankPrompt, Reason
from bot.intake.requests import Wish
from bot.intake.roles import moderated_by
from bot.intake.stored_pictures import drop_copy
from bot.services import Services
from bot.texts import Texts, texts_in
from bot.texts.discord_text import cleaned, escaped, is_blank, shortened, units
from bot.texts.shapes import shape
from bot.ui.kit.choices import offered
from bot.ui.kit.dynamic_items import TASK_ID, MessageButton, services_of
from bot.ui.kit.paging import PageButton, PagePosition
from bot.ui.kit.questions import question_row
from storage.community import PROMPT, Style
from storage.guilds import StyleGone
from storage.models import ReferenceKind

LEAST_WORDS: Final = 12
"""Least room (UTF-16 units) for the typed prompt in a preview, so that people recognise their prompt."""
STYLES_A_PAGE: Final = 8
NAME_UNITS: Final = 110
TEMPLATE_UNITS: Final = 240
"""With this limit, a page of escaped templates fits into a message."""


async def in_style(services: Services, guild_id: int | None, name: str | None, wish: Wish) -> Wish:
    """
    Return the wish with its prompt in the style's template, and the style's picture after the asker's own pictures.
    The style's picture does not decide the shape. Unchanged if `name` is None.

    Raises BadChoice for an unknown style, and for a style with a picture if the request has a mask; BlankPrompt if the
    request has neither words nor pictures.
    """
    if name is None:
        return wish
    style = await services.stores.guilds.style(guild_id, name)
    if style is None:
        raise BadChoice(Reason.STYLE_UNKNOWN, name=name)
    request = wish.request
    if is_blank(request.prompt) and not request.references:
        raise BlankPrompt
    if style.picture is not None and any(reference.kind is ReferenceKind.MASK for reference in request.references):
        raise BadChoice(Reason.STYLE_WITH_MASK, name=style.name)
    return replace(
        wish,
        request=replace(
            request,
            prompt=style.words(request.prompt),
            references=(*request.references, *style.references()),
            style=style.name,
        ),
        style_size=style.size,
        style_variants=style.variants,
        fits_picture=bool(request.references),
    )


async def offer_styles(interaction: discord.Interaction[Atelier], typed: str) -> list[app_commands.Choice[str]]:
    """Offer styles for a command with a `prompt`, each with a preview of the prompt that the style would make."""
    prompt = getattr(interaction.namespace, "prompt", None) or ""
    say = texts_in(str(interaction.locale))
    return await style_choices(interaction.client.services, interaction.guild_id, typed, prompt, say)


async def offer_names(interaction: discord.Interaction[Atelier], typed: str) -> list[app_commands.Choice[str]]:
    """Offer styles for the commands that change styles, each with its template. Whether the person may change styles is
    not checked."""
    say = texts_in(str(interaction.locale))
    return await style_choices(interaction.client.services, interaction.guild_id, typed, PROMPT, say)


async def style_choices(
    services: Services, guild_id: int | None, typed_style: str, typed_prompt: str, say: Texts
) -> list[app_commands.Choice[str]]:
    """Return up to `CHOICES` styles whose names contain the typed text; names that begin with it come first."""
    styles = offered(await services.stores.guilds.styles(guild_id), typed_style)
    prompt = PROMPT if is_blank(typed_prompt) else typed_prompt
    return [app_commands.Choice(name=_preview(say, style, prompt), value=style.name) for style in styles]


def _preview(say: Texts, style: Style, prompt: str) -> str:
    """Return the preview. The template must be visible too, so a long prompt is shortened to leave room for it."""

    def whole(words: str) -> str:
        return say("style-preview", name=style.name, words=cleaned(style.words(words)))

    room = CHOICE_CHARACTERS - (units(whole("x")) - 1)
    return shortened(whole(shortened(cleaned(prompt), max(room, LEAST_WORDS))), CHOICE_CHARACTERS)


# -- the list ----------------------------------------------------------------------------------------------------------


class StylesButton(PageButton, action="styles", earlier="style-earlier", later="style-later"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        styles = await services_of(interaction).stores.guilds.styles(interaction.guild_id)
        view = styles_view(texts_in(str(interaction.locale)), styles, self.page)
        await interaction.response.edit_message(view=view)


class RemoveStyleButton(MessageButton, action="style-remove", key=TASK_ID, about="style"):
    """Remove a style of the server, with the copy of its picture, for moderators only. `key` is its id, which has the
    form of a task's."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        services, guild_id = services_of(interaction), moderated_by(interaction)
        await interaction.response.defer()
        styles = await services.stores.guilds.styles(guild_id)
        style = next((style for style in styles if style.id == self.key), None)
        text = texts_in(str(interaction.locale))("style-removed-already")
        if style is not None:
            with suppress(StyleGone):
                await drop_copy(services, await services.stores.guilds.remove_style(style))
                text = texts_in(str(interaction.locale))("style-removed", name=bold(style.name))
        await interaction.edit_original_response(view=ui.LayoutView(timeout=None).add_item(ui.TextDisplay(text)))


def bold(name: str) -> str:
    return f"**{escaped(name, NAME_UNITS)}**"


def remove_style_view(say: Texts, style: Style) -> ui.LayoutView:
    """Build the question before a style is removed."""
    remove = RemoveStyleButton(style.id, say("style-remove-button"), style=discord.ButtonStyle.danger)
    container: ui.Container[ui.LayoutView] = ui.Container()
    container.add_item(ui.TextDisplay(say("style-remove-question", name=bold(style.name))))
    container.add_item(question_row(say, remove))
    return ui.LayoutView(timeout=None).add_item(container)


def styles_view(say: Texts, styles: Sequence[Style], page: int = 0) -> ui.LayoutView:
    """Build a page of the list. Pages count from 0; a page beyond the last becomes the last."""
    container: ui.Container[ui.LayoutView] = ui.Container()
    view = ui.LayoutView(timeout=None).add_item(container)
    if not styles:
        container.add_item(ui.TextDisplay(say("style-none")))
        return view
    place = PagePosition.of(page, len(styles), STYLES_A_PAGE)
    container.add_item(ui.TextDisplay(f"### {say('style-heading')}"))
    for style in place.cut(styles):
        container.add_item(ui.TextDisplay(_entry(say, style)))
    facts = [say("style-how")]
    if place.pages > 1:
        facts.append(say("style-page", page=place.number + 1, pages=place.pages))
    container.add_item(ui.TextDisplay(f"-# {' · '.join(facts)}"))
    for row in StylesButton.rows(say, place):
        container.add_item(row)
    return view


def _entry(say: Texts, style: Style) -> str:
    facts = [shape(say, style.size)] if style.size is not None else []
    if style.variants is not None:
        facts.append(say("style-variants", count=style.variants))
    if style.picture is not None:
        facts.append(say("style-with-picture"))
    lines = [f"**{escaped(style.name, NAME_UNITS)}**", f"> {escaped(style.template, TEMPLATE_UNITS)}"]
    if facts:
        lines.append(f"-# {' · '.join(facts)}")
    return "\n".join(lines)
