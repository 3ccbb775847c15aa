"""Deliver outcomes: each part is posted once, by the first open route. Cards do not interfere with them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.engine.ports import Card, CardPhase, Outcome, Posted
from bot.errors import Reason, Refused, RouteClosed, Unavailable
from bot.ui.results.outcomes import part_id
from storage.models import OutcomePart, Route, Task, TaskState
from tests.worlds.bot_world import (
    PHOTO,
    BotWorld,
    a_part,
    a_picture,
    a_task,
    button_ids,
    open_bot_world,
    png,
    settled,
    texts,
)

# Each part is posted once


@pytest.mark.parametrize("variants", [1, 4])
async def test_a_post_whose_answer_was_lost_is_found_and_not_doubled(world: BotWorld, variants: int) -> None:
    outcome = await settled(world, variants)
    (part,) = await world.stores.parts.of_task(outcome.task.id)
    first = await world.post(outcome, part)
    again = await world.post(outcome, part, uncertain=True)
    assert again == first
    assert len([message for message in world.channel.history() if message.attachments]) == 1


async def test_an_uncertain_failure_is_found_by_its_component(world: BotWorld) -> None:
    world.api.next_create = [Refused(433, "quota", Reason.ACCOUNT_QUOTA)]
    outcome = await settled(world)
    (part,) = await world.stores.parts.of_task(outcome.task.id)
    first = await world.post(outcome, part)
    assert await world.post(outcome, part, uncertain=True) == first


async def test_what_others_posted_is_not_taken_for_ours(world: BotWorld) -> None:
    outcome = await settled(world)
    (part,) = await world.stores.parts.of_task(outcome.task.id)
    await world.bob.send(world.channel, "look", attachments=[(f"atelier-{outcome.task.id}-1.png", png())])
    posted = await world.post(outcome, part, uncertain=True)
    message = next(message for message in world.channel.history() if message.id == posted.message_id)
    assert message.author.id != world.bob.id


async def test_the_card_is_not_taken_for_the_outcome(world: BotWorld) -> None:
    outcome = await settled(world, image=PHOTO)
    (part,) = await world.stores.parts.of_task(outcome.task.id)
    posted = await world.post(outcome, part, uncertain=True)
    assert posted.message_id != outcome.task.card_message_id


async def test_component_ids_survive_the_way_there_and_back(world: BotWorld) -> None:
    outcome = await settled(world)
    (part,) = await world.stores.parts.of_task(outcome.task.id)
    posted = await world.post(outcome, part)
    with world.env.time_context():
        message = await world.client.get_partial_messageable(world.channel.id).fetch_message(posted.message_id)
    assert getattr(message.components[0], "id", None) == part_id(part)


async def test_a_restart_between_post_and_record_tells_once(world: BotWorld) -> None:
    outcome = await settled(world)
    (part,) = await world.stores.parts.of_task(outcome.task.id)
    await world.post(outcome, part)
    await world.restart()
    await world.work(120)
    assert len([message for message in world.channel.history() if message.attachments]) == 1
    assert (await world.only_task()).state is TaskState.CLOSED


# Fallback routes


async def as_answer(world: BotWorld, outcome: Outcome) -> OutcomePart:
    """Return the outcome's part, routed to the interaction's first answer, with an attempt recorded."""
    (part,) = await world.stores.parts.of_task(outcome.task.id)
    part, task, now = await world.stores.parts.reroute(part, Route.ORIGINAL), await world.only_task(), world.clock()
    return await world.stores.parts.attempt(part, task, now=now, until=now)


async def show(world: BotWorld, phase: CardPhase) -> None:
    task = await world.only_task()
    references = await world.stores.references.of_task(task.id)
    world.delivery.cards.show(Card(task=task, phase=phase, references=references, progress=0.8))


@pytest.mark.parametrize("code", [50001, 50013, 10003])
async def test_where_the_channel_is_closed_the_card_becomes_the_outcome(world: BotWorld, code: int) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=403, code=code, times=None)
    await world.ask("a red door")
    await world.work(60)
    (message,) = world.channel.history()
    assert texts(message).startswith("### Your picture is ready")
    assert len(message.attachments) == 1
    (part,) = await world.stores.parts.of_task((await world.only_task()).id)
    assert part.route is Route.ORIGINAL


@pytest.mark.sweep
async def test_when_the_token_has_run_out_it_goes_as_a_direct_message(world: BotWorld) -> None:
    world.api.seconds = 900
    await world.ask("a red door")
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=403, code=50013, times=None)
    await world.work(1200, every=20)
    (direct,) = world.alice.user.dm_channel.history()
    assert texts(direct).startswith("### Your picture is ready")
    assert f"You asked for this in <#{world.channel.id}>" in texts(direct)
    assert (await world.only_task()).state is TaskState.CLOSED


async def test_a_refused_token_leads_to_a_direct_message(world: BotWorld) -> None:
    await world.ask("a red door")
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=403, code=50001, times=None)
    world.env.inject_error("PATCH", "/webhooks/*", status=401, code=50027, times=None)
    await world.work(60)
    assert len(world.alice.user.dm_channel.history()) == 1


async def test_an_uncertain_direct_message_is_found_there(world: BotWorld) -> None:
    outcome = await settled(world)
    part = replace((await world.stores.parts.of_task(outcome.task.id))[0], route=Route.DIRECT)
    first = await world.post(outcome, part)
    assert await world.post(outcome, part, uncertain=True) == first
    assert len(world.alice.user.dm_channel.history()) == 1


async def test_what_arrived_in_the_channel_after_all_is_not_told_by_another_route(world: BotWorld) -> None:
    outcome = await settled(world)
    (part,) = await world.stores.parts.of_task(outcome.task.id)
    first = await world.post(outcome, part)
    for route in (Route.ORIGINAL, Route.DIRECT):
        assert await world.post(outcome, replace(part, route=route), uncertain=True) == first
    assert world.requests("PATCH", "@original") == []


async def test_a_channel_that_shows_nothing_any_more_keeps_nobody_from_being_told(world: BotWorld) -> None:
    outcome = await settled(world)
    (part,) = await world.stores.parts.of_task(outcome.task.id)
    world.env.inject_error("GET", f"/channels/{world.channel.id}/messages", status=403, code=50001, times=None)
    await world.post(outcome, replace(part, route=Route.DIRECT), uncertain=True)
    assert len(world.alice.user.dm_channel.history()) == 1


async def test_an_answer_that_only_its_asker_sees_is_found_by_no_search_and_sent_again(world: BotWorld) -> None:
    outcome = await settled(world)
    part = replace((await world.stores.parts.of_task(outcome.task.id))[0], route=Route.EPHEMERAL)
    first = await world.post(outcome, part)
    again = await world.post(outcome, part, uncertain=True)
    assert again.message_id != first.message_id
    assert len(world.channel.history()) == 1
    assert world.requests("GET", "/messages") == []


@pytest.mark.parametrize("route", [Route.EPHEMERAL, Route.ORIGINAL])
async def test_an_answer_to_an_interaction_that_has_expired_is_not_tried(world: BotWorld, route: Route) -> None:
    outcome = await settled(world)
    part = replace((await world.stores.parts.of_task(outcome.task.id))[0], route=route)
    world.clock.turn(15 * 60)
    sent = len(world.env.http_requests)
    with pytest.raises(RouteClosed):
        await world.post(outcome, part)
    assert len(world.env.http_requests) == sent


async def test_a_part_is_found_wherever_it_was_posted_and_a_closed_place_is_left_out(world: BotWorld) -> None:
    outcome = await settled(world)
    (part,) = await world.stores.parts.of_task(outcome.task.id)

    async def found() -> Posted | None:
        with world.env.time_context():
            return await world.delivery.outcomes.find(outcome, part)

    assert await found() is None
    direct = await world.post(outcome, replace(part, route=Route.DIRECT))
    world.env.inject_error("GET", f"/channels/{world.channel.id}/messages", status=403, code=50001)
    assert await found() == direct
    assert await found() == direct
    in_channel = await world.post(outcome, part)
    assert await found() == in_channel
    world.env.inject_error("GET", "/channels/*/messages", status=403, code=50001, times=None)
    assert await found() is None


@pytest.mark.parametrize("changes", [{}, {"message_id": 5}, {"route": Route.EPHEMERAL}], ids=str)
async def test_a_message_that_the_bot_cannot_reach_is_not_withdrawn(world: BotWorld, changes: dict[str, Any]) -> None:
    outcome = await settled(world)
    part = replace((await world.stores.parts.of_task(outcome.task.id))[0], **changes)
    if "route" in changes:
        part = replace(part, message_id=5, message_channel_id=world.channel.id)
    sent = len(world.env.http_requests)
    with world.env.time_context(), pytest.raises(RouteClosed):
        await world.delivery.outcomes.withdraw(outcome, part)
    assert len(world.env.http_requests) == sent


@pytest.mark.parametrize("minutes", [None, 15])
async def test_who_came_too_long_ago_is_not_answered(world: BotWorld, minutes: int | None) -> None:
    outcome = await settled(world)
    if minutes is not None:
        came = replace(outcome.task, collect_token="token", collect_at=world.clock())
        outcome = replace(outcome, task=came)
        world.clock.turn(minutes * 60)
    parts = await world.stores.parts.of_task(outcome.task.id)
    sent = len(world.env.http_requests)
    with world.env.time_context(), pytest.raises(RouteClosed):
        await world.delivery.outcomes.post_collected(outcome, parts)
    assert len(world.env.http_requests) == sent


async def test_closed_direct_messages_are_the_end_of_the_routes(world: BotWorld) -> None:
    outcome = await settled(world)
    world.env.inject_error("POST", "/channels/*/messages", status=403, code=50007)
    part = replace((await world.stores.parts.of_task(outcome.task.id))[0], route=Route.DIRECT)
    with pytest.raises(RouteClosed):
        await world.post(outcome, part)
    assert world.delivery.outcomes.next_route(outcome, part, now=world.clock()) is None


@pytest.mark.parametrize(
    ("route", "minutes", "pictures", "expected"),
    [
        (Route.CHANNEL, 0, 1, Route.ORIGINAL),
        (Route.CHANNEL, 14.4, 1, Route.ORIGINAL),
        (Route.CHANNEL, 14.6, 1, Route.DIRECT),
        (Route.CHANNEL, 0, 2, Route.DIRECT),
        (Route.ORIGINAL, 0, 1, Route.DIRECT),
    ],
)
async def test_the_routes_come_in_their_order(
    world: BotWorld, route: Route, minutes: float, pictures: int, expected: Route
) -> None:
    outcome = Outcome(task=a_task(), references=(), pictures=tuple(a_picture(n, key="k") for n in range(pictures)))
    part = a_part(route=route, pictures=(0,), attempted_at=5)
    following = world.delivery.outcomes.next_route(outcome, part, now=int(minutes * 60_000))
    assert following is expected


@pytest.mark.parametrize(("status", "code"), [(503, 0), (429, 20028), (401, 0), (400, 40003), (403, 0)])
@pytest.mark.sampled(every=3)
async def test_everything_else_is_tried_again_later(world: BotWorld, status: int, code: int) -> None:
    outcome = await settled(world)
    (part,) = await world.stores.parts.of_task(outcome.task.id)
    world.env.inject_error("POST", "/channels/*/messages", status=status, code=code)
    with pytest.raises(Unavailable):
        await world.post(outcome, part)


async def test_what_discord_finds_too_large_is_made_smaller_and_at_last_told_as_a_link(world: BotWorld) -> None:
    outcome = await settled(world)
    (part,) = await world.stores.parts.of_task(outcome.task.id)
    world.env.inject_error("POST", "/channels/*/messages", status=413, code=40005, times=2)
    posted = await world.post(outcome, part)
    assert len(world.channel.history()[-1].attachments) == 1
    world.env.inject_error("POST", "/channels/*/messages", status=400, code=50045, times=3)
    await world.post(outcome, replace(part, nonce="another"))
    linked = world.channel.history()[-1]
    assert linked.id != posted.message_id
    assert linked.attachments == []
    assert "[Picture 1](<" in texts(linked)


async def test_an_archived_thread_is_opened_again(world: BotWorld) -> None:
    with world.env.time_context():
        channel = world.client.get_channel(world.channel.id)
        assert isinstance(channel, discord.TextChannel)
        made = await channel.create_thread(name="corner", type=discord.ChannelType.public_thread)
    (thread,) = world.channel.threads
    await world.alice.slash(thread, "imagine", prompt="a red door")
    with world.env.time_context():
        await made.edit(archived=True)
    world.env.inject_error("POST", f"/channels/{thread.id}/messages", status=400, code=50083)
    await world.work(60)
    assert "Your picture is ready" in texts(thread.history()[-1])
    (part,) = await world.stores.parts.of_task((await world.only_task()).id)
    assert part.route is Route.CHANNEL


# Cards and results at the same time


async def test_a_card_that_has_become_the_outcome_is_not_made_a_card_again(world: BotWorld) -> None:
    outcome = await settled(world)
    await world.post(outcome, await as_answer(world, outcome))
    with world.env.time_context():
        await show(world, CardPhase.GENERATING)
        await world.delivery.cards.step()
    (message,) = world.channel.history()
    assert texts(message).startswith("### Your picture is ready")


async def test_a_first_answer_told_late_is_not_taken_away_where_it_has_become_the_outcome(world: BotWorld) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=403, code=50013, times=None)
    await world.ask("a red door")
    await world.work(60)
    (message,) = world.channel.history()
    with world.env.time_context():
        await world.engine.requests.card_posted(Card(task=await world.only_task(), phase=CardPhase.QUEUED), message.id)
    assert [message.id for message in world.channel.history()] == [message.id]
    assert (await world.only_task()).card_message_id is None


async def test_the_outcome_in_the_cards_place_waits_for_an_edit_under_way(
    world: BotWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.ask("a red door")
    await world.picture_store.put("pictures/k", png())
    task = await world.only_task()
    on_its_way, arrives = asyncio.Event(), asyncio.Event()
    edit = discord.PartialMessage.edit

    async def held_up(message: discord.PartialMessage, **changes: Any) -> discord.Message:
        on_its_way.set()
        await arrives.wait()
        return await edit(message, **changes)

    monkeypatch.setattr(discord.PartialMessage, "edit", held_up)
    with world.env.time_context():
        await show(world, CardPhase.GENERATING)
        editing = asyncio.create_task(world.delivery.cards.step())
        async with asyncio.timeout(5):
            await on_its_way.wait()
        leaving = asyncio.create_task(world.post(*in_its_cards_place(task)))
        for _ in range(100):
            await asyncio.sleep(0)
        assert (leaving.done(), editing.done()) == (False, False)
        arrives.set()
        await asyncio.gather(editing, leaving)
    (message,) = world.channel.history()
    assert texts(message).startswith("### Your picture is ready")


async def test_the_outcome_in_the_cards_place_waits_for_no_thumbnails(world: BotWorld) -> None:
    await world.ask("a red door", image=PHOTO)
    with world.env.time_context():
        await world.engine.step()  # inspects the attachment
    making, get = asyncio.Event(), world.picture_store.get

    async def never(key: str) -> bytes:
        if not key.startswith("references/"):
            return png()
        making.set()
        await asyncio.Event().wait()
        return await get(key)

    world.picture_store.get = never  # type: ignore[method-assign]  # waits, as it would behind more urgent pictures
    with world.env.time_context():
        await show(world, CardPhase.GENERATING)
        editing = asyncio.create_task(world.delivery.cards.step())
        async with asyncio.timeout(5):
            await making.wait()
            await world.post(*in_its_cards_place(await world.only_task()))
            await editing
    (message,) = world.channel.history()
    assert texts(message).startswith("### Your picture is ready")


def in_its_cards_place(task: Task) -> tuple[Outcome, OutcomePart]:
    outcome = Outcome(task=task, references=(), pictures=(a_picture(0, key="pictures/k", task_id=task.id),))
    return outcome, a_part(task_id=task.id, route=Route.ORIGINAL, pictures=(0,))


async def test_a_card_whose_deletion_was_not_answered_does_not_come_back(world: BotWorld) -> None:
    await world.ask("a red door")
    world.env.inject_error("DELETE", "/channels/*/messages/*", status=503)
    await world.work(5)
    card = await world.only_task()
    with world.env.time_context():
        while not any(part.message_id for part in await world.stores.parts.of_task(card.id)):
            world.clock.turn(5)
            await world.engine.step()
        assert (await world.only_task()).state is TaskState.SETTLED
        channel = world.client.get_partial_messageable(world.channel.id)
        await channel.get_partial_message(card.card_message_id or 0).delete()  # as the request without an answer did
        await world.delivery.cards.step()
    (message,) = world.channel.history()
    assert texts(message).startswith("### Your picture is ready")


async def test_a_result_goes_before_a_card_in_the_same_channel(world: BotWorld) -> None:
    await world.ask("a red door")
    task = await world.only_task()
    cards_edited: list[int] = []

    async def get(key: str) -> bytes:
        world.delivery.cards.show(Card(task=task, phase=CardPhase.GENERATING, progress=0.5))
        await world.delivery.cards.step()
        cards_edited.append(len(world.requests("PATCH", str(task.card_message_id))))
        return png()

    outcome = Outcome(task=task, references=(), pictures=(a_picture(0, key="k", task_id=task.id),))
    world.picture_store.get = get  # type: ignore[method-assign]  # counts card edits while a result is being posted
    await world.post(outcome, a_part(task_id=task.id, pictures=(0,)))
    assert cards_edited == [0]
    with world.env.time_context():
        await world.delivery.cards.step()
    assert len(world.requests("PATCH", str(task.card_message_id))) == 1


async def test_removing_a_card_that_is_gone_is_fine(world: BotWorld) -> None:
    await world.ask("a red door")
    task = await world.only_task()
    with world.env.time_context():
        await world.delivery.cards.remove(task)
        await world.stores.tasks.set_card(task.id, task.card_message_id)
        await world.delivery.cards.remove(task)
    assert world.channel.history() == []


async def test_a_card_that_cannot_be_removed_now_is_tried_again(world: BotWorld) -> None:
    await world.ask("a red door")
    world.env.inject_error("DELETE", "/channels/*/messages/*", status=503)
    with world.env.time_context(), pytest.raises(Unavailable):
        await world.delivery.cards.remove(await world.only_task())


# Messages to the operator


async def test_the_operator_is_told_in_their_channel(tmp_path: Path) -> None:
    async with open_bot_world(tmp_path) as world:
        office = world.guild.create_text_channel("office")
        world.options["operator_channel_id"] = office.id
        world.wire(world.client)
        with world.env.time_context():
            await world.delivery.operator.send(Reason.ACCOUNT_CREDIT, {})
        assert "Top it up" in office.history()[-1].content


async def test_without_a_channel_the_owner_is_told(world: BotWorld) -> None:
    with world.env.time_context(), pytest.raises(RouteClosed):  # the owner of simcord's application is a bot
        await world.delivery.operator.send(Reason.ACCOUNT_KEY, {})
    told = world.requests("POST", "/messages")[-1]
    assert "KIE_API_KEY" in told.json["content"]


async def test_where_the_operators_channel_is_closed_the_owner_is_told(tmp_path: Path) -> None:
    async with open_bot_world(tmp_path, operator_channel_id=404) as world:
        with world.env.time_context(), pytest.raises(RouteClosed):  # the owner of simcord's application is a bot
            await world.delivery.operator.send(Reason.NOBODY_TOLD, {})
        assert "couldn’t deliver an outcome in its channel" in world.requests("POST", "/messages")[-1].json["content"]


async def test_buttons_of_outcomes_survive_a_restart(world: BotWorld) -> None:
    await world.ask("a red door")
    task = await world.only_task()
    moved = await world.stores.tasks.settle(task, now=world.clock(), why="test", reason=Reason.LOST)
    assert moved.state is TaskState.SETTLED
    await world.work(5)
    await world.restart()
    (failure,) = world.channel.history()
    assert button_ids(failure) == [f"a1:again:{task.id}", f"a1:clear:{task.id}"]
    refused = await world.bob.click(failure, label="Ask again")
    assert "Only the person who asked" in world.refusal(refused)
    again = await world.alice.click(failure, label="Ask again")
    assert again.response is not None
    assert "Waiting in line" in texts(again.response)
