"""Test how mentions, custom emoji and timestamps in typed words become names, through every door."""

from __future__ import annotations

from typing import Any

import pytest

from bot.intake.names import Names, named
from bot.texts import texts_in
from storage.community import Style
from tests.worlds.bot_world import PHOTO, BotWorld, texts

KNOWN = Names(
    people={1: "Ann", 2: "{red, green} --ar 16:9 <@1> — \\", 3: "\u3164\u200b", 4: "**Bo** [x](https://y.test)"},
    roles={1: "Knights", 2: "{a, b}"},
    channels={1: "pictures", 2: "--no"},
)
ENGLISH, CHINESE = texts_in("en-US"), texts_in("zh-CN")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("<@1> as a knight", "@Ann as a knight"),
        ("<@!1> as a knight", "@Ann as a knight"),
        ("<@1><@1>", "@Ann@Ann"),
        (r"\<@1> as a knight", "@Ann as a knight"),
        ("<@99> as a knight", "@somebody as a knight"),
        ("<@2>", "@red green -ar 16:9 @1 -"),
        ("<@3>", "@somebody"),
        ("<@4>", "@**Bo** [x](https://y.test)"),
        ("the <@&1>", "the @Knights"),
        ("the <@&2>", "the @a b"),
        ("the <@&99>", "the @role"),
        ("a map of <#1>", "a map of #pictures"),
        ("a map of <#2>", "a map of #-no"),
        ("a map of <#99>", "a map of #channel"),
        ("<:smile:123>", ":smile:"),
        ("<a:wave_2:123>", ":wave_2:"),
        ("</imagine:123>", "/imagine"),
        ("</style add:123>", "/style add"),
        ("<id:browse>", "#browse"),
        ("the sky on <t:1700000000>", "the sky on November 14 2023 10:13 PM"),
        ("the sky on <t:1700000000:f>", "the sky on November 14 2023 10:13 PM"),
        ("the sky on <t:1700000000:R>", "the sky on November 14 2023 10:13 PM"),
        ("the sky on <t:1700000000:D>", "the sky on November 14 2023"),
        ("the sky on <t:1700000000:d>", "the sky on November 14 2023"),
        ("the sky at <t:1700000000:t>", "the sky at 10:13 PM"),
        ("the sky on <t:-1:D>", "the sky on December 31 1969"),
        ("the sky on <t:999999999999999>", "the sky on some day"),
        ("<@Ann> <@> <#x> <t:now> a < b > c @everyone", "<@Ann> <@> <#x> <t:now> a < b > c @everyone"),
    ],
)
def test_each_form_becomes_a_name_without_syntax(typed: str, words: str) -> None:
    assert named(typed, KNOWN, ENGLISH) == words


@pytest.mark.parametrize(
    ("typed", "words"),
    [("<@99>", "@某人"), ("<@&99>", "@身份组"), ("<#99>", "#频道"), ("<t:1700000000:D>", "2023年11月14日")],
)
def test_what_is_unknown_and_dates_are_in_the_askers_language(typed: str, words: str) -> None:
    assert named(typed, KNOWN, CHINESE) == words


# -- every door --------------------------------------------------------------------------------------------------------


async def by_command(world: BotWorld, words: str) -> None:
    await world.ask(words)


async def by_form(world: BotWorld, words: str) -> None:
    await world.alice.submit_modal(await world.alice.slash(world.channel, "create"), {"words": words})


async def by_edit(world: BotWorld, words: str) -> None:
    await world.ask("a cat")
    await world.work(60)
    opened = await world.alice.click(world.channel.history()[-1], label="Edit")
    await world.alice.submit_modal(opened, {"words": words})


async def by_menu(world: BotWorld, words: str) -> None:
    message = await world.bob.send(world.channel, "look", attachments=[PHOTO])
    await world.alice.submit_modal(
        await world.alice.context_menu(world.channel, "Edit pictures", message), {"words": words}
    )


async def by_style(world: BotWorld, words: str) -> None:
    moderator = world.add_moderator()
    await moderator.slash(world.channel, "style add", name="Plain", template="{prompt}")
    await world.ask(words, style="Plain")


async def by_mention(world: BotWorld, words: str) -> None:
    assert world.client.user is not None
    await world.alice.send(world.channel, f"{world.client.user.mention} {words}")


DOORS = [by_command, by_form, by_edit, by_menu, by_style, by_mention]


@pytest.mark.parametrize("door", DOORS)
async def test_names_are_read_through_every_door(world: BotWorld, door: Any) -> None:
    role = world.guild.create_role("Knights")
    await door(world, f"{world.alice.mention} of <@&{role.id}> in <#{world.channel.id}> <:smile:1>")
    newest = (await world.stores.tasks.of_user(world.alice.id))[0]
    assert newest.prompt == "@alice of @Knights in #pictures :smile:"


@pytest.mark.parametrize("door", DOORS)
async def test_parameters_are_read_through_every_door(world: BotWorld, door: Any) -> None:
    await door(world, "a red door --ar 2:3 --v 6 --no people")
    newest = (await world.stores.tasks.of_user(world.alice.id))[0]
    assert (newest.prompt, newest.size, newest.fits_picture) == ("a red door, without people", "2:3", False)
    assert newest.parameters == {"ratio": "2:3", "without": "1", "left_out": "v"}


async def test_a_template_is_stored_with_names_and_its_shape(world: BotWorld) -> None:
    moderator, role = world.add_moderator(), world.guild.create_role("{a, b}")
    answer = await moderator.slash(
        world.channel, "style add", name="Ink", template=f"{{prompt}} for <@&{role.id}> --ar 16:9 --v 6"
    )
    style = await world.stores.guilds.style(world.guild.id, "Ink")
    assert isinstance(style, Style)
    assert (style.template, style.size) == ("{prompt} for @a b", "16:9")
    assert answer.response is not None
    told = answer.response.content
    assert "`--ar 16:9` became wide (16:9)." in told
    assert "`--v` means nothing here and was left out." in told


async def test_a_template_has_neither_a_model_nor_a_resolution(world: BotWorld) -> None:
    moderator, template = world.add_moderator(), "{prompt} in ink --model grok --res 4k"
    answer = await moderator.slash(world.channel, "style add", name="Ink", template=template)
    style = await world.stores.guilds.style(world.guild.id, "Ink")
    assert isinstance(style, Style)
    assert style.template == "{prompt} in ink"
    assert answer.response is not None
    assert "`--model`, `--resolution` mean nothing here and were left out." in answer.response.content


async def test_a_name_that_looks_like_syntax_is_a_name(world: BotWorld) -> None:
    role = world.guild.create_role("{red, green} --ar 16:9 **bold**")
    asked = await world.ask(f"the flag of <@&{role.id}>")
    task = await world.only_task()
    assert task.prompt == "the flag of @red green -ar 16:9 **bold**"
    assert (task.size, task.parameters) == ("1:1", {})
    assert asked.response is not None
    assert r"\*\*bold\*\*" in texts(asked.response)
