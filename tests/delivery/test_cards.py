"""Test the waiting card and its button."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.engine.ports import Card, CardPhase
from bot.errors import Reason
from bot.texts.discord_text import units
from bot.ui.waiting.cards import card_key, card_view
from storage.models import Reference, ReferenceKind, TaskState
from tests.worlds.bot_world import (
    PHOTO,
    BotWorld,
    a_task,
    alt_texts,
    button_ids,
    components,
    open_bot_world,
    png,
    texts,
)

PROMPTS = {
    "short": "a red door",
    "long": "*word* " * 571,
    "brackets": "<" * 4000,
    "emoji": "👩‍👩‍👧" * 800,
    "turned": "\u202eabc\u2066 שלום",
    "nothing": "",
}


def a_reference(position: int = 0, **changes: Any) -> Reference:
    values: dict[str, Any] = {
        "task_id": "00c0ffee00c0ffee",
        "position": position,
        "kind": ReferenceKind.IMAGE,
        "url": "https://cdn.test/x",
        "filename": f"holiday{position}.png",
        "key": f"references/{position}",
    }
    return Reference(**(values | changes))


@pytest.mark.parametrize("phase", CardPhase)
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
async def test_every_card_fits_in_a_message(phase: CardPhase, prompt: str) -> None:
    references = (*[a_reference(n) for n in range(5)], a_reference(5, kind=ReferenceKind.MASK, filename="m" * 300))
    card = Card(task=a_task(prompt=prompt, variants=4), phase=phase, references=references, place=2, progress=0.5)
    view = card_view(card, strip="card-x.png")
    assert sum(units(item.content) for item in view.walk_children() if hasattr(item, "content")) <= 4000
    assert view.total_children_count <= 40


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        (CardPhase.PREPARING, "Getting ready"),
        (CardPhase.QUEUED, "2 requests are ahead of yours"),
        (CardPhase.CREATING, "Your turn"),
        (CardPhase.GENERATING, "40% · about a minute to go"),
        (CardPhase.OVERDUE, "longer than usual"),
        (CardPhase.DELIVERING, "Nearly there"),
        (CardPhase.CANCELLED, "nothing was spent"),
    ],
)
async def test_a_card_says_in_words_where_it_stands(phase: CardPhase, said: str) -> None:
    card = Card(task=a_task(), phase=phase, place=3, progress=0.44, remaining_seconds=60)
    shown = "\n".join(item.content for item in card_view(card).walk_children() if hasattr(item, "content"))
    assert said in shown
    has_button = phase in (CardPhase.PREPARING, CardPhase.QUEUED, CardPhase.CANCELLED)
    assert any(hasattr(item, "custom_id") for item in card_view(card).walk_children()) is has_button


def test_a_card_is_edited_for_what_can_be_seen_only() -> None:
    card = Card(task=a_task(), phase=CardPhase.GENERATING, progress=0.31, remaining_seconds=50)
    assert card_key(card) == card_key(replace(card, progress=0.39, remaining_seconds=48))
    assert card_key(card) != card_key(replace(card, remaining_seconds=40)), "the words for it are others"
    assert card_key(card) != card_key(replace(card, progress=0.40))
    assert card_key(card, steps=2) == card_key(replace(card, progress=0.49), steps=2)
    drifted, over = replace(card, progress=0.9), replace(card, phase=CardPhase.DELIVERING)
    assert card_key(card).news == card_key(drifted).news, "that can wait"
    assert card_key(card).news != card_key(over).news


def test_a_place_far_back_is_not_worth_an_edit_for_each_that_goes_before() -> None:
    places = [card_key(Card(task=a_task(), phase=CardPhase.QUEUED, place=place)) for place in range(1, 201)]
    assert len(set(places[:6])) == 6, "near the front every step counts"
    assert 15 < len(set(places)) < 30


async def test_a_card_follows_its_task_and_goes_when_it_is_done(world: BotWorld) -> None:
    world.api.seconds = 100
    asked = await world.ask("a red door", image=PHOTO)
    assert asked.response is not None
    seen = [texts(asked.response).splitlines()[0]]
    for _ in range(5):
        await world.work(20)
        history = world.channel.history()
        assert len(history) == 1
        seen.append(texts(history[0]).splitlines()[0])
    assert seen[0] == "### Checking what you attached"
    assert "### Making your picture" in seen
    await world.work(120)
    assert texts(world.channel.history()[0]).startswith("### Your picture is ready")
    assert (await world.only_task()).card_message_id is None


async def test_thumbnails_are_attached_once_and_stay(world: BotWorld) -> None:
    world.api.seconds = 100
    await world.ask("mix", image=PHOTO, image2=("dog.png", png("navy", (270, 90))))
    await world.work(20)
    (card,) = world.channel.history()
    (strip,) = card.attachments
    assert strip.filename == f"card-{(await world.only_task()).id}.png"
    assert alt_texts(card) == ["Attached: cat.png, dog.png"]
    await world.work(40)
    assert [attachment.id for attachment in world.channel.history()[0].attachments] == [strip.id]


async def test_after_a_restart_the_card_goes_on_and_its_button_still_works(world: BotWorld) -> None:
    await world.ask("a red door", image=PHOTO)
    await world.restart()
    (card,) = world.channel.history()
    cancelled = await world.alice.click(card, label="Cancel")
    assert cancelled.acknowledged
    assert texts(world.channel.history()[0]).startswith("### Cancelled")
    assert (await world.only_task()).state is TaskState.CANCELLED


async def test_a_card_that_lost_its_thumbnails_to_a_restart_gets_them_again(world: BotWorld) -> None:
    world.api.seconds = 200
    await world.ask("a red door", image=PHOTO)
    await world.work(20)
    await world.restart()
    await world.work(80)
    (card,) = world.channel.history()
    assert len(card.attachments) == 1
    assert any(part["type"] == 11 for part in components(card))


async def test_a_card_whose_thumbnails_have_ended_the_process_goes_without_them(world: BotWorld) -> None:
    await world.ask("a red door", image=PHOTO)
    task = await world.only_task()
    await world.stores.attempts.begin("thumbnails", task.id, owner="a process that died", now=world.clock())
    await world.work(10)
    (card,) = world.channel.history()
    assert card.attachments == []
    await world.restart()
    await world.work(10)
    assert world.channel.history()[0].attachments == []


@pytest.mark.sweep
async def test_thumbnails_that_were_made_are_not_counted_any_more(world: BotWorld) -> None:
    await world.ask("a red door", image=PHOTO)
    await world.work(10)
    assert world.channel.history()[0].attachments
    assert await world.stores.attempts.left(now=world.clock()) == ()


async def test_a_cancelled_card_can_only_be_dismissed_and_nothing_is_made(world: BotWorld) -> None:
    asked = await world.ask("a red door")
    assert asked.response is not None
    await world.alice.click(asked.response, label="Cancel")
    await world.work()
    (card,) = world.channel.history()
    assert button_ids(card) == [f"a1:clear:{(await world.only_task()).id}"]
    assert world.api.taken == []


async def test_an_edit_under_way_does_not_have_the_last_word_over_a_cancel(world: BotWorld) -> None:
    await world.ask("a red door", image=PHOTO)
    task = await world.only_task()
    keep = world.picture_store.get

    async def get(key: str) -> bytes:
        await world.engine.requests.cancel(task.id, world.alice.id)
        return await keep(key)

    with world.env.time_context():
        await world.engine.step()
        await world.picture_store.put("references/photo/0", PHOTO[1])
        world.picture_store.get = get  # type: ignore[method-assign]  # the asker cancels while the card is rendered
        reference = a_reference(task_id=task.id, key="references/photo/0")
        world.delivery.cards.show(Card(task=task, phase=CardPhase.QUEUED, references=(reference,), place=1))
        await world.delivery.cards.step()
    assert texts(world.channel.history()[0]).startswith("### Cancelled")


async def test_nobody_else_can_cancel(world: BotWorld) -> None:
    asked = await world.ask("a red door")
    assert asked.response is not None
    refused = await world.bob.click(asked.response, label="Cancel")
    assert "Only the person who asked" in world.refusal(refused)
    assert (await world.only_task()).state is TaskState.QUEUED


async def test_a_click_that_comes_too_late_is_told_so(world: BotWorld) -> None:
    asked = await world.ask("a red door")
    assert asked.response is not None
    with world.env.time_context():
        await world.engine.step()
        await world.engine.step()
    refused = await world.alice.click(asked.response, label="Cancel")
    assert "be cancelled any more" in world.refusal(refused)


async def test_a_cancel_whose_answer_discord_lost_is_shown_all_the_same(world: BotWorld) -> None:
    await world.ask("a red door", image=PHOTO)
    await world.work(5)
    (card,) = world.channel.history()
    assert len(card.attachments) == 1
    edits = len(world.requests("PATCH", str(card.id)))
    world.env.inject_error("POST", "/interactions/*/callback", status=502)
    await world.alice.click(card, label="Cancel")
    world.acknowledged = world.env.error_cursor
    await world.work(30)
    (card,) = world.channel.history()
    assert texts(card).startswith("### Cancelled")
    assert (button_ids(card), card.attachments) == ([f"a1:clear:{(await world.only_task()).id}"], [])
    assert len(world.requests("PATCH", str(card.id))) == edits + 1


async def test_a_cancelled_card_that_is_out_of_reach_is_not_tried_for_ever(world: BotWorld) -> None:
    asked = await world.ask("a red door")
    assert asked.response is not None
    world.env.inject_error("PATCH", "/channels/*/messages/*", status=403, code=50001, times=None)
    await world.alice.click(asked.response, label="Cancel")
    await world.work(1200, every=60)
    assert len(world.requests("PATCH", str(asked.response.id))) == 1


async def test_nobody_is_pinged_by_a_prompt(world: BotWorld) -> None:
    prompt = f"@everyone <@{world.bob.id}> <@&{world.guild.default_role.id}>"
    asked = await world.ask(prompt)
    assert asked.response is not None
    assert world.pinged(asked.response.message) == []
    await world.work(5)
    assert world.pinged(world.channel.history()[0]) == []
    await world.work()
    assert world.pinged(world.channel.history()[0]) == [world.alice.id]


async def test_a_card_is_edited_at_most_every_three_seconds(tmp_path: Path) -> None:
    async with open_bot_world(tmp_path, card_every=3.0) as world:
        card = await waiting(world)
        stopped = [Reason.ACCOUNT_KEY, Reason.ACCOUNT_CREDIT] * 5
        assert await edits_each_second(world, [replace(card, paused=reason) for reason in stopped]) == 3


async def test_what_only_drifts_is_shown_at_most_every_fifteen_seconds(tmp_path: Path) -> None:
    async with open_bot_world(tmp_path, card_every=3.0) as world:
        card = await waiting(world)
        assert await edits_each_second(world, [replace(card, place=place) for place in range(17, 2, -1)]) == 0
        assert await edits_each_second(world, [replace(card, place=2)]) == 1
        assert "1 request is ahead of yours" in texts(world.channel.history()[0])


async def test_that_it_is_being_delivered_is_shown_only_when_the_result_is_late(tmp_path: Path) -> None:
    async with open_bot_world(tmp_path, card_every=3.0) as world:
        delivering = replace(await waiting(world), phase=CardPhase.DELIVERING)
        assert await edits_each_second(world, [delivering] * 6) == 0
        assert await edits_each_second(world, [delivering]) == 1


async def waiting(world: BotWorld) -> Card:
    """Return a card that was just shown."""
    await world.ask("a red door")
    world.clock.turn(600)
    card = Card(task=await world.only_task(), phase=CardPhase.QUEUED, place=20)
    await edits_each_second(world, [card])
    world.clock.turn(-1)
    return card


async def edits_each_second(world: BotWorld, cards: Sequence[Card]) -> int:
    """Request an edit per second, one for each card, and return how many edits were made."""
    address = str((await world.only_task()).card_message_id)
    before = len(world.requests("PATCH", address))
    with world.env.time_context():
        for card in cards:
            world.delivery.cards.show(card)
            await world.delivery.cards.step()
            world.clock.turn(1)
    return len(world.requests("PATCH", address)) - before


async def test_a_card_that_was_deleted_is_posted_anew_once(world: BotWorld) -> None:
    world.api.seconds = 1000
    await world.ask("a red door")
    await world.work(10)
    task = await world.only_task()
    with world.env.time_context():
        for progress, left in ((0.2, 1), (0.4, 0)):
            await (
                world.client.get_partial_messageable(world.channel.id)
                .get_partial_message((await world.only_task()).card_message_id or 0)
                .delete()
            )
            world.delivery.cards.show(Card(task=task, phase=CardPhase.GENERATING, progress=progress))
            await world.delivery.cards.step()
            assert len(world.channel.history()) == left


@pytest.mark.sweep
async def test_a_card_that_was_deleted_while_discord_fails_is_posted_anew_later(world: BotWorld) -> None:
    world.api.seconds = 1000
    await world.ask("a red door")
    await world.work(10)
    deleted = (await world.only_task()).card_message_id or 0
    with world.env.time_context():
        await world.client.get_partial_messageable(world.channel.id).get_partial_message(deleted).delete()
    world.env.inject_error("POST", "/channels/*/messages", status=503)
    await world.work(400)
    (card,) = world.channel.history()
    assert (await world.only_task()).card_message_id == card.id != deleted


@pytest.mark.sweep
async def test_a_card_that_may_not_be_edited_is_left_alone_for_some_minutes(world: BotWorld) -> None:
    world.api.seconds = 1000
    world.env.inject_error("PATCH", "/channels/*/messages/*", status=403, code=50013)
    await world.ask("a red door")
    await world.work(200)
    assert len(world.requests("PATCH", str((await world.only_task()).card_message_id))) == 1
    assert "Waiting in line" in texts(world.channel.history()[0])
    await world.work(200)
    assert "Making your picture" in texts(world.channel.history()[0])


async def lose_first_answer(world: BotWorld) -> None:
    """Lose the first answer: the asker sees nothing, and a new card is posted instead of the answer."""
    world.api.seconds = 1000
    world.env.inject_error("POST", "/interactions/*/callback", status=502)
    await world.ask("a red door")
    world.acknowledged = world.env.error_cursor
    await world.work(20)


async def test_a_fresh_card_whose_answer_was_lost_is_not_posted_twice(world: BotWorld) -> None:
    await lose_first_answer(world)
    task = await world.only_task()
    await world.stores.tasks.set_card(task.id, None)  # the state while it is unknown whether the card was posted
    await world.restart()
    await world.work(60)
    (card,) = world.channel.history()
    assert (await world.only_task()).card_message_id == card.id


async def test_discord_is_told_which_fresh_card_is_the_same(world: BotWorld) -> None:
    await lose_first_answer(world)
    task = await world.only_task()
    posts = [f"/channels/{world.channel.id}/messages"]
    (sent,) = [request.json for request in world.requests("POST", posts[0])]
    assert (sent["nonce"], sent["enforce_nonce"]) == (f"card-{task.id}", True)


async def test_a_fresh_card_that_was_never_written_down_goes_with_the_outcome(world: BotWorld) -> None:
    await lose_first_answer(world)
    task = await world.only_task()
    await world.stores.tasks.set_card(task.id, None)
    with world.env.time_context():
        await world.delivery.cards.remove(task)
    assert world.channel.history() == []


async def test_cards_are_kept_up_to_date_beside_everything_else(world: BotWorld) -> None:
    world.api.seconds = 1000
    await world.ask("a red door")
    task = await world.only_task()
    edited = asyncio.Event()
    world.env.backend.subscribers.append(lambda event, _: edited.set() if event == "MESSAGE_UPDATE" else None)
    with world.env.time_context():
        pump = asyncio.create_task(world.delivery.cards.run())
        for progress, said in ((0.2, "20%"), (0.8, "80%")):
            edited.clear()
            world.delivery.cards.show(Card(task=task, phase=CardPhase.GENERATING, progress=progress))
            async with asyncio.timeout(5):
                await edited.wait()
            assert said in texts(world.channel.history()[0])
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)


async def test_each_edit_waits_until_no_response_is_being_made(
    world: BotWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.engine.intake.requests.QUIET_SECONDS", 1000.0)
    other = world.guild.create_text_channel("others")
    await world.ask("a red door")
    await world.alice.slash(other, "imagine", prompt="a blue door")
    tasks = await world.tasks.of_user(world.alice.id)
    edited = 0
    news = asyncio.Event()

    def seen(event: str, _: object) -> None:
        nonlocal edited
        if event == "MESSAGE_UPDATE":
            edited += 1
            news.set()

    world.env.backend.subscribers.append(seen)
    requests = world.engine.requests
    with world.env.time_context():
        for task in tasks:
            world.delivery.cards.show(Card(task=task, phase=CardPhase.GENERATING, progress=0.2))
        with requests.answering():
            pump = asyncio.create_task(world.delivery.cards.run())
            await turns()
            assert edited == 0
        for number in (1, 2):
            with requests.answering():  # the wait for the one before is over, the next wait begins
                async with asyncio.timeout(5):
                    await news.wait()
                await turns()
                assert edited == number
                news.clear()
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)


async def test_a_card_that_can_soon_be_edited_no_longer_does_not_wait_for_all_that_were_due_before(
    world: BotWorld,
) -> None:
    await world.ask("a red door")
    (task,) = await world.tasks.of_user(world.alice.id)
    cards, requests = world.delivery.cards, world.engine.requests
    quiet, waits, waits_before = requests.quiet, 0, asyncio.get_running_loop().create_future()

    async def counted() -> None:
        nonlocal waits
        waits += 1
        if waits == 3:
            cards.show(Card(task=task, phase=CardPhase.GENERATING, progress=0.2, leaving=True))
        await quiet()

    def seen(event: str, _: object) -> None:
        if event == "MESSAGE_UPDATE" and not waits_before.done():
            waits_before.set_result(waits)

    world.env.backend.subscribers.append(seen)
    requests.quiet = counted  # type: ignore[method-assign]  # counts the waits for responses
    for number in range(300):
        other = replace(a_task(), id=f"{number:016x}", channel_id=number + 1)
        cards.show(Card(task=other, phase=CardPhase.GENERATING, progress=0.2))
    with world.env.time_context():
        pump = asyncio.create_task(cards.run())
        async with asyncio.timeout(10):
            assert await waits_before < 150
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)


async def turns() -> None:
    """Let everything run that waits for nothing outside."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_discord_being_down_for_a_while_only_delays_a_card(world: BotWorld) -> None:
    world.api.seconds = 1000
    world.env.inject_error("PATCH", "/channels/*/messages/*", status=503)
    await world.ask("a red door")
    await world.work(10)
    assert "Waiting in line" in texts(world.channel.history()[0])
    await world.work(30)
    assert "Making your picture" in texts(world.channel.history()[0])


async def test_a_first_answer_that_was_never_written_down_is_found_again(world: BotWorld) -> None:
    world.api.seconds = 1000
    asked = await world.ask("a red door")
    task = await world.only_task()
    await world.stores.tasks.set_card(task.id, None)
    await world.work(30)
    assert asked.response is not None
    assert (await world.only_task()).card_message_id == asked.response.id
    assert len(world.channel.history()) == 1


async def test_words_alone_are_in_line_at_once_and_their_card_is_edited_only_when_it_has_news(world: BotWorld) -> None:
    first = await world.ask("a red door")
    world.clock.turn(1)
    second = await world.bob.slash(world.channel, "imagine", prompt="a blue door")
    assert "You’re next." in texts(first.response)
    assert "1 request is ahead of yours." in texts(second.response)
    with world.env.time_context():
        await world.engine._cards.show_waiting()
        await world.delivery.cards.step()
    assert [request for request in world.env.http_requests if request.method == "PATCH"] == []
    await world.engine.requests.cancel((await world.only_task()).id, world.alice.id)
    with world.env.time_context():
        await world.engine._cards.show_waiting()
        await world.delivery.cards.step()
    assert "You’re next." in texts(world.channel.history()[1])
