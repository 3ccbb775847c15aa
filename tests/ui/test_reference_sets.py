"""Tests for `/reference`: a person's own sets of pictures, and requests that use them."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from simcord.results import InteractionResult
from structlog.testing import capture_logs

from bot.engine.work.picture_work import PictureWork
from bot.imaging.processes import WorkerProcesses
from storage.community import ReferenceSet, StoredPicture
from storage.models import TaskState, new_id
from storage.pictures import MissingCopy
from storage.sets import MOST_SETS
from tests.worlds.bot_world import NO_LIMITS, PHOTO, BotWorld, button_ids, components, png, texts

DOG = ("dog.png", png("blue", (64, 64)))


async def save(world: BotWorld, name: str = "My cat", **images: Any) -> InteractionResult:
    return await world.alice.slash(world.channel, "reference save", name=name, **({"image": PHOTO} | images))


async def use(world: BotWorld, name: str = "my CAT", **options: Any) -> InteractionResult:
    return await world.alice.slash(world.channel, "reference use", name=name, **options)


@pytest.fixture
async def no_decoder(world: BotWorld, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """No process that decodes pictures can be started."""
    async with WorkerProcesses.open() as children:
        world.client.services = replace(world.client.services, picture_work=PictureWork(children))
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        yield


async def put(world: BotWorld, count: int) -> None:
    """Store so many sets directly in the database."""
    picture = StoredPicture(key="sets/x/1", filename="a.png", content_type="image/png", bytes=1, width=1, height=1)
    for number in range(count):
        await world.client.services.stores.sets.save(
            ReferenceSet(
                id=new_id(), owner_id=world.alice.id, name=f"set {number:02}", pictures=(picture,), created_at=0
            ),
            NO_LIMITS,
        )


def shown(answered: InteractionResult) -> Any:
    """Return the message that replaced "is thinking"."""
    assert answered.response is not None
    return answered.response


def said(answered: InteractionResult) -> str:
    return str(shown(answered).content)


async def went_in(world: BotWorld) -> list[str]:
    task = await world.only_task()
    return [reference.filename for reference in await world.stores.references.of_task(task.id)]


# -- saving and using --------------------------------------------------------------------------------------------------


async def test_a_saved_set_begins_a_picture_after_a_restart_and_without_what_was_attached(world: BotWorld) -> None:
    saved = await save(world, image2=DOG)
    assert saved.ephemeral
    assert "\u2068My cat\u2069** is saved, with 2 pictures" in said(saved)
    await world.restart()
    world.env.backend.cdn = type(world.env.backend.cdn)()
    await use(world, prompt="on the moon", size="3:2", variants=2)
    await world.work(60)
    task = await world.only_task()
    assert (task.prompt, task.size, task.variants, task.state) == ("on the moon", "3:2", 2, TaskState.CLOSED)
    assert await went_in(world) == ["cat.png", "dog.png"]


async def test_without_words_a_form_opens_and_counts_after_a_restart(world: BotWorld) -> None:
    await save(world)
    opened = await use(world, variants=4)
    await world.restart()
    await world.alice.submit_modal(opened, {"words": "on the moon", "size": ["2:3"], "variants": ["4"]})
    task = await world.only_task()
    assert (task.prompt, task.size, task.variants, task.private) == ("on the moon", "2:3", 4, False)
    assert await went_in(world) == ["cat.png"]


async def test_pictures_made_with_a_set_can_be_private(world: BotWorld) -> None:
    await save(world)
    assert (await use(world, prompt="on the moon", private=True)).ephemeral
    assert (await world.only_task()).private


async def test_the_image_api_is_given_an_address_for_each_picture_of_a_set(world: BotWorld) -> None:
    await save(world, "us")
    await world.alice.slash(world.channel, "reference use", name="us", prompt="at the sea")
    await world.work(60)
    (request,) = world.api.taken
    assert request.files
    assert all(url.startswith("https://uploads.test/") for url in request.files)


async def test_imagine_takes_a_set_behind_what_is_attached(world: BotWorld) -> None:
    await save(world)
    await world.ask("on the moon", image=DOG, reference="My cat")
    assert await went_in(world) == ["dog.png", "cat.png"]


async def test_a_name_is_offered_while_it_is_typed_to_its_owner_alone(world: BotWorld) -> None:
    await save(world)
    await save(world, "Castle", image2=DOG)
    offered = await world.alice.autocomplete(world.channel, "imagine", "reference", "ca", prompt="x")
    assert [choice["value"] for choice in offered] == ["Castle", "My cat"]
    assert offered[0]["name"] == "Castle (2 pictures)"
    assert not await world.bob.autocomplete(world.channel, "reference use", "name", "")


# -- listing and removing ----------------------------------------------------------------------------------------------


async def test_the_list_shows_each_set_with_its_pictures(world: BotWorld) -> None:
    await save(world, image2=DOG)
    listed = await world.alice.slash(world.channel, "reference list")
    assert listed.ephemeral
    message = shown(listed)
    assert "My cat\u2069**\n-# 2 pictures" in texts(message)
    (gallery,) = [part for part in components(message) if part["type"] == 12]
    assert gallery["items"][0]["description"] == "The pictures of the set My cat"
    assert len(message.attachments) == 1


async def test_the_list_turns_its_pages_after_a_restart(world: BotWorld) -> None:
    await put(world, 6)
    listed = await world.alice.slash(world.channel, "reference list")
    assert "set 04" in texts(shown(listed))
    assert "set 05" not in texts(shown(listed))
    await world.restart()
    turned = await world.alice.click(shown(listed), custom_id="a1:sets:1")
    assert turned.response is not None
    assert "set 05" in texts(turned.response)


async def test_who_has_none_is_told_how_to_save_one(world: BotWorld) -> None:
    listed = await world.alice.slash(world.channel, "reference list")
    assert re.search("Save one with </reference save:[0-9]+>", texts(shown(listed)))


async def test_all_bad_pictures_of_a_set_are_named_at_once(world: BotWorld) -> None:
    refused = await save(world, image2=("a.png", b"words"), image3=("b.svg", b"<svg/>"))
    told = world.refusal(refused)
    assert "Of these files, 2 can’t be used" in told.replace("\u2068", "").replace("\u2069", "")
    assert "a.png" in told
    assert "b.svg" in told
    assert not await world.client.services.stores.sets.of(world.alice.id)


async def test_what_is_removed_is_gone_with_its_copies(world: BotWorld) -> None:
    await save(world)
    (kept,) = await world.client.services.stores.sets.of(world.alice.id)
    asked = await world.alice.slash(world.channel, "reference remove", name="My cat")
    assert asked.response is not None
    assert "This can’t be undone" in texts(asked.response)
    assert len(await world.client.services.stores.sets.of(world.alice.id)) == 1
    await world.restart()
    await world.alice.click(asked.response, label="Remove")
    assert "is gone, and my copies" in texts(asked.response)
    assert button_ids(asked.response) == []
    assert not await world.client.services.stores.sets.of(world.alice.id)
    with pytest.raises(MissingCopy):
        await world.picture_store.get(kept.pictures[0].key)


async def test_a_set_that_is_removed_twice_is_gone_already(world: BotWorld) -> None:
    await world.alice.slash(world.channel, "reference save", name="My cat", image=PHOTO)
    questions: Any = [await world.alice.slash(world.channel, "reference remove", name="My cat") for _ in range(2)]
    for asked, said in zip(questions, ("My cat", "already gone"), strict=True):
        await world.alice.click(asked.response, label="Remove")
        assert said in texts(asked.response)
        assert button_ids(asked.response) == []


async def test_where_the_bot_does_not_serve_no_set_is_kept(world: BotWorld) -> None:
    world.client.allowed_guilds = frozenset({1})
    refused = await world.alice.slash(world.channel, "reference save", name="My cat", image=PHOTO)
    assert "I’m not allowed to make pictures here" in world.refusal(refused)
    assert await world.stores.sets.of(world.alice.id) == ()


async def test_a_set_that_is_kept_after_the_question_stays(world: BotWorld) -> None:
    await save(world)
    asked = await world.alice.slash(world.channel, "reference remove", name="My cat")
    assert asked.response is not None
    assert "My cat" in texts(asked.response)
    await world.restart()
    await world.alice.click(asked.response, label="Keep it")
    assert texts(asked.response) == "Nothing was removed. It stays as it is."
    assert button_ids(asked.response) == []
    assert len(await world.client.services.stores.sets.of(world.alice.id)) == 1


async def test_a_form_whose_set_was_removed_says_so(world: BotWorld) -> None:
    await save(world)
    opened = await use(world)
    asked = await world.alice.slash(world.channel, "reference remove", name="My cat")
    assert asked.response is not None
    await world.alice.click(asked.response, label="Remove")
    assert "Open it again" in world.refusal(await world.alice.submit_modal(opened, {"words": "x"}))


# -- refusals ----------------------------------------------------------------------------------------------------------


async def test_nobody_elses_set_is_known(world: BotWorld) -> None:
    await save(world)
    asked = await world.bob.slash(world.channel, "reference use", name="My cat", prompt="x")
    assert "You have no set of pictures called \u2068My cat" in world.refusal(asked)
    removed = await world.bob.slash(world.channel, "reference remove", name="My cat")
    assert "You have no set" in world.refusal(removed)
    assert len(await world.client.services.stores.sets.of(world.alice.id)) == 1


async def test_a_name_is_taken_once_whatever_its_capitals(world: BotWorld) -> None:
    await save(world)
    assert "You already have a set of pictures called \u2068MY CAT" in world.refusal(await save(world, "MY CAT"))


async def test_there_is_an_end_to_sets(world: BotWorld) -> None:
    await put(world, MOST_SETS)
    assert "You can have 25 sets of pictures" in world.refusal(await save(world))


async def test_a_name_has_letters(world: BotWorld) -> None:
    assert "needs a name with letters" in world.refusal(await save(world, "\u200b\u200b"))


async def test_what_is_no_picture_is_refused_and_nothing_is_kept(world: BotWorld) -> None:
    asked = await save(world, image2=("notes.png", b"no picture"))
    world.acknowledged = world.env.error_cursor
    assert "notes.png\u2069** isn’t a picture I can open" in said(asked)
    assert not await world.client.services.stores.sets.of(world.alice.id)
    assert await world.picture_store.used_bytes() == 0


async def test_a_set_with_a_mask_is_refused(world: BotWorld) -> None:
    await save(world)
    asked = await world.ask("on the moon", image=DOG, mask=DOG, reference="My cat")
    assert "A mask works with exactly one picture" in world.refusal(asked)


async def test_more_pictures_than_go_in_are_refused(world: BotWorld) -> None:
    await save(world, image2=DOG, image3=DOG)
    asked = await world.ask("on the moon", image=DOG, image2=DOG, image3=DOG, reference="My cat")
    assert "starts from at most 5 pictures" in world.refusal(asked)
    assert not await world.stores.tasks.of_user(world.alice.id)


@pytest.mark.usefixtures("no_decoder")
async def test_a_set_that_cannot_be_saved_at_the_moment_is_to_be_tried_again_later(world: BotWorld) -> None:
    with capture_logs() as logs:
        asked = await save(world)
    assert world.refusal(asked) == "That doesn’t work at the moment. Try again in a few minutes."
    assert [entry["log_level"] for entry in logs if entry["log_level"] in {"warning", "error"}] == ["warning"]
    assert not await world.client.services.stores.sets.of(world.alice.id)
