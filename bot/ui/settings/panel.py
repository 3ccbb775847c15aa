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
from bot.ui.kit.dynamic_items import MessageButton, MessageSelect, Select, services_of
from bot.ui.kit.selected import ids_in, single
from bot.ui.kit.text import mention, shape
from storage.bounds import GREATEST_BATCH
from storage.catalogue import DEFAULT
from storage.community import Chosen, GuildSettings, Setting, SettingChange

GREATEST_BATCHES: Final = range(1, GREATEST_BATCH + 1)
CHANGES_SHOWN: Final = 3
PROBLEMS_SHOWN: Final = 3
MENTIONS_SHOWN: Final = 5
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
    Setting.GREATEST_BATCH: "settings-batch",
    Setting.SIZE: "settings-size",
    Setting.VARIANTS: "settings-variants",
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
    guilds, guild = services_of(interaction).stores.guilds, interaction.guild
    settings = await guilds.settings(guild_id)
    changes = await guilds.changes(guild_id, most=CHANGES_SHOWN)
    chosen = (*settings.channels, settings.gallery_channel_id, settings.moderators_channel_id)
    sight = {
        channel_id: lacking_in(guild, channel_id) if guild is not None else None
        for channel_id in chosen
        if channel_id is not None
    }
    return settings_view(texts_in(str(interaction.locale)), settings, changes, sight)


def settings_view(say: Texts, settings: GuildSettings, changes: Sequence[SettingChange], sight: Sight) -> ui.LayoutView:
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
    for setting, options in _options(say, settings).items():
        container.add_item(ui.TextDisplay(f"**{say(_TITLES[setting])}**"))
        container.add_item(_row(setting, ui.Select(options=options)))
    container.add_item(ui.Separator())
    container.add_item(ui.TextDisplay(_history(say, changes)))
    return ui.LayoutView(timeout=None).add_item(container)


# -- a choice ----------------------------------------------------------------------------------------------------------


async def _choose(interaction: discord.Interaction[Any], setting: Setting, values: Sequence[Any]) -> None:
    """Store a choice and rebuild the panel. A choice with a channel in which the bot cannot work is not stored at all:
    the panel shows the stored settings again, then BadChoice is raised. Raises NotAllowed if the person may not manage
    the server, NotHere, UnknownChoice."""
    chosen = _read(setting, values)
    services, guild_id = services_of(interaction), managed_by(interaction)
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


def _read(setting: Setting, values: Sequence[Any]) -> Chosen:
    """Return the choice in the values of a select; an empty selection resets the setting. Raises UnknownChoice."""
    match setting:
        case Setting.CHANNELS:
            return ids_in(values, most=OPTIONS_PER_SELECT)
        case Setting.GALLERY | Setting.MODERATORS:
            return next(iter(ids_in(values, most=1)), None)
        case Setting.LANGUAGE:
            return single(values, {OWN_LANGUAGE: None} | {language: language for language in LANGUAGES})
        case Setting.SIZE:
            return single(values, {size: size for size in DEFAULT.sizes})
        case Setting.VARIANTS:
            return single(values, {str(count): count for count in DEFAULT.variants})
        case Setting.GREATEST_BATCH:
            return single(values, {str(count): count for count in GREATEST_BATCHES})


def _channel_ids(setting: Setting, chosen: Chosen) -> tuple[int, ...]:
    """Return the ids of the channels in a choice."""
    if isinstance(chosen, tuple):
        return chosen
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
    shown = " ".join(f"<#{channel_id}>" for channel_id in channel_ids[:MENTIONS_SHOWN])
    more = len(channel_ids) - MENTIONS_SHOWN
    return say("settings-some", channels=shown, count=more) if more > 0 else shown


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


def _options(say: Texts, settings: GuildSettings) -> Mapping[Setting, list[discord.SelectOption]]:
    values: Mapping[Setting, Sequence[int | str]] = {
        Setting.GREATEST_BATCH: GREATEST_BATCHES,
        Setting.SIZE: DEFAULT.sizes,
        Setting.VARIANTS: DEFAULT.variants,
        Setting.LANGUAGE: (OWN_LANGUAGE, *LANGUAGES),
    }
    return {setting: [_option(say, setting, value, settings) for value in those] for setting, those in values.items()}


def _option(say: Texts, setting: Setting, value: int | str, settings: GuildSettings) -> discord.SelectOption:
    chosen: Chosen = _read(setting, [str(value)])
    holds = getattr(settings, setting.value) == chosen
    return discord.SelectOption(label=_value_text(say, setting, chosen), value=str(value), default=holds)


def _value_text(say: Texts, setting: Setting, chosen: Chosen) -> str:
    """Return a setting's value as text."""
    match setting, chosen:
        case Setting.LANGUAGE, str():
            return texts_in(chosen)("settings-language-itself")
        case Setting.LANGUAGE, _:
            return say("settings-language-own")
        case Setting.CHANNELS, tuple():
            return _mentions(say, chosen) if chosen else say("settings-everywhere")
        case Setting.GREATEST_BATCH, int():
            return say("settings-batch-count", count=chosen)
        case Setting.VARIANTS, int():
            return say("style-variants", count=chosen)
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
