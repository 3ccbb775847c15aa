"""
The real client, delivery and engine against a loopback Discord with faults, with a small stand-in for the image API.

There is no gateway: the tests hand its events to the client. All parts share Discord's clock, which the test turns
forward; discord.py's waits before a retry also turn it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import discord.http
import discord.webhook.async_
import pytest

from bot.client import Atelier
from bot.delivery import DiscordDelivery
from bot.endpoints import point_discord_at
from bot.engine.engine import Engine
from bot.engine.policy import Policy
from bot.engine.work.picture_work import PictureWork
from bot.engine.work.thumbnails import Thumbnails
from bot.imaging.processes import WorkerThreads
from bot.services import Services
from bot.traffic import Pacer, Refusals, Traffic
from bot.ui.results.outcomes import part_id
from bot.ui.waiting.cards import card_id
from storage.database import Database
from storage.models import Reference, Task, TaskState
from storage.pictures import PictureStore
from storage.stores import Stores
from tests.wire.components import walked
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.interactions import COMMAND, Interaction
from tests.wire.messages import Act, Doing
from tests.wire.places import Channel
from tests.worlds.due import next_due
from tests.worlds.engine_world import KEEP_PICTURES, NO_LIMITS, Clock, StandInAPI
from tests.worlds.ready_database import ready_database

TOKEN = "bot-token-c0ffee"
LONGEST_STEP = timedelta(minutes=10)


@dataclass
class Sleepless:
    """Replaces asyncio in discord.py: a sleep turns the clock forward and returns at once."""

    turn: Callable[[timedelta], None]
    slept: list[float] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float, result: object = None) -> object:
        self.slept.append(seconds)
        self.turn(timedelta(seconds=seconds))
        await asyncio.sleep(0)
        return result


@dataclass(frozen=True)
class Seconds:
    """
    Replaces the event loop's clock in the pacer: a call scheduled for later turns the clock forward and runs at once.
    """

    now: Callable[[], int]
    turn: Callable[[timedelta], None]

    def time(self) -> float:
        return self.now() / 1000

    def call_at(self, when: float, callback: Callable[[], None], /) -> asyncio.TimerHandle:
        def ring() -> None:
            self.turn(timedelta(seconds=max(0.0, when - self.time()), milliseconds=1))
            callback()

        return asyncio.get_running_loop().call_later(0, ring)


@dataclass
class DiscordWorld:
    discord: LoopbackDiscord
    client: Atelier
    engine: Engine
    delivery: DiscordDelivery
    stores: Stores
    api: StandInAPI
    operator: Channel
    database: Database
    picture_store: PictureStore

    async def restart(self) -> None:
        """Start another process on the same rows."""
        await self.stores.claims.void_leases()
        await self.client.close()
        fresh = _built(self.discord, self.database, self.picture_store, self.operator, self.api)
        self.client, self.engine, self.delivery = fresh.client, fresh.engine, fresh.delivery
        await self.start()

    async def start(self) -> None:
        await self.client.login(TOKEN)
        await self.engine.start()

    async def close(self) -> None:
        await self.client.close()

    async def ask(
        self, *, channel: Channel | None = None, variants: int = 1, private: bool = False
    ) -> tuple[Task, Interaction]:
        """Alice types the command; return its task and interaction once the client has handled it."""
        interaction = await self.try_to_ask(channel=channel, variants=variants, private=private)
        (task,) = [task for task in await self._of_alice() if task.interaction_id == interaction.id]
        return task, interaction

    async def try_to_ask(
        self, *, channel: Channel | None = None, variants: int = 1, private: bool = False
    ) -> Interaction:
        """Do the same, even if the command is refused; return the interaction."""
        interaction = self.discord.interactions.begin(
            COMMAND, self.discord.places.alice, channel or self.discord.places.channel
        )
        options: list[dict[str, Any]] = [
            {"name": "prompt", "type": 3, "value": "a red door"},
            {"name": "variants", "type": 4, "value": variants},
            {"name": "private", "type": 5, "value": private},
        ]
        data = {"id": "7300", "name": "imagine", "type": 1, "options": options, "resolved": {}}
        self.client._connection.parse_interaction_create(
            cast("Any", self.discord.interactions.payload(interaction, data))
        )
        await self.quiet()
        return interaction

    async def quiet(self) -> None:
        """Wait until the client has handled every command it received."""
        while invoked := [task for task in asyncio.all_tasks() if task.get_name() == "CommandTree-invoker"]:
            await asyncio.wait(invoked)

    async def _of_alice(self) -> tuple[Task, ...]:
        return tuple(await self.stores.tasks.of_user(self.discord.places.alice.id))

    async def now(self, task: Task) -> Task:
        found = await self.stores.tasks.get(task.id)
        assert found is not None
        return found

    async def work(
        self, task: Task, until: Callable[[Task], bool], *, within: timedelta, every: timedelta = LONGEST_STEP
    ) -> Task:
        """
        Let time pass with the engine and the cards at work, until the condition holds for the task or `within` has
        passed.

        `every`: the longest time between two steps.
        """
        clock = self.discord.clock
        end = clock.now() + within // timedelta(milliseconds=1)
        while not until(now := await self.now(task)) and clock.now() < end:
            await self.engine.step()
            await self.delivery.cards.step()
            due = await next_due(self.stores, clock.now())
            wait = timedelta(milliseconds=(due or end) - clock.now())
            clock.turn(min(max(wait, timedelta(seconds=2)), every))
        return now

    async def closed(self, task: Task) -> Task:
        """Work until the task is closed, at most a quarter of an hour, and return it."""
        return await self.work(
            task, lambda now: now.state is TaskState.CLOSED, within=timedelta(minutes=15), every=timedelta(seconds=30)
        )

    async def outcomes(self, task: Task) -> list[Act]:
        """Return every post or edit that put an outcome of the task into a message."""
        ids = {part_id(part) for part in await self.stores.parts.of_task(task.id)}
        return [act for act in self.discord.acts if act.doing is not Doing.DELETED and _ids(act) & ids]

    def cards(self, task: Task) -> list[str]:
        """Return the ids of messages that are still the task's card."""
        sought = card_id(task)
        found = self.discord.messages.items()
        return [
            number
            for number, message in found
            if sought in {part.get("id") for _, part in walked(message["components"])}
        ]

    def said_in(self, channel: Channel) -> list[str]:
        return [
            message["content"] for message in self.discord.messages.values() if message["channel_id"] == str(channel.id)
        ]


def _ids(act: Act) -> set[Any]:
    return {part.get("id") for _, part in walked(act.payload.get("components") or [])}


@asynccontextmanager
async def open_discord_world(folder: Path) -> AsyncIterator[DiscordWorld]:
    async with AsyncExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        loopback = await stack.enter_async_context(loopback_discord(TOKEN))
        sleepless = Sleepless(turn=loopback.clock.turn)
        patch.setattr(discord.http, "asyncio", sleepless)
        patch.setattr(discord.webhook.async_, "asyncio", sleepless)
        point_discord_at(loopback.url, loopback.gateway.url)
        stack.callback(point_discord_at, None, None)
        opened = await stack.enter_async_context(ready_database(folder / "atelier.db"))
        picture_store = PictureStore.open(str(folder / "pictures"))
        api = StandInAPI(cast("Clock", loopback.clock.now), seconds=40.0)
        world = _built(loopback, opened, picture_store, loopback.places.add_channel(name="operators"), api)
        stack.push_async_callback(world.close)
        await world.start()
        yield world


def _built(
    loopback: LoopbackDiscord, database: Database, picture_store: PictureStore, operator: Channel, api: StandInAPI
) -> DiscordWorld:
    """Build all parts as the composition root does."""
    stores = Stores.on(database)
    clock, seconds = loopback.clock.now, Seconds(loopback.clock.now, loopback.clock.turn)
    traffic = Traffic(Pacer(timer=seconds), Refusals(clock=seconds.time))
    client = Atelier(extensions=("cogs.imagine",), shard_count=1, traffic=traffic)
    work = PictureWork(WorkerThreads())
    thumbnails = Thumbnails(picture_store, work)
    delivery = DiscordDelivery(
        client,
        picture_store,
        stores,
        stores.attempts,
        picture_work=work,
        thumbnails=thumbnails,
        card_every=3.0,
        operator_channel_id=operator.id,
        clock=clock,
    )
    engine = Engine(
        stores=stores,
        picture_store=picture_store,
        api=api,
        delivery=delivery,
        fetch_reference=_no_reference,
        picture_work=work,
        policy=Policy(limits=NO_LIMITS, keep_pictures=KEEP_PICTURES),
        clock=clock,
    )
    client.services = Services(
        engine=engine, stores=stores, picture_store=picture_store, picture_work=work, thumbnails=thumbnails
    )
    return DiscordWorld(
        discord=loopback,
        client=client,
        engine=engine,
        delivery=delivery,
        stores=stores,
        api=api,
        operator=operator,
        database=database,
        picture_store=picture_store,
    )


async def _no_reference(reference: Reference) -> bytes:
    raise AssertionError(f"nobody attached {reference.filename}")
