"""What the asker of a kept batch sees: a hint on their next card, and a message of the batch at each press."""

from __future__ import annotations

from typing import Any

import pytest

from storage.community import Batch
from tests.ui.test_undelivered import close_everything, next_card
from tests.worlds.bot_batches import DOORS, begun, posted, seen, spoilers, tasks_of
from tests.worlds.bot_world import BotWorld, button_ids, texts

LABEL = "Show them to me"
HINT = "Several requests that you made together are finished, but I couldn’t reach you."


async def kept(world: BotWorld, words: str = DOORS, **options: Any) -> Batch:
    """Return a batch that was kept because every route was closed. The routes are open afterwards."""
    await begun(world, words, **options)
    close_everything(world)
    await world.work(90)
    world.env.backend.faults.clear()
    batch = await world.stores.batches.get((await tasks_of(world))[0].batch_id)
    assert batch is not None
    assert batch.undelivered_at is not None
    return batch


@pytest.mark.parametrize("private", [False, True])
async def test_the_next_card_tells_of_it_and_the_button_shows_all_of_it_to_the_asker_alone(
    world: BotWorld, private: bool
) -> None:
    batch = await kept(world, private=private)
    before = posted(world)
    card = await next_card(world)
    assert HINT in texts(card)
    assert "red door in oil" not in texts(card)
    assert button_ids(card)[-1] == f"a1:show-batch:{batch.id}"
    pressed = await world.alice.click(card, label=LABEL)
    await world.work(5)
    assert pressed.ephemeral
    assert "4 of 4 done" in texts(seen(pressed))
    assert "red door in oil" in texts(seen(pressed))
    assert len(seen(pressed).attachments) == 4
    assert len(posted(world)) == len(before) + 1, "only the card"
    await world.work(60)
    assert HINT not in texts(world.channel.history()[-1])


async def test_where_it_was_asked_is_named_and_each_of_it_can_be_opened(world: BotWorld) -> None:
    await kept(world)
    pressed = await world.alice.click(await next_card(world), label=LABEL)
    await world.work(5)
    assert f"You asked for this in <#{world.channel.id}>" in texts(seen(pressed))
    first = min(await tasks_in_batch(world), key=lambda task: task.batch_position)
    opened = await world.alice.select(seen(pressed), [first.id])
    assert "red door in oil" in texts(seen(opened))


async def tasks_in_batch(world: BotWorld) -> list[Any]:
    return [task for task in await world.stores.tasks.of_user(world.alice.id) if task.batch_id is not None]


async def test_more_than_ten_pictures_are_shown_by_one_press_after_the_other(world: BotWorld) -> None:
    batch = await kept(world, variants=4)
    first = await world.alice.click(await next_card(world), label=LABEL)
    await world.work(5)
    assert len(seen(first).attachments) == 8
    assert "More of these pictures are waiting for you." in texts(seen(first))
    await world.restart()
    second = await world.alice.click(seen(first), label="Show me more")
    await world.work(5)
    assert second.ephemeral
    assert len(seen(second).attachments) == 8
    assert f"a1:show-batch:{batch.id}" not in button_ids(seen(second))
    assert "no longer keep" in world.refusal(await world.alice.click(seen(first), label="Show me more"))


async def test_others_are_not_shown_it(world: BotWorld) -> None:
    await kept(world)
    refused = await world.bob.click(await next_card(world), label=LABEL)
    assert "Only the person who asked" in world.refusal(refused)


async def test_the_button_outlives_a_restart_and_so_does_the_press(world: BotWorld) -> None:
    await kept(world)
    card = await next_card(world)
    await world.restart()
    pressed = await world.alice.click(card, label=LABEL)
    assert "on its way" in world.refusal(await world.alice.click(card, label=LABEL))
    await world.restart()
    await world.work(5)
    assert len(seen(pressed).attachments) == 4


async def test_what_came_through_meanwhile_is_named_to_who_comes_for_it(world: BotWorld) -> None:
    batch = await kept(world)
    pressed = await world.alice.click(await next_card(world), label=LABEL)
    async with world.database.write() as connection:
        await connection.exec_driver_sql("UPDATE batches SET closed_at = 1")
    await world.work(5)
    assert "has just reached you another way" in texts(seen(pressed))
    assert await world.stores.card_facts.offered([batch.asked.asker_id]) == {}


async def test_an_answer_that_was_dismissed_leaves_it_kept(world: BotWorld) -> None:
    batch = await kept(world)
    pressed = await world.alice.click(await next_card(world), label=LABEL)
    world.env.inject_error("PATCH", "/webhooks/*", status=404, code=10008)
    close_everything(world)
    await world.work(10)
    world.env.backend.faults.clear()
    assert not texts(seen(pressed))
    assert await world.stores.card_facts.offered([world.alice.id]) == {world.alice.id: ((), (batch.id,))}


async def test_what_is_too_large_for_the_answer_is_made_smaller(world: BotWorld) -> None:
    await kept(world)
    pressed = await world.alice.click(await next_card(world), label=LABEL)
    world.env.inject_error("PATCH", "/webhooks/*", status=413, code=40005, times=2)
    await world.work(5)
    assert len(seen(pressed).attachments) == 4


async def test_a_hidden_picture_is_a_spoiler_there_too(world: BotWorld) -> None:
    await kept(world)
    first = min(await tasks_in_batch(world), key=lambda task: task.batch_position)
    await world.stores.curation.hide(first.id, hidden=True, now=world.clock())
    pressed = await world.alice.click(await next_card(world), label=LABEL)
    await world.work(5)
    assert spoilers(seen(pressed)) == [True, False, False, False]


async def test_a_single_outcome_and_a_batch_are_offered_side_by_side(world: BotWorld) -> None:
    batch = await kept(world)
    close_everything(world)
    await world.ask("a single door")
    await world.work(60)
    world.env.backend.faults.clear()
    card = await next_card(world)
    assert "An earlier request of yours is finished" in texts(card)
    assert HINT in texts(card)
    pressed = await world.alice.click(card, label="Show it to me")
    await world.work(5)
    assert f"a1:show-batch:{batch.id}" in button_ids(seen(pressed))
