"""A person's sets of pictures: their list, the choice of one while a command is typed, and what they bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import discord
from discord import app_commands, ui

from bot.client import Atelier
from bot.errors import BadChoice, BadReference, Reason
from bot.markup import cleaned, escaped, shortened
from bot.services import Services
from bot.texts import Texts, texts_in
from bot.ui.asking import Request
from storage.community import ReferenceSet
from storage.guilds import folded
from storage.models import ReferenceKind

MOST_CHOICES: Final = 25
CHOICE_CHARACTERS: Final = 100
"""Discord: of the choices offered while an option is typed."""
SETS_A_PAGE: Final = 5
NAME_UNITS: Final = 110


async def known_set(services: Services, owner_id: int, name: str) -> ReferenceSet:
    """Raises BadChoice where they have none of this name."""
    found = await services.sets.named(owner_id, name)
    if found is None:
        raise BadChoice(Reason.SET_UNKNOWN, name=name)
    return found


async def with_set(services: Services, owner_id: int, name: str | None, request: Request) -> Request:
    """The request with the pictures of their set behind those they have attached; None is the request itself. Raises
    BadChoice for a set that they have not, and BadReference where a mask would go with several pictures."""
    if name is None:
        return request
    found = await known_set(services, owner_id, name)
    if any(one.kind is ReferenceKind.MASK for one in request.references):
        raise BadReference(Reason.MASK_WITH_SEVERAL)
    return replace(request, references=(*request.references, *found.references()))


async def offer_sets(interaction: discord.Interaction[Atelier], typed: str) -> list[app_commands.Choice[str]]:
    """One's own with what was typed in their names; first those that begin with it."""
    say, part = texts_in(str(interaction.locale)), folded(typed)
    sets = [one for one in await interaction.client.services.sets.of(interaction.user.id) if part in folded(one.name)]
    sets.sort(key=lambda one: not folded(one.name).startswith(part))
    return [app_commands.Choice(name=_choice(say, one), value=one.name) for one in sets[:MOST_CHOICES]]


def bold(name: str) -> str:
    return f"**{escaped(name, NAME_UNITS)}**"


def pages_of(sets: Sequence[ReferenceSet]) -> int:
    return max(1, -(-len(sets) // SETS_A_PAGE))


def on_page(sets: Sequence[ReferenceSet], page: int) -> Sequence[ReferenceSet]:
    """Pages count from 0."""
    return sets[page * SETS_A_PAGE : (page + 1) * SETS_A_PAGE]


def sets_view(
    say: Texts,
    sets: Sequence[ReferenceSet],
    strips: Mapping[str, str],
    page: int,
    turning: Sequence[ui.DynamicItem[ui.Button[ui.LayoutView]]],
) -> ui.LayoutView:
    """`strips`: the names of the attached files that show a set's pictures, by the set's id."""
    container: ui.Container[ui.LayoutView] = ui.Container()
    view = ui.LayoutView(timeout=None).add_item(container)
    if not sets:
        container.add_item(ui.TextDisplay(say("reference-none")))
        return view
    container.add_item(ui.TextDisplay(f"### {say('reference-heading')}"))
    for one in on_page(sets, page):
        container.add_item(ui.TextDisplay(f"{bold(one.name)}\n-# {say('reference-count', count=len(one.pictures))}"))
        if one.id in strips:
            gallery: ui.MediaGallery[ui.LayoutView] = ui.MediaGallery()
            described = say("reference-alt", name=shortened(cleaned(one.name), NAME_UNITS))
            container.add_item(gallery.add_item(media=f"attachment://{strips[one.id]}", description=described))
    pages = pages_of(sets)
    place = [say("reference-page", page=page + 1, pages=pages)] if pages > 1 else []
    container.add_item(ui.TextDisplay(f"-# {' · '.join([say('reference-how'), *place])}"))
    if turning:
        row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
        for button in turning:
            row.add_item(button)
        container.add_item(row)
    return view


def _choice(say: Texts, one: ReferenceSet) -> str:
    name = shortened(cleaned(one.name), CHOICE_CHARACTERS - 20)
    return shortened(say("reference-choice", name=name, count=len(one.pictures)), CHOICE_CHARACTERS)
