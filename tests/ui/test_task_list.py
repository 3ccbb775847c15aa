"""Tests for `/tasks`, which lists a person's own requests in pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from storage.community import NewRepost, RepostKind
from storage.models import Reach, TaskState
from storage.schema import tasks as rows
from tests.storage.rows import NOW, stored
from tests.worlds.bot_world import BotWorld, alt_texts, components, texts


async def made(world: BotWorld, *prompts: str) -> None:
    for prompt in prompts:
        await world.ask(prompt)
        world.clock.turn(1)
    await world.work()


def select(message: Any, prefix: str) -> str:
    (found,) = [
        component["custom_id"]
        for component in components(message)
        if component["type"] == 3 and component["custom_id"].startswith(prefix)
    ]
    return str(found)


async def listed(world: BotWorld, **options: Any) -> Any:
    asked = await world.alice.slash(world.channel, "tasks", **options)
    assert asked.ephemeral
    return asked.response


async def waiting(world: BotWorld, *prompts: str, **columns: Any) -> None:
    """Store requests of Alice, each a second newer than the last one. `columns` are set directly in the database."""
    for number, prompt in enumerate(prompts):
        task = await stored(world.stores, asker_id=world.alice.id, now=NOW + 1000 * number, prompt=prompt)
        if columns:
            async with world.database.write() as connection:
                await connection.execute(sa.update(rows).where(rows.c.id == task.id).values(columns))


def labels(message: Any) -> list[str]:
    return [component["label"] for component in components(message) if component["type"] == 2]


def options_to_open(message: Any) -> list[dict[str, Any]]:
    (found,) = [
        component["options"]
        for component in components(message)
        if component["type"] == 3 and component["custom_id"].startswith("a1:tasks-open")
    ]
    return list(found)


def chosen(message: Any) -> list[str]:
    options = [option for component in components(message) if component["type"] == 3 for option in component["options"]]
    return [option["value"] for option in options if option.get("default")]


async def test_who_has_asked_for_nothing_yet_is_told_how_to(world: BotWorld) -> None:
    assert re.search("Type </imagine:[0-9]+>", texts(await listed(world)))


async def test_their_own_are_there_newest_first_with_small_pictures(world: BotWorld) -> None:
    await made(world, "a red door", "a blue house")
    await world.bob.slash(world.channel, "imagine", prompt="a secret of Bob's")
    page = await listed(world)
    said = texts(page)
    assert said.index("a blue house") < said.index("a red door")
    assert "Bob" not in said
    assert len(page.attachments) == 2
    thumbnails = [component for component in components(page) if component["type"] == 11]
    assert [thumbnail["description"] for thumbnail in thumbnails] == ["Picture: a blue house", "Picture: a red door"]
    assert alt_texts(page) == []


@pytest.mark.sweep
async def test_pages_are_turned_also_after_a_restart(world: BotWorld) -> None:
    await made(world, *[f"door number {number}" for number in range(7)])
    page = await listed(world)
    assert "7 requests, page 1 of 2" in texts(page)
    assert "door number 1" not in texts(page)
    await world.restart()
    await world.alice.click(page, label="Older")
    assert "page 2 of 2" in texts(page)
    assert "door number 0" in texts(page)
    assert len(page.attachments) == 2


async def test_only_those_with_the_words_are_found(world: BotWorld) -> None:
    await made(world, "a red door", "a 100% blue house", "a red house")
    assert "1 request" in texts(await listed(world, search="100%"))
    assert "2 requests" in texts(await listed(world, search="RED"))
    assert "None of your requests has all of these words" in texts(await listed(world, search="100_"))


async def test_a_kind_is_chosen_and_an_empty_one_says_so(world: BotWorld) -> None:
    await made(world, "a red door")
    await world.ask("a blue house")
    page = await listed(world)
    await world.alice.select(page, ["waiting"], custom_id=select(page, "a1:tasks-which"))
    assert "a blue house" in texts(page)
    assert "a red door" not in texts(page)
    await world.alice.select(page, ["failed"], custom_id=select(page, "a1:tasks-which"))
    assert "All of your requests have worked so far" in texts(page)


async def test_one_of_them_is_opened_as_show_does(world: BotWorld) -> None:
    await made(world, "a red door")
    page = await listed(world)
    task = await world.only_task()
    opened = await world.alice.select(page, [task.id], custom_id=select(page, "a1:tasks-open"))
    assert opened.ephemeral
    assert opened.response is not None
    assert "Your picture is ready" in texts(opened.response)


async def test_each_page_leads_to_the_ones_beside_it(world: BotWorld) -> None:
    await waiting(world, *[f"door number {number}" for number in range(15)])
    page = await listed(world)
    assert labels(page) == ["Older"]
    await world.alice.click(page, label="Older")
    assert "page 2 of 3" in texts(page)
    assert ["door number 9" in texts(page), "door number 4" in texts(page)] == [True, False]
    assert labels(page) == ["Newer", "Older"]
    await world.alice.click(page, label="Older")
    assert "page 3 of 3" in texts(page)
    assert labels(page) == ["Newer"]
    await world.alice.click(page, label="Newer")
    assert "page 2 of 3" in texts(page)


async def test_a_page_that_is_no_longer_there_is_the_last(world: BotWorld) -> None:
    await waiting(world, *[f"door number {number}" for number in range(6)])
    page = await listed(world)
    async with world.database.write() as connection:
        await connection.execute(sa.delete(rows).where(rows.c.prompt == "door number 0"))
    await world.alice.click(page, label="Older")
    assert "door number 5" in texts(page)
    assert labels(page) == []


async def test_words_and_kind_stay_as_pages_are_turned(world: BotWorld) -> None:
    words = "a:%41 ü"
    await waiting(world, *[f"{words} {number}" for number in range(6)], "a house")
    await waiting(world, f"{words} not any more", state=TaskState.CANCELLED)
    page = await listed(world, search=words)
    assert "7 requests, page 1 of 2" in texts(page)
    await world.restart()
    await world.alice.select(page, ["waiting"], custom_id=select(page, "a1:tasks-which"))
    for turned in ("Older", "Newer"):
        await world.alice.click(page, label=turned)
        assert "6 requests" in texts(page)
        assert chosen(page) == ["waiting"]


async def test_words_too_long_for_a_button_are_cut(world: BotWorld) -> None:
    await waiting(world, "门" * 40)
    assert "1 request" in texts(await listed(world, search="门" * 40))


async def test_each_kind_has_its_own_and_no_other(world: BotWorld) -> None:
    prompts = ["is waiting", "is about to be told", "is done", "came to nothing", "was cancelled"]
    await waiting(world, prompts[0])
    await waiting(world, prompts[1], state=TaskState.SETTLED, reason="generation_failed")
    await waiting(world, prompts[2], state=TaskState.CLOSED)
    await waiting(world, prompts[3], state=TaskState.CLOSED, reason="generation_failed")
    await waiting(world, prompts[4], state=TaskState.CANCELLED)
    page, found = await listed(world), {}
    for kind in ("waiting", "done", "failed", "cancelled"):
        await world.alice.select(page, [kind], custom_id=select(page, "a1:tasks-which"))
        found[kind] = [words for words in prompts if words in texts(page)]
    assert found == {"waiting": prompts[:2], "done": prompts[2:3], "failed": prompts[3:4], "cancelled": prompts[4:]}


async def test_a_private_one_says_so(world: BotWorld) -> None:
    await waiting(world, "a red door")
    assert "private" not in texts(await listed(world))
    await waiting(world, "a blue house", private=True, reach=Reach.ANSWER)
    assert "private" in texts(await listed(world))


async def test_a_result_that_was_kept_says_so_instead_of_its_number_of_pictures(world: BotWorld) -> None:
    await world.ask("a red door")
    await world.work(10)
    await world.alice.click(world.channel.history()[-1], label="Don’t post")
    assert "kept for you, not posted" not in texts(await listed(world))
    await world.work(120)
    page = await listed(world)
    assert "kept for you, not posted" in texts(page)
    assert "1 picture" not in texts(page)
    (option,) = options_to_open(page)
    assert option["description"] == "kept for you, not posted"


async def test_a_kept_result_that_its_asker_posted_later_has_its_number_of_pictures(world: BotWorld) -> None:
    await waiting(world, "a red door", state=TaskState.CLOSED, withheld_at=NOW)
    task = await world.only_task()
    shown = NewRepost(
        task_id=task.id, kind=RepostKind.SHOWN, once="shown:1", channel_id=1, guild_id=None, locale="en-US",
        upload_limit=1, asked_by=world.alice.id,
    )  # fmt: skip
    repost, _ = await world.stores.reposts.add(shown, now=NOW)
    await world.stores.reposts.posted(repost, message_id=2, now=NOW)
    assert "kept for you" not in texts(await listed(world))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"state": TaskState.CLOSED, "withheld_at": NOW}, "kept for you, not posted"),
        ({"state": TaskState.GENERATING, "withheld_at": NOW}, "waiting"),
        ({"state": TaskState.CLOSED, "withheld_at": NOW, "reason": "generation_failed"}, "no picture"),
        ({"state": TaskState.CLOSED, "withheld_at": NOW, "removed_at": NOW, "removed_by": 1}, "removed"),
    ],
)
async def test_each_state_of_what_was_not_to_be_posted_has_its_words(
    world: BotWorld, columns: dict[str, Any], said: str
) -> None:
    await waiting(world, "a red door", **columns)
    (option,) = options_to_open(await listed(world))
    assert option["description"] == said


async def test_what_a_moderator_removed_is_listed_without_its_picture_and_opens_no_more(world: BotWorld) -> None:
    await made(world, "a red door")
    task = await world.only_task()
    await world.stores.tasks.change(task, removed_at=world.clock(), removed_by=world.bob.id)
    page = await listed(world)
    assert page.attachments == []
    await world.restart()
    opened = await world.alice.select(page, [task.id], custom_id=select(page, "a1:tasks-open"))
    assert "you aren’t allowed to see it" in world.refusal(opened)


async def test_a_defect_behind_the_page_is_told_and_nobody_is_left_thinking(
    world: BotWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(world.stores.search, "count_own", broken)
    asked = await world.alice.slash(world.channel, "tasks")
    world.acknowledged = world.env.error_cursor
    assert asked.response is not None
    said = str((asked.followups or [asked.response])[-1].content)
    assert "number" in said.lower() or "reference" in said.lower(), said


@pytest.mark.parametrize("words", ["红色的门在海边的小屋旁边", "КРАСНАЯ ДВЕРЬ У МОРЯ", "İSTANBUL 100% 🚪"])
async def test_long_words_in_any_script_find_the_same_on_every_page(world: BotWorld, words: str) -> None:
    await waiting(world, *[f"{words.lower()} {number}" for number in range(6)], words[:5])
    page = await listed(world, search=words)
    assert words in texts(page)
    assert "6 requests, page 1 of 2" in texts(page)
    await world.restart()
    await world.alice.click(page, label="Older")
    assert "6 requests, page 2 of 2" in texts(page)
