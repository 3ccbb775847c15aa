"""Test the shape of a picture: chosen, asked for with `--ar`, of a style, of the attached picture, or of the server."""

from __future__ import annotations

from typing import Any

import pytest

from storage.catalogue import FOUR_O
from storage.community import Setting
from storage.models import TaskState
from tests.imaging.picture_files import file_of, oriented, painted
from tests.worlds.bot_world import PHOTO, BotWorld, png, texts

WIDE, TALL = ("wide.png", png(size=(160, 90))), ("tall.png", png(size=(90, 160)))


def card(asked: Any) -> str:
    assert asked.response is not None
    return texts(asked.response)


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(1, 1, "1:1"), (3, 2, "3:2"), (2, 3, "2:3"), (16, 9, "3:2"), (9, 16, "2:3"), (21, 9, "3:2"), (4, 3, "3:2"),
     (3, 4, "2:3"), (6, 5, "1:1"), (5, 6, "1:1"), (5, 4, "3:2"), (4, 5, "2:3"), (1000, 1, "3:2"), (1, 1000, "2:3")],
)  # fmt: skip
def test_the_nearest_size_is_found_by_the_quotient_of_the_sides(width: int, height: int, size: str) -> None:
    assert FOUR_O.nearest_size(width, height) == size


@pytest.mark.parametrize(
    ("options", "prompt", "size"),
    [
        ({}, "a door", "2:3"),
        ({"image": WIDE}, "a door", "3:2"),
        ({"image": WIDE, "image2": TALL}, "a door", "3:2"),
        ({"image": PHOTO}, "a door", "3:2"),
        ({"image": ("square.png", png())}, "a door", "1:1"),
        ({"image": WIDE, "size": "1:1"}, "a door", "1:1"),
        ({"image": WIDE}, "a door --ar 1:1", "1:1"),
        ({"image": WIDE, "size": "2:3"}, "a door --ar 1:1", "2:3"),
        ({"style": "Square"}, "a door", "1:1"),
        ({"style": "Square", "image": WIDE}, "a door", "1:1"),
        ({"style": "Square", "image": WIDE}, "a door --ar 9:16", "2:3"),
        ({"style": "Square", "image": WIDE, "size": "3:2"}, "a door", "3:2"),
        ({"style": "Wide picture"}, "a door", "2:3"),
        ({"style": "Wide picture", "image": ("square.png", png())}, "a door", "1:1"),
    ],
)
async def test_what_is_chosen_goes_first_then_the_picture_then_the_server(
    world: BotWorld, options: dict[str, Any], prompt: str, size: str
) -> None:
    await world.stores.guilds.choose(world.guild.id, Setting.SIZE, "2:3", by=1, now=1)
    moderator = world.add_moderator()
    await moderator.slash(world.channel, "style add", name="Square", template="{prompt} in oil", size="1:1")
    await moderator.slash(world.channel, "style add", name="Wide picture", template="{prompt} in oil", picture=WIDE)
    await world.ask(prompt, **options)
    await world.work(60)
    task = await world.only_task()
    assert (task.size, task.fits_picture, task.state) == (size, False, TaskState.CLOSED)
    assert [taken.request.size for taken in world.api.taken] == [size]


async def test_a_photo_of_a_phone_held_upright_is_tall(world: BotWorld) -> None:
    await world.ask(image=("photo.jpg", file_of(painted(160, 90), "JPEG", exif=oriented())))
    await world.work(60)
    assert (await world.only_task()).size == "2:3"


async def test_the_card_says_the_shape_once_it_is_known(world: BotWorld) -> None:
    asked = await world.ask(image=WIDE)
    assert "shaped like the picture" in card(asked)
    await world.engine.step()
    assert (await world.only_task()).size == "3:2"
    await world.work(10)
    assert "landscape (3:2)" in texts(world.channel.history()[-1])


async def test_a_form_asks_for_the_pictures_shape_where_nothing_is_chosen(world: BotWorld) -> None:
    opened = await world.alice.slash(world.channel, "create")
    await world.alice.submit_modal(opened, {"words": "at night", "files": [WIDE]})
    await world.work(60)
    assert (await world.only_task()).size == "3:2"


@pytest.mark.parametrize(
    ("prompt", "options", "told"),
    [
        ("a door --ar 3:2", {}, "`--ar 3:2` became landscape (3:2)."),
        ("a door --ar 16:9", {}, "`--ar 16:9` became landscape (3:2), the nearest shape there is."),
        ("a door --ar 16:9", {"size": "1:1"}, "`--ar 16:9` gave way to the shape you chose."),
        ("a door --no people", {}, "What you do not want follows the word “without”."),
        ("a door --negative people", {}, "What you do not want follows the word “without”."),
        ("a door --v 6", {}, "`--v` means nothing here and was left out."),
        ("a door --v 6 --tile", {}, "`--v`, `--tile` mean nothing here and were left out."),
        ("a door --steps 30", {}, "What I couldn’t read at the end stayed in your words."),
        (
            "a door --ar 3:2 --steps 30",
            {},
            "`--ar 3:2` became landscape (3:2). What I couldn’t read at the end stayed in your words.",
        ),
    ],
)
async def test_the_card_says_what_became_of_parameters(
    world: BotWorld, prompt: str, options: dict[str, Any], told: str
) -> None:
    shown = card(await world.ask(prompt, **options))
    assert f"\n-# {told}" in shown
    assert "> \u2068a door" in shown


async def test_a_card_without_parameters_says_nothing_of_them(world: BotWorld) -> None:
    assert "`--" not in card(await world.ask("a door -- and a wall"))


async def test_parameters_alone_are_no_words(world: BotWorld) -> None:
    assert "Write what you’d like to see" in world.refusal(await world.ask("--ar 16:9 --v 6"))
    assert not await world.stores.tasks.of_user(world.alice.id)


async def test_again_and_vary_have_the_shape_of_the_first(world: BotWorld) -> None:
    await world.ask("a door", image=WIDE)
    await world.work(60)
    result = world.channel.history()[-1]
    await world.bob.click(result, label="Again")
    await world.work(60)
    await world.bob.click(result, label="Vary")
    await world.work(60)
    assert [task.size for task in await world.stores.tasks.of_user(world.bob.id)] == ["3:2", "3:2"]
