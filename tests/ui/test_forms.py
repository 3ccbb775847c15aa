"""Test the forms of `/create` and of the message menu "Edit pictures", also when submitted after a restart."""

from __future__ import annotations

from typing import Any

from simcord.results import InteractionResult

from storage.models import Task, TaskState
from tests.worlds.bot_world import PHOTO, BotWorld, png, texts

MENU = "Edit pictures"
DAY = 24 * 60 * 60
PROXY = "https://images-ext-1.discordapp.net/external/x/https/elsewhere.test/dog.png"


def fields(opened: InteractionResult) -> dict[str, dict[str, Any]]:
    """Return the fields of an open form by their custom ids."""
    assert opened.modal is not None
    return {label["component"]["custom_id"]: label["component"] for label in opened.modal["components"]}


def chosen(field: dict[str, Any]) -> list[str]:
    return [option["value"] for option in field["options"] if option.get("default")]


def named(count: int) -> list[tuple[str, bytes]]:
    return [(f"{number}.png", png()) for number in range(count)]


async def menu(world: BotWorld, message: Any) -> InteractionResult:
    return await world.bob.context_menu(world.channel, MENU, message)


async def edited(world: BotWorld, opened: InteractionResult, **filled: Any) -> Task:
    await world.bob.submit_modal(opened, filled)
    return await world.only_task(world.bob)


# -- /create -----------------------------------------------------------------------------------------------------------


async def test_create_makes_what_was_filled_in(world: BotWorld) -> None:
    opened = await world.alice.slash(world.channel, "create")
    await world.alice.submit_modal(
        opened,
        {"words": "a green door", "files": [PHOTO, ("dog.png", png())], "size": ["2:3"], "variants": ["4"]},
    )
    await world.work(60)
    task = await world.only_task()
    assert (task.prompt, task.size, task.variants, task.private) == ("a green door", "2:3", 4, False)
    assert [reference.filename for reference in await world.stores.references.of_task(task.id)] == [
        "cat.png",
        "dog.png",
    ]
    assert "Your 4 pictures are ready" in texts(world.channel.history()[-1])


async def test_create_begins_with_what_a_server_without_choices_has(world: BotWorld) -> None:
    form = fields(await world.alice.slash(world.channel, "create"))
    assert chosen(form["size"]) == []
    assert form["size"]["placeholder"] == "Like your first picture; from words alone square (1:1)"
    assert chosen(form["variants"]) == ["1"]
    assert form["files"]["max_values"] == 10


async def test_create_is_private_where_that_is_chosen(world: BotWorld) -> None:
    opened = await world.alice.slash(world.channel, "create")
    answered = await world.alice.submit_modal(opened, {"words": "a green door", "variants": ["2p"]})
    assert answered.ephemeral
    task = await world.only_task()
    assert (task.private, task.variants) == (True, 2)


async def test_create_counts_when_it_comes_back_after_a_restart(world: BotWorld) -> None:
    opened = await world.alice.slash(world.channel, "create")
    await world.restart()
    await world.alice.submit_modal(opened, {"words": "a green door"})
    assert (await world.only_task()).prompt == "a green door"


async def test_create_with_nothing_in_it_is_told_what_to_do(world: BotWorld) -> None:
    opened = await world.alice.slash(world.channel, "create")
    assert "Write what you’d like to see" in world.refusal(await world.alice.submit_modal(opened, {"words": " "}))
    assert not await world.stores.tasks.of_user(world.alice.id)


async def test_create_speaks_chinese_to_who_reads_it(world: BotWorld) -> None:
    world.locales[world.alice.id] = "zh-CN"
    opened = await world.alice.slash(world.channel, "create")
    assert opened.modal is not None
    assert opened.modal["title"] == "画图"


# -- the menu ----------------------------------------------------------------------------------------------------------


async def test_the_menu_begins_with_the_picture_of_anybodys_message(world: BotWorld) -> None:
    message = await world.alice.send(world.channel, "look", attachments=[PHOTO])
    opened = await menu(world, message)
    assert "pictures" not in fields(opened)
    task = await edited(world, opened, words="make it night", size=["3:2"], variants=["2"])
    await world.work(60)
    assert (task.prompt, task.size, task.variants) == ("make it night", "3:2", 2)
    assert [reference.filename for reference in await world.stores.references.of_task(task.id)] == ["cat.png"]
    assert (await world.only_task(world.bob)).state is TaskState.CLOSED


async def test_of_several_pictures_those_are_taken_that_were_chosen(world: BotWorld) -> None:
    message = await world.alice.send(world.channel, attachments=named(3))
    opened = await menu(world, message)
    assert chosen(fields(opened)["pictures"]) == ["0", "1", "2"]
    task = await edited(world, opened, words="together", pictures=["0", "2"], files=[PHOTO])
    assert [reference.filename for reference in await world.stores.references.of_task(task.id)] == [
        "0.png",
        "2.png",
        "cat.png",
    ]


async def test_of_more_than_five_the_first_five_are_offered(world: BotWorld) -> None:
    message = await world.alice.send(world.channel, attachments=named(7))
    opened = await menu(world, message)
    assert chosen(fields(opened)["pictures"]) == ["0", "1", "2", "3", "4"]
    assert len(fields(opened)["pictures"]["options"]) == 7
    assert len(await world.stores.references.of_task((await edited(world, opened, words="all")).id)) == 5


async def test_more_than_five_together_are_refused(world: BotWorld) -> None:
    message = await world.alice.send(world.channel, attachments=named(5))
    refused = await world.bob.submit_modal(await menu(world, message), {"words": "x", "files": [PHOTO]})
    assert "starts from at most 5 pictures" in world.refusal(refused)


async def test_the_menu_counts_when_it_comes_back_after_a_restart(world: BotWorld) -> None:
    message = await world.alice.send(world.channel, attachments=[PHOTO])
    opened = await menu(world, message)
    await world.restart()
    task = await edited(world, opened, words="make it night")
    assert [reference.filename for reference in await world.stores.references.of_task(task.id)] == ["cat.png"]


async def test_it_counts_too_when_the_message_has_gone_meanwhile(world: BotWorld) -> None:
    message = await world.alice.send(world.channel, attachments=[PHOTO])
    opened = await menu(world, message)
    await world.alice.delete(message)
    task = await edited(world, opened, words="make it night")
    assert len(await world.stores.references.of_task(task.id)) == 1


async def test_a_form_that_was_open_for_days_says_so(world: BotWorld) -> None:
    message = await world.alice.send(world.channel, attachments=[PHOTO])
    opened = await menu(world, message)
    world.clock.turn(DAY)
    refused = await world.bob.submit_modal(opened, {"words": "x"})
    assert "open for too long" in world.refusal(refused)
    assert not await world.stores.tasks.of_user(world.bob.id)


async def test_a_message_without_pictures_is_told_so(world: BotWorld) -> None:
    message = await world.alice.send(world.channel, "words", attachments=[("notes.txt", b"words")])
    assert "There’s no picture in that message" in world.refusal(await menu(world, message))


async def test_the_menu_works_on_our_own_results(world: BotWorld) -> None:
    await world.ask(variants=2)
    await world.work(60)
    opened = await menu(world, world.channel.history()[-1])
    assert len(fields(opened)["pictures"]["options"]) == 2
