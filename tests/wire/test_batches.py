"""Batches with a stand-in Discord over real sockets: broken posts are not repeated, and every place has a route."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from bot.engine.outbox.curation import Role
from storage.community import NewRepost, RepostKind
from storage.models import TaskState
from storage.stores import Stores
from tests.faults.image_api_world import breaks_off
from tests.wire.components import walked
from tests.wire.interactions import COMMAND, COMPONENT, Interaction
from tests.wire.messages import Doing, Way
from tests.wire.places import Channel, Kind
from tests.wire.refusals import refusal
from tests.wire.traps import Moment
from tests.worlds.discord_world import DiscordWorld, open_discord_world

pytestmark = pytest.mark.sweep


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DiscordWorld]:
    async with open_discord_world(tmp_path) as world:
        await world.client.load_extension("cogs.batches")
        yield world


async def told(world: DiscordWorld, interaction: Interaction, data: dict[str, Any]) -> None:
    payload = world.discord.interactions.payload(interaction, data)
    world.client._connection.parse_interaction_create(cast("Any", payload))
    await interaction.acknowledgement()


async def begun(world: DiscordWorld, channel: Channel | None = None, **options: Any) -> Interaction:
    """Let Alice ask for a batch and confirm it. Return the interaction of her click."""
    places, interactions = world.discord.places, world.discord.interactions
    channel = channel or places.channel
    asked = interactions.begin(COMMAND, places.alice, channel)
    given = [{"name": "prompt", "type": 3, "value": "a {red, green} door"}]
    given += [{"name": name, "type": 5, "value": value} for name, value in options.items()]
    await told(world, asked, {"id": "7300", "name": "imagine", "type": 1, "options": given, "resolved": {}})
    assert asked.original is not None
    assert asked.original.payload["flags"] & 1 << 6, "it is asked of them alone"
    make, *_ = [part for _, part in walked(asked.original.payload["components"]) if part["type"] == 2]
    click = interactions.begin(COMPONENT, places.alice, channel, source=asked.original)
    await told(world, click, {"custom_id": make["custom_id"], "component_type": 2})
    return click


async def worked(world: DiscordWorld, minutes: float = 5) -> None:
    for _ in range(int(minutes * 12)):
        await world.engine.step()
        world.discord.clock.turn(timedelta(seconds=5))


def standing_in(world: DiscordWorld, channel: Channel) -> list[dict[str, Any]]:
    """Return the bot's messages in a channel without the ephemeral ones."""
    found = [message for message in world.discord.messages.values() if message["channel_id"] == str(channel.id)]
    return [message for message in found if not message["flags"] & 1 << 6]


def words_of(message: dict[str, Any]) -> str:
    return "\n".join(part["content"] for _, part in walked(message["components"]) if part["type"] == 10)


def check(world: DiscordWorld, channel: Channel) -> None:
    """Assert that there is one message with both pictures, and one message that mentions the asker."""
    shared, ending = standing_in(world, channel)
    assert "2 of 2 done" in words_of(shared)
    assert len(shared["attachments"]) == 2
    assert shared["mentions"] == []
    assert [mention["id"] for mention in ending["mentions"]] == [str(world.discord.places.alice.id)]


async def test_the_shared_message_is_posted_once_and_edited(world: DiscordWorld) -> None:
    await begun(world)
    await worked(world)
    check(world, world.discord.places.channel)
    posts = [act for act in world.discord.acts if act.doing is Doing.POSTED and act.way is Way.CHANNEL]
    assert len(posts) == 2
    assert len([act for act in world.discord.acts if act.files]) <= 2, "files go up once"


@pytest.mark.parametrize("nth", [1, 2])
async def test_a_post_that_breaks_off_is_found_again_long_after(world: DiscordWorld, nth: int) -> None:
    """The first post is the shared message, the second is the message at the end."""
    place = world.discord.places.channel
    await begun(world)
    if nth == 2:
        await worked(world, 0.5)
    met = world.discord.traps.lay(f"POST */channels/{place.id}/messages", Moment.DONE, breaks_off, times=None)
    for _ in range(60):
        if met.sprung.is_set():
            break
        await worked(world, 0.1)
    assert met.sprung.is_set()
    world.discord.traps.clear()
    world.discord.clock.turn(timedelta(hours=1))  # Discord has forgotten the nonce
    await world.restart()
    await worked(world)
    check(world, place)


async def test_an_edit_that_breaks_off_is_made_again(world: DiscordWorld) -> None:
    place = world.discord.places.channel
    await begun(world)
    world.discord.traps.lay(f"PATCH */channels/{place.id}/messages/*", Moment.DONE, breaks_off, times=6)
    await worked(world, 15)
    check(world, place)


@pytest.mark.parametrize("code", [10003, 50001, 50013])
async def test_a_channel_that_is_closed_to_us_sends_it_to_the_asker(world: DiscordWorld, code: int) -> None:
    place = world.discord.places.channel
    await begun(world)
    world.discord.traps.lay(f"* */channels/{place.id}/messages*", Moment.RECEIVED, refusal(code), times=None)
    await worked(world)
    check(world, world.discord.places.direct(world.discord.places.alice))


async def test_where_nobody_can_be_told_it_is_kept_to_be_found(world: DiscordWorld) -> None:
    world.discord.places.alice.direct = False
    await begun(world, private=True)
    await worked(world)
    made = await world.stores.tasks.of_user(world.discord.places.alice.id)
    assert {task.state for task in made} == {TaskState.CLOSED}
    assert [len(await world.stores.pictures.of_task(task.id)) for task in made] == [1, 1]
    world.discord.places.alice.direct = True
    await worked(world, 65)
    check(world, world.discord.places.direct(world.discord.places.alice))


@pytest.mark.parametrize("place", ["private", "elsewhere", "friends"])
async def test_where_only_answers_are_allowed_it_comes_by_direct_message(world: DiscordWorld, place: str) -> None:
    places = world.discord.places
    channel = places.channel
    if place == "elsewhere":
        guild = places.add_guild("Elsewhere")
        guild.installed = False
        channel = places.add_channel(guild)
    elif place == "friends":
        channel = places.add(Kind.GROUP)
    world.api.seconds = 20 * 60
    click = await begun(world, channel, **({"private": True} if place == "private" else {}))
    assert "They’ll come as direct messages" in str(click.message)
    await worked(world, 25)
    assert standing_in(world, channel) == []
    check(world, places.direct(places.alice))
    assert {act.way for act in world.discord.acts} == {Way.CALLBACK, Way.CHANNEL}


async def test_a_copy_of_one_whose_answer_broke_off_stands_there_once(world: DiscordWorld) -> None:
    """The search for the copy begins at the time of the batch's interaction."""
    await begun(world)
    await worked(world)
    task, _ = await world.stores.tasks.of_user(world.discord.places.alice.id)
    gallery = world.discord.places.add_channel(name="gallery")
    copy = NewRepost(
        task_id=task.id,
        kind=RepostKind.GALLERY,
        once=f"gallery:{task.id}",
        channel_id=gallery.id,
        guild_id=task.guild_id,
        locale="en-US",
        upload_limit=task.upload_limit,
        asked_by=task.asker_id,
    )
    world.discord.traps.lay(f"POST */channels/{gallery.id}/messages", Moment.DONE, breaks_off)
    who = Role(person_id=task.asker_id, guild_id=task.guild_id, moderates=False)
    await world.engine.curation.post_again(copy, who)
    await worked(world)
    (repost,) = await Stores.on(world.database).reposts.of_task(task.id)
    (message,) = standing_in(world, gallery)
    assert repost.message_id == int(message["id"])
    (shared, _) = standing_in(world, world.discord.places.channel)
    assert f"/{shared['channel_id']}/{shared['id']})" in words_of(message)
