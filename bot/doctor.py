"""
Check the installation. Each check reports what it found and, for a problem, the remedy.

A failed check stops no other check. Each takes at most `PATIENCE_SECONDS`, and the one of the models, which asks one
question a second, six times as long. The checks cost nothing: they ask Discord who the bot is, and the image API how
many credits are left and what it says of its models. They write and delete one small picture, and they migrate nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import discord
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import DefaultResolver

from bot.config import CALLBACK_PATH, REMEDIES, Settings, is_loopback
from bot.discord_permissions import INVITED
from bot.endpoints import point_discord_at
from bot.errors import AccountRefused, ServiceError
from bot.kie.client import image_api
from bot.kie.model_check import ModelReport, compare, prices, questions
from bot.kie.vendor_catalogue import SPACING_SECONDS, VendorCatalogue
from bot.net.attachments import HOSTS
from bot.net.public_addresses import FAKE_REMEDY, is_fake
from bot.net.sessions import discord_proxy, open_session
from bot.process.logs import SecretRedactor
from storage.catalogue import DEFAULT, Model, catalogue
from storage.database import Database, DatabaseAway, DatabaseInUse
from storage.migrations import DatabaseNewer, pending
from storage.pictures import ListingRefused, PictureStore
from storage.postgres_url import is_postgres
from storage.server_errors import NO_TLS, PG_HBA, POOLER, REFUSED_CERTIFICATE
from storage.server_report import NEWEST, OLDEST, ServerReport, report
from storage.sqlite import NoWriteAheadLog

PATIENCE_SECONDS: Final = 10.0
COUNTING_SECONDS: Final = 5.0
"""Timeout for adding up the sizes of the pictures. A large bucket takes longer, which is not a problem: the finding
then says so instead of the sum."""

SCOPES: Final = ("bot", "applications.commands")
CREDITS_FOR_A_PICTURE: Final = DEFAULT.price(variants=1)
"""Credits that a request for one picture costs, by the `catalogue`. With fewer, the check fails."""
HINT_SECONDS: Final = 3.0
"""Timeout of one request. The requests of one check, in sequence, fit within `PATIENCE_SECONDS`."""
CLOCK_SECONDS: Final = 60
"""Largest deviation of the clock, either way, that is accepted. The signature of a callback is valid for five
minutes."""
SERVER_CLOCK_SECONDS: Final = 2.0
"""Largest deviation between the clocks of this machine and of the database server that is accepted. Leases take 30
seconds."""
SLOW_SECONDS: Final = 0.02
"""Longest round trip to the database that is accepted."""
REACHED: Final = 405
"""HTTP status of a GET to a route that accepts only POST."""
MEBIBYTE: Final = 1024 * 1024
LONGEST_PRICE: Final = 200
"""Characters that are shown of the image API's description of a price."""


AWAY_REMEDIES: Final = {
    "it refuses the user or the password": "check user and password in DATABASE_URL, and the server's pg_hba.conf",
    PG_HBA: "add the bot to the server's pg_hba.conf; if it demands TLS, set sslmode=require in DATABASE_URL",
    NO_TLS: "set ssl = on in the server's postgresql.conf, or take sslmode out of DATABASE_URL if its network is safe",
    REFUSED_CERTIFICATE: "let sslrootcert in DATABASE_URL name the certificate of the server's authority, and the host "
    "name be one of those in the server's certificate",
    "there is no such database": "create it, as the server's owner: CREATE DATABASE atelier OWNER the role of the bot",
    "its host name is not known": "check the host name in DATABASE_URL, and this machine's name resolution (DNS)",
    POOLER: "append ?pgbouncer=true to DATABASE_URL, or &pgbouncer=true if it has a ? already",
    "it has no connection left (max_connections)": "lower DATABASE_POOL, or raise the server's max_connections",
}
"""What to do about what `DatabaseAway` says, by how that begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`remedy` is empty exactly when `ok` is true."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


class Check(NamedTuple):
    find: Callable[[Settings], Awaitable[Sequence[Finding]]]
    remedy: str
    """For an error that the check does not explain, and for no answer in time."""
    patience: int = 1
    """How many times as long as the others the check may take."""
    may_fail: bool = False
    """No answer in time is said, and is no problem."""


async def examine(settings: Settings, *, patience: float = PATIENCE_SECONDS) -> list[Finding]:
    """Run all checks at the same time, each for at most `patience` seconds times its own, and return their findings in
    the order of `CHECKS`: none, one or several for each. A check that fails or takes too long is a finding with its
    remedy."""
    point_discord_at(settings.discord_api_url, settings.discord_gateway_url)
    checks = (_bounded(name, check, settings, patience * check.patience) for name, check in CHECKS.items())
    return [finding for findings in await asyncio.gather(*checks) for finding in findings]


async def _bounded(name: str, check: Check, settings: Settings, patience: float) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(patience):
            return await check.find(settings)
    except TimeoutError:
        detail = f"no answer within {patience:g} seconds"
        if check.may_fail:
            return [Finding(name=name, ok=True, detail=detail)]
    except Exception as error:  # noqa: BLE001  # any error is a finding; the other checks continue
        detail = SecretRedactor(settings.secrets).text(f"{type(error).__name__}: {error}".splitlines()[0])
    return [Finding(name=name, ok=False, detail=detail, remedy=check.remedy)]


async def _settings(settings: Settings) -> Sequence[Finding]:
    where = f"{len(settings.allowed_guilds)} servers" if settings.allowed_guilds else "any server"
    missing = [name for name in REMEDIES if not getattr(settings, name.lower()).get_secret_value()]
    if missing:
        remedy = "; ".join(f"{name}: {REMEDIES[name]}" for name in missing)
        return [Finding(name="settings", ok=False, detail=f"{' and '.join(missing)} missing", remedy=remedy)]
    return [Finding(name="settings", ok=True, detail=f"complete; pictures may be asked for in {where}")]


async def _database(settings: Settings) -> Sequence[Finding]:
    return await (_server(settings) if is_postgres(settings.database_url) else _file(settings))


async def _file(settings: Settings) -> Sequence[Finding]:
    try:
        async with Database.open(settings.database_url) as database, database.write():
            detail = "can be written"
        async with Database.open(settings.database_url) as database:
            waiting = await pending(database)
    except DatabaseInUse:
        async with Database.open(settings.database_url, exclusive=False) as database:
            waiting = await pending(database)
        detail = "in use by a running bot, as it should be"
    except NoWriteAheadLog as error:
        remedy = "let DATABASE_URL name a file on a local disk"
        return [Finding(name="database", ok=False, detail=str(error).partition(":")[0], remedy=remedy)]
    except DatabaseNewer as error:
        return [Finding(name="database", ok=False, detail=str(error), remedy="start the newer version of this program")]
    upgrade = f"; {waiting} migrations to be done at the next start" if waiting else ""
    return [Finding(name="database", ok=True, detail=detail + upgrade)]


async def _server(settings: Settings) -> Sequence[Finding]:
    try:
        async with Database.open(settings.database_url, pool=2) as database:
            found = await report(database)
            waiting = 0 if found.foreign_tables else await pending(database)
    except DatabaseAway as away:
        known = (remedy for why, remedy in AWAY_REMEDIES.items() if str(away).startswith(why))
        remedy = next(known, "check that the server runs, DATABASE_URL, and the network and firewall")
        return [Finding(name="database", ok=False, detail=f"cannot be used: {away}", remedy=remedy)]
    except DatabaseNewer as error:
        return [Finding(name="database", ok=False, detail=str(error), remedy="start the newer version of this program")]
    return [
        _kind_of_server(found, waiting),
        _rights(found),
        _connections(found, settings),
        _distance(found),
        *_shared(found, settings),
    ]


def _kind_of_server(found: ServerReport, waiting: int) -> Finding:
    name, detail = "database", f"PostgreSQL {found.named}, {found.encoding}"
    if found.version < OLDEST:
        remedy = f"upgrade the server to a maintained release, {OLDEST} or later"
        return Finding(name=name, ok=False, detail=f"{detail} is too old", remedy=remedy)
    if found.encoding != "UTF8":
        remedy = "create another database: CREATE DATABASE atelier ENCODING 'UTF8' TEMPLATE template0"
        return Finding(name=name, ok=False, detail=f"{detail}: it cannot hold every prompt", remedy=remedy)
    if found.version > NEWEST:
        detail += f" (tried: {OLDEST} to {NEWEST})"
    if not found.is_encrypted and not found.is_local:
        detail += "; the connection is not encrypted: append sslmode=require where the network is not your own"
    upgrade = f"; {waiting} migrations to be done at the next start" if waiting else ""
    return Finding(name=name, ok=True, detail=detail + upgrade)


def _rights(found: ServerReport) -> Finding:
    name = "database rights"
    if not found.is_writable:
        remedy = "let DATABASE_URL name the primary server (target_session_attrs=read-write), and a role that may write"
        return Finding(name=name, ok=False, detail="it takes no writes: a standby, or set to read-only", remedy=remedy)
    if found.schema is None:
        remedy = "create the schema of the search path, or leave search_path out of DATABASE_URL"
        return Finding(name=name, ok=False, detail="there is no schema for the tables", remedy=remedy)
    if not found.may_create:
        remedy = f"as the owner of the database: GRANT CREATE, USAGE ON SCHEMA {found.schema} TO the role of the bot"
        return Finding(name=name, ok=False, detail=f"no table may be created in schema {found.schema}", remedy=remedy)
    if found.foreign_tables:
        remedy = "as their owner: REASSIGN OWNED BY the other role TO the role of the bot"
        detail = f"{found.foreign_tables} tables of schema {found.schema} belong to another role"
        return Finding(name=name, ok=False, detail=detail, remedy=remedy)
    return Finding(name=name, ok=True, detail=f"tables may be created in schema {found.schema}")


def _connections(found: ServerReport, settings: Settings) -> Finding:
    """Compare what all processes may take at the same time, each with one connection beside its pool, with what the
    server has."""
    processes = max(1, found.processes)
    wanted = processes * (settings.database_pool + 1)
    detail = f"{found.connections} for the bot's role, {wanted} wanted by {processes} process{'es' * (processes > 1)}"
    if wanted <= found.connections:
        return Finding(name="database connections", ok=True, detail=detail)
    fitting = found.connections // processes - 1
    lower = f"set DATABASE_POOL to {fitting} at most" if fitting >= 2 else "run fewer processes"
    remedy = f"{lower}, or raise the server's max_connections"
    return Finding(name="database connections", ok=False, detail=detail, remedy=remedy)


def _distance(found: ServerReport) -> Finding:
    name, took = "database distance", f"a round trip takes {found.round_trip_seconds * 1000:.1f} ms"
    if abs(found.ahead_seconds) > SERVER_CLOCK_SECONDS:
        way = "ahead of" if found.ahead_seconds > 0 else "behind"
        detail = f"{took}; the server's clock is {abs(found.ahead_seconds):.0f} seconds {way} this machine's"
        remedy = "set both clocks right, and keep them so (NTP)"
        return Finding(name=name, ok=False, detail=detail, remedy=remedy)
    if found.round_trip_seconds > SLOW_SECONDS:
        remedy = "run the bot near its database: a command needs many round trips, and Discord waits three seconds"
        return Finding(name=name, ok=False, detail=took, remedy=remedy)
    return Finding(name=name, ok=True, detail=f"{took}; the clocks agree")


def _shared(found: ServerReport, settings: Settings) -> Sequence[Finding]:
    """Report a folder of pictures that processes on other machines could not read. Return nothing if there is one
    process, or a bucket. Whether the processes are on other machines is not known."""
    several = found.processes > 1 or settings.shard_ids is not None
    if not several or ("://" in settings.pictures_url and not settings.pictures_url.startswith("file:")):
        return []
    detail = "PICTURES_URL is a folder: processes on other machines do not see the pictures in it"
    name = "shared pictures"
    if found.is_local:
        return [Finding(name=name, ok=True, detail=f"{detail}; on one machine that is all right")]
    return [Finding(name=name, ok=False, detail=detail, remedy="use a bucket, or a folder that all machines share")]


async def _pictures(settings: Settings) -> Sequence[Finding]:
    store = PictureStore.open(settings.pictures_url)
    await store.check()
    try:
        async with asyncio.timeout(COUNTING_SECONDS):
            used = f"{await store.used_bytes() / MEBIBYTE:.1f} MiB used"
    except TimeoutError:
        used = "too many pictures to add up quickly"
    except ListingRefused as refused:
        what, _, remedy = str(refused).partition(": ")
        return [Finding(name="pictures", ok=False, detail=f"can be written, but {what}", remedy=remedy)]
    return [Finding(name="pictures", ok=True, detail=f"can be written; {used}")]


async def _discord(settings: Settings) -> Sequence[Finding]:
    token = settings.discord_token.get_secret_value()
    remedy = REMEDIES["DISCORD_TOKEN"]
    if not token:
        return [Finding(name="Discord", ok=False, detail="not asked, as there is no token", remedy=remedy)]
    async with discord.Client(intents=discord.Intents.none(), proxy=discord_proxy(settings)) as client:
        try:
            await client.login(token)
        except discord.LoginFailure:
            return [Finding(name="Discord", ok=False, detail="Discord refuses this token", remedy=remedy)]
        application = await client.application_info()
        return [Finding(name="Discord", ok=True, detail=f"the bot is {client.user}"), *_application(application)]


def _application(application: discord.AppInfo) -> Sequence[Finding]:
    """Check two switches of the developer portal that would keep commands or servers from the bot. The bot needs no
    privileged intent."""
    link = discord.utils.oauth_url(application.id, permissions=INVITED, scopes=SCOPES)
    wrong = {
        "clear 'Interactions Endpoint URL' on the application's page 'General Information'": (
            application.interactions_endpoint_url is not None
        ),
        "switch off 'Requires OAuth2 Code Grant' on the application's page 'Bot'": application.bot_require_code_grant,
    }
    remedy = "; ".join(words for words, holds in wrong.items() if holds)
    detail = "a switch keeps commands or servers from the bot" if remedy else "needs no privileged intents, all set"
    return [
        Finding(name="application", ok=not remedy, detail=detail, remedy=remedy),
        Finding(name="install link", ok=True, detail=link),
    ]


async def _names(settings: Settings) -> Sequence[Finding]:
    """Report whether the name of Discord's host of attachments resolves to a fake address (`FAKE`). Return nothing if
    not, or if it cannot be resolved, and where fake addresses are allowed or this machine need not resolve names."""
    local = settings.discord_api_url is not None and is_loopback(settings.discord_api_url)
    if settings.https_proxy or settings.allow_fake_ips or local:
        return []
    return await fake_answers(DefaultResolver())


async def fake_answers(resolver: AbstractResolver) -> Sequence[Finding]:
    try:
        found = await resolver.resolve(HOSTS[0], 443)
    except OSError:
        return []
    finally:
        await resolver.close()
    if not any(is_fake(address["host"]) for address in found):
        return []
    detail = f"{HOSTS[0]} leads to {found[0]['host']}, which is no public address, so no attachment can be fetched"
    return [Finding(name="names", ok=False, detail=detail, remedy=f"set {FAKE_REMEDY}")]


async def _clock(settings: Settings) -> Sequence[Finding]:
    """Compare this machine's clock with the Date header of an HTTP answer from Discord. Return nothing if there is no
    answer or no such header."""
    address = f"{settings.discord_api_url or 'https://discord.com'}/api/v10/gateway"
    try:
        async with open_session(settings) as session:
            limit = aiohttp.ClientTimeout(total=HINT_SECONDS)
            async with session.get(address, allow_redirects=False, timeout=limit) as answer:
                theirs = parsedate_to_datetime(answer.headers.get(hdrs.DATE, "")).timestamp()
    except (aiohttp.ClientError, OSError, ValueError):
        return []
    off = round(time.time() - theirs)
    if abs(off) <= CLOCK_SECONDS:
        return [Finding(name="clock", ok=True, detail=f"right, within {CLOCK_SECONDS} seconds")]
    way = "ahead of" if off > 0 else "behind"
    detail = f"this machine's clock is {abs(off)} seconds {way} Discord's"
    remedy = "set it right, and keep it so (NTP: timedatectl set-ntp true); restart the bot after ten minutes"
    return [Finding(name="clock", ok=False, detail=detail, remedy=remedy)]


async def _kie(settings: Settings) -> Sequence[Finding]:
    remedy = REMEDIES["KIE_API_KEY"]
    if not settings.kie_api_key.get_secret_value():
        return [Finding(name="image API", ok=False, detail="not asked, as there is no key", remedy=remedy)]
    try:
        left = await _credits(settings)
    except AccountRefused:
        return [Finding(name="image API", ok=False, detail="the image API refuses this key", remedy=remedy)]
    except ServiceError as error:
        remedy = "try again in some minutes; if it stays so, check the network, HTTPS_PROXY and KIE_API_URL"
        return [Finding(name="image API", ok=False, detail=str(error), remedy=remedy)]
    enough = left >= CREDITS_FOR_A_PICTURE
    remedy = "" if enough else "add credits at https://kie.ai/billing"
    return [Finding(name="image API", ok=enough, detail=f"{left:g} credits left", remedy=remedy)]


async def _credits(settings: Settings) -> float:
    async with open_session(settings) as session:
        return await image_api(session, settings).credits()


async def _models(settings: Settings) -> Sequence[Finding]:
    models = _switched_on(settings)
    if not settings.kie_api_key.get_secret_value():
        return [Finding(name="models", ok=True, detail=f"not compared, as there is no key{_default(models)}")]
    async with open_session(settings) as session:
        return await compared(models, VendorCatalogue(image_api(session, settings)))


async def compared(models: Mapping[str, Model], vendor: VendorCatalogue) -> Sequence[Finding]:
    """Compare these models with the image API's own catalogue: one line in sum, and one for each model that is gone,
    lacks a field or has another price. A catalogue that does not answer is no problem, as pictures need none."""
    try:
        reports = await compare(models.values(), vendor)
    except ServiceError as error:
        detail = f"not compared: the image API does not list its models ({error}){_default(models)}"
        return [Finding(name="models", ok=True, detail=detail)]
    if reports is None:
        return [
            Finding(name="models", ok=True, detail=f"not compared: the image API's list is empty{_default(models)}")
        ]
    findings = [Finding(name="models", ok=True, detail=f"{_in_sum(reports)}{_default(models)}")]
    findings += [_model_wrong(report) for report in reports if report.is_wrong]
    return findings + [_price_differs(report) for report in reports if not report.costs_as_expected]


def seconds_for_models(settings: Settings) -> int:
    """Return about how long the questions about the models take; 0 if there is no key to ask with."""
    if not settings.kie_api_key.get_secret_value():
        return 0
    return round(questions(_switched_on(settings).values()) * SPACING_SECONDS)


def _switched_on(settings: Settings) -> Mapping[str, Model]:
    return catalogue(four_o=settings.kie_4o_form, offered=settings.kie_models)


def _default(models: Mapping[str, Model]) -> str:
    """Return which model is the default where the usual one is switched off; empty where it is on."""
    if DEFAULT.key in models:
        return ""
    return f"; {DEFAULT.key} is switched off, so the default is {next(iter(models))}"


def _in_sum(reports: Sequence[ModelReport]) -> str:
    """Return how many models are as expected, and which ones cannot be compared."""
    right = sum(report.is_compared and not report.is_wrong and not report.unread for report in reports)
    parts = [f"{right} of {len(reports)} are listed by the image API with every field that is sent"]
    if own := [report.model.key for report in reports if not report.is_compared]:
        parts.append(f"{', '.join(own)} not compared, having an endpoint of their own")
    if unread := [model_id for report in reports for model_id in report.unread]:
        parts.append(f"no schema to be had of {', '.join(unread)}")
    if unpriced := [report.model.key for report in reports if not report.price]:
        parts.append(f"no price to be had of {', '.join(unpriced)}")
    return "; ".join(parts)


def _model_wrong(report: ModelReport) -> Finding:
    wrong = [f"{model_id} is not in the image API's list" for model_id in report.gone]
    wrong += [f"{model_id} no longer has {', '.join(fields)}" for model_id, fields in report.lacking.items()]
    remedy = f"leave {report.model.key} out of KIE_MODELS, or look for a newer version of this program"
    return Finding(
        name=f"model {report.model.key}", ok=False, detail=f"{report.model.name}: {'; '.join(wrong)}", remedy=remedy
    )


def _price_differs(report: ModelReport) -> Finding:
    estimated = " / ".join(f"{price:g}" for price in prices(report.model))
    said = report.price if len(report.price) <= LONGEST_PRICE else f"{report.price[:LONGEST_PRICE]}…"
    detail = f"{report.model.name}: people read {estimated} credits; the image API says: {said}"
    return Finding(name=f"price of {report.model.key}", ok=True, detail=detail)


async def _web(settings: Settings) -> Sequence[Finding]:
    wrong = await _unheard(settings)
    remedy = "let HTTP_PORT be a free port, or 0, and HTTP_HOST an address of this machine" if wrong else ""
    detail = wrong or f"health and metrics at {_site(settings)}"
    return [Finding(name="web endpoint", ok=not wrong, detail=detail, remedy=remedy), await _callbacks(settings)]


async def _unheard(settings: Settings) -> str:
    """Return the reason why the bot cannot listen at HTTP_HOST and HTTP_PORT; empty if it can, or if a bot (anything
    that answers `/healthz` with 200) listens there already."""
    try:
        server = await asyncio.start_server(lambda *_: None, settings.http_host, settings.http_port)
    except OSError as error:
        if await _answers(_site(settings)):
            return ""
        return f"{_site(settings)} cannot be listened at: {error.strerror or type(error).__name__}"
    server.close()
    return ""


async def _callbacks(settings: Settings) -> Finding:
    """Check that callbacks are configured completely or not at all, and that the public address leads to the running
    bot. If it does not and no bot is running here, that is unknown and counts as well."""
    state = "on" if settings.callbacks else "off"
    if settings.callbacks_lack:
        return Finding(name="callbacks", ok=False, detail=f"{state}, in part", remedy=settings.callbacks_lack)
    if settings.callbacks is None:
        return Finding(name="callbacks", ok=True, detail="off; outcomes are found by asking")
    detail = f"on, at {settings.public_url}"
    astray = await _astray(settings.callbacks)
    if not astray:
        return Finding(name="callbacks", ok=True, detail=f"{detail}; the bot is reached there")
    if not await _answers(_site(settings)):
        unknown = "not reached there now, as the bot is not running; start it and ask again"
        return Finding(name="callbacks", ok=True, detail=f"{detail}; {unknown}")
    what, remedy = astray
    return Finding(name="callbacks", ok=False, detail=f"{detail}, but {what}", remedy=remedy)


async def _astray(callbacks: str) -> tuple[str, str] | None:
    """Send a GET to the public address of callbacks, which only our route answers with 405. Return None for a 405,
    else what happened and what to check."""
    host = urlsplit(callbacks).hostname
    try:
        status = await _status(f"{callbacks}doctor")
    except aiohttp.ClientConnectorDNSError:
        return "that name is not known here", f"check PUBLIC_URL and the DNS entry of {host}"
    except aiohttp.ClientSSLError as error:
        what = f"the connection cannot be trusted ({type(error).__name__})"
        return what, f"check the proxy's certificate (TLS) for {host}, and its dates"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        check = f"check that the proxy runs, that the DNS entry of {host} leads to it, and the firewall"
        elsewhere = "where a network cannot reach its own public address, try that address from another one"
        return f"no connection from here ({type(error).__name__})", f"{check}; {elsewhere}"
    if status == REACHED:
        return None
    proxy = f"let the proxy pass {CALLBACK_PATH} on to HTTP_PORT, path unchanged"
    return f"the answer there is {status}", f"{proxy}; restart the bot if it was started before callbacks were set up"


async def _answers(address: str) -> bool:
    """Return whether `/healthz` at `address` answers 200, as a running bot does; False for any error."""
    try:
        return await _status(f"{address}/healthz") == 200
    except (aiohttp.ClientError, OSError, ValueError):
        return False


async def _status(address: str) -> int:
    """Return the HTTP status of a GET. Raises ClientError, OSError (TimeoutError after `HINT_SECONDS`), ValueError."""
    timeout = aiohttp.ClientTimeout(total=HINT_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.get(address, allow_redirects=False) as answer,
    ):
        return answer.status


def _site(settings: Settings) -> str:
    host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host
    return f"http://{host}:{settings.http_port}"


CHECKS: Final[dict[str, Check]] = {
    "settings": Check(_settings, "look at .env"),
    "database": Check(
        _database, "let DATABASE_URL name a file in a folder that this user may write to, or a PostgreSQL server"
    ),
    "pictures": Check(
        _pictures, "let PICTURES_URL name a folder that this user may write to, or a bucket it has keys for"
    ),
    "names": Check(_names, "check this machine's name resolution (DNS)"),
    "clock": Check(_clock, "check this machine's clock"),
    "Discord": Check(_discord, "check this machine's network, and HTTPS_PROXY and DISCORD_API_URL if they are set"),
    "image API": Check(_kie, "check this machine's network, and HTTPS_PROXY and KIE_API_URL if they are set"),
    "models": Check(_models, "report it: this is a defect of the check", patience=6, may_fail=True),
    "web endpoint": Check(_web, "check HTTP_HOST and HTTP_PORT"),
}
"""The checks by name."""
