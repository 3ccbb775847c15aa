"""
Build and handle the panel of a server's settings. Each select and button sets one setting of the server in which it is
used. The panel is rebuilt from the rows after each choice, so it also shows what other managers have chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import discord
from discord import ui

from bot.discord_limits import OPTIONS_PER_SELECT
from bot.error_replies import explain
from bot.errors import BadChoice
from bot.intake.channels import check_channels, lacking_in, unusable
from bot.intake.roles import managed_by
from bot.texts import LANGUAGES, Texts, texts_in
from bot.texts.shapes import shape
from bot.ui.kit.dynamic_items import MessageButton, MessageSelect, Select, services_of
from bot.ui.kit.selected import ids_in, several, single
from bot.ui.kit.text import mention
from bot.ui.settings.options import model_options, size_options, stored_model_name, variants_options
from storage.bounds import GREATEST_BATCH
from storage.catalogue import Model, all_sizes, all_variants, default_model, offered
from storage.community import Chosen, GuildSettings, Setting, SettingChange

GREATEST_BATCHES: Final = range(1, GREATEST_BATCH + 1)
CHANGES_SHOWN: Final = 3
PROBLEMS_SHOWN: Final = 3
MENTIONS_SHOWN: Final = 5
"""Channels, or models, that are named in one line."""
OWN_LANGUAGE: Final = "own"
"""Value for "no language chosen", as an option of a select needs a value."""

_WHICH: Final = "|".join(Setting)
_MAKING: Final = [
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.voice,
    discord.ChannelType.forum,
]
_POSTING: Final = [discord.ChannelType.text, discord.ChannelType.news]
_TITLES: Final = {
    Setting.CHANNELS: "settings-channels",
    Setting.GALLERY: "settings-gallery",
    Setting.MODERATORS: "settings-moderators",
    Setting.MODELS: "settings-models",
    Setting.MODEL: "settings-model",
    Setting.SIZE: "settings-size",
    Setting.VARIANTS: "settings-variants",
    Setting.GREATEST_BATCH: "settings-batch",
    Setting.LANGUAGE: "settings-language",
}
_HINTS: Final = {
    Setting.CHANNELS: "settings-channels-hint",
    Setting.GALLERY: "settings-gallery-hint",
    Setting.MODERATORS: "settings-moderators-hint",
}
_RESETS: Final = {
    Setting.CHANNELS: "settings-everywhere",
    Setting.GALLERY: "settings-gallery-reset",
    Setting.MODERATORS: "settings-moderators-reset",
}
_UNCHOSEN: Final = {
    Setting.CHANNELS: "settings-everywhere",
    Setting.GALLERY: "settings-gallery-none",
    Setting.MODERATORS: "settings-moderators-none",
}

Row: TypeAlias = ui.ActionRow[ui.LayoutView]
Sight: TypeAlias = Mapping[int, tuple[str, ...] | None]
"""By the id of each chosen channel: the permissions that the bot lacks there; None if the bot does not know such a
channel of the server."""


class SettingSelect(MessageSelect, action="setting", key=_WHICH):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        data: Any = interaction.data
        await _choose(interaction, Setting(self.key), data.get("values") or ())


class ResetButton(MessageButton, action="unset", key=_WHICH):
    """Reset a setting."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        await _choose(interaction, Setting(self.key), ())


async def panel(interaction: discord.Interaction[Any], guild_id: int) -> ui.LayoutView:
    services, guild = services_of(interaction), interaction.guild
    guilds = services.stores.guilds
    settings = await guilds.settings(guild_id)
    changes = await guilds.changes(guild_id, most=CHANGES_SHOWN)
    chosen = (*settings.channels, settings.gallery_channel_id, settings.moderators_channel_id)
    sight = {
        channel_id: lacking_in(guild, channel_id) if guild is not None else None
        for channel_id in chosen
        if channel_id is not None
    }
    return settings_view(texts_in(str(interaction.locale)), settings, changes, sight, services.engine.models)


def settings_view(
    say: Texts,
    settings: GuildSettings,
    changes: Sequence[SettingChange],
    sight: Sight,
    models: Mapping[str, Model],
) -> ui.LayoutView:
    """Build the panel. `models` are those that are switched on; if there is only one, nothing is asked about models.
    Shapes and numbers are those of the server's model; a stored one that it does not have is shown as what is used."""
    container: ui.Container[ui.LayoutView] = ui.Container()
    container.add_item(ui.TextDisplay(f"### {say('settings-heading')}\n-# {say('settings-intro')}"))
    for setting in (Setting.CHANNELS, Setting.GALLERY, Setting.MODERATORS):
        chosen = _channels(settings, setting)
        container.add_item(_about(say, setting, chosen, sight))
        container.add_item(
            _row(
                setting,
                _channel_select(say, setting, [channel_id for channel_id in chosen if sight[channel_id] is not None]),
            )
        )
    container.add_item(ui.Separator())
    for setting, select in _selects(say, settings, models).items():
        lines = [f"**{say(_TITLES[setting])}**", *_about_models(say, setting, settings, models)]
        container.add_item(ui.TextDisplay("\n".join(lines)))
        container.add_item(_row(setting, select))
    container.add_item(ui.Separator())
    container.add_item(ui.TextDisplay(_history(say, changes)))
    return ui.LayoutView(timeout=None).add_item(container)


# -- a choice ----------------------------------------------------------------------------------------------------------


async def _choose(interaction: discord.Interaction[Any], setting: Setting, values: Sequence[Any]) -> None:
    """Store a choice and rebuild the panel. A choice with a channel in which the bot cannot work is not stored at all:
    the panel shows the stored settings again, then BadChoice is raised. Raises NotAllowed if the person may not manage
    the server, NotHere, UnknownChoice."""
    services, guild_id = services_of(interaction), managed_by(interaction)
    chosen = _read(setting, values, services.engine.models)
    refused: BadChoice | None = None
    try:
        check_channels(interaction, _channel_ids(setting, chosen))
    except BadChoice as error:
        refused = error
    else:
        now, by = services.engine.clock(), interaction.user.id
        await services.stores.guilds.choose(guild_id, setting, chosen, by=by, now=now)
    await interaction.response.edit_message(view=await panel(interaction, guild_id))
    if refused is not None:
        raise refused


def _read(setting: Setting, values: Sequence[Any], models: Mapping[str, Model]) -> Chosen:
    """Return the choice in the values of a select; an empty selection resets the setting. A panel may be older than the
    choice of another manager, so whatever any of the models (those that are switched on) has is taken: of what does not
    fit, the nearest is used. All models is the same as no choice: models that are added later are then offered too.
    Raises UnknownChoice."""
    match setting:
        case Setting.CHANNELS:
            return ids_in(values, most=OPTIONS_PER_SELECT)
        case Setting.GALLERY | Setting.MODERATORS:
            return next(iter(ids_in(values, most=1)), None)
        case Setting.LANGUAGE:
            return single(values, {OWN_LANGUAGE: None} | {language: language for language in LANGUAGES})
        case Setting.MODELS:
            wanted = several(values, {key: key for key in models}, most=len(models))
            return tuple(key for key in models if key in wanted) if len(wanted) < len(models) else ()
        case Setting.MODEL:
            return single(values, {key: key for key in models})
        case Setting.SIZE:
            return single(values, {size: size for size in all_sizes(models.values())})
        case Setting.VARIANTS:
            return single(values, {str(count): count for count in all_variants(models.values())})
        case Setting.GREATEST_BATCH:
            return single(values, {str(count): count for count in GREATEST_BATCHES})


def _channel_ids(setting: Setting, chosen: Chosen) -> tuple[int, ...]:
    """Return the ids of the channels in a choice."""
    if setting is Setting.CHANNELS and isinstance(chosen, tuple):
        return tuple(channel_id for channel_id in chosen if isinstance(channel_id, int))
    about_one = setting in (Setting.GALLERY, Setting.MODERATORS)
    return (chosen,) if about_one and isinstance(chosen, int) else ()


# -- what it looks like ------------------------------------------------------------------------------------------------


def _channels(settings: GuildSettings, setting: Setting) -> tuple[int, ...]:
    return _channel_ids(setting, getattr(settings, setting.value))


def _about(
    say: Texts, setting: Setting, chosen: tuple[int, ...], sight: Sight
) -> ui.TextDisplay[ui.LayoutView] | ui.Section[ui.LayoutView]:
    """Build the state of a channel setting, the problems of its channels, and the button that resets the setting."""
    title = f"**{say(_TITLES[setting])}**"
    if not chosen:
        return ui.TextDisplay(f"{title}\n{say(_UNCHOSEN[setting])}")
    reset = say(_RESETS[setting])
    lines = [title, *_state(say, setting, [channel_id for channel_id in chosen if sight[channel_id] is not None])]
    if gone := sum(sight[channel_id] is None for channel_id in chosen):
        lines.append(say("settings-gone", count=gone, reset=reset))
    broken = [unusable(channel_id, lacks) for channel_id in chosen if (lacks := sight[channel_id])]
    lines += [explain(problem.reason, problem.parameters, say) for problem in broken[:PROBLEMS_SHOWN]]
    button: ui.Item[Any] = ResetButton(setting.value, reset)
    return ui.Section("\n".join(lines), accessory=button)


def _state(say: Texts, setting: Setting, present: Sequence[int]) -> list[str]:
    if not present:
        return []
    where = _mentions(say, present)
    match setting:
        case Setting.GALLERY:
            return [say("settings-gallery-chosen", channel=where)]
        case Setting.MODERATORS:
            return [say("settings-moderators-chosen", channel=where)]
        case _:
            return [say("settings-channels-chosen", channels=where)]


def _mentions(say: Texts, channel_ids: Sequence[int]) -> str:
    return _some(say, [f"<#{channel_id}>" for channel_id in channel_ids], between=" ")


def _some(say: Texts, names: Sequence[str], *, between: str) -> str:
    shown = between.join(names[:MENTIONS_SHOWN])
    more = len(names) - MENTIONS_SHOWN
    return say("settings-some", some=shown, count=more) if more > 0 else shown


def _row(setting: Setting, select: Select) -> Row:
    row: Row = ui.ActionRow()
    return row.add_item(SettingSelect(select, setting.value))


def _channel_select(say: Texts, setting: Setting, present: Sequence[int]) -> ui.ChannelSelect[ui.LayoutView]:
    several = setting is Setting.CHANNELS
    a_channel = discord.SelectDefaultValueType.channel
    return ui.ChannelSelect(
        placeholder=say(_HINTS[setting]),
        channel_types=_MAKING if several else _POSTING,
        min_values=0,
        max_values=OPTIONS_PER_SELECT if several else 1,
        default_values=[discord.SelectDefaultValue(id=channel_id, type=a_channel) for channel_id in present],
    )


def _about_models(say: Texts, setting: Setting, settings: GuildSettings, models: Mapping[str, Model]) -> Sequence[str]:
    """Return what does not hold as it was chosen: models that cannot be had now, a default that is not offered."""
    match setting:
        case Setting.MODELS:
            gone = [stored_model_name(say, key) for key in settings.models if key not in models]
            lines = [say("settings-models-gone", models=_some(say, gone, between=say("text-between")))] if gone else []
            return [*lines, say("settings-models-none-left")] if gone and len(gone) == len(settings.models) else lines
        case Setting.MODEL:
            offers = offered(models, settings.models)
            used = default_model(offers, settings.model).name
            name = stored_model_name(say, settings.model)
            return [say("settings-model-other", model=name, used=used)] if settings.model not in offers else []
        case _:
            return []


def _selects(say: Texts, settings: GuildSettings, models: Mapping[str, Model]) -> Mapping[Setting, Select]:
    """Build the selects of all settings that are no channels, in the order of the panel."""
    offers = offered(models, settings.models)
    model = default_model(offers, settings.model)
    batches = [
        discord.SelectOption(
            label=say("settings-batch-count", count=most), value=str(most), default=most == settings.greatest_batch
        )
        for most in GREATEST_BATCHES
    ]
    languages = [
        discord.SelectOption(
            label=_value_text(say, Setting.LANGUAGE, language),
            value=language or OWN_LANGUAGE,
            default=language == settings.language,
        )
        for language in (None, *LANGUAGES)
    ]
    about_models: Mapping[Setting, Select] = {
        Setting.MODELS: ui.Select(
            placeholder=say("settings-models-all"),
            options=model_options(say, models.values(), settings.models),
            min_values=0,
            max_values=len(models),
        ),
        Setting.MODEL: ui.Select(placeholder=model.name, options=model_options(say, offers.values(), (model.key,))),
    }
    return {
        **(about_models if len(models) > 1 else {}),
        Setting.SIZE: ui.Select(options=size_options(say, model.sizes, model.like_size(settings.size))),
        Setting.VARIANTS: ui.Select(
            options=variants_options(say, model.variants, model.nearest_variants(settings.variants))
        ),
        Setting.GREATEST_BATCH: ui.Select(options=batches),
        Setting.LANGUAGE: ui.Select(options=languages),
    }


def _value_text(say: Texts, setting: Setting, chosen: Chosen) -> str:
    """Return a setting's value as text."""
    match setting, chosen:
        case Setting.LANGUAGE, str():
            return texts_in(chosen)("settings-language-itself")
        case Setting.LANGUAGE, _:
            return say("settings-language-own")
        case Setting.CHANNELS, tuple():
            channel_ids = _channel_ids(setting, chosen)
            return _mentions(say, channel_ids) if channel_ids else say("settings-everywhere")
        case Setting.MODELS, tuple():
            names = [stored_model_name(say, key) for key in chosen if isinstance(key, str)]
            return _some(say, names, between=say("text-between")) if names else say("settings-models-all")
        case Setting.MODEL, str():
            return stored_model_name(say, chosen)
        case Setting.GREATEST_BATCH, int():
            return say("settings-batch-count", count=chosen)
        case Setting.VARIANTS, int():
            return say("forms-variants-count", count=chosen)
        case _, str():
            return shape(say, chosen)
        case _, int():
            return f"<#{chosen}>"
        case _:
            return say("settings-none")


def _history(say: Texts, changes: Sequence[SettingChange]) -> str:
    if not changes:
        return f"-# {say('settings-no-changes')}"
    lines = [
        say(
            "settings-change",
            setting=say(_TITLES[change.setting]),
            chosen=_value_text(say, change.setting, change.after),
            by=mention(say, change.by),
            when=f"<t:{change.at // 1000}:R>",
        )
        for change in changes
    ]
    return "\n".join(f"-# {line}" for line in (say("settings-changes"), *lines))
