"""What stays in the channel without a picture can be deleted by its asker, and says nothing that is not so."""

from __future__ import annotations

from typing import Any

import pytest

from bot.engine.ports import Card, CardPhase
from bot.errors import Refused
from bot.ui.waiting.cards import card_view
from storage.models import TaskState
from tests.worlds.bot_batches import begun, posted, tasks_of
from tests.worlds.bot_world import BotWorld, a_task, texts


async def cancelled(world: BotWorld) -> None:
    asked: Any = await world.ask()
    await world.alice.click(asked.response, label="Cancel")


async def withheld(world: BotWorld) -> None:
    await world.ask()
    await world.work(10)
    await world.alice.click(world.channel.history()[-1], label="Don’t post")
    await world.work(60)


async def failed(world: BotWorld) -> None:
    world.api.next_create.append(Refused(400, "no"))
    await world.ask()
    await world.work(60)


@pytest.mark.parametrize("end", [cancelled, withheld, failed])
async def test_its_asker_deletes_it_also_after_a_restart(world: BotWorld, end: Any) -> None:
    await end(world)
    await world.restart()
    (message,) = world.channel.history()
    await world.alice.click(message, label="Dismiss")
    assert world.channel.history() == []
    await world.work(30)
    assert world.channel.history() == []


@pytest.mark.parametrize("end", [cancelled, withheld, failed])
async def test_others_do_not_and_moderators_do(world: BotWorld, end: Any) -> None:
    await end(world)
    (message,) = world.channel.history()
    refused = await world.bob.click(message, label="Dismiss")
    assert "Only the person who asked for it and the moderators" in world.refusal(refused)
    assert len(world.channel.history()) == 1
    await world.add_moderator().click(message, label="Dismiss")
    assert world.channel.history() == []


async def test_a_withheld_result_whose_message_is_deleted_can_still_be_posted(world: BotWorld) -> None:
    await withheld(world)
    await world.alice.click(world.channel.history()[0], label="Dismiss")
    shown: Any = await world.alice.slash(world.channel, "show", what=(await world.only_task()).id)
    await world.alice.click(shown.response, label="Post here")
    assert len(world.channel.history()[0].attachments) == 1


@pytest.mark.parametrize("phase", [phase for phase in CardPhase if phase is not CardPhase.CANCELLED])
def test_after_dont_post_no_card_says_that_it_is_posted(phase: CardPhase) -> None:
    card = Card(task=a_task(withheld_at=1, state="generating"), phase=phase)
    said = "\n".join(item.content for item in card_view(card).walk_children() if hasattr(item, "content"))
    assert "this channel" not in said
    assert "comes here" not in said


async def test_when_it_is_too_late_to_post_after_all_it_is_said_where_it_is(world: BotWorld) -> None:
    await world.ask()
    await world.work(10)
    card = world.channel.history()[-1]
    await world.alice.click(card, label="Don’t post")
    await world.work(5)
    task = await world.only_task()
    await world.stores.tasks.settle(task, reason=None, urls=["https://results.test/1.png"], now=1, why="test")
    told = world.refusal(await world.alice.click(world.channel.history()[-1], label="Post it after all"))
    assert "kept for you" in told
    assert "posted" not in told
    assert (await world.only_task()).state is TaskState.SETTLED


async def test_a_batch_without_pictures_is_deleted_with_its_notice(world: BotWorld) -> None:
    world.api.next_create += [Refused(400, "no"), Refused(400, "no")]
    await begun(world, "{red, green} door")
    await world.work(60)
    message, notice = posted(world)
    assert "None of your pictures worked" in texts(notice)
    assert "Only the person who asked" in world.refusal(await world.bob.click(message, label="Dismiss"))
    await world.alice.click(message, label="Dismiss")
    await world.work(30)
    assert posted(world) == []


async def test_a_batch_whose_pictures_are_removed_goes_with_its_failures(world: BotWorld) -> None:
    world.api.next_create += [Refused(400, "no")]
    await begun(world, "{red, green} door")
    await world.work(60)
    done = next(task for task in await tasks_of(world) if task.reason is None)
    opened: Any = await world.alice.select(posted(world)[0], [done.id])
    asked: Any = await world.alice.click(opened.response, label="Remove")
    await world.alice.click(asked.response, label="Remove everywhere")
    await world.work(30)
    assert posted(world) == []
