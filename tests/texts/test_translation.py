"""Tests that people read commands, cards, outcomes, refusals and buttons in their own language."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import discord
import pytest
from discord import app_commands

from bot import texts as catalogue
from bot.app import EXTENSIONS
from bot.errors import Reason, Refused
from bot.texts import DEFAULT, FOLDER, LANGUAGES, texts_in
from bot.texts.command_texts import CatalogueTranslator, localized
from tests.texts.written_texts import messages
from tests.worlds.bot_world import BotWorld, components, open_bot_world, texts

CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
COMMAND_NAME: Final = re.compile(r"[-_'\w]{1,32}")
"""Rule of Discord for command names. In scripts with cases, names must also be lower case."""
OTHERS: Final = tuple(language for language in LANGUAGES if language != DEFAULT)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[BotWorld]:
    """Yield a world where Alice uses Discord in Chinese, and Bob in English."""
    async with open_bot_world(tmp_path) as opened:
        opened.locales[opened.alice.id] = "zh-CN"
        yield opened


def labels(message: Any) -> list[str]:
    return [part["label"] for part in components(message) if part["type"] == 2]


# -- commands ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def published(world: BotWorld) -> list[dict[str, Any]]:
    """Publish all commands. Return them as they are sent to Discord."""
    for extension in set(EXTENSIONS) - world.client.extensions.keys():
        await world.client.load_extension(extension)
    with world.env.time_context():
        await world.client.publish_commands(world.stores.key_values, force=True)
    told = world.requests("PUT", "/commands")[-1].json
    assert isinstance(told, list)
    return told


def parts(command: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the command, its subcommands and its options, each with its path."""
    path = f"{path} {command['name']}".strip()
    yield path, command
    for option in command.get("options", ()):
        yield from parts(option, path)


def is_menu(part: dict[str, Any], path: str) -> bool:
    return path == part["name"] and part["type"] in (2, 3)


@pytest.mark.parametrize("language", OTHERS)
async def test_each_command_and_option_has_a_name_and_a_description_in_each_language(
    published: list[dict[str, Any]], language: str
) -> None:
    for path, part in (found for command in published for found in parts(command)):
        name = part["name_localizations"].get(language)
        assert name, f"{path} has no name"
        if is_menu(part, path):
            assert len(name) <= 32, path
            continue
        assert COMMAND_NAME.fullmatch(name), path
        assert name == name.lower(), path
        description = part["description_localizations"].get(language)
        assert description, f"{path} has no description"
        assert len(description) <= 100, path
        for choice in part.get("choices", ()):
            local = choice.get("name_localizations", {}).get(language)
            assert local or not re.search("[A-Za-z]", choice["name"]), f"{path}: {choice['name']}"


async def test_no_two_options_of_a_command_have_the_same_name(published: list[dict[str, Any]]) -> None:
    for language in OTHERS:
        for path, part in (found for command in published for found in parts(command)):
            names = [option["name_localizations"].get(language) for option in part.get("options", ())]
            assert sorted(set(names)) == sorted(names), path
        assert len({command["name_localizations"][language] for command in published}) == len(published)


async def test_names_in_english_are_those_in_code(published: list[dict[str, Any]]) -> None:
    """Texts name commands and options by the messages that are checked here."""
    say, named = texts_in(DEFAULT), {}
    for path, part in (found for command in published for found in parts(command)):
        if is_menu(part, path):
            continue
        of_a_command = path == part["name"] or part["type"] in (1, 2)
        message = f"{path.replace(' ', '-')}-name" if of_a_command else f"option-{part['name'].replace('_', '-')}"
        named[message] = part["name"]
    assert {message: say(message) for message in named if message in say} == named
    assert {name for name in messages(DEFAULT) if name.startswith("option-")} <= named.keys()


async def test_a_chinese_discord_shows_chinese_commands(published: list[dict[str, Any]]) -> None:
    (imagine,) = [command for command in published if command["name"] == "imagine"]
    assert imagine["name_localizations"] == {"zh-CN": "画图", "zh-TW": "画图"}
    assert imagine["description"] == "Make pictures from words, and from pictures you attach"
    assert CHINESE.search(imagine["description_localizations"]["zh-CN"])
    assert imagine["options"][0]["name_localizations"]["zh-CN"] == "描述"


async def test_a_new_translation_publishes_the_commands_anew(
    world: BotWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world.env.time_context():
        assert await world.client.publish_commands(world.stores.key_values) is False
        shutil.copytree(FOLDER, tmp_path / "texts")
        file = tmp_path / "texts" / "zh-CN" / "imagine.ftl"
        file.write_text(file.read_text("utf-8").replace("你想看到什么", "你想画什么"), encoding="utf-8")
        monkeypatch.setattr(catalogue, "FOLDER", tmp_path / "texts")
        catalogue._texts.cache_clear()
        try:
            assert await world.client.publish_commands(world.stores.key_values) is True
        finally:
            catalogue._texts.cache_clear()


async def test_choices_and_menus_are_translated_by_their_message() -> None:
    text, translate = localized("card-cancel"), CatalogueTranslator().translate
    where: Any = app_commands.TranslationContext(app_commands.TranslationContextLocation.choice_name, None)  # type: ignore[call-overload]  # the data is not read
    assert text.message == "Cancel"
    assert await translate(text, discord.Locale.chinese, where) == "取消"
    assert await translate(text, discord.Locale.german, where) is None
    assert await translate(app_commands.locale_str("1:1"), discord.Locale.chinese, where) is None


# -- messages ----------------------------------------------------------------------------------------------------------


async def test_the_card_and_the_outcome_are_in_the_askers_language(world: BotWorld) -> None:
    asked = await world.ask("a red door", variants=2)
    assert asked.response is not None
    assert "排队中" in texts(asked.response)
    assert labels(asked.response) == ["取消"]
    await world.restart()
    await world.work()
    (message,) = world.channel.history()
    assert "你的 2 张图片画好了" in texts(message)
    assert "a red door" in texts(message)
    assert "方形 (1:1)" in texts(message)


async def test_each_reads_their_own_in_the_same_channel(world: BotWorld) -> None:
    world.api.seconds = 100
    await world.ask("a red door")
    await world.bob.slash(world.channel, "imagine", prompt="a blue door")
    await world.work(20)
    chinese, english = sorted(
        (texts(message) for message in world.channel.history()), key=lambda text: "red" not in text
    )
    assert "正在画你的图片" in chinese
    assert "Making your picture" in english
    assert not CHINESE.search(english)


async def test_a_refusal_is_in_the_language_of_who_is_refused(world: BotWorld) -> None:
    refused = await world.ask(" ")
    assert world.refusal(refused) == texts_in("zh-CN")("reason-blank-prompt")
    await world.ask("a red door")
    pressed = await world.bob.click(world.channel.history()[-1], label="取消")
    assert world.refusal(pressed).startswith("Only the person who asked for this picture")


async def test_a_failure_names_the_commands_and_buttons_as_they_are_shown_there(world: BotWorld) -> None:
    world.api.next_create = [Refused(433, "quota", Reason.ACCOUNT_QUOTA)]
    await world.ask("a red door")
    await world.work()
    (failure,) = world.channel.history()
    assert "这次没有画成" in texts(failure)
    assert labels(failure) == ["再画一次", "关闭"]
    await world.restart()
    await world.alice.click(failure, label="再画一次")
    await world.work()
    assert "你的图片画好了" in texts(world.channel.history()[-1])


@pytest.mark.sweep
async def test_a_cancelled_card_names_the_command_as_it_is_shown_there(world: BotWorld) -> None:
    await world.ask("a red door")
    (card,) = world.channel.history()
    await world.alice.click(card, label="取消")
    (card,) = world.channel.history()
    assert re.search("输入 </imagine:[0-9]+>", texts(card))


@pytest.mark.parametrize(("locale", "words"), [("zh-TW", "图像服务不接受密钥"), ("fr", "refuses the key")])
async def test_the_operator_is_told_in_the_language_of_their_server(tmp_path: Path, locale: str, words: str) -> None:
    async with open_bot_world(tmp_path) as world:
        office = world.env.create_guild("Operators", preferred_locale=locale).create_text_channel("office")
        world.options["operator_channel_id"] = office.id
        world.wire(world.client)
        with world.env.time_context():
            await world.delivery.operator.send(Reason.ACCOUNT_KEY, {})
        assert words in office.history()[-1].content
