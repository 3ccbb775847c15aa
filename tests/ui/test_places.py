"""Tests for every kind of place where a person can ask: the pictures are posted in the same place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.models import Reach, TaskState
from tests.wire.messages import Doing, Way
from tests.wire.places import Channel, Kind, May, Places
from tests.worlds.discord_world import DiscordWorld, open_discord_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DiscordWorld]:
    async with open_discord_world(tmp_path) as world:
        yield world


def a_place(places: Places, kind: str) -> Channel:
    match kind:
        case "thread":
            return places.add_thread()
        case "post of a forum":
            return places.add_thread(places.add(Kind.FORUM))
        case "text of a voice channel":
            return places.add(Kind.VOICE)
        case "direct messages":
            return places.direct(places.alice)
        case _:
            raise AssertionError(kind)


KINDS = ("thread", "post of a forum", "text of a voice channel", "direct messages")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.sampled(every=2)
async def test_pictures_are_posted_where_they_were_asked_for(world: DiscordWorld, kind: str) -> None:
    place = a_place(world.discord.places, kind)
    task, _ = await world.ask(channel=place, variants=2)
    assert task.reach is Reach.CHANNEL
    closed = await world.closed(task)
    assert (closed.state, closed.reason) == (TaskState.CLOSED, None)
    (told,) = await world.outcomes(task)
    assert (told.doing, told.way, told.channel_id) == (Doing.POSTED, Way.CHANNEL, str(place.id))
    assert len(told.files) == 2
    assert world.cards(task) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.sampled(every=4)
async def test_after_a_restart_they_still_come_there(world: DiscordWorld, kind: str) -> None:
    place = a_place(world.discord.places, kind)
    task, _ = await world.ask(channel=place)
    await world.restart()
    await world.closed(task)
    (told,) = await world.outcomes(task)
    assert told.channel_id == str(place.id)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.sampled(every=4)
async def test_a_private_one_is_seen_by_its_asker_alone_in_all_of_them(world: DiscordWorld, kind: str) -> None:
    task, interaction = await world.ask(channel=a_place(world.discord.places, kind), private=True)
    await world.closed(task)
    (told,) = await world.outcomes(task)
    assert told.way is Way.ORIGINAL
    assert interaction.message is not None
    assert interaction.message["flags"] & 1 << 6


@pytest.mark.parametrize("kind", ["thread", "post of a forum"])
async def test_in_a_place_that_was_archived_meanwhile_it_is_opened_again(world: DiscordWorld, kind: str) -> None:
    place = a_place(world.discord.places, kind)
    task, _ = await world.ask(channel=place)
    place.archived = True
    await world.closed(task)
    (told,) = await world.outcomes(task)
    assert (told.way, place.archived) == (Way.CHANNEL, False)


@pytest.mark.parametrize("kind", ["thread", "post of a forum"])
@pytest.mark.sampled(every=2)
async def test_in_a_place_that_was_locked_meanwhile_the_first_answer_becomes_the_pictures(
    world: DiscordWorld, kind: str
) -> None:
    place = a_place(world.discord.places, kind)
    task, _ = await world.ask(channel=place)
    place.archived = place.locked = True
    await world.closed(task)
    (told,) = await world.outcomes(task)
    assert told.way is Way.ORIGINAL


@pytest.mark.parametrize("kind", ["thread", "post of a forum"])
async def test_what_is_lacking_in_threads_is_said_before_anything_is_paid(world: DiscordWorld, kind: str) -> None:
    place = a_place(world.discord.places, kind)
    place.may &= ~May.SEND_IN_THREADS
    refused = await world.try_to_ask(channel=place)
    assert refused.message is not None
    assert "send messages in threads" in refused.message["content"]
    assert await world.stores.tasks.of_user(world.discord.places.alice.id) == ()
