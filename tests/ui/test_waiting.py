"""Tests for what waiting people read: the usual time, that a task continues after a restart, and "Don't post"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from bot.engine.ports import Card, CardPhase, Record, RecordStatus
from bot.engine.timing.schedule import Durations, usual
from bot.errors import Reason, Throttled
from bot.ui.waiting.cards import card_key, card_view
from storage.models import Task, TaskState
from storage.schema import tasks as rows
from tests.storage.rows import NOW, stored
from tests.worlds.bot_world import BotWorld, a_task, texts


async def being_made(world: BotWorld, **options: Any) -> Any:
    """Return the message of the card, once the image API is working on the task."""
    asked = await world.ask(**options)
    await world.work(20)
    assert (await world.only_task()).state is TaskState.GENERATING
    with world.env.time_context():
        await world.engine.step()
    await redrawn(world)
    return asked.response


async def redrawn(world: BotWorld) -> None:
    """Edit the cards to their current state, without a step of the engine."""
    with world.env.time_context():
        await world.delivery.cards.step()


def said(card: Card) -> str:
    return "\n".join(item.content for item in card_view(card).walk_children() if hasattr(item, "content"))


def test_what_is_usual_is_said_once_enough_is_known() -> None:
    def of(*recent: float) -> Durations:
        return Durations(prior_seconds=40.0, recent=recent)

    assert usual(of(*[40.0] * 9)) is None
    assert usual(of(*[40.0] * 10)) == (40.0, 40.0)
    assert usual(of(*[float(seconds) for seconds in range(10, 111, 10)])) == (60.0, 100.0)


def test_who_waits_reads_how_long_it_usually_takes_and_whose_turn_it_is() -> None:
    card = Card(task=a_task(prepared_at=1), phase=CardPhase.QUEUED, place=3, usual=(40.0, 170.0))
    assert "2 requests are ahead of yours" in said(card)
    assert "Everyone gets a turn before anyone gets a second one" in said(card)
    assert "minute, and nine in ten took about 3 minutes at most" in said(card)


SINCE = 1_800_000_000_000
TROUBLE = "The image service has had trouble with GPT Image 2.5 Flare since <t:1800000000:t>."


@pytest.mark.parametrize("phase", CardPhase)
def test_trouble_with_the_model_is_said_while_the_outcome_is_open(phase: CardPhase) -> None:
    card = Card(task=a_task(model="gpt-image"), phase=phase, place=3, trouble_since=SINCE)
    is_open = phase not in (CardPhase.DELIVERING, CardPhase.CANCELLED, CardPhase.WITHHELD)
    assert (TROUBLE in said(card)) is is_open
    assert TROUBLE not in said(replace(card, trouble_since=None))
    assert TROUBLE not in said(replace(card, paused=Reason.SERVICE_UNREACHABLE))


def test_trouble_that_begins_or_ends_is_worth_an_edit() -> None:
    card = Card(task=a_task(), phase=CardPhase.GENERATING)
    assert card_key(card).news != card_key(replace(card, trouble_since=SINCE)).news


def test_trouble_is_said_in_the_language_of_the_asker() -> None:
    card = Card(task=a_task(locale="zh-CN", model="qwen"), phase=CardPhase.QUEUED, trouble_since=SINCE)
    assert "从 <t:1800000000:t> 起，图像服务的 Qwen Image 2.1 不太稳定" in said(card)


async def test_what_is_not_to_be_posted_is_made_and_kept_and_its_asker_can_see_it(world: BotWorld) -> None:
    card = await being_made(world)
    await world.alice.click(card, label="Don’t post")
    await redrawn(world)
    assert "The image service is already making it" in texts(card)
    await world.work()
    task = await world.only_task()
    assert (task.state, task.reason, await world.stores.parts.of_task(task.id)) == (TaskState.CLOSED, None, ())
    (message,) = world.channel.history()
    assert "Kept, not posted" in texts(message)
    shown = await world.alice.slash(world.channel, "show", what=task.id)
    assert shown.response is not None
    assert len(shown.response.attachments) == 1


async def test_it_stays_so_over_a_restart(world: BotWorld) -> None:
    card = await being_made(world)
    await world.alice.click(card, label="Don’t post")
    await world.restart()
    await world.work()
    assert world.requests("POST", "/messages") == []
    assert (await world.only_task()).state is TaskState.CLOSED


async def test_it_is_posted_after_all_when_they_change_their_mind(world: BotWorld) -> None:
    card = await being_made(world)
    await world.alice.click(card, label="Don’t post")
    await world.work(5)
    await world.alice.click(card, label="Post it after all")
    await world.work()
    assert "Your picture is ready" in texts(world.channel.history()[-1])


@pytest.mark.sweep
async def test_only_their_asker_says_so(world: BotWorld) -> None:
    card = await being_made(world)
    refused = await world.bob.click(card, label="Don’t post")
    assert "Only the person who asked" in world.refusal(refused)
    await world.work()
    assert "Your picture is ready" in texts(world.channel.history()[-1])


async def test_a_failure_is_told_whether_or_not_a_picture_was_wanted(world: BotWorld) -> None:
    card = await being_made(world)
    await world.alice.click(card, label="Don’t post")
    world.api.next_record = [Record(status=RecordStatus.FAILED, reason=Reason.GENERATION_FAILED)]
    await world.work()
    assert "No picture this time" in texts(world.channel.history()[-1])


async def test_when_it_is_done_it_is_too_late(world: BotWorld) -> None:
    card = await being_made(world)
    task = await world.only_task()
    await world.stores.tasks.settle(
        task, now=world.clock(), why="done", reason=None, urls=["https://results.test/1.png"]
    )
    refused = await world.alice.click(card, label="Don’t post")
    assert "too late for that" in world.refusal(refused)


async def test_who_waits_over_a_restart_is_told_once_that_it_goes_on(world: BotWorld) -> None:
    card = await being_made(world)
    await world.restart()
    await world.engine.start()
    await redrawn(world)
    assert "I was away for a moment" in texts(card)
    await world.work()
    assert "I was away for a moment" not in texts(world.channel.history()[-1])


async def test_what_is_said_after_a_restart_is_said_of_that_moment_alone(world: BotWorld) -> None:
    world.api.next_create = [Throttled("429")]
    card = (await world.ask()).response
    await world.work(1, every=1)
    await world.restart()
    await world.engine.start()
    await redrawn(world)
    assert "I was away for a moment" in texts(card)
    await world.work(20)
    assert (await world.only_task()).state is TaskState.GENERATING
    assert "I was away for a moment" not in texts(card)


async def test_after_a_restart_those_who_have_waited_longest_and_have_a_card_come_first(world: BotWorld) -> None:
    waited: list[Task] = []
    for number in range(3):
        waited.append(await stored(world.stores, now=NOW + number))
        await world.stores.tasks.set_card(waited[-1].id, 100 + number)
    await stored(world.stores, now=NOW - 1)
    found = await world.stores.queue.with_cards(limit=2)
    assert [task.id for task in found] == [task.id for task in waited[:2]]


async def test_what_is_usual_is_learnt_from_what_was_made_and_stands_on_the_card(world: BotWorld) -> None:
    for number in range(15):
        task, seconds, reason = await stored(world.stores), 40 if number % 3 else 3600, None if number % 3 else "failed"
        ended = {"state": "closed", "generating_at": NOW, "settled_at": NOW + seconds * 1000, "reason": reason}
        async with world.database.write() as connection:
            await connection.execute(sa.update(rows).where(rows.c.id == task.id).values(ended))
    await world.restart()
    await world.engine.start()
    card = texts((await world.ask()).response)
    assert "Once it was their turn, nine in ten recent pictures took about half a minute at most" in card
    assert "Everyone gets a turn" not in card
