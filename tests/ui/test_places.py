"""Tests for every kind of place where a person can ask: the pictures are posted in the same place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from storage.models import Reach, Route, Task, TaskState
from tests.wire.messages import Doing, Way
from tests.wire.places import Channel, Kind, May, Places
from tests.wire.refusals import refusal
from tests.wire.traps import Moment
from tests.worlds.discord_world import DiscordWorld, open_discord_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DiscordWorld]:
    async with open_discord_world(tmp_path) as world:
        yield world


def a_place(places: Places, kind: str) -> Channel:
    match kind:
        case "channel":
            return places.add_channel()
        case "announcements":
            return places.add(Kind.ANNOUNCEMENTS)
        case "thread":
            return places.add_thread()
        case "private thread":
            return places.add_thread(kind=Kind.PRIVATE_THREAD)
        case "thread of announcements":
            return places.add_thread(places.add(Kind.ANNOUNCEMENTS), Kind.ANNOUNCEMENT_THREAD)
        case "post of a forum":
            return places.add_thread(places.add(Kind.FORUM))
        case "post of a media channel":
            return places.add_thread(places.add(Kind.MEDIA))
        case "text of a voice channel":
            return places.add(Kind.VOICE)
        case "text of a stage":
            return places.add(Kind.STAGE)
        case "direct messages":
            return places.direct(places.alice)
        case _:
            raise AssertionError(kind)


THREADS = ("thread", "private thread", "thread of announcements", "post of a forum", "post of a media channel")
KINDS = ("announcements", "text of a voice channel", "text of a stage", "direct messages", *THREADS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.sampled(every=4)
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


@pytest.mark.parametrize("kind", THREADS)
@pytest.mark.sampled(every=4)
async def test_in_a_place_that_was_archived_meanwhile_it_is_opened_again(world: DiscordWorld, kind: str) -> None:
    place = a_place(world.discord.places, kind)
    task, _ = await world.ask(channel=place)
    place.archived = True
    await world.closed(task)
    (told,) = await world.outcomes(task)
    assert (told.way, place.archived) == (Way.CHANNEL, False)


@pytest.mark.parametrize("kind", THREADS)
@pytest.mark.sampled(every=4)
async def test_in_a_place_that_was_locked_meanwhile_the_first_answer_becomes_the_pictures(
    world: DiscordWorld, kind: str
) -> None:
    place = a_place(world.discord.places, kind)
    task, _ = await world.ask(channel=place)
    place.archived = place.locked = True
    await world.closed(task)
    (told,) = await world.outcomes(task)
    assert told.way is Way.ORIGINAL


@pytest.mark.parametrize("kind", THREADS)
@pytest.mark.sampled(every=4)
async def test_what_is_lacking_in_threads_is_said_before_anything_is_paid(world: DiscordWorld, kind: str) -> None:
    place = a_place(world.discord.places, kind)
    place.may &= ~May.SEND_IN_THREADS
    refused = await world.try_to_ask(channel=place)
    assert refused.message is not None
    assert "send messages in threads" in refused.message["content"]
    assert await world.stores.tasks.of_user(world.discord.places.alice.id) == ()


# -- What changes after the request was accepted -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happens to a place while the picture is made, and the route by which the outcome comes then: within the
    quarter of an hour in which Discord accepts the interaction's token, and after it."""

    kind: str = "channel"
    happens: Callable[[DiscordWorld, Channel], None]
    soon: Route
    late: Route


def without(
    permission: May, kind: str = "channel", *, soon: Route = Route.ORIGINAL, late: Route = Route.DIRECT
) -> Change:
    def happens(world: DiscordWorld, place: Channel) -> None:
        place.may &= ~permission

    return Change(kind=kind, happens=happens, soon=soon, late=late)


def archived(world: DiscordWorld, place: Channel) -> None:
    place.archived = True


def locked(world: DiscordWorld, place: Channel) -> None:
    place.locked = True


def archived_and_locked(world: DiscordWorld, place: Channel) -> None:
    place.archived = place.locked = True


def locked_for_others(world: DiscordWorld, place: Channel) -> None:
    place.locked = True
    place.may |= May.MANAGE_THREADS


def removed_from_it(world: DiscordWorld, place: Channel) -> None:
    place.joined = False


def deleted(world: DiscordWorld, place: Channel) -> None:
    place.gone = True
    kept = world.discord.messages_kept.kept
    for number in [number for number, message in kept.items() if message.channel is place]:
        del kept[number]


CHANGES = {
    "the channel is hidden": without(May.VIEW),
    "no writing": without(May.SEND),
    "no attaching": without(May.ATTACH),
    "no reading of the history": without(May.HISTORY, soon=Route.CHANNEL, late=Route.CHANNEL),
    "no links with previews": without(May.EMBED, soon=Route.CHANNEL, late=Route.CHANNEL),
    "no writing in threads": without(May.SEND_IN_THREADS, "thread"),
    "no writing in posts": without(May.SEND_IN_THREADS, "post of a forum"),
    "the bot leaves the server": without(~May(0)),
    "the thread is archived": Change(kind="thread", happens=archived, soon=Route.CHANNEL, late=Route.CHANNEL),
    "the thread is locked": Change(kind="thread", happens=locked, soon=Route.ORIGINAL, late=Route.DIRECT),
    "the post is locked and archived": Change(
        kind="post of a forum", happens=archived_and_locked, soon=Route.ORIGINAL, late=Route.DIRECT
    ),
    "the thread is locked and the bot manages threads": Change(
        kind="thread", happens=locked_for_others, soon=Route.CHANNEL, late=Route.CHANNEL
    ),
    "the bot is removed from the private thread": Change(
        kind="private thread", happens=removed_from_it, soon=Route.ORIGINAL, late=Route.DIRECT
    ),
    "the channel is deleted": Change(happens=deleted, soon=Route.DIRECT, late=Route.DIRECT),
    "the thread is deleted": Change(kind="thread", happens=deleted, soon=Route.DIRECT, late=Route.DIRECT),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.sampled(every=3)
async def test_whatever_changes_the_outcome_comes_once_by_a_way_that_is_open(world: DiscordWorld, name: str) -> None:
    change = CHANGES[name]
    place = a_place(world.discord.places, change.kind)
    task, _ = await world.ask(channel=place)
    change.happens(world, place)
    await came_once(world, task, place, change.soon)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.sampled(every=3)
async def test_so_it_does_when_the_first_answer_can_no_longer_be_edited(world: DiscordWorld, name: str) -> None:
    change = CHANGES[name]
    world.api.seconds = 20 * 60
    place = a_place(world.discord.places, change.kind)
    task, _ = await world.ask(channel=place)
    change.happens(world, place)
    await came_once(world, task, place, change.late)


async def came_once(world: DiscordWorld, task: Task, place: Channel, route: Route) -> None:
    closed = await world.work(
        task, lambda now: now.state is TaskState.CLOSED, within=timedelta(hours=1), every=timedelta(seconds=30)
    )
    assert (closed.state, closed.reason) == (TaskState.CLOSED, None)
    (told,) = await world.outcomes(task)
    direct = world.discord.places.direct(world.discord.places.alice)
    assert told.way is (Way.ORIGINAL if route is Route.ORIGINAL else Way.CHANNEL)
    assert told.channel_id == str((direct if route is Route.DIRECT else place).id)
    assert len(told.files) == 1
    assert len(world.api.taken) == 1


async def test_in_a_private_thread_that_the_bot_never_joined_the_first_answer_becomes_the_pictures(
    world: DiscordWorld,
) -> None:
    place = world.discord.places.add_thread(kind=Kind.PRIVATE_THREAD, joined=False)
    task, _ = await world.ask(channel=place)
    await came_once(world, task, place, Route.ORIGINAL)


@pytest.mark.parametrize("code", [50083, 160005, 50001, 50013])
async def test_where_not_even_the_command_can_be_answered_it_comes_directly_and_is_paid_once(
    world: DiscordWorld, code: int
) -> None:
    place = world.discord.places.add_thread()
    place.archived = place.locked = True
    world.discord.traps.lay("POST */interactions/*/callback", Moment.RECEIVED, refusal(code))
    task, _ = await world.ask(channel=place)
    await came_once(world, task, place, Route.DIRECT)
