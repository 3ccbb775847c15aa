"""Copies, spoilers, removals and reports with a stand-in Discord over real sockets, and the effect of its refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.engine.outbox.curation import Role
from bot.errors import RouteClosed
from storage.community import NewRepost, ReportState, RepostKind, Setting
from storage.models import Task
from storage.stores import Stores
from tests.faults.image_api_world import breaks_off
from tests.wire.components import walked
from tests.wire.messages import Doing
from tests.wire.places import Channel
from tests.wire.refusals import refusal
from tests.wire.traps import Moment
from tests.worlds.discord_world import DiscordWorld, open_discord_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DiscordWorld]:
    async with open_discord_world(tmp_path) as world:
        yield world


async def made(world: DiscordWorld, variants: int = 1) -> Task:
    task, _ = await world.ask(variants=variants)
    return await world.closed(task)


def asker(task: Task) -> Role:
    return Role(person_id=task.asker_id, guild_id=task.guild_id, moderates=False)


def copy_of(task: Task, gallery: Channel) -> NewRepost:
    return NewRepost(
        task_id=task.id,
        kind=RepostKind.GALLERY,
        once=f"gallery:{task.id}",
        channel_id=gallery.id,
        guild_id=task.guild_id,
        locale="en-US",
        upload_limit=10 * 1024 * 1024,
        asked_by=task.asker_id,
    )


async def worked(world: DiscordWorld, minutes: int = 10) -> None:
    for _ in range(minutes):
        await world.engine.step()
        world.discord.clock.turn(timedelta(minutes=1))


def standing_in(world: DiscordWorld, channel: Channel) -> list[dict[str, Any]]:
    return [message for message in world.discord.messages.values() if message["channel_id"] == str(channel.id)]


def spoilers(message: dict[str, Any]) -> list[bool]:
    return [
        bool(item.get("spoiler"))
        for _, part in walked(message["components"])
        if part["type"] == 12
        for item in part["items"]
    ]


async def test_a_copy_stands_in_the_gallery_and_goes_with_the_original(world: DiscordWorld) -> None:
    task, gallery = await made(world, variants=2), world.discord.places.add_channel(name="gallery")
    await world.engine.curation.post_again(copy_of(task, gallery), asker(task))
    (copy,) = standing_in(world, gallery)
    assert len(copy["attachments"]) == 2
    assert copy["mentions"] == []
    await world.engine.curation.remove(task.id, asker(task))
    await worked(world)
    assert standing_in(world, gallery) == []
    assert standing_in(world, world.discord.places.channel) == []


@pytest.mark.sweep
async def test_a_copy_whose_answer_broke_off_stands_there_once(world: DiscordWorld) -> None:
    task, gallery = await made(world), world.discord.places.add_channel(name="gallery")
    world.discord.traps.lay(f"POST */channels/{gallery.id}/messages", Moment.DONE, breaks_off)
    await world.engine.curation.post_again(copy_of(task, gallery), asker(task))
    await worked(world)
    assert len(standing_in(world, gallery)) == 1
    (repost,) = await Stores.on(world.database).reposts.of_task(task.id)
    assert repost.message_id is not None


@pytest.mark.parametrize("code", [50001, 50013, 10003])
@pytest.mark.sampled(every=3)
async def test_a_channel_that_is_closed_to_us_is_said_at_once_and_forgotten(world: DiscordWorld, code: int) -> None:
    task, gallery = await made(world), world.discord.places.add_channel(name="gallery")
    world.discord.traps.lay(f"POST */channels/{gallery.id}/messages", Moment.RECEIVED, refusal(code), times=None)
    with pytest.raises(RouteClosed):
        await world.engine.curation.post_again(copy_of(task, gallery), asker(task))
    assert await Stores.on(world.database).reposts.of_task(task.id) == ()


async def test_hidden_and_shown_again_keeps_the_files_and_the_buttons(world: DiscordWorld) -> None:
    task = await made(world, variants=2)
    stores = Stores.on(world.database)
    (before,) = standing_in(world, world.discord.places.channel)
    for hidden in (True, False):
        await stores.curation.hide(task.id, hidden=hidden, now=world.discord.clock.now())
        await worked(world, 1)
        (message,) = standing_in(world, world.discord.places.channel)
        assert spoilers(message) == [hidden, hidden]
        assert [attachment["filename"] for attachment in message["attachments"]] == [
            attachment["filename"] for attachment in before["attachments"]
        ]
    assert world.discord.buttons(before["id"])
    assert [act for act in world.discord.acts if act.doing is Doing.POSTED and act.files][1:] == []


@pytest.mark.parametrize("code", [10008, 50001, 50013])
@pytest.mark.sampled(every=3)
async def test_a_message_that_cannot_be_touched_is_given_up(world: DiscordWorld, code: int) -> None:
    task = await made(world)
    for method in ("GET", "DELETE"):
        world.discord.traps.lay(f"{method} */channels/*/messages/*", Moment.RECEIVED, refusal(code), times=None)
    await Stores.on(world.database).curation.hide(task.id, hidden=True, now=world.discord.clock.now())
    await worked(world, 2)
    assert (await world.now(task)).sync_at is None
    await world.engine.curation.remove(task.id, asker(task))
    await worked(world, 2)
    assert (await world.now(task)).sync_at is None


async def test_a_report_is_posted_edited_and_posted_anew_when_it_was_deleted(world: DiscordWorld) -> None:
    task, room = await made(world), world.discord.places.add_channel(name="moderators")
    stores, reports = Stores.on(world.database), world.engine.reports
    assert task.guild_id is not None
    await stores.guilds.choose(task.guild_id, Setting.MODERATORS, room.id, by=1, now=0)
    await reports.report(task.id, task.guild_id, by=5, why="no", locale="en-US", seen=(task.channel_id, 1))
    await worked(world, 1)
    (message,) = standing_in(world, room)
    assert spoilers(message) == [True]
    await world.client.http.delete_message(room.id, int(message["id"]))
    await reports.report(task.id, task.guild_id, by=6, why="no", locale="en-US", seen=(task.channel_id, 1))
    await worked(world, 3)
    assert len(standing_in(world, room)) == 1
    await reports.decide(task.id, task.guild_id, ReportState.DISMISSED, by=7)
    await worked(world, 1)
    (message,) = standing_in(world, room)
    assert message["attachments"] == []
    assert [part for _, part in walked(message["components"]) if part["type"] == 2] == []


# -- a public answer in a server that has not installed the bot --------------------------------------------------------


@pytest.fixture
def elsewhere(world: DiscordWorld) -> Channel:
    guild = world.discord.places.add_guild("Elsewhere")
    guild.installed = False
    return world.discord.places.add_channel(guild)


async def made_in(world: DiscordWorld, channel: Channel) -> tuple[Task, Role]:
    """Return a finished task, and a moderator of the server."""
    task, _ = await world.ask(channel=channel)
    return await world.closed(task), Role(person_id=5, guild_id=task.guild_id, moderates=True)


async def test_a_moderator_removes_a_public_answer_while_its_token_lives(
    world: DiscordWorld, elsewhere: Channel
) -> None:
    task, moderator = await made_in(world, elsewhere)
    assert not await world.engine.curation.stays(task.id, moderator)
    await world.engine.curation.remove(task.id, moderator)
    await worked(world, 1)
    assert standing_in(world, elsewhere) == []


async def test_a_public_answer_is_hidden_while_its_token_lives(world: DiscordWorld, elsewhere: Channel) -> None:
    task, _ = await made_in(world, elsewhere)
    await world.stores.curation.hide(task.id, hidden=True, now=world.discord.clock.now())
    await worked(world, 1)
    (message,) = standing_in(world, elsewhere)
    assert spoilers(message) == [True]


async def test_a_public_answer_whose_token_has_expired_is_to_be_deleted_by_people(
    world: DiscordWorld, elsewhere: Channel
) -> None:
    task, moderator = await made_in(world, elsewhere)
    world.discord.clock.turn(timedelta(minutes=16))
    assert await world.engine.curation.stays(task.id, moderator)
    assert await world.engine.curation.stays(task.id, asker(task))
    await world.engine.curation.remove(task.id, moderator)
    await worked(world, 2)
    assert len(standing_in(world, elsewhere)) == 1
    assert (await world.now(task)).sync_at is None


async def test_a_private_answer_that_was_published_is_left_to_its_asker_by_moderators(world: DiscordWorld) -> None:
    task, interaction = await world.ask(private=True)
    await world.closed(task)
    published = replace(copy_of(task, world.discord.places.channel), kind=RepostKind.PUBLISHED)
    await world.engine.curation.post_again(published, asker(task))
    moderator = Role(person_id=5, guild_id=task.guild_id, moderates=True)
    assert not await world.engine.curation.stays(task.id, moderator)
    await world.engine.curation.remove(task.id, moderator)
    await worked(world, 1)
    assert interaction.message is not None
    assert [message["id"] for message in standing_in(world, world.discord.places.channel)] == [
        interaction.message["id"]
    ]
