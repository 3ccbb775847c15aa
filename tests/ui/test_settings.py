"""Tests for server settings: the panel is for managers, works after restarts, and says what does not work."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import discord
import pytest
from simcord.actors import MemberActor
from simcord.backend.models.channel import Overwrite
from simcord.builders import ChannelHandle
from simcord.enums import OverwriteType

from bot.texts import LANGUAGES, texts_in
from bot.ui.settings.panel import settings_view
from storage.catalogue import MODELS
from storage.community import Chosen, GuildSettings, Setting, SettingChange
from storage.guilds import GuildStore
from tests.worlds.bot_world import BotWorld, button_ids, components, texts

CHANNEL_SELECT, STRING_SELECT = 8, 3


@pytest.fixture
def guilds(world: BotWorld) -> GuildStore:
    return world.client.services.stores.guilds


@pytest.fixture
def carol(world: BotWorld) -> MemberActor:
    """Return a member who may manage the server."""
    return manager(world, "carol")


def manager(world: BotWorld, name: str) -> MemberActor:
    role = world.guild.create_role(f"keys of {name}", permissions=discord.Permissions(manage_guild=True))
    return world.guild.add_member(world.env.create_user(name), roles=[role])


async def opened(world: BotWorld, who: MemberActor) -> Any:
    asked = await who.slash(world.channel, "settings")
    assert asked.ephemeral
    return asked.response


async def select(who: MemberActor, panel: Any, setting: Setting, *values: Any) -> Any:
    return await who.select(panel, list(values), custom_id=f"a1:setting:{setting.value}")


def silent(world: BotWorld, **denied: bool) -> ChannelHandle:
    """Create a channel in which some permissions of the bot are denied."""
    assert world.guild.me is not None
    return world.guild.create_text_channel("quiet", overwrites={world.guild.me: discord.PermissionOverwrite(**denied)})


def said(world: BotWorld, answered: Any) -> str:
    """Return the text of the ephemeral follow-up below the panel."""
    world.acknowledged = world.env.error_cursor
    (followup,) = answered.followups
    return str(followup.content)


# -- choosing ----------------------------------------------------------------------------------------------------------


async def test_those_who_manage_a_server_see_its_settings(world: BotWorld, carol: MemberActor) -> None:
    panel = await opened(world, carol)
    selects = [
        component["custom_id"]
        for component in components(panel)
        if component["type"] in (CHANNEL_SELECT, STRING_SELECT)
    ]
    assert selects == [f"a1:setting:{setting.value}" for setting in Setting]
    assert "Everywhere" in texts(panel)
    assert "Nothing has been changed yet." in texts(panel)
    assert button_ids(panel) == []


async def test_each_choice_is_kept_with_who_and_when(world: BotWorld, carol: MemberActor, guilds: GuildStore) -> None:
    gallery = world.guild.create_text_channel("gallery")
    reports = world.guild.create_text_channel("reports")
    panel = await opened(world, carol)
    await select(carol, panel, Setting.CHANNELS, world.channel, gallery)
    await select(carol, panel, Setting.GALLERY, gallery)
    await select(carol, panel, Setting.MODERATORS, reports)
    await select(carol, panel, Setting.GREATEST_BATCH, "20")
    await select(carol, panel, Setting.SIZE, "3:2")
    await select(carol, panel, Setting.VARIANTS, "4")
    world.clock.turn(60)
    await select(carol, panel, Setting.LANGUAGE, "zh-CN")
    assert await guilds.settings(world.guild.id) == GuildSettings(
        channels=(world.channel.id, gallery.id),
        gallery_channel_id=gallery.id,
        moderators_channel_id=reports.id,
        greatest_batch=20,
        size="3:2",
        variants=4,
        language="zh-CN",
    )
    last, before, *_ = await guilds.changes(world.guild.id, most=10)
    assert last == SettingChange(at=world.clock(), by=carol.id, setting=Setting.LANGUAGE, after="zh-CN")
    assert before.at == world.clock() - 60_000


async def test_the_panel_shows_what_was_chosen_and_by_whom(world: BotWorld, carol: MemberActor) -> None:
    panel = await opened(world, carol)
    changed = (await select(carol, panel, Setting.VARIANTS, "4")).response
    (field,) = [component for component in components(changed) if component.get("custom_id") == "a1:setting:variants"]
    assert [option["value"] for option in field["options"] if option.get("default")] == ["4"]
    assert f"4 pictures, by <@{carol.id}>" in texts(changed)
    assert world.env.backend.get_message(world.channel.id, changed.id).ping_user_ids == []


async def test_the_same_choice_once_more_is_no_change(world: BotWorld, carol: MemberActor, guilds: GuildStore) -> None:
    panel = await opened(world, carol)
    for _ in range(2):
        await select(carol, panel, Setting.SIZE, "3:2")
    await select(carol, panel, Setting.CHANNELS)
    assert len(await guilds.changes(world.guild.id, most=10)) == 1


async def test_pictures_are_made_as_the_server_has_chosen(world: BotWorld, carol: MemberActor) -> None:
    panel = await opened(world, carol)
    await select(carol, panel, Setting.SIZE, "2:3")
    await select(carol, panel, Setting.VARIANTS, "2")
    await world.ask("a red door")
    task = await world.only_task()
    assert (task.size, task.variants) == ("2:3", 2)


async def test_everywhere_is_one_press_away(world: BotWorld, carol: MemberActor, guilds: GuildStore) -> None:
    elsewhere = world.guild.create_text_channel("elsewhere")
    panel = await opened(world, carol)
    await select(carol, panel, Setting.CHANNELS, elsewhere)
    assert elsewhere.mention in world.refusal(await world.ask("a red door"))
    await carol.click(panel, custom_id="a1:unset:channels")
    assert (await guilds.settings(world.guild.id)).channels == ()
    await world.ask("a red door")
    assert await world.only_task()


@pytest.mark.parametrize("setting", [Setting.GALLERY, Setting.MODERATORS])
async def test_a_channel_can_be_taken_back(
    world: BotWorld, carol: MemberActor, guilds: GuildStore, setting: Setting
) -> None:
    panel = await opened(world, carol)
    await select(carol, panel, setting, world.channel)
    await carol.click(panel, custom_id=f"a1:unset:{setting.value}")
    await select(carol, panel, setting, world.channel)
    await select(carol, panel, setting)
    assert await guilds.settings(world.guild.id) == GuildSettings()


async def test_the_panel_goes_on_after_a_restart(world: BotWorld, carol: MemberActor, guilds: GuildStore) -> None:
    panel = await opened(world, carol)
    await select(carol, panel, Setting.GALLERY, world.channel)
    await world.restart()
    await select(carol, panel, Setting.SIZE, "3:2")
    await world.restart()
    await carol.click(panel, custom_id="a1:unset:gallery_channel_id")
    assert await guilds.settings(world.guild.id) == GuildSettings(size="3:2")


async def test_managers_who_change_different_settings_at_once_both_get_theirs(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    dave = manager(world, "dave")
    first, second = await opened(world, carol), await opened(world, dave)
    await select(carol, first, Setting.SIZE, "3:2")
    changed = (await select(dave, second, Setting.VARIANTS, "4")).response
    assert await guilds.settings(world.guild.id) == GuildSettings(size="3:2", variants=4)
    assert f"<@{carol.id}>" in texts(changed)


async def test_first_choices_of_a_server_at_the_same_moment_are_all_kept(guilds: GuildStore) -> None:
    choices: list[tuple[Setting, Chosen]] = [
        (Setting.SIZE, "3:2"),
        (Setting.VARIANTS, 4),
        (Setting.GREATEST_BATCH, 3),
        (Setting.LANGUAGE, "zh-CN"),
    ]
    await asyncio.gather(*[guilds.choose(7, setting, value, by=1, now=5) for setting, value in choices])
    assert await guilds.settings(7) == GuildSettings(size="3:2", variants=4, greatest_batch=3, language="zh-CN")
    assert await guilds.settings(8) == GuildSettings()
    assert len(await guilds.changes(7, most=10)) == 4


async def test_discord_is_told_to_offer_the_command_to_managers_in_servers_alone(world: BotWorld) -> None:
    (command,) = [command for command in world.requests("PUT", "/commands")[-1].json if command["name"] == "settings"]
    assert int(command["default_member_permissions"]) == discord.Permissions(manage_guild=True).value
    assert (command["contexts"], command["integration_types"]) == ([0], [0])


# -- models ------------------------------------------------------------------------------------------------------------


def options_of(panel: Any, setting: Setting) -> list[dict[str, Any]]:
    (field,) = [part for part in components(panel) if part.get("custom_id") == f"a1:setting:{setting.value}"]
    return list(field["options"])


def chosen_in(panel: Any, setting: Setting) -> list[str]:
    return [option["value"] for option in options_of(panel, setting) if option.get("default")]


def switch_on(world: BotWorld, *keys: str) -> None:
    """Let the operator have switched on these models alone."""
    world.engine._policy = replace(world.engine._policy, models={key: MODELS[key] for key in keys})


async def test_all_models_are_offered_with_what_each_is_good_for(world: BotWorld, carol: MemberActor) -> None:
    panel = await opened(world, carol)
    offers = options_of(panel, Setting.MODELS)
    assert [option["value"] for option in offers] == list(MODELS)
    assert offers[0]["description"] == "6 credits · All-round; can change only the part of a picture that you mark"
    assert chosen_in(panel, Setting.MODELS) == []
    assert chosen_in(panel, Setting.MODEL) == ["4o"]


async def test_the_default_is_one_of_the_models_that_the_server_offers(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    panel = await opened(world, carol)
    changed = (await select(carol, panel, Setting.MODELS, "qwen", "4o", "gpt-image")).response
    assert [option["value"] for option in options_of(changed, Setting.MODEL)] == ["4o", "gpt-image", "qwen"]
    changed = (await select(carol, panel, Setting.MODEL, "qwen")).response
    assert chosen_in(changed, Setting.MODEL) == ["qwen"]
    settings = await guilds.settings(world.guild.id)
    assert (settings.models, settings.model) == (("4o", "gpt-image", "qwen"), "qwen")
    assert "Model, unless someone chooses another: Qwen Image 2.1, by" in texts(changed)
    assert "Models that people can choose: 4o Image, GPT Image 2.5 Flare, Qwen Image 2.1, by" in texts(changed)


async def test_a_default_that_is_no_longer_offered_gives_way_to_the_first_that_is(
    world: BotWorld, carol: MemberActor
) -> None:
    panel = await opened(world, carol)
    await select(carol, panel, Setting.MODEL, "qwen")
    changed = (await select(carol, panel, Setting.MODELS, "seedream", "grok")).response
    assert chosen_in(changed, Setting.MODEL) == ["seedream"]
    (field,) = [part for part in components(changed) if part.get("custom_id") == f"a1:setting:{Setting.MODEL.value}"]
    assert field["placeholder"] == "Seedream 5 Pro"
    assert "Qwen Image 2.1 isn’t offered here, so Seedream 5 Pro is used." in texts(changed)


@pytest.mark.parametrize("wanted", [tuple(MODELS), ()])
async def test_all_models_chosen_and_none_chosen_are_the_same(
    world: BotWorld, carol: MemberActor, guilds: GuildStore, wanted: tuple[str, ...]
) -> None:
    panel = await opened(world, carol)
    await select(carol, panel, Setting.MODELS, "grok")
    changed = (await select(carol, panel, Setting.MODELS, *wanted)).response
    assert (await guilds.settings(world.guild.id)).models == ()
    assert "Models that people can choose: all models, by" in texts(changed)


async def test_shapes_and_numbers_are_those_of_the_servers_model(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    panel = await opened(world, carol)
    assert [option["value"] for option in options_of(panel, Setting.SIZE)] == ["1:1", "3:2", "2:3"]
    assert [option["value"] for option in options_of(panel, Setting.VARIANTS)] == ["1", "2", "4"]
    changed = (await select(carol, panel, Setting.MODEL, "nano-banana")).response
    assert [option["value"] for option in options_of(changed, Setting.SIZE)] == list(MODELS["nano-banana"].sizes)
    assert [option["value"] for option in options_of(changed, Setting.VARIANTS)] == ["1", "2", "3", "4"]
    await select(carol, panel, Setting.SIZE, "21:9")
    await select(carol, panel, Setting.VARIANTS, "3")
    changed = (await select(carol, panel, Setting.MODEL, "4o")).response
    assert (chosen_in(changed, Setting.SIZE), chosen_in(changed, Setting.VARIANTS)) == (["3:2"], ["2"])
    settings = await guilds.settings(world.guild.id)
    assert (settings.size, settings.variants) == ("21:9", 3)


async def test_a_shape_chosen_in_a_panel_that_is_older_than_the_model_is_kept_and_fitted(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    dave = manager(world, "dave")
    await select(carol, await opened(world, carol), Setting.MODEL, "nano-banana")
    older = await opened(world, carol)
    await select(dave, await opened(world, dave), Setting.MODEL, "4o")
    changed = (await select(carol, older, Setting.SIZE, "9:16")).response
    assert (await guilds.settings(world.guild.id)).size == "9:16"
    assert (chosen_in(changed, Setting.MODEL), chosen_in(changed, Setting.SIZE)) == (["4o"], ["2:3"])


async def test_models_that_cannot_be_had_now_are_named_and_not_offered(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    for models in (("grok", "qwen"), ("grok", "once-there")):
        await guilds.choose(world.guild.id, Setting.MODELS, models, by=carol.id, now=0)
    switch_on(world, "4o", "grok", "z-image")
    panel = await opened(world, carol)
    assert "Not available now: a model I no longer know." in texts(panel)
    assert "None of the models" not in texts(panel)
    assert chosen_in(panel, Setting.MODELS) == ["grok"]
    assert chosen_in(panel, Setting.MODEL) == ["grok"]
    assert "4o Image isn’t offered here, so Grok Imagine 2.0 is used." in texts(panel)
    assert "Grok Imagine 2.0, a model I no longer know, by" in texts(panel)
    assert "Grok Imagine 2.0, Qwen Image 2.1, by" in texts(panel)


async def test_if_none_of_the_chosen_models_can_be_had_all_others_are_offered(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    await guilds.choose(world.guild.id, Setting.MODELS, ("qwen",), by=carol.id, now=0)
    await guilds.choose(world.guild.id, Setting.MODEL, "qwen", by=carol.id, now=0)
    switch_on(world, "grok", "z-image")
    panel = await opened(world, carol)
    assert "Not available now: Qwen Image 2.1.\nNone of the models chosen here is available now" in texts(panel)
    assert [option["value"] for option in options_of(panel, Setting.MODEL)] == ["grok", "z-image"]
    assert "Qwen Image 2.1 isn’t offered here, so Grok Imagine 2.0 is used." in texts(panel)


async def test_where_there_is_one_model_nothing_is_asked_about_models(world: BotWorld, carol: MemberActor) -> None:
    switch_on(world, "4o")
    panel = await opened(world, carol)
    assert "model" not in texts(panel).casefold()
    assert not [part for part in components(panel) if part.get("custom_id", "").startswith("a1:setting:model")]


async def test_a_model_that_the_operator_has_switched_off_cannot_be_chosen(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    panel = await opened(world, carol)
    switch_on(world, "4o", "grok")
    for setting in (Setting.MODEL, Setting.MODELS):
        assert "isn’t one of the choices" in world.refusal(await select(carol, panel, setting, "qwen"))
    assert await guilds.settings(world.guild.id) == GuildSettings()


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [Setting.CHANNELS, Setting.GALLERY, Setting.MODERATORS])
@pytest.mark.parametrize(
    ("denied", "remedy"),
    [("view_channel", "see this channel"), ("send_messages", "send messages"), ("attach_files", "attach files")],
)
@pytest.mark.sampled(every=3)
async def test_a_channel_we_cannot_work_in_is_refused_with_what_to_allow(
    world: BotWorld, carol: MemberActor, guilds: GuildStore, setting: Setting, denied: str, remedy: str
) -> None:
    quiet = silent(world, **{denied: False})
    answered = await select(carol, await opened(world, carol), setting, quiet)
    sentence = said(world, answered)
    assert f"<#{quiet.id}>" in sentence
    assert remedy in sentence
    assert await guilds.settings(world.guild.id) == GuildSettings()


async def test_one_channel_of_several_that_does_not_work_refuses_the_choice(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    quiet = silent(world, attach_files=False)
    answered = await select(carol, await opened(world, carol), Setting.CHANNELS, world.channel, quiet)
    assert f"<#{quiet.id}>" in said(world, answered)
    assert (await guilds.settings(world.guild.id)).channels == ()


async def test_a_forum_needs_us_to_write_in_its_posts(world: BotWorld, carol: MemberActor, guilds: GuildStore) -> None:
    forum = world.guild.create_forum_channel("works")
    await select(carol, await opened(world, carol), Setting.CHANNELS, forum)
    assert (await guilds.settings(world.guild.id)).channels == (forum.id,)
    forbid(world, forum, discord.Permissions(send_messages_in_threads=True))
    assert "send messages in threads" in texts(await opened(world, carol))


async def test_who_may_no_longer_manage_the_server_changes_nothing(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    panel = await opened(world, carol)
    await select(carol, panel, Setting.GALLERY, world.channel)
    demote(world, carol)
    for answered in (
        await select(carol, panel, Setting.SIZE, "3:2"),
        await carol.click(panel, custom_id="a1:unset:gallery_channel_id"),
    ):
        assert "can manage this server" in world.refusal(answered)
    assert await guilds.settings(world.guild.id) == GuildSettings(gallery_channel_id=world.channel.id)


def demote(world: BotWorld, who: MemberActor) -> None:
    world.env.backend.edit_member(world.guild.id, who.id, {"role_ids": []})


async def test_the_command_is_for_those_who_manage_the_server_alone(world: BotWorld) -> None:
    command = next(command for command in await world.client.tree.fetch_commands() if command.name == "settings")
    world.guild.set_command_permissions(command.id, {world.guild.default_role: True})
    assert "can manage this server" in world.refusal(await world.alice.slash(world.channel, "settings"))


# -- deleted and closed channels ---------------------------------------------------------------------------------------


def delete(world: BotWorld, channel: ChannelHandle) -> None:
    world.env.backend.delete_channel(channel.id)


async def test_a_channel_deleted_later_is_shown_as_gone_with_what_to_do(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    gallery = world.guild.create_text_channel("gallery")
    await select(carol, await opened(world, carol), Setting.GALLERY, gallery)
    delete(world, gallery)
    panel = await opened(world, carol)
    assert "1 channel chosen here is gone, or hidden from me. Choose again, or press “No gallery”." in texts(panel)
    assert "are copied to" not in texts(panel)
    await carol.click(panel, custom_id="a1:unset:gallery_channel_id")
    assert await guilds.settings(world.guild.id) == GuildSettings()


def forbid(world: BotWorld, channel: ChannelHandle, denied: discord.Permissions) -> None:
    assert world.guild.me is not None
    overwrite = Overwrite(target_id=world.guild.me.id, type=OverwriteType.MEMBER, deny=denied.value)
    world.env.backend.set_overwrite(channel.id, overwrite)


async def test_a_channel_that_was_closed_to_us_later_is_shown_with_the_remedy(
    world: BotWorld, carol: MemberActor
) -> None:
    gallery = world.guild.create_text_channel("gallery")
    panel = await opened(world, carol)
    await select(carol, panel, Setting.GALLERY, gallery)
    forbid(world, gallery, discord.Permissions(attach_files=True))
    changed = (await select(carol, panel, Setting.SIZE, "3:2")).response
    assert (
        f"I can’t use <#{gallery.id}>. In the channel’s settings, under Permissions, allow me to attach files"
        in texts(changed)
    )


async def test_when_all_channels_for_making_are_gone_the_panel_says_so(
    world: BotWorld, carol: MemberActor, guilds: GuildStore
) -> None:
    elsewhere = world.guild.create_text_channel("elsewhere")
    await select(carol, await opened(world, carol), Setting.CHANNELS, elsewhere)
    delete(world, elsewhere)
    panel = await opened(world, carol)
    assert "press “Everywhere”" in texts(panel)
    (field,) = [component for component in components(panel) if component.get("custom_id") == "a1:setting:channels"]
    assert not field.get("default_values")


# -- size and language of the panel ------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_fullest_panel_stays_within_what_a_message_holds(language: str) -> None:
    ids = tuple(range(2**60, 2**60 + 25))
    settings = GuildSettings(
        channels=ids,
        gallery_channel_id=ids[0],
        moderators_channel_id=ids[1],
        language="zh-CN",
        models=(*MODELS, *(f"gone-{number}" for number in range(20))),
        model="gone",
    )
    lacks = ("view_channel", "send_messages", "attach_files", "read_message_history")
    sight = {channel_id: (lacks if channel_id % 3 else None) for channel_id in ids}
    changes = [SettingChange(at=0, by=2**62, setting=Setting.CHANNELS, after=ids)] * 3
    view = settings_view(texts_in(language), settings, changes, sight, MODELS)
    assert view.content_length() <= 4000
    assert view.total_children_count <= 40
    for component in view.walk_children():
        if isinstance(component, discord.ui.Select):
            assert len(component.options) <= 25
            assert all(len(option.label) <= 100 for option in component.options)
            assert all(len(option.description or "") <= 100 for option in component.options)


async def test_a_manager_reads_the_panel_in_their_language(world: BotWorld, carol: MemberActor) -> None:
    world.locales[carol.id] = "zh-CN"
    panel = await opened(world, carol)
    assert "这个服务器的设置" in texts(panel)
    (field,) = [component for component in components(panel) if component.get("custom_id") == "a1:setting:language"]
    assert [option["label"] for option in field["options"]] == ["跟随发起人", "English", "简体中文"]
