"""User-installed app in a server without the bot: results come as answers for 15 minutes, then as direct messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from storage.models import Reach, Route, Task, TaskState
from tests.faults.image_api_world import breaks_off
from tests.wire.messages import Doing, Way
from tests.wire.places import Channel, Kind
from tests.wire.refusals import refusal
from tests.wire.traps import Moment
from tests.worlds.discord_world import DiscordWorld, open_discord_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DiscordWorld]:
    async with open_discord_world(tmp_path) as world:
        yield world


EDIT_ANSWER = "PATCH */messages/@original"


async def after(world: DiscordWorld, minutes: int, task: Task) -> Task:
    return await world.work(
        task,
        lambda now: now.state is TaskState.CLOSED or now.undelivered_at is not None,
        within=timedelta(minutes=minutes),
        every=timedelta(seconds=30),
    )


@pytest.fixture
def elsewhere(world: DiscordWorld) -> Channel:
    guild = world.discord.places.add_guild("Elsewhere")
    guild.installed = False
    return world.discord.places.add_channel(guild)


async def test_the_first_answer_becomes_the_pictures(world: DiscordWorld, elsewhere: Channel) -> None:
    task, interaction = await world.ask(channel=elsewhere, variants=4)
    assert (task.reach, task.private) == (Reach.ANSWER, False)
    closed = await world.closed(task)
    assert (closed.state, closed.reason) == (TaskState.CLOSED, None)
    (told,) = await world.outcomes(task)
    assert (told.doing, told.way) == (Doing.EDITED, Way.ORIGINAL)
    assert interaction.message is not None
    assert len(interaction.message["attachments"]) == 4
    assert not interaction.followups


async def test_nothing_is_posted_in_a_channel_that_is_closed_to_the_app(
    world: DiscordWorld, elsewhere: Channel
) -> None:
    task, _ = await world.ask(channel=elsewhere)
    await world.closed(task)
    assert {act.way for act in world.discord.acts} == {Way.CALLBACK, Way.ORIGINAL}


@pytest.mark.sweep
async def test_what_takes_longer_than_a_quarter_of_an_hour_comes_as_a_direct_message(
    world: DiscordWorld, elsewhere: Channel
) -> None:
    world.api.seconds = 20 * 60
    task, interaction = await world.ask(channel=elsewhere)
    await after(world, 30, task)
    (part,) = await world.stores.parts.of_task(task.id)
    assert part.route is Route.DIRECT
    assert part.message_channel_id == world.discord.places.direct(world.discord.places.alice).id
    assert interaction.message is not None
    assert "direct message" in str(interaction.message["components"])


@pytest.mark.sweep
async def test_where_direct_messages_are_closed_it_is_kept(world: DiscordWorld, elsewhere: Channel) -> None:
    world.api.seconds = 20 * 60
    world.discord.places.alice.direct = False
    task, _ = await world.ask(channel=elsewhere)
    kept = await after(world, 30, task)
    assert (kept.state, kept.reason) == (TaskState.SETTLED, None)
    _, later = await world.ask(channel=elsewhere)
    assert later.message is not None
    assert f"a1:show:{task.id}" in str(later.message["components"])


async def test_among_friends_the_first_answer_becomes_the_pictures_too(world: DiscordWorld) -> None:
    task, interaction = await world.ask(channel=world.discord.places.add(Kind.GROUP), variants=2)
    assert (task.reach, task.guild_id) == (Reach.ANSWER, None)
    assert (await world.closed(task)).reason is None
    assert {act.way for act in world.discord.acts} == {Way.CALLBACK, Way.ORIGINAL}
    assert interaction.message is not None
    assert len(interaction.message["attachments"]) == 2


async def test_after_a_restart_the_same_answer_becomes_the_pictures(world: DiscordWorld, elsewhere: Channel) -> None:
    task, interaction = await world.ask(channel=elsewhere)
    await world.work(task, lambda now: now.state is TaskState.GENERATING, within=timedelta(minutes=1))
    await world.restart()
    await world.closed(task)
    (told,) = await world.outcomes(task)
    assert told.way is Way.ORIGINAL
    assert interaction.message is not None
    assert len(interaction.message["attachments"]) == 1


async def test_an_answer_that_was_edited_unheard_is_edited_again(world: DiscordWorld, elsewhere: Channel) -> None:
    task, interaction = await world.ask(channel=elsewhere)
    await world.work(task, lambda now: now.state is TaskState.GENERATING, within=timedelta(minutes=1))
    met = world.discord.traps.lay(EDIT_ANSWER, Moment.DONE, breaks_off, times=None, when=_with_files)
    await world.work(task, lambda _: met.sprung.is_set(), within=timedelta(minutes=5))
    world.discord.traps.clear()
    await world.restart()
    await world.closed(task)
    assert {act.way for act in world.discord.acts} == {Way.CALLBACK, Way.ORIGINAL}
    assert {act.message_id for act in await world.outcomes(task)} == {interaction.message["id"]}  # type: ignore[index]  # set by the answer


@pytest.mark.sweep
async def test_a_direct_message_that_was_sent_unheard_is_not_sent_again(
    world: DiscordWorld, elsewhere: Channel
) -> None:
    world.api.seconds = 20 * 60
    task, _ = await world.ask(channel=elsewhere)
    direct = world.discord.places.direct(world.discord.places.alice)
    met = world.discord.traps.lay(f"POST */channels/{direct.id}/messages", Moment.DONE, breaks_off, times=None)
    await world.work(task, lambda _: met.sprung.is_set(), within=timedelta(minutes=30), every=timedelta(seconds=30))
    world.discord.traps.clear()
    await world.restart()
    world.discord.clock.turn(timedelta(hours=1))  # Discord has forgotten the nonce
    await after(world, 30, task)
    assert len([act for act in await world.outcomes(task) if act.doing is Doing.POSTED]) == 1


async def test_where_the_app_may_attach_nothing_it_comes_as_a_direct_message(
    world: DiscordWorld, elsewhere: Channel
) -> None:
    world.discord.traps.lay(EDIT_ANSWER, Moment.RECEIVED, refusal(50013), times=None, when=_with_files)
    task, _ = await world.ask(channel=elsewhere)
    await world.closed(task)
    (part,) = await world.stores.parts.of_task(task.id)
    assert part.route is Route.DIRECT


async def test_a_private_one_is_an_answer_that_only_they_see(world: DiscordWorld) -> None:
    task, interaction = await world.ask(private=True)
    await world.closed(task)
    (told,) = await world.outcomes(task)
    assert told.way is Way.ORIGINAL
    assert interaction.message is not None
    assert interaction.message["flags"] & 1 << 6


async def test_a_private_one_whose_first_answer_was_too_late_comes_as_a_direct_message(world: DiscordWorld) -> None:
    world.discord.traps.lay("POST */callback", Moment.RECEIVED, refusal(10062))
    task, _ = await world.ask(private=True)
    await world.closed(task)
    direct = world.discord.places.direct(world.discord.places.alice)
    assert {act.channel_id for act in world.discord.acts} == {str(direct.id)}


async def test_after_a_quarter_of_an_hour_away_it_comes_as_a_direct_message(
    world: DiscordWorld, elsewhere: Channel
) -> None:
    task, _ = await world.ask(channel=elsewhere)
    await world.work(task, lambda now: now.state is TaskState.GENERATING, within=timedelta(minutes=1))
    world.discord.clock.turn(timedelta(minutes=20))
    asked = world.discord.traps.lay(EDIT_ANSWER, Moment.RECEIVED, refusal(50027), times=None)
    await world.restart()
    await after(world, 10, task)
    (part,) = await world.stores.parts.of_task(task.id)
    assert part.route is Route.DIRECT
    assert not asked.met, "Discord counts requests by a dead token"


def _with_files(request: web.Request) -> bool:
    return request.content_type == "multipart/form-data"
