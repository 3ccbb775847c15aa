"""Tests for `/help`: the examples, and what is left of a person's pictures."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from simcord.results import InteractionResult

from bot.texts import texts_in
from bot.ui.asking.examples import help_view
from storage.catalogue import MODELS
from storage.models import Limits
from tests.ui.test_forms import fields
from tests.worlds.bot_world import BotWorld, button_ids, open_bot_world, texts

OTHERS = {f"grok-{more}": replace(MODELS["grok"], key=f"grok-{more}", name=f"Grok {more}") for more in ("too", "three")}
EXAMPLES = [f"a1:example:{number}" for number in range(1, 6)]


async def helped(world: BotWorld) -> InteractionResult:
    return await world.alice.slash(world.channel, "help")


async def test_it_shows_five_examples_to_the_person_alone(world: BotWorld) -> None:
    shown = await helped(world)
    assert shown.ephemeral
    assert button_ids(shown.response) == EXAMPLES
    assert "A red fox asleep in fresh snow" in texts(shown.response)
    assert "There is no daily limit on your pictures." in texts(shown.response)


async def test_an_example_opens_the_form_and_makes_nothing_before_it_is_sent(world: BotWorld) -> None:
    shown = await helped(world)
    assert shown.response is not None
    await world.restart()
    opened = await world.alice.click(shown.response, custom_id="a1:example:1")
    assert fields(opened)["words"]["value"] == texts_in("en-US")("help-example-1")
    assert not await world.stores.tasks.of_user(world.alice.id)
    await world.alice.submit_modal(opened, {"words": texts_in("en-US")("help-example-1")})
    assert (await world.only_task()).prompt == texts_in("en-US")("help-example-1")


async def test_it_says_how_many_pictures_are_left_today(tmp_path: Path) -> None:
    limits = Limits(open_tasks_per_user=0, pictures_per_user_per_day=5, pictures_per_day=0)
    async with open_bot_world(tmp_path, limits=limits) as world:
        await world.ask(variants=2)
        assert "You have 3 pictures left, of 5 in 24 hours." in texts((await helped(world)).response)
        await world.ask(variants=2)
        assert "You have 1 picture left, of 5 in 24 hours." in texts((await helped(world)).response)


async def test_it_says_what_a_picture_costs_and_that_there_are_other_models(world: BotWorld) -> None:
    said = texts((await helped(world)).response)
    assert "With `model` you choose another model" in said
    assert re.search(r"</preferences:\d+> makes one your default\.", said)
    assert "A picture by 4o Image costs 6 credits. With other models, it costs 0.8 to 24." in said


def help_of(*keys: str) -> str:
    """Return the text of the help where these models are offered; the first one is usual."""
    models = [OTHERS.get(key) or MODELS[key] for key in keys]
    view = help_view(texts_in("en-US"), left="", usual=models[0], models=models)
    return "\n".join(item.content for item in view.walk_children() if hasattr(item, "content"))


def test_where_there_is_one_model_nothing_is_said_of_others() -> None:
    assert "other" not in help_of("gpt-image")
    assert "`model`" not in help_of("gpt-image")
    assert "A picture by Nano Banana Pro costs 18 to 24 credits." in help_of("nano-banana-pro")


def test_other_models_of_one_price_have_no_range() -> None:
    assert "With other models, it costs 4." in help_of("4o", "grok", "grok-too")
    assert "With other models, it costs 4 to 5." in help_of("4o", "grok", "flux-kontext")
    assert "other" not in help_of("4o")


def test_one_other_model_is_named_with_its_price() -> None:
    assert "A picture by 4o Image costs 6 credits. A picture by Grok Imagine 2.0 costs 4 credits." in help_of(
        "4o", "grok"
    )
    assert "A picture by Nano Banana Pro costs 18 to 24 credits." in help_of("4o", "nano-banana-pro")


def test_other_models_of_the_same_price_cost_the_same() -> None:
    assert "A picture by Grok Imagine 2.0 costs 4 credits. With Grok too, it costs the same." in help_of(
        "grok", "grok-too"
    )
    assert "With other models, it costs the same." in help_of("grok", "grok-too", "grok-three")


async def test_an_example_shows_how_to_ask_for_a_shape_and_makes_it(world: BotWorld) -> None:
    shown = await helped(world)
    assert shown.response is not None
    opened = await world.alice.click(shown.response, custom_id="a1:example:2")
    words = fields(opened)["words"]["value"]
    assert words.endswith("--ar 3:2")
    await world.alice.submit_modal(opened, {"words": words})
    task = await world.only_task()
    assert (task.size, task.prompt) == ("3:2", words.removesuffix(" --ar 3:2"))


@pytest.mark.parametrize(("locale", "words"), [("en-US", "A red fox asleep"), ("zh-CN", "一只红狐狸睡在新雪里")])
async def test_it_is_in_the_persons_language_and_so_are_the_forms(world: BotWorld, locale: str, words: str) -> None:
    world.locales[world.alice.id] = locale
    shown = await helped(world)
    assert shown.response is not None
    assert words in texts(shown.response)
    opened = await world.alice.click(shown.response, custom_id="a1:example:1")
    assert words in fields(opened)["words"]["value"]
