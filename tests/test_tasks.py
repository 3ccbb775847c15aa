"""`/tasks`: a person's own requests, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.world import World, alt_texts, components, open_world, texts


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


async def made(world: World, *prompts: str) -> None:
    for prompt in prompts:
        await world.ask(prompt)
        world.clock.turn(1)
    await world.work()


def select(message: Any, prefix: str) -> str:
    (found,) = [
        one["custom_id"] for one in components(message) if one["type"] == 3 and one["custom_id"].startswith(prefix)
    ]
    return str(found)


async def listed(world: World, **options: Any) -> Any:
    asked = await world.alice.slash(world.channel, "tasks", **options)
    assert asked.ephemeral
    return asked.response


async def test_who_has_asked_for_nothing_yet_is_told_how_to(world: World) -> None:
    assert "Type `/imagine`" in texts(await listed(world))


async def test_their_own_are_there_newest_first_with_small_pictures(world: World) -> None:
    await made(world, "a red door", "a blue house")
    await world.bob.slash(world.channel, "imagine", prompt="a secret of Bob's")
    page = await listed(world)
    said = texts(page)
    assert said.index("a blue house") < said.index("a red door")
    assert "Bob" not in said
    assert len(page.attachments) == 2
    thumbnails = [one for one in components(page) if one["type"] == 11]
    assert [one["description"] for one in thumbnails] == ["Picture: a blue house", "Picture: a red door"]
    assert alt_texts(page) == []


async def test_pages_are_turned_also_after_a_restart(world: World) -> None:
    await made(world, *[f"door number {number}" for number in range(7)])
    page = await listed(world)
    assert "7 requests, page 1 of 2" in texts(page)
    assert "door number 1" not in texts(page)
    await world.restart()
    await world.alice.click(page, label="Older")
    assert "page 2 of 2" in texts(page)
    assert "door number 0" in texts(page)
    assert len(page.attachments) == 2


async def test_only_those_with_the_words_are_found(world: World) -> None:
    await made(world, "a red door", "a 100% blue house", "a red house")
    assert "1 request" in texts(await listed(world, search="100%"))
    assert "2 requests" in texts(await listed(world, search="RED"))
    assert "None of yours has these words" in texts(await listed(world, search="100_"))


async def test_a_kind_is_chosen_and_an_empty_one_says_so(world: World) -> None:
    await made(world, "a red door")
    await world.ask("a blue house")
    page = await listed(world)
    await world.alice.select(page, ["waiting"], custom_id=select(page, "a1:tasks-which"))
    assert "a blue house" in texts(page)
    assert "a red door" not in texts(page)
    await world.alice.select(page, ["failed"], custom_id=select(page, "a1:tasks-which"))
    assert "All of yours have worked out so far" in texts(page)


async def test_one_of_them_is_opened_as_show_does(world: World) -> None:
    await made(world, "a red door")
    page = await listed(world)
    task = await world.only_task()
    opened = await world.alice.select(page, [task.id], custom_id=select(page, "a1:tasks-open"))
    assert opened.ephemeral
    assert opened.response is not None
    assert "Your picture is ready" in texts(opened.response)
