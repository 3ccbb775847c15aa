"""Tests for `/preferences`: a person's own defaults are shown to that person alone, stored at once, and erased."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import discord
import pytest
from simcord.actors import MemberActor
from structlog.testing import capture_logs

from bot.errors import BadChoice
from bot.intake.added_words import added_words
from bot.texts import LANGUAGES, texts_in
from bot.ui.settings.preferences import preferences_view
from storage.catalogue import MODELS
from storage.community import GuildSettings, PreferenceChanges, Preferences, Setting
from storage.preferences import PreferenceStore
from tests.hostile.forging import Forger
from tests.worlds.bot_world import BotWorld, button_ids, components, texts

SELECT = 3


@pytest.fixture
def preferences(world: BotWorld) -> PreferenceStore:
    return world.stores.preferences


async def opened(world: BotWorld, who: MemberActor | None = None) -> Any:
    asked = await (who or world.alice).slash(world.channel, "preferences")
    assert asked.ephemeral
    return asked.response


async def select(world: BotWorld, panel: Any, name: str, value: str) -> Any:
    chosen: Any = await world.alice.select(panel, [value], custom_id=f"a1:preference:{name}")
    return chosen.response


async def write(world: BotWorld, panel: Any, words: str) -> Any:
    form = await world.alice.click(panel, custom_id="a1:preference-add")
    return await world.alice.submit_modal(form, {"words": words})


def options_of(panel: Any, name: str) -> list[dict[str, Any]]:
    (field,) = [part for part in components(panel) if part.get("custom_id") == f"a1:preference:{name}"]
    return list(field["options"])


def chosen_in(panel: Any, name: str) -> str:
    (chosen,) = [option["value"] for option in options_of(panel, name) if option.get("default")]
    return str(chosen)


def usual_in(panel: Any, name: str) -> str:
    """Return what the panel says is used where nothing is chosen."""
    return str(options_of(panel, name)[0]["label"])


def switch_on(world: BotWorld, *keys: str) -> None:
    """Let the operator have switched on these models alone."""
    world.engine._policy = replace(world.engine._policy, models={key: MODELS[key] for key in keys})


# -- choosing ----------------------------------------------------------------------------------------------------------


async def test_who_has_chosen_nothing_sees_what_is_usual(world: BotWorld) -> None:
    panel = await opened(world)
    names = [part["custom_id"].rpartition(":")[2] for part in components(panel) if part["type"] == SELECT]
    assert names == ["model", "size", "variants", "private"]
    assert [chosen_in(panel, name) for name in names] == ["usual"] * 4
    assert [usual_in(panel, name) for name in names] == [
        "As usual here: 4o Image",
        "As usual here: square (1:1)",
        "As usual here: 1 picture",
        "As usual here: everyone in the channel",
    ]
    assert "None. For example" in texts(panel)
    assert options_of(panel, "model")[1]["description"].startswith("6 credits · All-round")
    assert button_ids(panel) == ["a1:preference-add"]


async def test_what_is_usual_in_a_server_is_what_the_server_has_chosen(world: BotWorld) -> None:
    guilds, now = world.stores.guilds, world.clock()
    await guilds.choose(world.guild.id, Setting.MODEL, "nano-banana", by=1, now=now)
    await guilds.choose(world.guild.id, Setting.SIZE, "3:2", by=1, now=now)
    await guilds.choose(world.guild.id, Setting.VARIANTS, 3, by=1, now=now)
    panel = await opened(world)
    assert usual_in(panel, "model") == "As usual here: Nano Banana 2.1"
    assert "landscape (3:2)" in usual_in(panel, "size")
    assert usual_in(panel, "variants") == "As usual here: 3 pictures"


async def test_each_choice_is_stored_at_once_and_survives_restarts(
    world: BotWorld, preferences: PreferenceStore
) -> None:
    panel = await opened(world)
    await select(world, panel, "model", "nano-banana")
    await select(world, panel, "size", "21:9")
    await world.restart()
    await select(world, panel, "variants", "3")
    await select(world, panel, "private", "yes")
    await world.restart()
    changed = (await write(world, panel, "soft light,\n muted colours ")).response
    assert await preferences.of(world.alice.id) == Preferences(
        model="nano-banana", size="21:9", variants=3, private=True, words="soft light, muted colours"
    )
    assert [chosen_in(changed, name) for name in ("model", "size", "variants", "private")] == [
        "nano-banana",
        "21:9",
        "3",
        "yes",
    ]
    assert "soft light, muted colours" in texts(changed)


async def test_a_default_can_be_given_up_again(world: BotWorld, preferences: PreferenceStore) -> None:
    panel = await opened(world)
    chosen = {"model": "grok", "size": "16:9", "variants": "2", "private": "no"}
    for name, value in chosen.items():
        changed = await select(world, panel, name, value)
    assert await preferences.of(world.alice.id) == Preferences(model="grok", size="16:9", variants=2, private=False)
    for name in chosen:
        changed = await select(world, panel, name, "usual")
        assert chosen_in(changed, name) == "usual"
    assert await preferences.of(world.alice.id) == Preferences()
    assert (await world.stores.people.holdings(world.alice.id)).counts["preferences"] == 0


async def test_all_defaults_are_reset_with_one_press(world: BotWorld, preferences: PreferenceStore) -> None:
    panel = await opened(world)
    await select(world, panel, "model", "grok")
    changed = (await write(world, panel, "soft light")).response
    assert button_ids(changed) == ["a1:preference-add", "a1:preferences-reset"]
    reset: Any = await world.alice.click(changed, custom_id="a1:preferences-reset")
    assert await preferences.of(world.alice.id) == Preferences()
    assert chosen_in(reset.response, "model") == "usual"
    assert button_ids(reset.response) == ["a1:preference-add"]


async def test_the_form_shows_the_words_so_far_and_an_empty_one_removes_them(
    world: BotWorld, preferences: PreferenceStore
) -> None:
    panel = await opened(world)
    await write(world, panel, "soft light")
    form: Any = await world.alice.click(panel, custom_id="a1:preference-add")
    (label,) = form.modal["components"]
    assert (label["component"]["value"], label["component"]["max_length"]) == ("soft light", 500)
    await world.alice.submit_modal(form, {"words": ""})
    assert await preferences.of(world.alice.id) == Preferences()


async def test_shapes_and_numbers_are_those_of_the_chosen_model(world: BotWorld) -> None:
    panel = await opened(world)
    assert {"21:9", "1:8", "9:21"} <= {option["value"] for option in options_of(panel, "size")}
    await select(world, panel, "size", "21:9")
    await select(world, panel, "variants", "3")
    changed = await select(world, panel, "model", "4o")
    assert [option["value"] for option in options_of(changed, "size")] == ["usual", "1:1", "3:2", "2:3"]
    assert [option["value"] for option in options_of(changed, "variants")] == ["usual", "1", "2", "4"]
    assert (chosen_in(changed, "size"), chosen_in(changed, "variants")) == ("3:2", "2")
    changed = await select(world, panel, "model", "usual")
    assert (chosen_in(changed, "size"), chosen_in(changed, "variants")) == ("21:9", "3")


async def test_a_model_that_is_not_offered_here_is_kept_and_the_panel_says_what_is_used(
    world: BotWorld, preferences: PreferenceStore
) -> None:
    await world.stores.guilds.choose(world.guild.id, Setting.MODELS, ("z-image", "qwen"), by=1, now=0)
    changed = await select(world, await opened(world), "model", "grok")
    assert "Grok Imagine 2.0 isn’t offered here, so Qwen Image 2.1 is used." in texts(changed)
    assert (await preferences.of(world.alice.id)).model == "grok"


@pytest.mark.parametrize(("key", "name"), [("qwen", "Qwen Image 2.1"), ("once-there", "a model I no longer know")])
async def test_a_model_that_cannot_be_had_now_is_named_and_no_choice_is_lost(
    world: BotWorld, preferences: PreferenceStore, key: str, name: str
) -> None:
    await preferences.choose(world.alice.id, Preferences(model=key, size="9:21"), now=0)
    switch_on(world, "4o", "grok")
    panel = await opened(world)
    assert f"{name} isn’t offered here, so 4o Image is used." in texts(panel)
    assert chosen_in(panel, "model") == "usual"
    await select(world, panel, "variants", "2")
    assert await preferences.of(world.alice.id) == Preferences(model=key, size="9:21", variants=2)


async def test_where_there_is_one_model_nothing_is_asked_about_models(world: BotWorld) -> None:
    switch_on(world, "4o")
    panel = await opened(world)
    assert not [part for part in components(panel) if part.get("custom_id") == "a1:preference:model"]
    assert "Model" not in texts(panel)


async def test_the_command_is_there_for_everyone_everywhere(world: BotWorld) -> None:
    sent = world.requests("PUT", "/commands")[-1].json
    (command,) = [command for command in sent if command["name"] == "preferences"]
    assert command.get("default_member_permissions") is None
    assert (command["contexts"], command["integration_types"]) == ([0, 1, 2], [0, 1])


async def test_each_person_has_their_own(world: BotWorld, preferences: PreferenceStore) -> None:
    await select(world, await opened(world), "model", "grok")
    await write(world, await opened(world), "soft light")
    theirs = await opened(world, world.bob)
    assert chosen_in(theirs, "model") == "usual"
    assert "None. For example" in texts(theirs)
    await world.bob.click(await reset_offered(world, theirs), custom_id="a1:preferences-reset")
    assert await preferences.of(world.alice.id) == Preferences(model="grok", words="soft light")


async def reset_offered(world: BotWorld, panel: Any) -> Any:
    chosen: Any = await world.bob.select(panel, ["3:2"], custom_id="a1:preference:size")
    return chosen.response


# -- two windows -------------------------------------------------------------------------------------------------------


async def test_the_last_choice_in_two_windows_counts_and_the_panel_shows_the_other_ones(
    world: BotWorld, preferences: PreferenceStore
) -> None:
    first, second = await opened(world), await opened(world)
    await select(world, first, "model", "grok")
    await select(world, first, "variants", "3")
    changed = await select(world, second, "model", "qwen")
    assert await preferences.of(world.alice.id) == Preferences(model="qwen", variants=3)
    assert (chosen_in(changed, "model"), chosen_in(changed, "variants")) == ("qwen", "3")


async def test_a_shape_chosen_in_a_window_that_is_older_than_the_model_is_kept_and_fitted(
    world: BotWorld, preferences: PreferenceStore
) -> None:
    older = await opened(world)
    await select(world, await opened(world), "model", "4o")
    changed = await select(world, older, "size", "16:9")
    assert (await preferences.of(world.alice.id)).size == "16:9"
    assert chosen_in(changed, "size") == "3:2"


async def test_changes_at_the_same_moment_are_all_kept(preferences: PreferenceStore) -> None:
    changes = [
        PreferenceChanges(model="grok"),
        PreferenceChanges(size="16:9"),
        PreferenceChanges(variants=2),
        PreferenceChanges(private=True),
        PreferenceChanges(words="soft light"),
    ]
    await asyncio.gather(*[preferences.change(7, change, now=5) for change in changes])
    chosen = Preferences(model="grok", size="16:9", variants=2, private=True, words="soft light")
    assert await preferences.of(7) == chosen
    assert await preferences.of(8) == Preferences()


# -- words that cannot be added ----------------------------------------------------------------------------------------

NOT_PLAIN = [
    "like <@123456789>",
    "like <@!123456789>",
    "for <@&123456789>",
    "as in <#123456789>",
    "with <:smile:123456789>",
    "with <a:dance:123456789>",
    "at <t:1700000000:R>",
    "as </imagine:123456789>",
    "hello @everyone",
    "hello @here",
    "--ar 16:9",
    "soft light --ar 16:9",
    "soft light --v 6 in oil",
    "soft light —ar 3:2",
    "soft light -ar 3:2",
    "soft light --steps 30",
    "--no people",
    "{red, green} light",
    "light}",
]


@pytest.mark.parametrize("words", NOT_PLAIN)
def test_words_that_mean_something_else_in_a_prompt_are_not_added(words: str) -> None:
    with pytest.raises(BadChoice):
        added_words(words)


@pytest.mark.parametrize(
    "words",
    [
        "soft light",
        "light-hearted, 35mm",
        "柔和的光线",
        "an e-mail to ann@example.org",
        "< 3 colours",
        "50 % grey",
        "a*b",
    ],
)
def test_plain_words_are_added_as_typed(words: str) -> None:
    assert added_words(words) == words


def test_words_that_turn_the_direction_are_added_without_that() -> None:
    assert added_words("\u202eevil\u202c\0 light") == "evil light"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("soft light --ar 16:9", "I can add plain words only."),
        (" \u200b\n ", "There are no words in it."),
        ("x" * 501, "500 characters"),
        ("\U0001f308" * 251, "500 characters"),
    ],
)
async def test_words_that_cannot_be_added_are_refused_with_what_to_do(
    world: BotWorld, preferences: PreferenceStore, words: str, told: str
) -> None:
    panel = await opened(world)
    await write(world, panel, "soft light")
    form = await world.alice.click(panel, custom_id="a1:preference-add")
    forger = Forger(world.client)  # simcord refuses what is too long for the form, as Discord does
    forger.forge("words", words)
    refused = await world.alice.submit_modal(form, {"words": "longer"})
    assert told in world.refusal(refused)
    assert await preferences.of(world.alice.id) == Preferences(words="soft light")


# -- stored data -------------------------------------------------------------------------------------------------------


async def test_words_are_in_no_log_and_no_repr(world: BotWorld) -> None:
    with capture_logs() as logged:
        await write(world, await opened(world), "soft light")
    assert "soft light" not in str(logged)
    assert "soft light" not in repr(Preferences(words="soft light"))


async def test_they_are_shown_exported_and_erased_at_once(world: BotWorld, preferences: PreferenceStore) -> None:
    shown: Any = await world.alice.slash(world.channel, "privacy show")
    assert "Your own defaults: none" in shown.response.content
    await select(world, await opened(world), "model", "grok")
    await write(world, await opened(world), "soft light")
    await preferences.choose(world.bob.id, Preferences(model="qwen"), now=world.clock())
    shown = await world.alice.slash(world.channel, "privacy show")
    assert "- Your own defaults\n" in shown.response.content
    (row,) = (await world.stores.people.rows(world.alice.id))["preferences"]
    assert (row["model"], row["words"]) == ("grok", "soft light")
    question: Any = await world.alice.slash(world.channel, "privacy erase")
    assert "- Your own defaults" in texts(question.response)
    pressed: Any = await world.alice.click(question.response, label="Erase")
    assert await preferences.of(world.alice.id) == Preferences()
    assert await preferences.of(world.bob.id) == Preferences(model="qwen")
    await world.work(60)
    assert "- Your own defaults" in texts(pressed.response)


async def test_a_default_chosen_while_an_erasure_is_carried_out_stays_alone(
    world: BotWorld, preferences: PreferenceStore
) -> None:
    panel = await opened(world)
    await write(world, panel, "soft light")
    question: Any = await world.alice.slash(world.channel, "privacy erase")
    await world.alice.click(question.response, label="Erase")
    await select(world, panel, "model", "grok")
    await world.work(60)
    assert await preferences.of(world.alice.id) == Preferences(model="grok")


# -- what it looks like ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("model", [None, *MODELS, "gone"])
def test_the_fullest_panel_stays_within_what_a_message_holds(language: str, model: str | None) -> None:
    chosen = Preferences(model=model, size="21:9", variants=3, private=True, words="*" * 500)
    view = preferences_view(texts_in(language), chosen, GuildSettings(), MODELS)
    assert view.content_length() <= 4000
    assert view.total_children_count <= 40
    assert "\\*" * 500 in "".join(
        item.content for item in view.walk_children() if isinstance(item, discord.ui.TextDisplay)
    )
    for component in view.walk_children():
        if isinstance(component, discord.ui.Select):
            assert len(component.options) <= 25
            assert all(len(option.label) <= 100 for option in component.options)
            assert all(len(option.description or "") <= 100 for option in component.options)
            assert sum(option.default for option in component.options) == 1


async def test_words_are_shown_as_typed_and_ping_nobody(world: BotWorld) -> None:
    changed = (await write(world, await opened(world), "**bold** [x](https://a.test)")).response
    assert "\\*\\*bold\\*\\*" in texts(changed)
    assert world.env.backend.get_message(world.channel.id, changed.id).ping_user_ids == []


async def test_people_read_the_panel_in_their_language(world: BotWorld) -> None:
    world.locales[world.alice.id] = "zh-CN"
    panel = await opened(world)
    assert "你自己的默认设置" in texts(panel)
    assert options_of(panel, "private")[1]["label"] == "只有你"
