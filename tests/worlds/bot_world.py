"""The bot in simcord's Discord, with the real engine, a real SQLite file, and a clock that the test controls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import discord
from simcord.actors import MemberActor
from simcord.backend.models.channel import Overwrite
from simcord.builders import ChannelHandle, GuildHandle
from simcord.components import walk_components
from simcord.enums import OverwriteType
from simcord.env import Env
from simcord.results import InteractionResult

from bot.app import EXTENSIONS
from bot.client import Atelier
from bot.delivery import DiscordDelivery
from bot.engine.engine import Engine
from bot.engine.policy import Policy
from bot.engine.ports import Outcome, Posted
from bot.engine.work.picture_work import PictureWork
from bot.engine.work.thumbnails import Thumbnails
from bot.errors import Reason
from bot.imaging.processes import WorkerThreads
from bot.services import Services
from storage.catalogue import MODELS, Model
from storage.community import Setting
from storage.database import Database
from storage.models import Limits, OutcomePart, Picture, Reference, Route, Task
from storage.pictures import PictureStore
from storage.stores import Stores
from storage.tasks import TaskStore
from tests.worlds.engine_world import KEEP_PICTURES, Clock, StandInAPI
from tests.worlds.engine_world import png as png
from tests.worlds.ready_database import ready_database
from tests.worlds.waiting import LONGEST_SECONDS

NO_LIMITS = Limits(open_tasks_per_user=0, pictures_per_user_per_day=0, pictures_per_day=0)
PHOTO = ("cat.png", png("orange", (96, 72)))


def new_client(**options: Any) -> Atelier:
    return Atelier(extensions=EXTENSIONS, **({"shard_count": 1} | options))


@dataclass
class BotWorld:
    env: Env
    client: Atelier
    database: Database
    stores: Stores
    picture_store: PictureStore
    clock: Clock
    api: StandInAPI
    options: dict[str, Any]
    engine: Engine = field(init=False)
    delivery: DiscordDelivery = field(init=False)
    locales: dict[int, str] = field(default_factory=dict)
    """Locales of people whose Discord is not in English, by their ids."""
    models: Mapping[str, Model] = field(default_factory=lambda: MODELS)
    """The models that are switched on, from the next start."""
    acknowledged: int = 0
    """Number of the bot's errors that a test has seen and expects."""
    guild: GuildHandle = field(init=False)
    channel: ChannelHandle = field(init=False)
    alice: MemberActor = field(init=False)
    bob: MemberActor = field(init=False)

    @property
    def tasks(self) -> TaskStore:
        return self.stores.tasks

    def furnish(self) -> Self:
        self.guild = self.env.create_guild("Studio")
        self.channel = self.guild.create_text_channel("pictures")
        self.alice = self.guild.add_member(self.env.create_user("alice"))
        self.bob = self.guild.add_member(self.env.create_user("bob"))
        return self

    def wire(self, client: Atelier, *, limits: Limits = NO_LIMITS) -> None:
        """Build the project's own parts as the composition root does."""
        self.client = client
        work = PictureWork(WorkerThreads())
        thumbnails = Thumbnails(self.picture_store, work)
        self.delivery = DiscordDelivery(
            client,
            self.picture_store,
            self.stores,
            self.stores.attempts,
            picture_work=work,
            thumbnails=thumbnails,
            **{"card_every": 0.0, "clock": self.clock, **self.options},
        )
        self.engine = Engine(
            stores=self.stores,
            picture_store=self.picture_store,
            api=self.api,
            delivery=self.delivery,
            fetch_reference=self._fetch,
            picture_work=work,
            policy=Policy(limits=limits, keep_pictures=KEEP_PICTURES, models=self.models),
            clock=self.clock,
        )
        client.services = Services(
            engine=self.engine,
            stores=self.stores,
            picture_store=self.picture_store,
            picture_work=work,
            thumbnails=thumbnails,
        )
        self._tell_locales(client)

    async def restart(self) -> None:
        await self.stores.claims.void_leases()
        client = new_client()
        self.wire(client)
        await self.env.restart_bot(client)

    def add_moderator(self) -> MemberActor:
        role = self.guild.create_role("moderators", permissions=discord.Permissions(manage_messages=True))
        return self.guild.add_member(self.env.create_user("mod"), roles=[role])

    def deny(self, *permissions: str, channel: ChannelHandle | None = None) -> None:
        """Take permissions from the bot in a channel, by Discord's names of them."""
        me = self.guild.me
        assert me is not None
        value = discord.Permissions(**dict.fromkeys(permissions, True)).value
        overwrite = Overwrite(target_id=me.id, type=OverwriteType.MEMBER, deny=value)
        self.env.backend.set_overwrite((channel or self.channel).id, overwrite)

    async def choose(self, setting: Setting, value: int | None) -> None:
        """Choose a setting of the server."""
        await self.stores.guilds.choose(self.guild.id, setting, value, by=1, now=self.clock())

    async def ask(self, prompt: str = "a red door", **options: Any) -> InteractionResult:
        return await self.alice.slash(self.channel, "imagine", prompt=prompt, **options)

    async def work(self, seconds: float = 60.0, *, every: float = 5.0) -> None:
        """Let time pass with the engine and the cards at work."""
        with self.env.time_context():
            for _ in range(int(seconds / every)):
                await self.engine.step()
                await self.delivery.cards.step()
                self.clock.turn(every)

    async def post(self, outcome: Outcome, part: OutcomePart, *, uncertain: bool = False) -> Posted:
        with self.env.time_context():
            return await self.delivery.outcomes.post(outcome, part, uncertain=uncertain)

    async def post_item(self, item: discord.ui.Item[Any]) -> Any:
        """Return a message of the bot with this button or select alone, as earlier releases posted them."""
        row: discord.ui.ActionRow[discord.ui.LayoutView] = discord.ui.ActionRow(item)
        with self.env.time_context():
            channel = self.client.get_partial_messageable(self.channel.id)
            await channel.send(view=discord.ui.LayoutView(timeout=None).add_item(row))
        return self.channel.history()[-1]

    def refusal(self, asked: InteractionResult) -> str:
        """Return the ephemeral answer to the asker; the bot's error behind it is expected."""
        self.acknowledged = self.env.error_cursor
        assert asked.response is not None
        assert asked.ephemeral
        return asked.response.content or texts(asked.response)

    async def only_task(self, asker: Any = None) -> Task:
        (task,) = await self.stores.tasks.of_user((asker or self.alice).id)
        return task

    async def outcome(self, task: Task) -> Outcome:
        return Outcome(
            task=task,
            references=await self.stores.references.of_task(task.id),
            pictures=await self.stores.pictures.of_task(task.id),
        )

    def pinged(self, message: Any) -> list[int]:
        """Return who was notified of a message: user ids, role ids, and 0 for everybody."""
        stored = self.env.backend.get_message(message.channel.id, message.id)
        return [*stored.ping_user_ids, *stored.ping_role_ids, *([0] if stored.mention_everyone else [])]

    def requests(self, method: str, ending: str) -> list[Any]:
        return [
            request for request in self.env.http_requests if request.method == method and request.path.endswith(ending)
        ]

    def _tell_locales(self, client: Atelier) -> None:
        """Set people's locales; simcord reports English for everybody."""
        parsers = client._connection.parsers
        parse = parsers["INTERACTION_CREATE"]

        def parsed(data: Any) -> None:
            person = data.get("user") or data["member"]["user"]
            parse(data | {"locale": self.locales.get(int(person["id"]), data["locale"])})

        parsers["INTERACTION_CREATE"] = parsed

    async def _fetch(self, reference: Reference) -> bytes:
        address = reference.url.replace("%00", "\0")  # simcord does not quote names in its addresses
        return await self.client.http.get_from_cdn(address)


@asynccontextmanager
async def open_bot_world(
    folder: Path, *, limits: Limits = NO_LIMITS, client: Atelier | None = None, **options: Any
) -> AsyncIterator[BotWorld]:
    """`options` are the arguments of DiscordDelivery."""
    clock = Clock()
    client = client or new_client()
    async with ready_database(folder / "atelier.db") as database:
        picture_store = PictureStore.open(str(folder / "pictures"))
        world = BotWorld(
            env=Env(client, settle_timeout=LONGEST_SECONDS),
            client=client,
            database=database,
            stores=Stores.on(database),
            picture_store=picture_store,
            clock=clock,
            api=StandInAPI(clock),
            options=options,
        )
        world.wire(client, limits=limits)
        await world.env.start()
        try:
            await client.publish_commands(world.stores.key_values)
            yield world.furnish()
        finally:
            await world.env.shutdown()
        if world.env.errors_since(world.acknowledged):
            world.env.raise_errors()


def texts(message: Any) -> str:
    """Return all text of a message, in order."""
    return "\n".join(part["content"] for part in components(message) if part["type"] == 10)


def components(message: Any) -> list[dict[str, Any]]:
    raw = message.components
    listed = raw if raw and isinstance(raw[0], dict) else [item.to_dict() for item in raw]
    return list(walk_components(listed))


def button_ids(message: Any) -> list[str]:
    return [part["custom_id"] for part in components(message) if part["type"] == 2]


def alt_texts(message: Any) -> list[str]:
    return [item["description"] for part in components(message) if part["type"] == 12 for item in part["items"]]


def a_task(**changes: Any) -> Task:
    """Return a task's row for code that only reads rows."""
    values: dict[str, Any] = {
        "id": "00c0ffee00c0ffee", "state": "queued", "interaction_id": 1, "interaction_token": "t", "arrived_at": 0,
        "asker_id": 7, "channel_id": 9, "guild_id": 8, "locale": "en-US", "guild_locale": None,
        "upload_limit": 10 * 1024 * 1024, "prompt": "a red door", "size": "1:1", "variants": 1, "enhance": False,
        "fallback": False, "again_of": None, "private": False, "reach": "channel", "created_at": 0, "due_at": 0,
        "owner": None, "lease_until": 0, "failures": 0, "faults": 0, "prepared_at": None, "by_upload": False,
        "job_id": None,
        "unconfirmed_at": None, "generating_at": None,
        "progress": 0.0, "overdue_notified_at": None, "settled_at": 40_000, "reason": None, "reason_parameters": {},
        "charged": False, "undelivered_at": None, "closed_at": None, "card_message_id": None, "fits_picture": False,
        "parameters": {}, "model": "4o", "creates_wanted": 1,
    }  # fmt: skip
    empty: dict[str, Any] = dict.fromkeys(field.name for field in fields(Task))
    return Task(**(empty | values | changes))


def a_picture(position: int = 0, **changes: Any) -> Picture:
    values: dict[str, Any] = {"task_id": "00c0ffee00c0ffee", "position": position, "url": "https://results.test/1.png"}
    return Picture(**(values | changes))


def a_part(**changes: Any) -> OutcomePart:
    values: dict[str, Any] = {
        "task_id": "00c0ffee00c0ffee",
        "number": 0,
        "pictures": (),
        "nonce": "0123456789abcdef01",
        "route": Route.CHANNEL,
    }
    return OutcomePart(**(values | changes))


def failed(reason: Reason, **changes: Any) -> Outcome:
    return Outcome(task=a_task(reason=reason.value, **changes), references=(), pictures=())


async def settled(world: BotWorld, variants: int = 1, **options: Any) -> Outcome:
    """Return an outcome whose pictures and parts are stored but not delivered, because Discord was down."""
    await world.ask(variants=variants, **options)
    return await untold(world)


async def untold(world: BotWorld) -> Outcome:
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=503)
    for _ in range(30):
        await world.work(5)
        task = await world.only_task()
        if await world.stores.parts.of_task(task.id):
            return await world.outcome(task)
    raise AssertionError("nothing came of it")
