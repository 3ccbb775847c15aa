"""What the asker of a kept outcome sees: a hint on their next card, and the outcome when they press its button."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import Reason
from storage.models import Task, TaskState
from tests.worlds.bot_world import BotWorld, button_ids, texts


def close_everything(world: BotWorld) -> None:
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=403, code=50013, times=None)
    world.env.inject_error("PATCH", "/webhooks/*", status=404, code=10015, times=None)
    world.env.inject_error("POST", "/webhooks/*", status=404, code=10015, times=None)
    world.env.inject_error("POST", "/users/@me/channels", status=403, code=50007, times=None)


async def kept(world: BotWorld, prompt: str = "a red door", **options: Any) -> Task:
    """Return a task whose outcome was kept because every route was closed. The routes are open afterwards."""
    close_everything(world)
    await world.ask(prompt, **options)
    await world.work(60)
    task = (await world.stores.tasks.of_user(world.alice.id))[0]
    assert task.undelivered_at is not None
    world.env.backend.faults.clear()
    return task


async def next_card(world: BotWorld) -> Any:
    await world.ask("something else")
    return world.channel.history()[-1]


async def test_the_next_card_tells_of_it_and_the_button_shows_it_to_the_asker_alone(world: BotWorld) -> None:
    task = await kept(world, variants=4)
    card = await next_card(world)
    assert "An earlier request of yours is finished, but I couldn’t reach you." in texts(card)
    assert "a red door" not in texts(card)
    pressed = await world.alice.click(card, label="Show it to me")
    await world.work(5)
    assert pressed.ephemeral
    assert pressed.response is not None
    assert "Your 4 pictures are ready" in texts(pressed.response)
    assert f"You asked for this in <#{world.channel.id}>" in texts(pressed.response)
    assert len(pressed.response.attachments) == 4
    assert all("4 pictures" not in texts(message) for message in world.channel.history())
    assert (await world.stores.tasks.get(task.id) or task).state is TaskState.CLOSED


async def test_the_line_goes_once_they_have_come(world: BotWorld) -> None:
    await kept(world)
    card = await next_card(world)
    await world.alice.click(card, label="Show it to me")
    await world.work(10)
    assert "An earlier request" not in texts(world.channel.history()[-1])


async def test_others_are_not_shown_it(world: BotWorld) -> None:
    await kept(world)
    card = await next_card(world)
    refused = await world.bob.click(card, label="Show it to me")
    assert "Only the person who asked" in world.refusal(refused)


async def test_the_button_outlives_a_restart_and_so_does_the_press(world: BotWorld) -> None:
    await kept(world)
    card = await next_card(world)
    await world.restart()
    pressed = await world.alice.click(card, label="Show it to me")
    await world.restart()
    await world.work(5)
    assert pressed.response is not None
    assert "Your picture is ready" in texts(pressed.response)


async def test_a_press_twice_says_that_it_is_on_its_way_and_later_that_it_is_there(world: BotWorld) -> None:
    await kept(world)
    await next_card(world)
    await world.work(60)
    told = world.channel.history()[-1]
    await world.alice.click(told, label="Show it to me")
    assert "on its way" in world.refusal(await world.alice.click(told, label="Show it to me"))
    await world.work(5)
    assert "no longer keep" in world.refusal(await world.alice.click(told, label="Show it to me"))


@pytest.mark.sweep
async def test_several_are_shown_one_after_the_other(world: BotWorld) -> None:
    older, newer = await kept(world, "the older"), await kept(world, "the newer")
    card = await next_card(world)
    assert "2 earlier requests of yours are finished" in texts(card)
    assert button_ids(card)[-1] == f"a1:show:{newer.id}"
    first = await world.alice.click(card, label="Show it to me")
    await world.work(5)
    assert first.response is not None
    assert "the newer" in texts(first.response)
    assert "One more is waiting for you." in texts(first.response)
    second = await world.alice.click(first.response, label="Show the next one")
    await world.work(5)
    assert second.response is not None
    assert "the older" in texts(second.response)
    assert (await world.stores.tasks.get(older.id) or older).state is TaskState.CLOSED


async def test_a_kept_failure_is_shown_with_its_button_to_ask_again(world: BotWorld) -> None:
    await kept(world, image=("cat.png", b"just words"))
    card = await next_card(world)
    pressed = await world.alice.click(card, label="Show it to me")
    await world.work(5)
    assert pressed.response is not None
    assert "No picture this time" in texts(pressed.response)


async def test_asking_again_from_what_only_they_see_takes_no_button_away(world: BotWorld) -> None:
    task = await kept(world)
    await world.stores.tasks.move(task, TaskState.GENERATING, now=world.clock(), why="test", job_id="kie1")
    close_everything(world)
    await world.stores.tasks.settle(
        await world.only_task(), now=world.clock(), why="test", reason=Reason.LOST, due_at=0
    )
    await world.work(10)
    world.env.backend.faults.clear()
    pressed = await world.alice.click(await next_card(world), label="Show it to me")
    await world.work(5)
    assert pressed.response is not None
    again = await world.alice.click(pressed.response, label="Ask again")
    assert again.response is not None
    assert "Waiting in line" in texts(again.response)


async def test_the_outcome_that_follows_tells_of_it_too(world: BotWorld) -> None:
    task = await kept(world)
    await next_card(world)
    await world.work(60)
    told = world.channel.history()[-1]
    assert texts(told).startswith("### Your picture is ready")
    assert button_ids(told)[-1] == f"a1:show:{task.id}"


async def test_who_is_refused_is_told_of_it_the_next_time(world: BotWorld) -> None:
    await kept(world)
    world.refusal(await world.ask("  "))
    assert "An earlier request" in texts(await next_card(world))


async def test_what_came_through_meanwhile_is_named_to_who_comes_for_it(world: BotWorld) -> None:
    task = await kept(world)
    card = await next_card(world)
    (part,) = await world.stores.parts.of_task(task.id)
    await world.post(await world.outcome(task), part)
    pressed = await world.alice.click(card, label="Show it to me")
    await world.work(5)
    assert pressed.response is not None
    assert "has just reached you another way" in texts(pressed.response)
    assert (await world.stores.tasks.get(task.id) or task).state is TaskState.CLOSED


async def test_discord_failing_for_a_moment_delays_what_they_came_for(world: BotWorld) -> None:
    await kept(world)
    card = await next_card(world)
    pressed = await world.alice.click(card, label="Show it to me")
    world.env.inject_error("PATCH", "/webhooks/*", status=400, code=40062)
    await world.work(10)
    assert pressed.response is not None
    assert "Your picture is ready" in texts(pressed.response)


async def test_what_is_too_large_for_the_answer_is_made_smaller(world: BotWorld) -> None:
    await kept(world, variants=2)
    card = await next_card(world)
    pressed = await world.alice.click(card, label="Show it to me")
    world.env.inject_error("PATCH", "/webhooks/*", status=413, code=40005, times=2)
    await world.work(5)
    assert pressed.response is not None
    assert len(pressed.response.attachments) == 2


async def test_pictures_that_come_after_all_are_not_taken_for_the_message_that_doubted_them(world: BotWorld) -> None:
    await world.ask("a red door")
    await world.stores.tasks.settle(await world.only_task(), now=world.clock(), why="test", reason=Reason.UNCONFIRMED)
    await world.work(5)
    assert "I can’t tell whether this worked" in texts(world.channel.history()[-1])
    adopted = await world.stores.tasks.move(
        await world.only_task(), TaskState.GENERATING, now=world.clock(), why="adopted", job_id="kie1"
    )
    await world.stores.tasks.settle(
        adopted, now=world.clock(), why="test", reason=None, urls=["https://results.test/1.png"], due_at=0
    )
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=503)
    await world.work(30)
    doubt, pictures = world.channel.history()
    assert "This one worked after all" in texts(doubt)
    assert texts(pictures).startswith("### Your picture is ready")
    assert "It worked after all." in texts(pictures)
    assert (await world.only_task()).state is TaskState.CLOSED


async def test_an_outcome_told_a_second_time_for_the_same_reason_is_another_message(world: BotWorld) -> None:
    await world.ask("a red door")
    for _ in range(2):
        task = await world.only_task()
        if task.state is TaskState.CLOSED:
            task = await world.stores.tasks.move(
                task, TaskState.GENERATING, now=world.clock(), why="adopted", job_id="kie1"
            )
        await world.stores.tasks.settle(task, now=world.clock(), why="test", reason=Reason.LOST, due_at=0)
        world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=503)
        await world.work(30)
    first, second = [texts(message).splitlines()[0] for message in world.channel.history()]
    assert (first, second) == ("### This one worked after all", "### No picture this time")
