"""Test how a model, its shapes, resolutions and numbers are chosen, and what is said of choices that do not go
together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import discord
import pytest
import sqlalchemy as sa

from storage.catalogue import MODELS, catalogue
from storage.community import Preferences
from storage.models import Derivation, Task
from storage.schema import guild_settings
from tests.worlds.bot_world import PHOTO, BotWorld, button_ids, png, texts

MASK = ("mask.png", png("black"))
SQUARE = ("square.png", png())
TOY = replace(
    MODELS["gpt-image"],
    key="toy",
    name="Toy 1",
    size_words={"5:1": "long", "1:1": "even"},
    resolution_words={"1K": "small"},
    forbidden=(),
    credits={"1K": 2.5},
    variants=(1, 3),
)


async def offered(world: BotWorld, option: str, typed: str = "", **options: Any) -> dict[Any, str]:
    """Return what autocomplete of `/imagine` offers: names by values."""
    choices = await world.alice.autocomplete(world.channel, "imagine", option, typed, prompt="a door", **options)
    return {choice["value"]: choice["name"] for choice in choices}


def attach(world: BotWorld, *names: str) -> None:
    """Add attachments to the options of commands that are being typed, which simcord leaves out."""
    parsers = world.client._connection.parsers
    parse = parsers["INTERACTION_CREATE"]

    def parsed(data: Any) -> None:
        files = [{"name": name, "type": 11, "value": str(number)} for number, name in enumerate(names, start=1)]
        is_typing = data["type"] == discord.InteractionType.autocomplete.value
        parse(data | {"data": data["data"] | {"options": [*files, *data["data"]["options"]]}} if is_typing else data)

    parsers["INTERACTION_CREATE"] = parsed


async def latest(world: BotWorld, **options: Any) -> Task:
    """Ask for a picture, and return its task."""
    world.clock.turn(1)
    await world.ask(**options)
    return (await world.stores.tasks.of_user(world.alice.id))[0]


async def offer(world: BotWorld, *keys: str, default: str | None = None) -> None:
    """Let the server offer these models."""
    async with world.database.write(changing=f"settings of {world.guild.id}") as connection:
        values = {"guild_id": world.guild.id, "channels": (), "models": keys, "model": default}
        await connection.execute(sa.insert(guild_settings).values(values))


async def prefer(world: BotWorld, **chosen: Any) -> None:
    await world.stores.preferences.choose(world.alice.id, Preferences(**chosen), now=1)


async def nothing_is_stored(world: BotWorld) -> bool:
    return not await world.stores.tasks.of_user(world.alice.id)


def look(task: Task) -> tuple[Any, ...]:
    return task.model, task.size, task.resolution, task.background, task.variants


# -- what is offered while a command is typed --------------------------------------------------------------------------


async def test_each_model_is_offered_with_its_price_and_what_it_is_good_for(world: BotWorld) -> None:
    models = await offered(world, "model")
    assert list(models) == list(MODELS)
    assert models["4o"].startswith("4o Image · 6 credits · ")
    assert models["z-image"].startswith("Z-Image · 0.8 credits · ")
    assert all(len(name) <= 100 for name in models.values())


async def test_the_price_counts_what_was_typed_so_far(world: BotWorld) -> None:
    typed = await offered(world, "model", variants=4, resolution="4k")
    assert " · 8 credits · " in typed["4o"]
    assert " · 36 credits · " in typed["nano-banana"]
    assert " · 28 credits · " in typed["seedream"]
    attach(world, "image", "image2", "image3")
    more = await offered(world, "model")
    assert " · 8 credits · " in more["seedream"]


async def test_models_that_cannot_start_from_what_is_attached_come_last(world: BotWorld) -> None:
    attach(world, "image", "image2", "image3", "image4", "image5", "image6")
    assert set(list(await offered(world, "model"))[-6:]) == {
        "4o",
        "flux-kontext",
        "flux-kontext-max",
        "ideogram",
        "grok",
        "z-image",
    }


async def test_models_that_take_a_mask_come_first_where_one_is_attached(world: BotWorld) -> None:
    attach(world, "image", "mask")
    assert list(await offered(world, "model"))[:2] == ["4o", "qwen"]


@pytest.mark.parametrize(
    ("typed", "keys"), [("banana pro", ["nano-banana-pro"]), ("FLUX kontext max", ["flux-kontext-max"]), ("x y z", [])]
)
async def test_models_are_found_by_what_is_typed(world: BotWorld, typed: str, keys: list[str]) -> None:
    assert list(await offered(world, "model", typed)) == keys


async def test_shapes_are_those_of_the_chosen_model_and_come_with_a_word(world: BotWorld) -> None:
    plain = await offered(world, "size")
    assert plain == {
        "picture": "as the picture", "1:1": "square (1:1)", "3:2": "landscape (3:2)", "2:3": "portrait (2:3)",
    }  # fmt: skip
    wide = await offered(world, "size", model="nano banana")
    assert wide["21:9"] == "very wide (21:9)"
    assert "picture" not in await offered(world, "size", model="z-image")
    assert "1:1" not in await offered(world, "size", model="gpt-image", resolution="4K")
    assert await offered(world, "size", "16x9", model="gpt-image") == {"16:9": "wide (16:9)"}
    assert list(await offered(world, "size", "port", model="seedream")) == ["3:4", "2:3"]


async def test_resolutions_and_numbers_come_with_their_price(world: BotWorld) -> None:
    assert await offered(world, "resolution") == {}
    prices = await offered(world, "resolution", model="nano-banana", variants=2)
    assert prices == {"1K": "1K · 8 credits", "2K": "2K · 12 credits", "4K": "4K · 18 credits"}
    assert await offered(world, "variants") == {
        1: "1 picture · 6 credits", 2: "2 pictures · 7 credits", 4: "4 pictures · 8 credits",
    }  # fmt: skip
    assert list(await offered(world, "variants", model="grok")) == [1, 2, 3, 4]


async def test_what_does_not_go_together_with_what_is_chosen_is_not_offered(world: BotWorld) -> None:
    async def resolutions(**options: Any) -> list[str]:
        return list(await offered(world, "resolution", model="gpt-image", **options))

    assert await resolutions() == ["1K", "2K", "4K"]
    assert await resolutions(size="1:1") == await resolutions(size="square") == ["1K", "2K"]
    assert await resolutions(size="27:16") == await resolutions(background="transparent") == ["1K"]
    assert await resolutions(size="picture") == await resolutions(size="enormous") == ["1K", "2K", "4K"]
    assert list(await offered(world, "resolution", model="nano-banana", background="transparent")) == ["1K", "2K", "4K"]
    sizes = await offered(world, "size", model="gpt-image", resolution="2K")
    assert ("1:1" in sizes, "27:16" in sizes) == (True, False)
    assert await offered(world, "size", model="gpt-image", resolution="4K", background="transparent") == {}


async def test_digits_of_a_price_are_not_searched(world: BotWorld) -> None:
    assert await offered(world, "variants", "7") == {}
    assert list(await offered(world, "variants", "2")) == [2]
    assert list(await offered(world, "resolution", "4", model="nano-banana")) == ["4K"]
    assert "grok" not in await offered(world, "model", "4")


async def test_a_shape_that_is_meant_comes_first_and_others_with_the_word_follow(world: BotWorld) -> None:
    assert list(await offered(world, "size", "wide", model="gpt-image"))[:2] == ["16:9", "21:9"]
    assert next(iter(await offered(world, "size", "竖", model="gpt-image"))) == "2:3"


async def test_the_default_model_decides_where_none_is_typed(world: BotWorld) -> None:
    await prefer(world, model="grok")
    assert list(await offered(world, "size")) == ["picture", "1:1", "2:3", "3:2", "16:9", "9:16"]
    attach(world, "image", "mask")
    assert list(await offered(world, "size")) == ["picture", "1:1", "3:2", "2:3"]


async def test_what_a_server_does_not_offer_is_not_suggested(world: BotWorld) -> None:
    await offer(world, "qwen", "grok")
    assert list(await offered(world, "model")) == ["qwen", "grok"]


async def test_suggestions_are_in_the_persons_language(world: BotWorld) -> None:
    world.locales[world.alice.id] = "zh-CN"
    assert (await offered(world, "size"))["3:2"] == "横向 (3:2)"
    assert "积分" in (await offered(world, "model"))["4o"]


# -- what is chosen ----------------------------------------------------------------------------------------------------


async def test_everything_chosen_reaches_the_image_api_and_the_row(world: BotWorld) -> None:
    await world.ask(model="gpt-image", size="3:2", resolution="1K", background="transparent", variants=1)
    await world.work()
    task = await world.only_task()
    assert look(task) == ("gpt-image", "3:2", "1K", "transparent", 1)
    assert task.estimated_credits == 6
    (taken,) = world.api.taken
    assert (taken.request.model, taken.request.background) == ("gpt-image", "transparent")


@pytest.mark.parametrize(
    ("typed", "want"),
    [
        ({"model": "Nano Banana 2.1", "size": "16x9"}, ("nano-banana", "16:9", None)),
        ({"model": "nano banana", "size": "Tall"}, ("nano-banana", "9:16", None)),
        ({"model": "banana pro", "size": "3840x1646"}, ("nano-banana-pro", "21:9", None)),
        ({"model": "sunburst", "size": "portrait", "resolution": "4k"}, ("gpt-image-fine", "2:3", "4K")),
        ({"model": "flux-2", "size": "纵向", "resolution": " 2 "}, ("flux-2", "3:4", "2K")),
        ({"size": "landscape (3:2)"}, ("4o", "3:2", None)),
    ],
)
async def test_what_is_typed_and_not_picked_is_understood(
    world: BotWorld, typed: dict[str, str], want: tuple[str, str, str | None]
) -> None:
    await world.ask(**typed)
    task = await world.only_task()
    assert (task.model, task.size, task.resolution) == want


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "dall-e"}, "called \u2068dall-e\u2069. Choose one from the list of `model`."),
        ({"model": "flux"}, "Do you mean FLUX.2 Pro, FLUX.1 Kontext Pro or FLUX.1 Kontext Max? Choose one from"),
        ({"model": "gork"}, "Do you mean Grok Imagine 2.0? Choose one from the list of `model`."),
        ({"model": "nano bannana"}, "Do you mean Nano Banana 2.1 or Nano Banana Pro? Choose one from the list"),
        ({"model": "image"}, "Do you mean 4o Image, GPT Image 2.5 Flare or GPT Image 2.5 Sunburst? Choose one"),
        ({"prompt": "a door --model " + "dalle" * 500}, "Choose one from the list of `model`."),
        ({"size": "enormous"}, "With 4o Image, choose square (1:1), landscape (3:2) or portrait (2:3)."),
        (
            {"size": "4k"},
            "The resolution 4K belongs in `resolution`. For the shape, with 4o Image, choose square (1:1),",
        ),
        ({"resolution": "16:9"}, "The shape wide (16:9) belongs in `size`. Leave the resolution out,"),
        ({"model": "flux-2", "resolution": "portrait"}, "The shape portrait (3:4) belongs in `size`."),
        ({"size": "picture"}, "There’s no picture whose shape I could use."),
        ({"resolution": "much"}, "4o Image has no choice of resolution."),
        ({"model": "flux-2", "resolution": "much"}, "FLUX.2 Pro doesn’t make \u2068much\u2069. Choose 1K or 2K."),
        ({"prompt": "a door --model dall-e"}, "I don’t know a model called \u2068dall-e\u2069."),
        ({"model": "seedream", "prompt": "ab"}, "Seedream 5 Pro needs at least 3 characters."),
        ({"variants": 99}, "4o Image makes 1, 2 or 4 pictures at a time."),
    ],
)
async def test_what_cannot_be_read_is_refused_with_what_there_is(
    world: BotWorld, options: dict[str, Any], said: str
) -> None:
    assert said in world.refusal(await world.ask(**({"prompt": "a door"} | options)))
    assert await nothing_is_stored(world)


NOT_TOGETHER: dict[str, tuple[dict[str, Any], str, str, tuple[Any, ...]]] = {
    "a shape the model lacks": (
        {"size": "16:9"},
        "4o Image doesn’t make the shape wide (16:9). Choose landscape (3:2), or a model",
        "Make it landscape (3:2) (6 credits)",
        ("4o", "3:2", None, None, 1),
    ),
    "a shape and a resolution": (
        {"model": "gpt-image", "size": "1:1", "resolution": "4K"},
        "GPT Image 2.5 Flare makes no square (1:1) picture in 4K. Choose 2K, or another shape such as landscape (4:3).",
        "Make it in 2K (10 credits)",
        ("gpt-image", "1:1", "2K", None, 1),
    ),
    "a background and a resolution": (
        {"model": "gpt-image", "size": "3:2", "resolution": "2K", "background": "transparent"},
        "makes no transparent background in 2K. Choose 1K,",
        "Make it in 1K (6 credits)",
        ("gpt-image", "3:2", "1K", "transparent", 1),
    ),
    "a background the model lacks": (
        {"background": "transparent"},
        "or choose a model that can: GPT Image 2.5 Flare,",
        "Make it without transparency (6 credits)",
        ("4o", "1:1", None, None, 1),
    ),
    "a resolution without a choice": (
        {"resolution": "2K"},
        "4o Image has no choice of resolution.",
        "Make it without 2K (6 credits)",
        ("4o", "1:1", None, None, 1),
    ),
    "a resolution the model lacks": (
        {"model": "flux-2", "resolution": "4k"},
        "FLUX.2 Pro doesn’t make",
        "Make it in 2K (7 credits)",
        ("flux-2", "1:1", "2K", None, 1),
    ),
    "a number the model lacks": (
        {"variants": 3},
        "4o Image makes 1, 2 or 4 pictures at a time.",
        "Make 2 pictures (7 credits)",
        ("4o", "1:1", None, None, 2),
    ),
    "a picture for words alone": (
        {"model": "z-image", "image": SQUARE, "size": "1:1"},
        "Z-Image works from words alone.",
        "Make it with 4o Image (6 credits)",
        ("4o", "1:1", None, None, 1),
    ),
    "more pictures than the model takes": (
        {"model": "flux-kontext", "image": SQUARE, "image2": SQUARE, "size": "1:1"},
        "starts from 1 picture. Choose one,",
        "Make it with 4o Image (6 credits)",
        ("4o", "1:1", None, None, 1),
    ),
    "a mask": (
        {"model": "grok", "image": SQUARE, "mask": MASK, "size": "1:1"},
        "or choose a model that takes one: 4o Image or Qwen Image 2.1.",
        "Make it with 4o Image (6 credits)",
        ("4o", "1:1", None, None, 1),
    ),
    "more words than the model takes": (
        {"model": "z-image", "prompt": "door " * 300},
        "Z-Image takes at most 1,000 characters.",
        "Make it with 4o Image (6 credits)",
        ("4o", "1:1", None, None, 1),
    ),
    "no words": (
        {"model": "grok", "prompt": " ", "image": SQUARE, "size": "1:1"},
        "needs words as well as pictures.",
        "Make it with 4o Image (6 credits)",
        ("4o", "1:1", None, None, 1),
    ),
    "no help with the words": (
        {"model": "grok", "enhance": True},
        "can’t add detail to your words.",
        "Make it without added detail (4 credits)",
        ("grok", "1:1", None, None, 1),
    ),
    "no fallback": (
        {"model": "grok", "fallback": True},
        "No other model steps in for Grok Imagine 2.0.",
        "Make it without a second model (4 credits)",
        ("grok", "1:1", None, None, 1),
    ),
    "several things": (
        {"size": "21:9", "resolution": "4k", "background": "transparent"},
        "4o Image doesn’t make the shape very wide (21:9). Choose landscape (3:2).",
        "Make it landscape (3:2), without 4K, without transparency (6 credits)",
        ("4o", "3:2", None, None, 1),
    ),
    "a shape and a number": (
        {"size": "21:9", "variants": 9},
        "4o Image doesn’t make the shape very wide (21:9).",
        "Make it landscape (3:2), 4 pictures (8 credits)",
        ("4o", "3:2", None, None, 4),
    ),
    "pictures for words alone, in a shape and a resolution that few models have": (
        {"model": "z-image", "image": SQUARE, "size": "16:9", "background": "transparent"},
        "Z-Image works from words alone.",
        "Make it with GPT Image 2.5 Flare (6 credits)",
        ("gpt-image", "16:9", None, "transparent", 1),
    ),
}


@pytest.mark.parametrize(("options", "said", "label", "made"), NOT_TOGETHER.values(), ids=list(NOT_TOGETHER))
async def test_what_does_not_go_together_is_refused_and_one_press_makes_the_nearest(
    world: BotWorld, options: dict[str, Any], said: str, label: str, made: tuple[Any, ...]
) -> None:
    asked = await world.ask(**({"prompt": "a door"} | options))
    assert said in world.refusal(asked)
    assert await nothing_is_stored(world)
    await world.restart()
    assert asked.response is not None
    await world.alice.click(asked.response, label=label)
    assert look(await world.only_task()) == made
    await world.work()
    assert len(world.api.taken) == 1


async def test_more_changes_than_a_button_has_room_for_are_named_beside_it(world: BotWorld) -> None:
    refused = await world.ask(
        model="flux-kontext-max",
        size="9:21",
        resolution="4K",
        background="transparent",
        variants=9,
        fallback=True,
    )
    changes = "tall (9:16), without 4K, without transparency, 4 pictures, without a second model"
    assert f"The button makes it {changes}." in world.refusal(refused)
    assert refused.response is not None
    await world.alice.click(refused.response, label="Make it that way (40 credits)")
    assert look(await world.only_task()) == ("flux-kontext-max", "9:16", None, None, 4)


async def test_the_button_names_the_changes_and_the_price_in_the_persons_language(world: BotWorld) -> None:
    world.locales[world.alice.id] = "zh-CN"
    refused = await world.ask(size="21:9", resolution="4k", background="transparent")
    assert refused.response is not None
    await world.alice.click(refused.response, label="这样画：横向 (3:2)、不用 4K、不要透明背景（6 积分）")
    assert look(await world.only_task()) == ("4o", "3:2", None, None, 1)


async def test_shapes_to_choose_from_are_listed_as_the_language_does(world: BotWorld) -> None:
    world.locales[world.alice.id] = "zh-CN"
    assert "方形 (1:1)、横向 (3:2)或纵向 (2:3)。" in world.refusal(await world.ask(size="enormous"))


async def test_where_few_models_are_offered_an_unknown_one_is_answered_with_all(world: BotWorld) -> None:
    await offer(world, "4o", "qwen")
    refused = world.refusal(await world.ask(model="dall-e"))
    assert "I don’t know a model called \u2068dall-e\u2069. Choose 4o Image or Qwen Image 2.1." in refused


async def test_two_presses_make_one_picture(world: BotWorld) -> None:
    asked = await world.ask(size="16:9")
    first, second = button_ids(asked.response)
    assert (first.split(":")[1], second.split(":")[1]) == ("batch-typed", "batch-drop")
    assert asked.response is not None
    await world.alice.click(asked.response, label="Make it landscape (3:2) (6 credits)")
    again = await world.alice.click(asked.response, label="Make it landscape (3:2) (6 credits)")
    assert "I no longer know this question" in world.refusal(again)
    await world.work()
    assert len(world.api.taken) == 1


async def test_where_nothing_is_near_there_is_no_button(world: BotWorld) -> None:
    asked = await world.ask("ab", model="seedream")
    assert "at least 3" in world.refusal(asked)
    assert button_ids(asked.response) == []


async def test_braces_and_choices_that_do_not_go_together_are_told_before_the_question(world: BotWorld) -> None:
    asked = await world.ask("{red, green} door", size="16:9")
    assert "doesn’t make the shape wide (16:9)" in world.refusal(asked)
    assert button_ids(asked.response) == []
    assert await nothing_is_stored(world)


async def test_a_question_before_a_batch_names_the_model_and_the_price_of_all(world: BotWorld) -> None:
    asked = await world.ask("{red, green} door", model="nano-banana", resolution="4K", variants=2)
    assert asked.response is not None
    assert "4 pictures by Nano Banana 2.1 · 36 credits in all" in texts(asked.response)


# -- what holds by default ---------------------------------------------------------------------------------------------


async def test_a_person_who_chooses_nothing_gets_what_there_always_was(world: BotWorld) -> None:
    await world.ask()
    task = await world.only_task()
    assert look(task) == ("4o", "1:1", None, None, 1)
    assert task.parameters == {}


async def test_a_persons_defaults_come_before_the_servers(world: BotWorld) -> None:
    await offer(world, default="grok")
    assert (await latest(world)).model == "grok"
    await prefer(world, model="nano-banana", size="21:9", variants=3, private=True)
    task = await latest(world)
    assert (*look(task), task.private) == ("nano-banana", "21:9", None, None, 3, True)
    task = await latest(world, private=False, variants=1, size="1:1", model="4o")
    assert (*look(task), task.private) == ("4o", "1:1", None, None, 1, False)


async def test_defaults_that_the_model_lacks_are_adapted_in_silence(world: BotWorld) -> None:
    await prefer(world, size="21:9", variants=3)
    assert look(await latest(world)) == ("4o", "3:2", None, None, 2)
    assert (await latest(world, model="gpt-image", resolution="4K", variants=1)).size == "21:9"
    await prefer(world, size="1:1")
    assert (await latest(world, model="gpt-image", resolution="4K")).size == "4:3"


async def test_a_persons_default_that_is_not_offered_here_gives_way_and_the_card_says_so(world: BotWorld) -> None:
    await offer(world, "qwen", default="4o")
    await prefer(world, model="grok")
    asked = await world.ask()
    assert asked.response is not None
    assert "This server doesn’t offer Grok Imagine 2.0, so Qwen Image 2.1 makes this." in texts(asked.response)
    assert (await world.only_task()).model == "qwen"
    question = await world.ask("{red, green} door")
    assert question.response is not None
    assert "This server doesn’t offer Grok Imagine 2.0, so Qwen Image 2.1 makes this." in texts(question.response)


async def test_a_persons_default_that_is_switched_off_gives_way_and_the_card_says_so(world: BotWorld) -> None:
    await prefer(world, model="grok")
    world.models = catalogue(offered=("4o", "qwen"))
    await world.restart()
    asked = await world.ask()
    assert asked.response is not None
    assert "Grok Imagine 2.0 isn’t available, so 4o Image makes this." in texts(asked.response)


async def test_a_servers_default_that_is_not_offered_gives_way_in_silence(world: BotWorld) -> None:
    await offer(world, "qwen", default="4o")
    await world.ask()
    task = await world.only_task()
    assert (task.model, task.parameters) == ("qwen", {})


async def test_a_chosen_model_is_no_reason_to_speak_of_the_default(world: BotWorld) -> None:
    await offer(world, "qwen", "4o")
    await prefer(world, model="grok")
    await world.ask(model="4o")
    task = await world.only_task()
    assert (task.model, task.parameters) == ("4o", {})


@pytest.mark.parametrize(
    ("default", "options", "said"),
    [
        (
            "grok",
            {"image": PHOTO, "mask": ("mask.png", png("black", (96, 72)))},
            "Grok Imagine 2.0 takes no mask, so 4o",
        ),
        (
            "flux-kontext",
            {"image": PHOTO, "image2": PHOTO},
            "FLUX.1 Kontext Pro starts from 1 picture only, so 4o Image makes this.",
        ),
        ("z-image", {"prompt": "door " * 300}, "Z-Image can’t work with words of this length, so 4o Image makes this."),
    ],
)
async def test_a_default_that_cannot_make_it_gives_way_and_the_card_says_so(
    world: BotWorld, default: str, options: dict[str, Any], said: str
) -> None:
    await prefer(world, model=default)
    asked = await world.ask(**({"prompt": "a door"} | options))
    assert asked.response is not None
    assert said in texts(asked.response)
    assert (await world.only_task()).model == "4o"


async def test_blend_has_no_words_and_takes_a_model_that_needs_none(world: BotWorld) -> None:
    await prefer(world, model="nano-banana")
    await world.alice.slash(world.channel, "blend", image=PHOTO, image2=PHOTO)
    assert (await world.only_task()).model == "4o"


async def test_usual_words_are_added_once(world: BotWorld) -> None:
    await prefer(world, words="in {ink, oil} --v 6")
    await world.ask("a door --ar 3:2")
    task = await world.only_task()
    assert (task.prompt, task.size) == ("a door, in {ink, oil} --v 6", "3:2")
    await world.work()
    result = world.channel.history()[-1]
    await world.alice.click(result, label="Again")
    await world.alice.click(result, label="Vary")
    opened = await world.alice.click(result, label="Edit")
    assert opened.modal is not None
    await world.alice.submit_modal(opened, {"words": opened.modal["components"][0]["component"]["value"]})
    prompts = {task.prompt for task in await world.stores.tasks.of_user(world.alice.id)}
    assert prompts == {"a door, in {ink, oil} --v 6"}


async def test_usual_words_belong_to_the_words_inside_a_style_and_do_not_make_a_request_of_nothing(
    world: BotWorld,
) -> None:
    await prefer(world, words="at night")
    assert "Write what you’d like to see" in world.refusal(await world.ask(" "))
    moderator = world.add_moderator()
    await moderator.slash(world.channel, "style add", name="Oil", template="{prompt} on canvas")
    await world.ask("a door", style="Oil")
    assert (await world.only_task()).prompt == "a door, at night on canvas"


async def test_usual_words_that_do_not_fit_any_more_are_told_with_the_room_there_is(world: BotWorld) -> None:
    await prefer(world, words="x" * 500)
    assert "room for 3,498 characters" in world.refusal(await world.ask("y" * 3_600))


async def test_a_message_to_the_bot_has_the_persons_defaults_too(world: BotWorld) -> None:
    await prefer(world, model="nano-banana", size="21:9", words="at night")
    me = world.guild.me
    assert me is not None
    await world.alice.send(world.channel, f"<@{me.id}> a door --model seedream")
    task = await world.only_task()
    assert (task.model, task.size, task.prompt) == ("seedream", "21:9", "a door, at night")
    world.clock.turn(1)
    await world.alice.send(world.channel, f"<@{me.id}> make it green", attachments=[PHOTO] * 10)
    newest = (await world.stores.tasks.of_user(world.alice.id))[0]
    assert newest.model == "nano-banana"
    assert len(await world.stores.references.of_task(newest.id)) == 10


# -- words -------------------------------------------------------------------------------------------------------------


async def test_a_model_in_the_words_counts_unless_one_was_chosen(world: BotWorld) -> None:
    asked = await world.ask("a door --ar 16:9 --model nano banana")
    task = await world.only_task()
    assert (task.prompt, task.model, task.size) == ("a door", "nano-banana", "16:9")
    assert asked.response is not None
    assert "`--ar 16:9` became wide (16:9)." in texts(asked.response)
    world.clock.turn(1)
    overruled = await world.ask("a door --model nano banana", model="grok")
    assert overruled.response is not None
    assert "`--model` gave way to the model you chose." in texts(overruled.response)
    assert (await world.stores.tasks.of_user(world.alice.id))[0].model == "grok"


async def test_a_resolution_in_the_words_counts_unless_one_was_chosen(world: BotWorld) -> None:
    await world.ask("a door --res 4k", model="nano-banana")
    task = await world.only_task()
    assert (task.prompt, task.resolution) == ("a door", "4K")
    world.clock.turn(1)
    overruled = await world.ask("a door --resolution 4k", model="nano-banana", resolution="2K")
    assert overruled.response is not None
    assert "`--resolution` gave way to the resolution you chose." in texts(overruled.response)
    assert (await world.stores.tasks.of_user(world.alice.id))[0].resolution == "2K"
    assert "4o Image has no choice of resolution." in world.refusal(await world.ask("a door --res 4k"))


async def test_the_shape_in_the_words_follows_the_model_and_its_resolution(world: BotWorld) -> None:
    await world.ask("a door --ar 1:1", model="gpt-image", resolution="4K")
    assert (await world.only_task()).size == "4:3"


async def test_the_shape_of_the_picture_is_one_that_the_resolution_allows(world: BotWorld) -> None:
    await world.ask("a door", model="gpt-image", resolution="4K", image=SQUARE)
    await world.work()
    assert (await world.only_task()).size in {"4:3", "3:4"}


async def test_as_the_picture_comes_before_a_style_and_words(world: BotWorld) -> None:
    moderator = world.add_moderator()
    await moderator.slash(world.channel, "style add", name="Square", template="{prompt} in oil", size="1:1")
    await world.ask("a door --ar 1:1", style="Square", size="picture", image=("wide.png", png(size=(160, 90))))
    await world.work()
    assert (await world.only_task()).size == "3:2"


# -- servers and the operator ------------------------------------------------------------------------------------------


async def test_a_model_that_is_not_offered_here_or_switched_off_is_refused(world: BotWorld) -> None:
    world.models = catalogue(offered=("4o", "qwen", "grok"))
    await world.restart()
    await offer(world, "4o", "qwen")
    assert "This server doesn’t offer Grok Imagine 2.0. Choose 4o Image or Qwen" in world.refusal(
        await world.ask(model="grok")
    )
    assert "Seedream 5 Pro isn’t available at the moment. Choose 4o Image or Qwen" in world.refusal(
        await world.ask(model="seedream")
    )
    assert "isn’t available" in world.refusal(await world.alice.slash(world.channel, "create", model="seedream"))
    assert await nothing_is_stored(world)


async def made(world: BotWorld, **options: Any) -> Any:
    await world.ask(**options)
    await world.work()
    return world.channel.history()[-1]


async def newest(world: BotWorld) -> Task:
    return (await world.stores.tasks.of_user(world.bob.id))[0]


async def test_again_edit_vary_and_a_reply_keep_the_model(world: BotWorld) -> None:
    result = await made(world, model="gpt-image", size="21:9", resolution="2K")
    want = ("gpt-image", "21:9", "2K", None, 1)
    await world.bob.click(result, label="Again")
    assert (derived := await newest(world)).derivation is Derivation.AGAIN
    assert look(derived) == want
    world.clock.turn(1)
    await world.bob.click(result, label="Vary")
    assert (derived := await newest(world)).derivation is Derivation.VARY
    assert look(derived) == want
    opened = await world.bob.click(result, label="Edit")
    world.clock.turn(1)
    await world.bob.submit_modal(opened, {"words": "at night"})
    assert (derived := await newest(world)).derivation is Derivation.EDIT
    assert look(derived) == want
    me = world.guild.me
    assert me is not None
    world.clock.turn(1)
    await world.bob.send(world.channel, f"<@{me.id}> at noon", reply_to=result)
    assert (derived := await newest(world)).derivation is Derivation.EDIT
    assert look(derived) == want


@pytest.mark.parametrize("button", ["Again", "Vary"])
async def test_a_model_that_is_gone_is_replaced_and_the_card_says_so(world: BotWorld, button: str) -> None:
    result = await made(world, model="grok", size="16:9", variants=1)
    world.models = catalogue(offered=("4o", "qwen"))
    await world.restart()
    asked = await world.bob.click(result, label=button)
    assert asked.response is not None
    assert "Grok Imagine 2.0 isn’t available, so 4o Image makes this." in texts(asked.response)
    assert look(await newest(world)) == ("4o", "3:2", None, None, 1)


@pytest.mark.parametrize("button", ["Again", "Vary"])
async def test_a_model_that_is_not_offered_here_any_more_is_replaced(world: BotWorld, button: str) -> None:
    result = await made(world, model="grok", size="16:9")
    await offer(world, "nano-banana", default="nano-banana")
    asked = await world.bob.click(result, label=button)
    assert asked.response is not None
    assert "This server doesn’t offer Grok Imagine 2.0, so Nano Banana 2.1 makes this." in texts(asked.response)
    assert look(await newest(world)) == ("nano-banana", "16:9", None, None, 1)


async def test_a_variation_of_what_was_made_from_words_alone_has_another_model(world: BotWorld) -> None:
    result = await made(world, model="z-image", size="16:9")
    asked = await world.bob.click(result, label="Vary")
    assert asked.response is not None
    assert "Z-Image works from words alone, so 4o Image makes this." in texts(asked.response)
    world.clock.turn(1)
    await world.bob.click(result, label="Again")
    assert (await newest(world)).model == "z-image"


# -- forms -------------------------------------------------------------------------------------------------------------


def labels(opened: Any) -> list[dict[str, Any]]:
    return list(opened.modal["components"])


def fields(opened: Any) -> dict[str, dict[str, Any]]:
    return {label["component"]["custom_id"]: label["component"] for label in opened.modal["components"]}


def values(field: dict[str, Any]) -> list[str]:
    return [option["value"] for option in field["options"]]


async def test_the_form_offers_the_models_and_has_the_shapes_of_the_default_one(world: BotWorld) -> None:
    form = fields(await world.alice.slash(world.channel, "create"))
    assert len(form) == 5
    assert values(form["model"]) == list(MODELS)
    assert form["model"]["placeholder"] == "4o Image, unless you choose another"
    assert form["model"]["options"][0]["description"].startswith("6 credits · ")
    assert values(form["size"]) == ["1:1", "3:2", "2:3"]
    assert values(form["variants"]) == ["1", "2", "4", "1p", "2p", "4p"]


async def test_a_form_for_a_model_has_its_shapes_and_numbers(world: BotWorld) -> None:
    opened = await world.alice.slash(world.channel, "create", model="nano banana")
    form = fields(opened)
    assert values(form["size"]) == list(MODELS["nano-banana"].sizes)
    assert [option["value"] for option in form["model"]["options"] if option.get("default")] == ["nano-banana"]
    filled = {"words": "a door", "model": ["nano-banana"], "size": ["21:9"], "variants": ["3"], "files": [PHOTO] * 10}
    await world.alice.submit_modal(opened, filled)
    task = await world.only_task()
    assert look(task) == ("nano-banana", "21:9", None, None, 3)
    assert len(await world.stores.references.of_task(task.id)) == 10


async def test_a_persons_defaults_are_in_the_form(world: BotWorld) -> None:
    await prefer(world, model="grok", variants=3, private=True)
    form = fields(await world.alice.slash(world.channel, "create"))
    assert form["model"]["placeholder"].startswith("Grok Imagine 2.0")
    assert [option["value"] for option in form["variants"]["options"] if option.get("default")] == ["3p"]


async def test_another_model_in_the_form_that_lacks_the_shape_is_one_press_away(world: BotWorld) -> None:
    opened = await world.alice.slash(world.channel, "create")
    filled = {"words": "a door", "model": ["flux-kontext"], "size": ["3:2"], "variants": ["1"]}
    refused = await world.alice.submit_modal(opened, filled)
    assert "doesn’t make the shape landscape (3:2). Choose landscape (4:3)" in world.refusal(refused)
    assert refused.response is not None
    await world.alice.click(refused.response, label="Make it landscape (4:3) (5 credits)")
    assert look(await world.only_task()) == ("flux-kontext", "4:3", None, None, 1)


async def test_a_server_with_one_model_has_no_field_for_it(world: BotWorld) -> None:
    await offer(world, "4o")
    assert "model" not in fields(await world.alice.slash(world.channel, "create"))


async def test_an_edit_can_be_made_by_another_model(world: BotWorld) -> None:
    result = await made(world)
    opened = await world.bob.click(result, label="Edit")
    assert len(fields(opened)) == 5
    await world.bob.submit_modal(opened, {"words": "at night", "model": ["nano-banana"], "size": ["1:1"]})
    assert look(await newest(world)) == ("nano-banana", "1:1", None, None, 1)


async def test_an_edit_form_is_that_of_the_model_that_makes_the_edit_and_says_why(world: BotWorld) -> None:
    result = await made(world, model="z-image", size="16:9")
    opened = await world.bob.click(result, label="Edit")
    form = fields(opened)
    assert form["model"]["placeholder"] == "4o Image, unless you choose another"
    (label,) = [label for label in labels(opened) if label["component"]["custom_id"] == "model"]
    assert label["description"] == "Z-Image works from words alone, so 4o Image makes this."
    assert (values(form["size"]), values(form["variants"])) == (["1:1", "3:2", "2:3"], ["1", "2", "4"])
    answer = await world.bob.submit_modal(opened, {"words": "at night", "size": ["3:2"], "variants": ["1"]})
    assert look(await newest(world)) == ("4o", "3:2", None, None, 1)
    assert answer.response is not None
    assert "Z-Image works from words alone, so 4o Image makes this." in texts(answer.response)


async def test_a_shape_that_the_edit_form_had_to_adapt_does_not_count_as_chosen(world: BotWorld) -> None:
    result = await made(world, model="z-image", size="16:9")
    opened = await world.bob.click(result, label="Edit")
    filled = {"words": "at night", "model": ["flux-kontext"], "size": ["3:2"], "variants": ["1"]}
    await world.bob.submit_modal(opened, filled)
    assert look(await newest(world)) == ("flux-kontext", "16:9", None, None, 1)


async def test_an_edit_form_for_one_of_several_pictures_says_why_next_to_them(world: BotWorld) -> None:
    await made(world, model="z-image", variants=3)
    await world.work()
    picked = await world.bob.click(world.channel.history()[-1], label="2")
    assert picked.response is not None
    opened = await world.bob.click(picked.response, label="Edit")
    (label,) = [label for label in labels(opened) if label["component"]["custom_id"] == "picture"]
    assert label["description"] == "Z-Image works from words alone, so 4o Image makes this."
    assert [option["value"] for option in fields(opened)["variants"]["options"] if option.get("default")] == ["2"]


async def test_an_edit_form_without_another_model_says_nothing_of_one(world: BotWorld) -> None:
    opened = await world.bob.click(await made(world), label="Edit")
    (label,) = [label for label in labels(opened) if label["component"]["custom_id"] == "model"]
    assert label.get("description") is None


# -- a toy model -------------------------------------------------------------------------------------------------------


async def test_one_more_entry_in_the_catalogue_is_enough(world: BotWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "toy", TOY)
    assert (await offered(world, "model", "toy"))["toy"].startswith("Toy 1 · 2.5 credits")
    assert await offered(world, "size", model="toy") == {
        "picture": "as the picture", "5:1": "banner (5:1)", "1:1": "square (1:1)",
    }  # fmt: skip
    assert "Toy 1 makes 1 or 3 pictures at a time." in world.refusal(await world.ask(model="toy", variants=2))
    assert "5:1" in values(fields(await world.alice.slash(world.channel, "create", model="toy"))["size"])
    await world.ask("a door --ar 6:1", model="toy", variants=3)
    await world.work()
    assert look(await world.only_task()) == ("toy", "5:1", None, None, 3)
    requests = [taken.request for taken in world.api.taken]
    assert [(request.model, request.size, request.variants) for request in requests] == [("toy", "5:1", 1)] * 3
