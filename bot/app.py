"""The composition root: open every part in order of dependency, run the bot or publish its commands, and close all
parts in reverse order."""

from __future__ import annotations

import asyncio
import math
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import aiohttp
import discord
import structlog

from bot.client import Atelier
from bot.config import Settings
from bot.delivery import DiscordDelivery
from bot.endpoints import point_discord_at
from bot.engine.clock import system_clock
from bot.engine.engine import Engine
from bot.engine.policy import PREVIEW_WAIT, Policy
from bot.engine.ports import FetchReference
from bot.engine.processes.membership import Membership
from bot.engine.timing.schedule import backoff
from bot.engine.timing.timekeeping import Timekeeping
from bot.engine.work.picture_work import PictureWork
from bot.engine.work.thumbnails import Thumbnails
from bot.errors import ConfigurationError
from bot.imaging.processes import WorkerProcesses
from bot.kie.client import KieClient, image_api
from bot.kie.vendor_catalogue import VendorCatalogue
from bot.net.attachments import AttachmentFetcher
from bot.net.sessions import discord_proxy, open_session
from bot.process.garbage import keep_what_is_loaded
from bot.process.logs import SecretRedactor
from bot.process.malloc import give_back_what_is_freed
from bot.process.shutdown import end_within
from bot.process.version import RELEASE
from bot.services import Services
from bot.traffic import Identifies, Pacer, Refusals, SharedRefusals, Traffic
from bot.ui.waiting.cards import DEFAULT_STEPS
from bot.web.balance import Balance
from bot.web.callbacks import callback_routes
from bot.web.metrics import Metrics
from bot.web.readiness import Readiness
from bot.web.site import Site
from storage import backup
from storage.availability import for_people
from storage.catalogue import catalogue
from storage.clock import ClockStore
from storage.database import Database, DatabaseAway, DatabaseInUse
from storage.disks import Disks
from storage.migrations import migrate
from storage.models import Limits
from storage.pictures import PictureStore
from storage.statistics import StatisticsStore
from storage.stores import Stores

EXTENSIONS: Final = (
    "cogs.imagine",
    "cogs.actions",
    "cogs.avatars",
    "cogs.batches",
    "cogs.blend",
    "cogs.create",
    "cogs.gallery",
    "cogs.greeting",
    "cogs.help",
    "cogs.mentions",
    "cogs.menus",
    "cogs.preferences",
    "cogs.privacy",
    "cogs.reference",
    "cogs.show",
    "cogs.status",
    "cogs.style",
    "cogs.tasks",
    "cogs.settings",
)
STORE_SECONDS: Final = 20.0
"""Timeout for the picture store (a bucket, say) to store, return and delete a small file at start."""
MIB: Final = 2**20
CARD_SECONDS: Final = 3.0
"""Shortest interval between two edits of the same waiting card, except the one that says withheld."""
STOP_SECONDS: Final = 13.0
"""Limit for the whole shutdown after a signal, from which on the process is ended with parts still open: the grace
periods of the engine and of the Discord client, and a few seconds for the web endpoint and the files."""
PART_SECONDS: Final = 0.5
SERVER_SECONDS: Final = 10.0
"""Longest pause between two attempts to reach a database server that is away at the start."""
ONCE_SECONDS: Final = 60.0
"""How long the commands `migrate` and `restore` wait for a database server that is away; `run` waits without limit. It
is enough for a server that is started together with them."""
LOGIN_TRIES: Final = 3
"""Login attempts of `sync`; `run` retries without limit."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """All parts, opened but not connected. `client` connects to Discord; `work` runs everything else beside the
    client."""

    client: Atelier
    engine: Engine
    delivery: DiscordDelivery
    timekeeping: Timekeeping
    stores: Stores
    api: KieClient
    figures: StatisticsStore
    refusals: SharedRefusals

    async def work(self) -> None:
        """Start the engine, then process tasks, update cards, keep the time and share the count of refusals until
        `engine.stop()` is called. If one of them fails, the others are cancelled; raises an ExceptionGroup then. Raises
        an error of the start as it is."""
        await self.engine.start()
        async with asyncio.TaskGroup() as group:
            parts = (self.delivery.cards.run, self.timekeeping.run, self.refusals.run)
            beside = [group.create_task(run()) for run in parts]
            await self.engine.run()
            for task in beside:
                task.cancel()


def _client(settings: Settings, membership: Membership, refusals: Refusals, identifies: Identifies | None) -> Atelier:
    def share() -> float:
        return _share_by_shards(settings) if membership.alone else membership.share

    return Atelier(
        extensions=EXTENSIONS,
        allowed_guilds=settings.allowed_guilds,
        message_content=settings.message_content_intent,
        shard_count=settings.shard_count,
        shard_ids=list(settings.shard_ids) if settings.shard_ids else None,
        traffic=Traffic(Pacer(share=share), refusals),
        identifies=identifies,
        proxy=discord_proxy(settings),
    )


def _share_by_shards(settings: Settings) -> float:
    """Return this process's share of Discord's rate limit by its shards, if it does not know the processes that run the
    others, because each has a database of its own."""
    if settings.shard_count is None or settings.shard_ids is None:
        return 1.0
    return len(set(settings.shard_ids)) / settings.shard_count


@asynccontextmanager
async def open_atelier(
    settings: Settings,
    *,
    attachments: Callable[[Atelier], FetchReference] | None = None,
    card_every: float = CARD_SECONDS,
    progress_steps: int = DEFAULT_STEPS,
    probe_account_after: timedelta = timedelta(minutes=10),
    preview_wait: timedelta = PREVIEW_WAIT,
    wait_seconds: float = math.inf,
) -> AsyncIterator[Running]:
    """Open and migrate the database, open and test the picture store, and open the image API's client and the bot;
    nothing is sent to Discord or the image API. All are closed at the end of the block.

    `attachments` makes another fetcher of attachments (the sandbox's Discord has no HTTP). `card_every` is in seconds.
    `wait_seconds`: how long to wait for a database server that is away.
    Raises ConfigurationError, DatabaseInUse, DatabaseNewer.
    """
    give_back_what_is_freed()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings, wait_seconds=wait_seconds))
        await migrate(database)
        stores = Stores.on(database)
        timekeeping = await Timekeeping.begin(ClockStore(database), stores)
        membership = Membership(
            stores.processes,
            shard_count=settings.shard_count,
            shard_ids=settings.shard_ids or (),
            clock=timekeeping.clock,
        )
        await stores.claims.void_leases()
        picture_store = await _open_picture_store(settings)
        picture_work = PictureWork(await stack.enter_async_context(WorkerProcesses.open()))
        thumbnails = Thumbnails(picture_store, picture_work)
        session = await stack.enter_async_context(open_session(settings))
        point_discord_at(settings.discord_api_url, settings.discord_gateway_url)
        refusals = Refusals()
        identifies = None if database.alone else Identifies(stores.key_values, clock=timekeeping.clock)
        client = await stack.enter_async_context(_client(settings, membership, refusals, identifies))
        delivery = DiscordDelivery(
            client,
            picture_store,
            stores,
            stores.attempts,
            picture_work=picture_work,
            thumbnails=thumbnails,
            card_every=card_every,
            progress_steps=progress_steps,
            operator_channel_id=settings.operator_channel_id,
            clock=timekeeping.clock,
        )
        fetch = attachments(client) if attachments else AttachmentFetcher(session, origin=settings.discord_api_url)
        api = image_api(session, settings)
        engine = Engine(
            stores=stores,
            picture_store=picture_store,
            api=api,
            delivery=delivery,
            fetch_reference=fetch,
            picture_work=picture_work,
            success_rates=VendorCatalogue(api),
            policy=_policy(settings, probe_account_after, preview_wait),
            disks=_disks(settings),
            membership=membership,
            clock=timekeeping.clock,
        )
        client.services = Services(
            engine=engine, stores=stores, picture_store=picture_store, picture_work=picture_work, thumbnails=thumbnails
        )
        yield Running(
            client=client,
            engine=engine,
            delivery=delivery,
            timekeeping=timekeeping,
            stores=stores,
            api=api,
            figures=StatisticsStore(database),
            refusals=SharedRefusals(refusals, stores.key_values, clock=timekeeping.clock),
        )


@asynccontextmanager
async def open_site(atelier: Running, settings: Settings) -> AsyncIterator[Readiness]:
    """Serve health, metrics and, if they are on, callbacks until the end of the block. `run` opens this before the
    Discord login and, once logged in, closes it after the Discord client: a callback is useful at any time.

    Raises ConfigurationError if the bot cannot listen at HTTP_HOST and HTTP_PORT.
    """
    clock = atelier.timekeeping.clock
    readiness = Readiness(atelier.client, atelier.stores, clock=clock)
    balance = Balance(atelier.api.credits, clock=clock)
    site = Site(
        readiness=readiness,
        metrics=Metrics(
            atelier.client,
            atelier.figures,
            balance,
            _disks(settings),
            membership=atelier.engine.membership,
            clock=clock,
        ),
        callbacks=callback_routes(atelier.engine, settings.kie_webhook_key) if settings.callbacks else (),
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(balance.close)
        await stack.enter_async_context(site.open(settings.http_host, settings.http_port))
        yield readiness


@asynccontextmanager
async def open_database(
    settings: Settings, *, wait_seconds: float = math.inf, exclusive: bool = True, setting: str = "DATABASE_URL"
) -> AsyncIterator[Database]:
    """Open the database, as `Database.open` says of `exclusive`, without migrating it, and read from it once. Wait for
    a server that is away for `wait_seconds` at most. `setting` is named in errors. Raises DatabaseInUse, DatabaseAway
    after a wait, and ConfigurationError for a database that cannot be opened or read."""
    async with AsyncExitStack() as stack:
        with _usable(setting):
            opening = Database.open(settings.database_url, exclusive=exclusive, pool=settings.database_pool)
            database = await stack.enter_async_context(opening)
            away = await _arrived(database, wait_seconds)
        if away is not None:
            raise away
        yield database


async def _arrived(database: Database, wait_seconds: float) -> DatabaseAway | None:
    """Read from the database, with back-off while its server is away. Return why it is still away after
    `wait_seconds`. Raises DatabaseAway if it does not go away by itself, or if there is no time to wait."""
    loop, failures = asyncio.get_running_loop(), 0
    until = loop.time() + wait_seconds
    while True:
        try:
            async with database.read():
                return None
        except DatabaseAway as away:
            if away.lasting or not wait_seconds:
                raise
            left = until - loop.time()
            if left <= 0:
                return DatabaseAway(f"{away} (waited {wait_seconds:.0f} s for it)")
            failures += 1
            await asyncio.sleep(min(backoff(failures, first=0.5), SERVER_SECONDS, left))


async def back_up(settings: Settings, file: Path, *, with_files: bool) -> backup.BackedUp:
    """Write a backup to `file`, whether or not the bot runs. Raises ConfigurationError, BackupRefused."""
    with _usable("DATABASE_URL"):
        async with Database.open(settings.database_url, exclusive=False) as database, database.read():
            pass
    picture_store = await _open_picture_store(settings)
    return await backup.back_up(
        settings.database_url, picture_store, file, with_files=with_files, program=RELEASE, now=system_clock()
    )


async def restore(settings: Settings, file: Path, *, not_run_since: bool) -> backup.Restored:
    """Restore the backup in `file` into the database, which has to be empty. Raises ConfigurationError, DatabaseInUse,
    BackupRefused."""
    picture_store = await _open_picture_store(settings)
    async with open_database(settings, wait_seconds=ONCE_SECONDS) as database:
        return await backup.restore(file, database, picture_store, now=system_clock(), not_run_since=not_run_since)


async def _open_picture_store(settings: Settings) -> PictureStore:
    """Open the picture store and test it at once: paid pictures need a place to be stored. Raises ConfigurationError if
    the test fails or takes longer than `STORE_SECONDS`."""
    with _usable("PICTURES_URL"):
        picture_store = PictureStore.open(settings.pictures_url)
        async with asyncio.timeout(STORE_SECONDS):
            await picture_store.check()
    return picture_store


@contextmanager
def _usable(setting: str) -> Iterator[None]:
    """Raise ConfigurationError for any error in the block, as the operator has to fix the place that `setting` names.
    DatabaseInUse, which says what to do, passes unchanged."""
    try:
        yield
    except (ConfigurationError, DatabaseInUse):
        raise
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{setting} needs the package {error.name}, which is not installed") from error
    except Exception as error:
        what = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigurationError(f"{setting} names a place that cannot be used: {what}") from error


async def run(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM, or until the connection or the work ends, then stop in order. After a signal, the
    process ends within `STOP_SECONDS`, even if a part hangs; without one, the stop has no limit.

    Raises what `open_atelier` raises, ConfigurationError for a refused token or a port that cannot be opened, and the
    error that ended the connection or the work.
    """
    if settings.callbacks_lack:
        log.warning(
            "callbacks off or unlikely to arrive: settings incomplete or HTTP_PORT is 0, outcomes are polled",
            remedy=settings.callbacks_lack,
        )
    stop = asyncio.create_task(_stop_signal().wait())
    async with open_atelier(settings) as atelier, open_site(atelier, settings) as readiness:
        login = asyncio.create_task(_log_in(atelier, settings))
        await asyncio.wait({stop, login}, return_when=asyncio.FIRST_COMPLETED)
        if not login.done():
            login.cancel()
            return
        await login
        keep_what_is_loaded()
        work = asyncio.create_task(atelier.work())
        with for_people():
            connection = asyncio.create_task(atelier.client.connect())
        publishing = asyncio.create_task(_publish(atelier))
        await asyncio.wait({stop, connection, work}, return_when=asyncio.FIRST_COMPLETED)
        cause = "signal" if stop.done() else "connection ended" if connection.done() else "work ended"
        log.info("bot stopping", cause=cause)
        readiness.stopping = True
        stop.cancel()
        publishing.cancel()
        atelier.engine.stop()
        await asyncio.wait({work})
        await atelier.client.close()
        await work
        await _parted(connection)


async def sync(settings: Settings) -> None:
    """Publish the commands now, even if they are unchanged. Raises what `open_atelier` raises, and ConfigurationError
    if Discord cannot be reached or answers with an error (a login is tried `LOGIN_TRIES` times), or rejects the
    token."""
    async with open_atelier(settings, wait_seconds=0) as atelier:
        try:
            await _log_in(atelier, settings, tries=LOGIN_TRIES)
            clock = atelier.timekeeping.clock
            await atelier.client.publish_commands(atelier.stores.key_values, force=True, clock=clock)
        except discord.HTTPException as error:
            raise ConfigurationError(
                f"Discord does not take the commands ({_cause(error, settings)}); sync again later"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise ConfigurationError(
                f"Discord cannot be reached ({_cause(error, settings)}): check this machine's network, and HTTPS_PROXY "
                "and DISCORD_API_URL if they are set; then sync again"
            ) from error


def _disks(settings: Settings) -> Disks:
    return Disks.under(settings.database_url, settings.pictures_url)


def _policy(settings: Settings, probe_account_after: timedelta, preview_wait: timedelta) -> Policy:
    return Policy(
        limits=Limits(
            open_tasks_per_user=settings.max_open_tasks_per_user,
            pictures_per_user_per_day=settings.max_pictures_per_user_per_day,
            pictures_per_day=settings.max_pictures_per_day,
            stored_bytes_per_user=settings.max_stored_mb_per_user * MIB,
            stored_bytes_per_user_per_day=settings.max_stored_mb_per_user_per_day * MIB,
        ),
        least_free_bytes=settings.min_free_mb * MIB,
        max_in_flight=settings.max_in_flight,
        always_upload=settings.references_as == "upload",
        keep_pictures=timedelta(days=settings.keep_pictures_days),
        probe_account_after=probe_account_after,
        preview_wait=preview_wait,
        callbacks=settings.callbacks,
        models=catalogue(four_o=settings.kie_4o_form, offered=settings.kie_models),
        catalogue=catalogue(four_o=settings.kie_4o_form),
    )


async def _log_in(atelier: Running, settings: Settings, *, tries: int | None = None) -> None:
    """Log in to Discord, with back-off between at most `tries` attempts (None: without limit). Raises
    ConfigurationError for a refused token, which the operator has to replace, and the error of the last attempt."""
    failures = 0
    while True:
        try:
            return await atelier.client.login(settings.discord_token.get_secret_value())
        except discord.LoginFailure:
            raise ConfigurationError(
                "DISCORD_TOKEN: Discord refuses this token; copy a fresh one from the developer portal, under Bot"
            ) from None
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            failures += 1
            if failures == tries:
                raise
            seconds = round(backoff(failures), 1)
            what = _cause(error, settings)
            log.warning("Discord login failed, will retry", error=what, failures=failures, in_seconds=seconds)
            await asyncio.sleep(seconds)


def _cause(error: Exception, settings: Settings) -> str:
    """Return the error's class and message in one line, with secrets replaced."""
    return SecretRedactor(settings.secrets).text(
        " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(": ")
    )


async def _publish(atelier: Running) -> None:
    """Publish the commands if they have changed. A failure is logged and does not stop the bot: the commands published
    last time keep working, and the next start tries again."""
    try:
        await atelier.client.publish_commands(atelier.stores.key_values, clock=atelier.timekeeping.clock)
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        log.warning(
            "commands not published or not confirmed: Discord or network error, `sync` or the next start retries",
            error=str(error),
        )
    except Exception:
        log.exception("commands perhaps not published: unexpected exception; if so, `sync` or the next start retries")


async def _parted(connection: asyncio.Task[None]) -> None:
    """Wait for the connection task of a closed client. Cancel the task after `PART_SECONDS` and return: discord.py
    never gives up a first connection attempt. Otherwise raises the error that ended the connection, if any;
    ConfigurationError if the error is an intent that Discord does not grant."""
    await asyncio.wait({connection}, timeout=PART_SECONDS)
    if connection.cancel():
        await asyncio.wait({connection}, timeout=PART_SECONDS)
        return
    try:
        await connection
    except discord.PrivilegedIntentsRequired:
        raise ConfigurationError(
            "MESSAGE_CONTENT_INTENT: Discord has it switched off; switch the Message Content Intent on in the developer"
            " portal, under Bot, or take the setting away"
        ) from None


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()

    def asked() -> None:
        if not stop.is_set():
            end_within(STOP_SECONDS, code=0)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked)
    return stop
