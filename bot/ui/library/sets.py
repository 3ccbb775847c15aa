"""Handle a person's sets of pictures: list them, offer them as autocomplete, and add a set to a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import discord
from discord import app_commands, ui

from bot.client import Atelier
from bot.discord_limits import CHOICE_CHARACTERS
from bot.errors import BadChoice, BadReference, Reason
from bot.intake.requests import Wish
from bot.intake.stored_pictures import drop_copy
from bot.services import Services
from bot.texts import Texts, texts_in
from bot.texts.discord_text import cleaned, escaped, shortened
from bot.ui.kit.choices import offered
from bot.ui.kit.dynamic_items import TASK_ID, MessageButton, services_of
from bot.ui.kit.paging import PagePosition
from bot.ui.kit.questions import question_row
from storage.community import ReferenceSet
from storage.models import ReferenceKind

SETS_A_PAGE: Final = 5
NAME_UNITS: Final = 110


async def known_set(services: Services, owner_id: int, name: str) -> ReferenceSet:
    """Return the person's set with this name. Raises BadChoice if there is none."""
    found = await services.stores.sets.named(owner_id, name)
    if found is None:
        raise BadChoice(Reason.SET_UNKNOWN, name=name)
    return found


async def with_set(services: Services, owner_id: int, name: str | None, wish: Wish) -> Wish:
    """Return the request with the pictures of the person's set after the attached ones; unchanged if `name` is None.
    Raises BadChoice if the person has no such set, and BadReference if the request has a mask."""
    if name is None:
        return wish
    found = await known_set(services, owner_id, name)
    if any(reference.kind is ReferenceKind.MASK for reference in wish.request.references):
        raise BadReference(Reason.MASK_WITH_SEVERAL)
    references = (*wish.request.references, *found.references())
    return replace(wish, request=replace(wish.request, references=references))


async def offer_sets(interaction: discord.Interaction[Atelier], typed: str) -> list[app_commands.Choice[str]]:
    """Offer the person's sets whose names contain the typed text; names that begin with it come first."""
    say, sets = texts_in(str(interaction.locale)), await interaction.client.services.stores.sets.of(interaction.user.id)
    return [
        app_commands.Choice(name=_choice(say, reference_set), value=reference_set.name)
        for reference_set in offered(sets, typed)
    ]


class RemoveSetButton(MessageButton, action="set-remove", key=TASK_ID, about="set"):
    """Remove a set of the person who presses it, with the copies of its pictures. `key` is the id of the set, which has
    the form of a task's."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        services, say = services_of(interaction), texts_in(str(interaction.locale))
        await interaction.response.defer()
        found = await services.stores.sets.get(interaction.user.id, self.key)
        text = say("reference-removed-already")
        if found is not None and await services.stores.sets.remove(found):
            for picture in found.pictures:
                await drop_copy(services, picture)
            text = say("reference-removed", name=bold(found.name))
        await interaction.edit_original_response(view=ui.LayoutView(timeout=None).add_item(ui.TextDisplay(text)))


def remove_set_view(say: Texts, found: ReferenceSet) -> ui.LayoutView:
    """Build the question before a set is removed."""
    remove = RemoveSetButton(found.id, say("reference-remove-button"), style=discord.ButtonStyle.danger)
    container: ui.Container[ui.LayoutView] = ui.Container()
    container.add_item(ui.TextDisplay(say("reference-remove-question", name=bold(found.name))))
    container.add_item(question_row(say, remove))
    return ui.LayoutView(timeout=None).add_item(container)


def bold(name: str) -> str:
    return f"**{escaped(name, NAME_UNITS)}**"


def sets_view(
    say: Texts,
    sets: Sequence[ReferenceSet],
    strips: Mapping[str, str],
    place: PagePosition,
    turning: Sequence[ui.ActionRow[ui.LayoutView]],
) -> ui.LayoutView:
    """Build a page of the list. `sets`: all sets of the person. `strips`: names of the attached files that show a set's
    pictures, by the set's id. `turning`: the buttons that turn the page."""
    container: ui.Container[ui.LayoutView] = ui.Container()
    view = ui.LayoutView(timeout=None).add_item(container)
    if not sets:
        container.add_item(ui.TextDisplay(say("reference-none")))
        return view
    container.add_item(ui.TextDisplay(f"### {say('reference-heading')}"))
    for reference_set in place.cut(sets):
        container.add_item(
            ui.TextDisplay(
                f"{bold(reference_set.name)}\n-# {say('reference-count', count=len(reference_set.pictures))}"
            )
        )
        if reference_set.id in strips:
            gallery: ui.MediaGallery[ui.LayoutView] = ui.MediaGallery()
            described = say("reference-alt", name=shortened(cleaned(reference_set.name), NAME_UNITS))
            container.add_item(
                gallery.add_item(media=f"attachment://{strips[reference_set.id]}", description=described)
            )
    facts = [say("reference-how")]
    if place.pages > 1:
        facts.append(say("reference-page", page=place.number + 1, pages=place.pages))
    container.add_item(ui.TextDisplay(f"-# {' · '.join(facts)}"))
    for row in turning:
        container.add_item(row)
    return view


def _choice(say: Texts, reference_set: ReferenceSet) -> str:
    name = shortened(cleaned(reference_set.name), CHOICE_CHARACTERS - 20)
    return shortened(say("reference-choice", name=name, count=len(reference_set.pictures)), CHOICE_CHARACTERS)
