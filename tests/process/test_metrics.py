"""Tests for `/metrics` over real HTTP: values match the rows, events are counted, no scrape blocks, nothing leaks."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import discord
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from bot.app import Running
from bot.config import Settings
from bot.discord_errors import map_discord_errors
from bot.errors import AccountRefused, Reason, Unavailable
from bot.kie.client import image_api
from bot.process import counters
from bot.web.balance import Balance
from bot.web.metrics import Metrics
from sandbox.kie import Emulator
from storage.community import NewRepost, Report, RepostKind
from storage.disks import Disks
from storage.models import Origin, Route, TaskState, released
from storage.statistics import StatisticsStore, TaskResult
from tests.storage.rows import NOW, UNLIMITED, begun, opened_stores, prepared, request, stored
from tests.web.visiting import Visitor, address_of, opened, visiting
from tests.wire.discord import LoopbackDiscord, loopback_discord
from tests.wire.process import KEY, TOKEN, WEBHOOK_KEY, bot, called_back
from tests.worlds.engine_world import png
from tests.worlds.waiting import eventually

pytestmark = pytest.mark.usefixtures("discord_as_it_was")

ROOT = Path(__file__).parent.parent.parent
Values = Mapping[tuple[str, str], float]


def parsed(text: str) -> Values:
    """Return the values of the samples by name and label values."""
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    return {(sample.name, " ".join(sample.labels.values())): sample.value for sample in samples}


async def scraped(visitor: Visitor) -> Values:
    status, text = await visitor.get("/metrics")
    assert status == 200
    return parsed(text)


def counted() -> Values:
    samples = [sample for family in counters.REGISTRY.collect() for sample in family.samples]
    return {(sample.name, " ".join(sample.labels.values())): sample.value for sample in samples}


@dataclass
class Balances:
    """A stand-in for the credits call of the image API. It answers once `may_answer` is set."""

    asked: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    address: str = ""

    async def credits(self, _: web.Request) -> web.Response:
        self.asked += 1
        await self.may_answer.wait()
        return web.json_response({"code": 200, "msg": "success", "data": 4321.5})


@pytest.fixture
async def balances() -> AsyncIterator[Balances]:
    it = Balances()
    server = web.Application()
    server.router.add_get("/api/v1/chat/credit", it.credits)
    async with TestServer(server) as running:
        it.address = str(running.make_url("")).rstrip("/")
        yield it
        it.may_answer.set()


@asynccontextmanager
async def scraping(folder: Path, balances: Balances) -> AsyncIterator[tuple[Running, Visitor]]:
    async with opened(folder, kie_api_url=balances.address) as (atelier, _, visitor):
        yield atelier, visitor


# -- metrics of the database ---------------------------------------------------------------------------------------


@pytest.mark.sweep
async def test_tasks_are_counted_by_what_their_rows_say(tmp_path: Path, balances: Balances) -> None:
    async with scraping(tmp_path, balances) as (atelier, visitor):
        stores, hour_ago = atelier.stores, int(time.time() * 1000) - 3_600_000
        await stored(stores, now=hour_ago)
        await prepared(stores, now=hour_ago)
        overdue = await begun(stores, now=hour_ago)
        assert overdue is not None
        generating = await stores.tasks.move(overdue, TaskState.GENERATING, now=hour_ago, why="taken", job_id="kie1")
        await stores.tasks.change(generating, overdue_notified_at=hour_ago)
        await prepared(stores, now=hour_ago)
        silent = await begun(stores, now=hour_ago)
        assert silent is not None
        await stores.tasks.change(silent, unconfirmed_at=hour_ago)
        kept = await stores.tasks.settle(await stored(stores, now=1), now=hour_ago, why="x", reason="policy")
        await stores.tasks.change(kept, undelivered_at=hour_ago)
        await prepared(stores, now=hour_ago)
        await stores.tasks.move(await stored(stores), TaskState.CANCELLED, now=hour_ago, why="x")
        values = await scraped(visitor)
        assert {
            state: values["atelier_tasks", state.value] for state in TaskState
        } == await stores.tasks.count_by_state()
    assert [values["atelier_tasks", state.value] for state in TaskState] == [2, 1, 1, 1, 0, 1]
    for name in ("queue_length", "tasks_unconfirmed", "tasks_overdue", "tasks_kept", "database_readable"):
        assert values[f"atelier_{name}", ""] == 1, name
    for state in ("queued", "submitting", "generating"):
        assert values["atelier_oldest_task_age_seconds", state] == pytest.approx(3600, abs=60)
    assert values["atelier_oldest_task_age_seconds", "settled"] == 0
    assert ("atelier_oldest_task_age_seconds", "closed") not in values


class HangingDisks(Disks):
    async def free_bytes(self) -> int | None:
        await asyncio.Event().wait()
        return 0


async def test_the_free_space_of_the_disk_is_shown_unless_the_disk_does_not_answer(
    tmp_path: Path, balances: Balances, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scraping(tmp_path, balances) as (atelier, visitor):
        values = await scraped(visitor)
        assert values["atelier_disk_free_bytes", ""] == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.2)
        monkeypatch.setattr("bot.web.metrics.READ_SECONDS", 0.2)
        balance = Balance(atelier.api.credits)
        membership = atelier.engine.membership
        hanging = Metrics(atelier.client, atelier.figures, balance, HangingDisks(), membership=membership)
        assert b"atelier_disk_free_bytes" not in await hanging.scrape()
        await balance.close()


@pytest.mark.sweep
async def test_what_waits_for_discord_and_for_moderators_is_counted(tmp_path: Path, balances: Balances) -> None:
    async with scraping(tmp_path, balances) as (atelier, visitor):
        names = ("reposts_waiting", "message_sync_waiting", "reports_open", "batches_open", "pictures_missing")
        values = await scraped(visitor)
        assert [values[f"atelier_{name}", ""] for name in names] == [0, 0, 0, 0, 0]
        asked, batches = request(), atelier.engine.batches
        proposal = await batches.propose(asked, ["a red door", "a blue door"])
        origin = Origin(interaction_id=9, interaction_token="t", arrived_at=NOW, asker_id=7, channel_id=9)
        await batches.begin(proposal.batch, origin, most=10)
        task, services = await stored(atelier.stores), atelier.client.services
        new = NewRepost(
            task_id=task.id,
            kind=RepostKind.GALLERY,
            once="once",
            channel_id=1,
            guild_id=2,
            locale="en-US",
            upload_limit=1,
            asked_by=7,
        )
        await services.stores.reposts.add(new, now=1)
        await services.stores.curation.hide(task.id, hidden=True, now=1)
        settled = await atelier.stores.tasks.settle(
            await stored(atelier.stores), now=1, why="x", reason=None, urls=["http://a"]
        )
        (picture,) = await atelier.stores.pictures.of_task(settled.id)
        await atelier.stores.pictures.save([replace(picture, unfetchable=True, due_at=1)])
        await services.stores.reports.report(
            task.id, 2, Report(reporter_id=3, at=1, why=""), locale="en-US", seen=(1, 1)
        )
        values = await scraped(visitor)
    assert [values[f"atelier_{name}", ""] for name in names] == [1, 1, 1, 1, 1]


@pytest.mark.sweep
async def test_outcomes_are_counted_by_reason_and_each_is_there_from_the_start(
    tmp_path: Path, balances: Balances
) -> None:
    async with scraping(tmp_path, balances) as (atelier, visitor):
        before = await scraped(visitor)
        reasons = {label for name, label in before if name == "atelier_outcomes_total"}
        assert {"pictures", "other", "policy", "account_credit", "mask_size", "unconfirmed", "lost"} <= reasons
        assert not {"not_yours", "too_many_open", "nobody_told", "defect", "got_through"} & reasons
        assert reasons - {"pictures", "other"} < set(Reason)
        for reason in ("policy", "policy", "of a later release", None):
            urls = ["https://results.test/1.png"] if reason is None else []
            await atelier.stores.tasks.settle(await stored(atelier.stores), now=NOW, why="x", reason=reason, urls=urls)
        values = await scraped(visitor)
    counted = {reason: values["atelier_outcomes_total", reason] for reason in reasons}
    assert {reason: number for reason, number in counted.items() if number} == {"policy": 2, "other": 1, "pictures": 1}


async def test_a_kept_batch_is_counted_as_kept_and_not_as_open(tmp_path: Path) -> None:
    async with opened_stores("sqlite", tmp_path) as stores:
        figures = StatisticsStore(stores.tasks._database)
        batch = await stores.batches.propose(request(), ["a red door", "a blue door"], now=NOW)
        origin = Origin(interaction_id=9, interaction_token="t", arrived_at=NOW, asker_id=7, channel_id=9)
        await stores.batches.begin(batch, origin, UNLIMITED, now=NOW)
        (due,) = await stores.batches.outbox.due(now=NOW, limit=1)
        claimed = await stores.batches.outbox.claim(due, now=NOW, until=NOW + 1)
        assert claimed is not None
        counted = [await figures.figures()]
        await stores.undelivered_batches.keep(claimed, Route.CHANNEL, now=NOW)
        counted.append(await figures.figures())
        await stores.batches.close(claimed, now=NOW)
        counted.append(await figures.figures())
    assert [(found.batches, found.undelivered) for found in counted] == [(1, 0), (0, 1), (0, 0)]


async def test_creates_are_counted_by_what_became_of_them(tmp_path: Path) -> None:
    async with opened_stores("sqlite", tmp_path) as stores:
        figures = StatisticsStore(stores.tasks._database)
        for _ in range(4):
            await prepared(stores)
        taken, refused, silent, waiting = [await begun(stores) for _ in range(4)]
        assert taken
        assert refused
        assert silent
        assert waiting
        assert (await figures.figures()).creates == {**dict.fromkeys(TaskResult, 0), TaskResult.UNDER_WAY: 4}
        await stores.tasks.move(taken, TaskState.GENERATING, now=NOW, why="taken", job_id="kie1")
        await stores.tasks.move(refused, TaskState.QUEUED, now=NOW, why="not taken", **released(NOW))
        await stores.tasks.settle(silent, now=NOW, why="no answer", reason="unconfirmed")
        await stores.tasks.change(waiting, unconfirmed_at=NOW)
        told = {TaskResult.TAKEN: 1, TaskResult.REFUSED: 1, TaskResult.UNCONFIRMED: 2, TaskResult.UNDER_WAY: 0}
        assert (await figures.figures()).creates == told
        await begun(stores)
        assert (await figures.figures()).creates == told | {TaskResult.UNDER_WAY: 1}


@pytest.mark.sweep
async def test_an_adoption_makes_no_counter_go_down(tmp_path: Path, balances: Balances) -> None:
    async with scraping(tmp_path, balances) as (atelier, visitor):
        await prepared(atelier.stores)
        task = await begun(atelier.stores)
        assert task is not None
        settled = await atelier.stores.tasks.settle(task, now=NOW, why="no answer", reason="unconfirmed")
        before = await scraped(visitor)
        await atelier.stores.tasks.move(settled, TaskState.GENERATING, now=NOW, why="called back", job_id="kie1")
        after = await scraped(visitor)
    for values in (before, after):
        assert values["atelier_outcomes_total", "unconfirmed"] == 1
        assert values["atelier_creates_total", "unconfirmed"] == 1
    assert (before["atelier_creates_total", "taken"], after["atelier_creates_total", "taken"]) == (0, 1)


@pytest.mark.sweep
async def test_rows_that_cannot_be_counted_leave_the_rest(tmp_path: Path, balances: Balances) -> None:
    async with scraping(tmp_path, balances) as (_, visitor):
        with closing(sqlite3.connect(tmp_path / "atelier.db")) as connection:
            connection.execute("ALTER TABLE creates RENAME TO elsewhere")
        values = await scraped(visitor)
    assert values["atelier_database_readable", ""] == 0
    assert ("atelier_tasks", "queued") not in values
    assert ("atelier_polls_total", "") in values


# -- metrics of the process ----------------------------------------------------------------------------------------


@pytest.mark.sweep
async def test_the_credits_are_never_waited_for_and_asked_for_once_a_minute(tmp_path: Path, balances: Balances) -> None:
    async with scraping(tmp_path, balances) as (_, visitor):
        for _ in range(5):
            assert ("atelier_credits", "") not in await scraped(visitor)
        balances.may_answer.set()

        async def known() -> bool:
            return (await scraped(visitor)).get(("atelier_credits", "")) == 4321.5

        await eventually(known)
        assert balances.asked == 1


async def test_credits_that_cannot_be_had_again_stay_as_last_known() -> None:
    answers: list[float | Exception] = [7.0, Unavailable("no answer"), 5.0]
    now = 1_000_000

    async def ask() -> float:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    balance = Balance(ask, clock=lambda: now)
    seen = []
    for _ in range(4):
        balance.last_known()
        assert balance._asking
        await balance._asking
        seen.append(balance.last_known())
        now += 60_000 if answers else 0
    assert seen == [7.0, 7.0, 5.0, 5.0]
    await balance.close()


async def test_calls_to_the_image_api_are_counted_with_what_went_wrong() -> None:
    before = counted()
    async with Emulator(key=KEY) as emulator, aiohttp.ClientSession() as session:
        for key in (KEY, "another"):
            settings = Settings(kie_api_key=SecretStr(key), kie_api_url=emulator.url)
            try:
                await image_api(session, settings).credits()
            except AccountRefused:
                await image_api(session, settings.model_copy(update={"kie_api_key": SecretStr(KEY)})).record("unknown")
        with pytest.raises(Exception, match="no connection"):
            await image_api(session, Settings(kie_api_url="http://127.0.0.1:1")).credits()
    after = {name: number - before.get(name, 0) for name, number in counted().items()}
    assert after["atelier_api_call_seconds_count", "question"] == 4
    assert after["atelier_polls_total", ""] == 1
    errors = {label: number for (name, label), number in after.items() if name == "atelier_api_errors_total" and number}
    assert errors == {"question account_refused": 1, "question unknown_record": 1, "question unreachable": 1}


def test_refusals_and_failures_of_discord_are_counted_by_status() -> None:
    before = counted()

    def meets(error: Exception) -> None:
        with pytest.raises(Exception, match="Discord"), map_discord_errors():
            raise error

    for status in (403, 404, 429, 500, 503):
        meets(discord.HTTPException(_Answer(status), {"code": 0, "message": "no"}))  # type: ignore[arg-type]  # has the attributes that discord.py reads
    meets(aiohttp.ClientConnectionError())
    after = {
        label: value - before.get((name, label), 0)
        for (name, label), value in counted().items()
        if "_discord_e" in name
    }
    assert after == {"4xx": 2, "429": 1, "5xx": 2, "none": 1}


@dataclass(frozen=True)
class _Answer:
    status: int
    reason: str = "no"


# -- whole requests ------------------------------------------------------------------------------------------------


@pytest.fixture
async def loopback() -> AsyncIterator[LoopbackDiscord]:
    async with loopback_discord(TOKEN) as running:
        running.files["cat.png"] = png("orange", (96, 72))
        yield running


@pytest.mark.sweep
async def test_a_request_shows_all_the_way_and_nothing_of_it_is_given_away(
    tmp_path: Path, loopback: LoopbackDiscord
) -> None:
    async with AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(Emulator(key=KEY, seconds=1, shrink=8, webhook_key=WEBHOOK_KEY))
        running = await stack.enter_async_context(bot(tmp_path, loopback, emulator, **called_back()))
        visitor = await stack.enter_async_context(visiting(await address_of(running)))
        await running.connected()
        await loopback.imagine("a red door on a hill", image="cat.png")
        await loopback.until(lambda: loopback.deleted)

        async def told() -> bool:
            return (await scraped(visitor))["atelier_told_seconds_count", ""] == 1

        await eventually(told)
        values = await scraped(visitor)
        text = (await visitor.get("/metrics"))[1]
        assert await running.stopped() == 0
    assert values["atelier_outcomes_total", "pictures"] == 1
    assert values["atelier_creates_total", "taken"] == 1
    assert values["atelier_tasks", "closed"] == 1
    assert values["atelier_polls_total", ""] >= 1
    assert values["atelier_api_call_seconds_count", "create"] == 1
    assert values["atelier_api_call_seconds_count", "fetch"] == 1
    assert (values["atelier_shards", ""], values["atelier_shards_connected", ""]) == (1, 1)
    with closing(sqlite3.connect(tmp_path / "data" / "atelier.db")) as connection:
        (row,) = connection.execute("SELECT id, job_id, interaction_token, prompt, asker_id FROM tasks")
    secrets = (*map(str, row), TOKEN, KEY, "red door")
    assert not [secret for secret in secrets if re.search(rf"(?<![\d.]){re.escape(secret)}(?![\d.])", text)]


@pytest.mark.sweep
async def test_a_scrape_waits_for_no_writer_and_keeps_none_waiting(tmp_path: Path, balances: Balances) -> None:
    async with scraping(tmp_path, balances) as (atelier, visitor):
        with closing(sqlite3.connect(tmp_path / "atelier.db", isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            async with asyncio.timeout(10):
                assert (await scraped(visitor))["atelier_tasks", "queued"] == 0
        scrapes = [asyncio.create_task(scraped(visitor)) for _ in range(20)]
        for _ in range(20):
            await prepared(atelier.stores)
        seen = [values["atelier_queue_length", ""] for values in await asyncio.gather(*scrapes)]
        assert all(0 <= number <= 20 for number in seen)
        assert (await scraped(visitor))["atelier_queue_length", ""] == 20


# -- names and documentation ---------------------------------------------------------------------------------------


def test_what_may_go_wrong_stands_at_nothing_from_the_start() -> None:
    """Run in a new process, in which no counter was increased yet. Prometheus sees the first event of a label as an
    increase only if the label was exported as 0 before."""
    script = "from bot.process import counters; import sys; from prometheus_client import generate_latest; "
    script += "sys.stdout.buffer.write(generate_latest(counters.REGISTRY))"
    command = [sys.executable, "-c", script]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603  # own code
    values = parsed(shown.stdout)
    for name, labels in (
        ("api_errors_total", ("create unconfirmed", "question unknown_record", "fetch refused", "transfer throttled")),
        ("discord_errors_total", ("4xx", "429", "5xx", "none")),
        ("callbacks_total", ("heard", "not_signed", "unknown", "unreadable", "too_large", "too_slow", "failed")),
        ("api_call_seconds_count", ("create", "question", "transfer", "fetch")),
    ):
        assert [values[f"atelier_{name}", label] for label in labels] == [0] * len(labels)


async def test_the_page_explains_every_metric_and_no_other(tmp_path: Path, balances: Balances) -> None:
    balances.may_answer.set()
    async with scraping(tmp_path, balances) as (_, visitor):

        async def known() -> bool:
            return ("atelier_credits", "") in await scraped(visitor)

        await eventually(known)
        text = (await visitor.get("/metrics"))[1]
    shown = set(re.findall(r"^# TYPE (atelier_\S+)", text, re.MULTILINE))
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(atelier_\w+)` \|", page, re.MULTILINE)) == shown
    alerts = page.partition("\n## Alerts")[2]
    named = {re.sub(r"_(count|sum|bucket)$", "", name) for name in re.findall(r"atelier_\w+", alerts)}
    assert named
    assert named <= shown
    without_help = [name for name in shown if not re.search(rf"^# HELP {name} \w.*\.$", text, re.MULTILINE)]
    assert not without_help


async def test_many_rows_are_not_counted_at_every_scrape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.statistics.MANY", 1)
    monkeypatch.setattr("storage.statistics.ROWS_PER_SECOND", 0.1)
    times = iter([0.0, 9.9, 10.0])
    async with opened_stores("sqlite", tmp_path) as store:
        figures = StatisticsStore(store.tasks._database, clock=lambda: next(times))
        for _ in range(2):
            await prepared(store)
        await begun(store)
        assert (await figures.figures()).queue == 1
        await prepared(store)
        assert [(await figures.figures()).queue for _ in range(2)] == [1, 2]
