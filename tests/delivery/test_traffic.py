"""
Tests for requests to Discord, with the real client against a loopback Discord. Each attempt of a request passes the
pacer; refusals are counted, and after too many of them cards are not edited until the refusals become fewer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from structlog.testing import capture_logs

from bot.client import Atelier
from bot.delivery.interaction_reply import ORIGINAL, answer_by
from bot.endpoints import point_discord_at
from bot.engine.ports import Card, CardPhase
from bot.error_replies import explain_to_operator
from bot.errors import Reason
from bot.process import counters
from bot.texts import texts_in
from bot.traffic import Claim, Pacer, Priority, Refusals, Sent, SharedRefusals, Traffic, requests_as
from storage.database import Database
from storage.key_values import KeyValueStore
from tests.storage.rows import NOW
from tests.web.visiting import opened
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.interactions import COMMAND, MESSAGE
from tests.wire.process import TOKEN
from tests.wire.refusals import banned, refusal, throttled
from tests.wire.traps import Moment, reset, says
from tests.worlds.discord_world import DiscordWorld, open_discord_world
from tests.worlds.postgres import postgres
from tests.worlds.ready_database import ready_database

pytestmark = pytest.mark.usefixtures("discord_as_it_was")


class Noting(Pacer):
    """A pacer that lets each request through at once, and records priorities, pauses and unanswered requests."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[Priority] = []
        self.pauses: list[float] = []
        self.on_the_way: list[Sent] = []

    async def turn(self, of: Claim) -> Sent:
        self.turns.append(of.priority)
        self.on_the_way.append(Sent(until=0))
        return self.on_the_way[-1]

    def answered(self, sent: Sent) -> None:
        self.on_the_way.remove(sent)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


class Client(Atelier):
    pacer: Noting


@pytest.fixture
async def loopback() -> AsyncIterator[LoopbackDiscord]:
    async with loopback_discord(TOKEN) as running:
        point_discord_at(running.url, running.gateway.url)
        yield running


@pytest.fixture
async def client(loopback: LoopbackDiscord) -> AsyncIterator[Client]:
    """Yield a client that is logged in."""
    pacer = Noting()
    it = Client(extensions=(), shard_count=1, traffic=Traffic(pacer))
    it.pacer = pacer
    async with it:
        await it.login(TOKEN)
        yield it


def refusals_counted(client: Client) -> int:
    return len(client.traffic.refusals._times)


def counted(counter: Any, label: str) -> float:
    return float(counter.labels(label)._value.get())


# -- pacer -------------------------------------------------------------------------------------------------------------


async def test_everything_that_discord_counts_is_paced(loopback: LoopbackDiscord, client: Client) -> None:
    channel = client.get_partial_messageable(loopback.places.channel.id)
    message = await channel.send("hello")
    await message.edit(content="hello again")
    assert [message.id async for message in channel.history()] == [message.id]
    await channel.fetch_message(message.id)
    await client.fetch_channel(channel.id)
    await client.create_dm(discord.Object(loopback.places.alice.id))
    await client.application_info()
    await client.http.get_bot_gateway()
    await client.tree.sync()
    await message.delete()
    assert len(client.pacer.turns) == len(loopback.limits.arrived) >= 11
    assert set(client.pacer.turns) == {Priority.PERSON}


async def test_what_answers_an_interaction_is_not(loopback: LoopbackDiscord, client: Client) -> None:
    before = len(client.pacer.turns), counted(counters.DISCORD_REQUESTS, "interaction")
    interaction = loopback.interactions.begin(COMMAND, loopback.places.alice, loopback.places.channel)
    adapter = discord.webhook.async_.async_context.get()
    session = client.http._HTTPClient__session  # type: ignore[attr-defined]  # the session that discord.py gives to webhooks
    params = discord.webhook.async_.interaction_message_response_params(type=MESSAGE, content="hello")
    await adapter.create_interaction_response(interaction.id, interaction.token, session=session, params=params)
    await answer_by(client, interaction.token).edit_message(ORIGINAL, content="hello again")
    assert (len(client.pacer.turns), counted(counters.DISCORD_REQUESTS, "interaction")) == (before[0], before[1] + 2)
    assert loopback.interactions.all[0].original is not None


async def test_a_repeated_attempt_is_paced_as_the_first_one(loopback: LoopbackDiscord, client: Client) -> None:
    loopback.traps.lay("POST */messages", Moment.RECEIVED, throttled(0.01), times=2)
    before = counted(counters.DISCORD_REQUESTS, "result")
    with requests_as(Priority.RESULT):
        await client.get_partial_messageable(loopback.places.channel.id).send("hello")
    assert client.pacer.turns[-3:] == [Priority.RESULT] * 3
    assert counted(counters.DISCORD_REQUESTS, "result") == before + 3


async def test_the_pacer_is_told_when_a_request_has_arrived_or_failed(
    loopback: LoopbackDiscord, client: Client
) -> None:
    channel = client.get_partial_messageable(loopback.places.channel.id)
    on_the_way = []

    async def looks(_: object) -> None:
        on_the_way.append(len(client.pacer.on_the_way))

    loopback.traps.lay("POST */messages", Moment.DONE, looks)
    await channel.send("hello")
    assert (on_the_way, client.pacer.on_the_way) == ([1], [])
    loopback.traps.lay("POST */messages", Moment.RECEIVED, reset)
    with pytest.raises(aiohttp.ClientError):
        await channel.send("hello")
    assert client.pacer.on_the_way == []


async def test_a_limit_for_everything_pauses_the_pacer_and_one_for_a_channel_does_not(
    loopback: LoopbackDiscord, client: Client
) -> None:
    channel = client.get_partial_messageable(loopback.places.channel.id)
    loopback.traps.lay("POST */messages", Moment.RECEIVED, throttled(0.01))
    await channel.send("hello")
    assert client.pacer.pauses == []
    loopback.traps.lay("POST */messages", Moment.RECEIVED, throttled(0.02, scope="global"))
    await channel.send("hello")
    assert client.pacer.pauses == [0.02]


@pytest.mark.sweep
async def test_a_process_with_some_of_the_shards_has_its_share_of_the_budget(tmp_path: Path) -> None:
    for given, share in (({}, 1.0), ({"shard_count": 4}, 1.0), ({"shard_count": 4, "shard_ids": (0,)}, 0.25)):
        async with opened(tmp_path, **given) as (atelier, _, _):
            assert atelier.client.traffic.pacer._share() == share


@pytest.mark.parametrize("said", ["soon", "", "-1", "0", "nan"])
async def test_a_time_that_makes_no_sense_is_a_second(loopback: LoopbackDiscord, client: Client, said: str) -> None:
    body = {"message": "You are being rate limited.", "retry_after": 0.01, "global": True}
    limited = says(429, body, Via="1.1 google", Retry_After=said, X_RateLimit_Scope="global")
    loopback.traps.lay("POST */messages", Moment.RECEIVED, limited)
    await client.get_partial_messageable(loopback.places.channel.id).send("hello")
    assert client.pacer.pauses == [1.0]


# -- refusals ----------------------------------------------------------------------------------------------------------


async def test_each_refusal_that_discord_bans_for_is_counted(loopback: LoopbackDiscord, client: Client) -> None:
    channel = client.get_partial_messageable(loopback.places.channel.id)
    before = {status: counted(counters.DISCORD_REFUSALS, status) for status in counters.REFUSALS}
    for trouble in (refusal(0), refusal(50013), banned, refusal(10003), refusal(50035)):
        loopback.traps.lay("POST */messages", Moment.RECEIVED, trouble)
        with pytest.raises(discord.HTTPException):
            await channel.send("hello")
    assert refusals_counted(client) == 3
    assert {status: counted(counters.DISCORD_REFUSALS, status) - before[status] for status in before} == {
        "401": 1,
        "403": 1,
        "429": 1,
    }


async def test_a_limit_that_others_have_used_up_is_not_held_against_us(
    loopback: LoopbackDiscord, client: Client
) -> None:
    loopback.traps.lay("POST */messages", Moment.RECEIVED, throttled(0.01, scope="shared"))
    await client.get_partial_messageable(loopback.places.channel.id).send("hello")
    assert refusals_counted(client) == 0


def test_too_many_are_too_many_until_it_is_calm_and_the_log_says_so_once_each() -> None:
    now = 0.0
    refusals = Refusals(clock=lambda: now)
    with capture_logs() as logs:
        for _ in range(1000):
            refusals.count()
        assert not refusals.too_many
        now = 300.0
        for _ in range(600):
            refusals.count()
        assert refusals.too_many
        now = 600.0
        assert refusals.too_many, "600 of them are not ten minutes old"
        now = 900.0
        assert not refusals.too_many
    assert [entry["log_level"] for entry in logs] == ["warning", "info"]


async def test_what_was_refused_to_other_processes_counts_for_all_for_as_long_as_discord_counts_it() -> None:
    now = NOW
    async with (await postgres()).database() as url, Database.open(url) as first, Database.open(url) as second:
        counts = [Refusals(), Refusals()]
        dead, living = (
            SharedRefusals(refusals, KeyValueStore(database), clock=lambda: now)
            for refusals, database in zip(counts, (first, second), strict=True)
        )
        await living.step()
        for refusals in counts:
            for _ in range(600):
                refusals.count()
            assert not refusals.too_many
        await dead.step()
        await living.step()
        assert counts[1].too_many
        now += 601_000
        await living.step()
        await living.step()
        assert await KeyValueStore(second).beginning_with("discord_refusals ") != {}
        counts[1]._times.clear()
        assert not counts[1].too_many, "the process that died has counted long ago"
        await living.step()
        assert await KeyValueStore(second).beginning_with("discord_refusals ") == {}


async def test_a_process_that_is_alone_asks_nobody_for_refusals(tmp_path: Path) -> None:
    async with ready_database(tmp_path / "atelier.db") as database:
        refusals = Refusals()
        refusals.count()
        await SharedRefusals(refusals, KeyValueStore(database), clock=lambda: NOW).run()
        assert await KeyValueStore(database).beginning_with("discord") == {}


# -- cards -------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DiscordWorld]:
    async with open_discord_world(tmp_path) as opened:
        yield opened


def edits(world: DiscordWorld) -> int:
    return sum(act.doing == "edited" for act in world.discord.acts)


async def shown(world: DiscordWorld, card: Card) -> int:
    """Show the card a minute later. Return how many edits this caused."""
    before = edits(world)
    world.discord.clock.turn(timedelta(minutes=1))
    world.delivery.cards.show(card)
    await world.delivery.cards.step()
    return edits(world) - before


async def test_with_too_many_refusals_cards_stand_still_until_it_is_calm_and_the_operator_is_told_once(
    world: DiscordWorld,
) -> None:
    task, _ = await world.ask()
    card = Card(task=task, phase=CardPhase.QUEUED)
    assert await shown(world, card) == 1
    for _ in range(1001):
        world.client.traffic.refusals.count()
    assert await shown(world, Card(task=task, phase=CardPhase.CREATING)) == 0
    for _ in range(2):
        await world.engine.step()
    assert world.said_in(world.operator) == [explain_to_operator(Reason.DISCORD_REFUSES, {}, texts_in("en-US"))]
    world.discord.clock.turn(timedelta(minutes=10))
    assert await shown(world, Card(task=task, phase=CardPhase.UNCONFIRMED)) == 1


async def test_even_then_the_last_edit_of_a_private_card_is_made_and_a_result_is_brought(world: DiscordWorld) -> None:
    private, _ = await world.ask(private=True)
    for _ in range(1001):
        world.client.traffic.refusals.count()
    assert await shown(world, Card(task=private, phase=CardPhase.QUEUED, leaving=True)) == 1
    task, _ = await world.ask()
    await world.closed(task)
    assert len(await world.outcomes(task)) == 1


class Slow(Pacer):
    """A pacer that holds back requests with the priority EDIT."""

    def __init__(self) -> None:
        super().__init__()
        self.edits = asyncio.Event()

    async def turn(self, of: Claim) -> Sent:
        while of.priority is Priority.EDIT:
            self.edits.set()
            await asyncio.sleep(0)
        return Sent(until=0)


async def test_an_edit_that_something_waits_for_becomes_as_urgent_as_that(
    world: DiscordWorld,
) -> None:
    """A card is removed, or replaced by the result, only after its running edit has ended."""
    world.client.traffic.pacer = slow = Slow()
    task, _ = await world.ask()
    world.discord.clock.turn(timedelta(minutes=1))
    world.delivery.cards.show(Card(task=task, phase=CardPhase.CREATING))
    editing = asyncio.create_task(world.delivery.cards.step())
    async with asyncio.timeout(10):
        await slow.edits.wait()
        await world.delivery.cards.remove(task)
        await editing
    assert edits(world) == 1
    assert not world.cards(task)
