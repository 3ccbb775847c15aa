"""A server's styles: their list, the choice of one while a command is typed, and the words and pictures they bring."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Self

import discord
from discord import app_commands, ui

from bot.client import Atelier
from bot.errors import BadChoice, BlankPrompt, Reason
from bot.markup import cleaned, escaped, is_blank, shortened, units
from bot.replies import answer_error
from bot.services import Services
from bot.texts import Texts, texts_in
from bot.ui.asking import Request
from bot.ui.buttons import services_of
from bot.ui.text import shape
from storage.community import PROMPT, Style
from storage.guilds import folded
from storage.models import ReferenceKind

MOST_CHOICES: Final = 25
CHOICE_CHARACTERS: Final = 100
"""Discord: of the choices offered while an option is typed."""
LEAST_WORDS: Final = 12
"""Characters of their own words that people recognise a preview by."""
STYLES_A_PAGE: Final = 8
NAME_UNITS: Final = 110
TEMPLATE_UNITS: Final = 240
"""Escaped, a page of them stays within a message."""


async def in_style(services: Services, guild_id: int | None, name: str | None, request: Request) -> Request:
    """
    The request with its words in the style's template, and its picture behind the asker's own. Where the asker has
    chosen a shape or a number, that stands. None is the request itself.

    Raises BadChoice for a style that there is not, or that cannot go with a mask, and BlankPrompt.
    """
    if name is None:
        return request
    style = await services.guilds.style(guild_id, name)
    if style is None:
        raise BadChoice(Reason.STYLE_UNKNOWN, name=name)
    if is_blank(request.prompt) and not request.references:
        raise BlankPrompt
    if style.picture is not None and any(one.kind is ReferenceKind.MASK for one in request.references):
        raise BadChoice(Reason.STYLE_WITH_MASK, name=style.name)
    return replace(
        request,
        prompt=style.words(request.prompt),
        references=(*request.references, *style.references()),
        size=request.size or style.size,
        variants=request.variants or style.variants,
        style=style.name,
    )


async def offer_styles(interaction: discord.Interaction[Atelier], typed: str) -> list[app_commands.Choice[str]]:
    """For the option `style` of a command that has a `prompt`: each with a preview of the words that would be made."""
    prompt = getattr(interaction.namespace, "prompt", None) or ""
    say = texts_in(str(interaction.locale))
    return await style_choices(interaction.client.services, interaction.guild_id, typed, prompt, say)


async def offer_names(interaction: discord.Interaction[Atelier], typed: str) -> list[app_commands.Choice[str]]:
    """For those who change styles: each with its template."""
    say = texts_in(str(interaction.locale))
    return await style_choices(interaction.client.services, interaction.guild_id, typed, PROMPT, say)


async def style_choices(
    services: Services, guild_id: int | None, typed_style: str, typed_prompt: str, say: Texts
) -> list[app_commands.Choice[str]]:
    """Those with what was typed in their names; first those that begin with it."""
    typed = folded(typed_style)
    styles = [one for one in await services.guilds.styles(guild_id) if typed in folded(one.name)]
    styles.sort(key=lambda one: not folded(one.name).startswith(typed))
    prompt = typed_prompt if typed_prompt.strip() else PROMPT
    return [app_commands.Choice(name=_preview(say, one, prompt), value=one.name) for one in styles[:MOST_CHOICES]]


def _preview(say: Texts, style: Style, prompt: str) -> str:
    """The template counts as well, so long words of the asker give way to it."""

    def whole(words: str) -> str:
        return say("style-preview", name=style.name, words=cleaned(style.words(words)))

    room = CHOICE_CHARACTERS - (units(whole("x")) - 1)
    return shortened(whole(shortened(cleaned(prompt), max(room, LEAST_WORDS))), CHOICE_CHARACTERS)


# -- the list ----------------------------------------------------------------------------------------------------------


class StylesButton(ui.DynamicItem[ui.Button[ui.LayoutView]], template="a1:styles:(?P<page>[0-9]{1,2})"):
    """Turns the page of a list of styles; whose list it is, the server says in which it is pressed."""

    def __init__(self, page: int, label: str = "") -> None:
        super().__init__(ui.Button(label=label, custom_id=f"a1:styles:{page}"))
        self.page = page

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[ui.LayoutView], match: re.Match[str], /
    ) -> Self:
        return cls(int(match["page"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        try:
            styles = await services_of(interaction).guilds.styles(interaction.guild_id)
            view = styles_view(texts_in(str(interaction.locale)), styles, self.page)
            await interaction.response.edit_message(view=view, allowed_mentions=discord.AllowedMentions.none())
        except Exception as error:  # noqa: BLE001  # the last stop: it is told and, if a defect, logged
            await answer_error(interaction, error)


def styles_view(say: Texts, styles: Sequence[Style], page: int = 0) -> ui.LayoutView:
    """Pages count from 0; one that is no longer there is the last."""
    container: ui.Container[ui.LayoutView] = ui.Container()
    view = ui.LayoutView(timeout=None).add_item(container)
    if not styles:
        container.add_item(ui.TextDisplay(say("style-none")))
        return view
    pages = -(-len(styles) // STYLES_A_PAGE)
    page = min(page, pages - 1)
    container.add_item(ui.TextDisplay(f"### {say('style-heading')}"))
    for style in styles[page * STYLES_A_PAGE : (page + 1) * STYLES_A_PAGE]:
        container.add_item(ui.TextDisplay(_entry(say, style)))
    place = [say("style-page", page=page + 1, pages=pages)] if pages > 1 else []
    container.add_item(ui.TextDisplay(f"-# {' · '.join([say('style-how'), *place])}"))
    if pages > 1:
        container.add_item(_turning(say, page, pages))
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


def _turning(say: Texts, page: int, pages: int) -> ui.ActionRow[ui.LayoutView]:
    row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
    if page > 0:
        row.add_item(StylesButton(page - 1, say("style-earlier")))
    if page < pages - 1:
        row.add_item(StylesButton(page + 1, say("style-later")))
    return row
