"""
Test every refusal of Discord, call by call.

The table is the specification: a row is a call, a cell is Discord's answer to the call. In every cell exactly one
outcome reaches the asker, by the first open route: the channel, the first answer while its token is valid, or a direct
message. If all routes are closed, the outcome is kept for the asker.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from bot.error_replies import explain_to_operator
from bot.errors import AccountRefused, Reason, Refused
from bot.texts import texts_in
from storage.models import Task, TaskState
from tests.faults.image_api_world import breaks_off
from tests.wire.messages import Way
from tests.wire.refusals import banned, refusal, throttled
from tests.wire.traps import Action, Moment, page, says
from tests.worlds.discord_world import DiscordWorld, open_discord_world


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    action: Action
    times: int | None = None
    """How often the fault occurs. None: until the end of the cell."""
    moment: Moment = Moment.RECEIVED


EXPLICIT = (50001, 50013, 10003, 10008, 10013, 10015, 10062, 50027, 40060)
TOO_LARGE = 40005
TRIES = 5
"""Attempts that discord.py makes for each request."""
REFUSED: Mapping[str, Trouble] = {str(code): Trouble(action=refusal(code)) for code in EXPLICIT}
LARGE: Mapping[str, Trouble] = {str(TOO_LARGE): Trouble(action=refusal(TOO_LARGE))}
UNAUTHORIZED: Mapping[str, Trouble] = {"401": Trouble(action=refusal(0), times=1)}
PASSING: Mapping[str, Trouble] = {
    "429": Trouble(action=throttled(2.0), times=2),
    "429 to everything": Trouble(action=throttled(2.0, scope="global"), times=1),
    "429 without Via": Trouble(action=banned, times=1),
    "500": Trouble(action=says(500, {"message": "500: Internal Server Error", "code": 0}), times=TRIES + 1),
    "502": Trouble(action=page(502, "Bad gateway"), times=TRIES + 1),
    "503": Trouble(action=refusal(130000), times=TRIES + 1),
    "broken off": Trouble(action=breaks_off, times=1),
    "broken off when it was done": Trouble(action=breaks_off, times=1, moment=Moment.DONE),
}
ALL = {**REFUSED, **LARGE, **UNAUTHORIZED, **PASSING}


class Comes(Enum):
    """Where the outcome is in the end: delivered by a route, or kept."""

    CHANNEL = "channel"
    ORIGINAL = "original"
    DIRECT = "direct"
    KEPT = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    route: str
    refused: Comes = Comes.CHANNEL
    large: Comes = Comes.CHANNEL
    unauthorized: Comes = Comes.CHANNEL
    passing: Comes = Comes.CHANNEL
    shut: tuple[tuple[str, int], ...] = ()
    """Other refusals that lead to this call: routes and error codes."""
    once: bool = False
    """Whether the refusal occurs only once, because the outcome has to use the same route."""


POST = "POST */channels/7011/messages"
ANSWER = "POST */callback"
EDIT_ANSWER = "PATCH */messages/@original"
ROWS: Mapping[str, Row] = {
    "first answer": Row(route=ANSWER),
    "look for the first answer": Row(route="GET */messages/@original", shut=((ANSWER, 10062),)),
    "card posted": Row(route=POST, shut=((ANSWER, 10062),), once=True),
    "card edited": Row(route="PATCH */channels/7011/messages/*"),
    "card deleted": Row(route="DELETE */channels/7011/messages/*"),
    "outcome posted": Row(route=POST, refused=Comes.ORIGINAL, large=Comes.ORIGINAL),
    "first answer edited": Row(
        route=EDIT_ANSWER,
        refused=Comes.DIRECT,
        large=Comes.DIRECT,
        unauthorized=Comes.DIRECT,
        passing=Comes.ORIGINAL,
        shut=((POST, 50013),),
    ),
    "direct message opened": Row(
        route="POST */users/@me/channels",
        refused=Comes.KEPT,
        large=Comes.KEPT,
        unauthorized=Comes.DIRECT,
        passing=Comes.DIRECT,
        shut=((POST, 50013), (EDIT_ANSWER, 50027)),
    ),
    "direct message posted": Row(
        route="POST */channels/8001/messages",
        refused=Comes.KEPT,
        large=Comes.KEPT,
        unauthorized=Comes.DIRECT,
        passing=Comes.DIRECT,
        shut=((POST, 50013), (EDIT_ANSWER, 50027)),
    ),
}


def cells() -> Iterable[Any]:
    for call, row in ROWS.items():
        for troubles, comes in (
            (REFUSED, row.refused),
            (LARGE, row.large),
            (UNAUTHORIZED, row.unauthorized),
            (PASSING, row.passing),
        ):
            for name, trouble in troubles.items():
                yield pytest.param(row, trouble, comes, id=f"{call}: {name}")


@pytest.mark.parametrize(("row", "trouble", "comes"), list(cells()))
@pytest.mark.sampled(every=8)
async def test_whatever_discord_refuses_the_asker_has_exactly_one_outcome(
    tmp_path: Path, row: Row, trouble: Trouble, comes: Comes
) -> None:
    async with open_discord_world(tmp_path) as world:
        direct = world.discord.places.direct(world.discord.places.alice)
        for route, code in row.shut:
            world.discord.traps.lay(route, Moment.RECEIVED, refusal(code), times=None)
        times = 1 if row.once and trouble.times is None else trouble.times
        met = world.discord.traps.lay(row.route, trouble.moment, trouble.action, times=times)
        task, _ = await world.ask()
        if comes is Comes.KEPT:
            await assert_kept(world, task)
        else:
            assert (await world.closed(task)).state is TaskState.CLOSED
        ways = {Comes.ORIGINAL: Way.ORIGINAL}
        places = {Comes.DIRECT: direct}
        [told] = await world.outcomes(task)
        assert told.way is ways.get(comes, Way.CHANNEL)
        assert told.channel_id == str(places.get(comes, world.discord.places.channel).id)
        assert met.met, "the call was never made"


async def assert_kept(world: DiscordWorld, task: Task) -> None:
    """Assert that the outcome is kept, the operator is informed, and the outcome is delivered once a route is open."""
    kept = await world.work(task, lambda now: now.undelivered_at is not None, within=timedelta(minutes=15))
    assert (kept.state, kept.undelivered_at is not None) == (TaskState.SETTLED, True)
    assert await world.outcomes(task) == []
    assert world.said_in(world.operator) == [explain_to_operator(Reason.NOBODY_TOLD, {}, texts_in(None))]
    world.discord.traps.clear()
    ended = await world.work(task, lambda now: now.state is TaskState.CLOSED, within=timedelta(hours=4))
    assert ended.state is TaskState.CLOSED


OPERATOR = "POST */channels/{}/messages"


@pytest.mark.parametrize("name", ALL)
@pytest.mark.sampled(every=6)
async def test_the_operator_is_told_once_in_their_channel_or_directly(tmp_path: Path, name: str) -> None:
    async with open_discord_world(tmp_path) as world:
        trouble = ALL[name]
        route = OPERATOR.format(world.operator.id)
        met = world.discord.traps.lay(route, trouble.moment, trouble.action, times=trouble.times)
        world.api.next_create = [AccountRefused(402, "credits", Reason.ACCOUNT_CREDIT)]
        task, _ = await world.ask()
        assert (await world.closed(task)).reason == Reason.ACCOUNT_CREDIT
        await world.work(task, lambda now: False, within=timedelta(minutes=30), every=timedelta(minutes=1))
        owner = world.discord.places.direct(world.discord.places.owner)
        directly = trouble.times is None
        sentence = explain_to_operator(Reason.ACCOUNT_CREDIT, {}, texts_in(None))
        assert world.said_in(world.operator) == ([] if directly else [sentence])
        assert world.said_in(owner) == ([sentence] if directly else [])
        assert len(await world.outcomes(task)) == 1
        assert met.met


@pytest.mark.parametrize("name", ALL)
@pytest.mark.sampled(every=6)
async def test_an_archived_thread_is_opened_or_the_first_answer_becomes_the_outcome(tmp_path: Path, name: str) -> None:
    async with open_discord_world(tmp_path) as world:
        trouble = ALL[name]
        thread = world.discord.places.add_thread()
        route = f"PATCH */channels/{thread.id}"
        met = world.discord.traps.lay(route, trouble.moment, trouble.action, times=trouble.times)
        task, _ = await world.ask(channel=thread)
        thread.archived = True
        assert (await world.closed(task)).state is TaskState.CLOSED
        [told] = await world.outcomes(task)
        assert told.channel_id == str(thread.id)
        assert told.way is (Way.ORIGINAL if trouble.times is None else Way.CHANNEL)
        assert met.met


@pytest.mark.parametrize("name", [*UNAUTHORIZED, *PASSING])
@pytest.mark.sampled(every=5)
async def test_after_an_uncertain_post_the_history_is_asked_until_it_answers(tmp_path: Path, name: str) -> None:
    async with open_discord_world(tmp_path) as world:
        trouble = ALL[name]
        task, _ = await world.ask()
        world.discord.traps.lay(POST, Moment.DONE, breaks_off)
        route = "GET */channels/7011/messages"
        met = world.discord.traps.lay(route, trouble.moment, trouble.action, times=trouble.times)
        assert (await world.closed(task)).state is TaskState.CLOSED
        assert len(await world.outcomes(task)) == 1
        assert met.met


@pytest.mark.parametrize("name", [*REFUSED, *LARGE])
@pytest.mark.sampled(every=5)
@pytest.mark.sweep
async def test_where_nobody_may_look_an_outcome_is_rather_told_twice_than_not_at_all(tmp_path: Path, name: str) -> None:
    async with open_discord_world(tmp_path) as world:
        task, _ = await world.ask()
        world.discord.traps.lay(POST, Moment.DONE, breaks_off)
        world.discord.traps.lay("GET */channels/7011/messages", Moment.RECEIVED, ALL[name].action, times=None)
        assert (await world.closed(task)).state is TaskState.CLOSED
        assert [told.way for told in await world.outcomes(task)] == [Way.CHANNEL, Way.ORIGINAL]


async def test_an_answer_that_comes_too_late_is_followed_by_a_card_and_one_outcome(tmp_path: Path) -> None:
    async with open_discord_world(tmp_path) as world:

        async def slow(_: web.Request) -> None:
            world.discord.clock.turn(timedelta(seconds=20))

        world.discord.traps.lay(ANSWER, Moment.RECEIVED, slow)
        world.discord.traps.lay(POST, Moment.RECEIVED, slow, times=None)
        task, asked = await world.ask()
        assert asked.dead
        assert (await world.closed(task)).state is TaskState.CLOSED
        assert len(await world.outcomes(task)) == 1
        assert world.cards(task) == []


async def test_one_picture_of_four_that_cannot_be_fetched_is_told_as_a_link(tmp_path: Path) -> None:
    async with open_discord_world(tmp_path) as world:
        world.api.broken["/1.png"] = Refused(403, "not there any more")
        task, _ = await world.ask(variants=4)
        assert (await world.closed(task)).state is TaskState.CLOSED
        [told] = await world.outcomes(task)
        missing = [picture.position for picture in await world.stores.pictures.of_task(task.id) if picture.unfetchable]
        [number] = missing
        assert len(told.files) == 3
        assert f"(<https://results.test/kie1/{number}.png>)" in str(told.payload["components"])


async def test_a_card_that_comes_after_the_outcome_and_cannot_be_deleted_is_logged_without_a_reply(
    tmp_path: Path,
) -> None:
    async with open_discord_world(tmp_path) as world:

        async def ends(_: web.Request) -> None:
            (task,) = await world.stores.tasks.of_user(world.discord.places.alice.id)
            await world.closed(task)

        world.discord.traps.lay(ANSWER, Moment.DONE, ends)
        deleted = world.discord.traps.lay("DELETE */messages/*", Moment.RECEIVED, says(503, {}), times=None)
        with capture_logs() as logs:
            task, asked = await world.ask()
        assert deleted.met
        assert asked.followups == []
        assert len(await world.outcomes(task)) == 1
        (failed,) = [entry for entry in logs if entry["event"].startswith("interaction failed")]
        assert failed["log_level"] == "warning"
