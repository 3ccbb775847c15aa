"""
Build and handle the panel of a person's defaults (`/preferences`), which only that person sees. Each select and button
changes the defaults of the person who uses it. The panel is rebuilt from the rows after each choice, so it also shows
what the person has chosen in another window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import discord
from discord import SelectOption, ui

from bot.client import Atelier
from bot.intake.added_words import added_words
from bot.texts import Texts, texts_in
from bot.texts.shapes import shape
from bot.ui.kit.dynamic_items import MessageButton, MessageSelect, services_of
from bot.ui.kit.forms import FormValues, open_form
from bot.ui.kit.selected import single
from bot.ui.kit.text import quote
from bot.ui.settings.options import model_options, size_options, stored_model_name, variants_options
from storage.bounds import LONGEST_ADDED_WORDS
from storage.catalogue import Model, all_sizes, all_variants, default_model, offered
from storage.community import GuildSettings, PreferenceChanges, Preferences
from storage.preferences import NOTHING_PREFERRED

WORDS_FORM: Final = "preference-words"
USUAL: Final = "usual"
"""Value for "nothing chosen", as an option of a select needs a value."""
YES, NO = "yes", "no"
WORDS_UNITS: Final = 2 * LONGEST_ADDED_WORDS + 2
"""UTF-16 units of the shown words: enough for all of them with a backslash before each character."""

_TITLES: Final = {
    "model": "preferences-model",
    "size": "preferences-size",
    "variants": "preferences-variants",
    "private": "preferences-private",
}

Models: TypeAlias = Mapping[str, Model]


class PreferenceSelect(MessageSelect, action="preference", key="|".join(_TITLES)):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        data: Any = interaction.data
        models = services_of(interaction).engine.models
        await _change(interaction, _read(self.key, data.get("values") or (), models))


class AddedWordsButton(MessageButton, action="preference-add"):
    """Open the form for the words that are added to each prompt."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        say = texts_in(str(interaction.locale))
        chosen = await services_of(interaction).stores.preferences.of(interaction.user.id)
        entry: ui.TextInput[ui.Modal] = ui.TextInput(
            custom_id="words",
            style=discord.TextStyle.paragraph,
            default=chosen.words or None,
            required=False,
            max_length=LONGEST_ADDED_WORDS,
        )
        hint = say("preferences-words-hint")
        field = ui.Label(text=say("preferences-words-label"), description=hint, component=entry)
        await open_form(interaction, WORDS_FORM, "", title=say("preferences-words"), fields=[field])


class ResetPreferencesButton(MessageButton, action="preferences-reset"):
    """Delete all defaults of the person."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        services, person_id = services_of(interaction), interaction.user.id
        await services.stores.preferences.choose(person_id, NOTHING_PREFERRED, now=services.engine.clock())
        await interaction.response.edit_message(view=await preferences_panel(interaction))


async def store_words(interaction: discord.Interaction[Atelier], _: str, filled: FormValues) -> None:
    """Store the words of the form; an empty field removes them. Raises BadChoice or TooLong for words that cannot be
    added to each prompt: then nothing changes."""
    await _change(interaction, PreferenceChanges(words=added_words(filled.words("words", most=LONGEST_ADDED_WORDS))))


async def preferences_panel(interaction: discord.Interaction[Any]) -> ui.LayoutView:
    services = services_of(interaction)
    chosen = await services.stores.preferences.of(interaction.user.id)
    settings = await services.stores.guilds.settings(interaction.guild_id)
    return preferences_view(texts_in(str(interaction.locale)), chosen, settings, services.engine.models)


def preferences_view(say: Texts, chosen: Preferences, settings: GuildSettings, models: Models) -> ui.LayoutView:
    """Build the panel. `settings` are those of the place where it is shown: they say what is used where the person has
    chosen nothing. `models` are those that are switched on; if there is only one, nothing is asked about models."""
    container: ui.Container[ui.LayoutView] = ui.Container()
    container.add_item(ui.TextDisplay(f"### {say('preferences-heading')}\n-# {say('preferences-intro')}"))
    for name, options in _options(say, chosen, settings, models).items():
        lines = [f"**{say(_TITLES[name])}**", *(_about_model(say, chosen, settings, models) if name == "model" else ())]
        container.add_item(ui.TextDisplay("\n".join(lines)))
        row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
        container.add_item(row.add_item(PreferenceSelect(ui.Select(options=options), name)))
    container.add_item(ui.Separator())
    words = quote(say, chosen.words, most=WORDS_UNITS).text if chosen.words else say("preferences-words-none")
    button: ui.Item[Any] = AddedWordsButton(label=say("preferences-words-change"))
    container.add_item(ui.Section(f"**{say('preferences-words')}**\n{words}", accessory=button))
    if chosen != NOTHING_PREFERRED:
        reset: ui.Item[Any] = ResetPreferencesButton(label=say("preferences-reset"))
        container.add_item(ui.Separator()).add_item(ui.ActionRow(reset))
    return ui.LayoutView(timeout=None).add_item(container)


async def _change(interaction: discord.Interaction[Any], changes: PreferenceChanges) -> None:
    services = services_of(interaction)
    await services.stores.preferences.change(interaction.user.id, changes, now=services.engine.clock())
    await interaction.response.edit_message(view=await preferences_panel(interaction))


def _read(name: str, values: Sequence[Any], models: Models) -> PreferenceChanges:
    """Return the choice in the values of a select. A panel may be older than the choice of a model in another window,
    so whatever any of the models has is taken: of what does not fit, the nearest is used. Raises UnknownChoice."""
    usual = {USUAL: None}
    match name:
        case "model":
            return PreferenceChanges(model=single(values, usual | {key: key for key in models}))
        case "size":
            return PreferenceChanges(size=single(values, usual | {size: size for size in all_sizes(models.values())}))
        case "variants":
            numbers: dict[str, int | None] = {str(number): number for number in all_variants(models.values())}
            return PreferenceChanges(variants=single(values, numbers | usual))
        case _:
            return PreferenceChanges(private=single(values, usual | {YES: True, NO: False}))


def _about_model(say: Texts, chosen: Preferences, settings: GuildSettings, models: Models) -> Sequence[str]:
    """Return that the person's model is not used here, if it is not."""
    offers = offered(models, settings.models)
    if chosen.model is None or chosen.model in offers:
        return ()
    used = default_model(offers, settings.model).name
    return (say("settings-model-other", model=stored_model_name(say, chosen.model), used=used),)


def _options(
    say: Texts, chosen: Preferences, settings: GuildSettings, models: Models
) -> Mapping[str, list[SelectOption]]:
    """Return the options of each select. Shapes and numbers are those of the person's model, else those that any model
    has; a stored one that the model does not have is shown as what is used."""
    usual_model = default_model(offered(models, settings.models), settings.model)
    used = models.get(chosen.model or "")
    sizes, numbers = all_sizes(models.values()), all_variants(models.values())
    size, variants = chosen.size, chosen.variants
    if used is not None:
        sizes, numbers = used.sizes, used.variants
        size = used.like_size(size) if size is not None else None
        variants = used.nearest_variants(variants) if variants is not None else None
    here = used or usual_model
    usual = {
        "model": usual_model.name,
        "size": shape(say, here.like_size(settings.size)),
        "variants": say("forms-variants-count", count=here.nearest_variants(settings.variants)),
        "private": say("preferences-private-no"),
    }
    offers = {
        "model": model_options(say, models.values(), (chosen.model or "",)),
        "size": size_options(say, sizes, size),
        "variants": variants_options(say, numbers, variants),
        "private": [
            SelectOption(label=say("preferences-private-yes"), value=YES, default=chosen.private is True),
            SelectOption(label=say("preferences-private-no"), value=NO, default=chosen.private is False),
        ],
    }
    if len(models) == 1:
        del offers["model"]
    return {
        name: [
            SelectOption(
                label=say("preferences-usual", usual=usual[name]),
                value=USUAL,
                default=not any(option.default for option in options),
            ),
            *options,
        ]
        for name, options in offers.items()
    }
