"""Several processes on one database share what they know of the image API: its account, outages, models and times."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pytest

from bot.engine.availability.admission import Admission
from bot.engine.availability.alerts import OperatorAlerts
from bot.engine.availability.circuit_breaker import FAILURES
from bot.engine.availability.model_trouble import ASK_AGAIN_MS, ModelTrouble
from bot.engine.ports import CreateRequest, Record
from bot.engine.timing.durations import LearnedDurations
from bot.errors import AccountRefused, Reason, Unconfirmed, Unreachable
from storage.availability import DatabaseAway
from storage.catalogue import DEFAULT, MODELS, WireForm
from storage.creates import PAUSED_FACT
from storage.database import Database
from storage.models import PictureRequest, Task, TaskState
from storage.stores import Stores
from tests.engine.test_model_trouble import StandInRates
from tests.storage.rows import LEASE, PLENTY, UNLIMITED, request
from tests.worlds.engine_world import Clock, StandInAPI
from tests.worlds.postgres import postgres
from tests.worlds.stand_in_discord import StandInDiscord

NO_CREDIT: Final = AccountRefused(402, "credits", Reason.ACCOUNT_CREDIT)
PROBE_AFTER: Final = timedelta(minutes=10)


class CountingAPI(StandInAPI):
    """Counts the questions that every process asks about the account, and does not answer while it is away."""

    questions: int = 0
    away: bool = False

    async def credits(self) -> float:
        self.questions += 1
        if self.away:
            raise Unreachable("no route")
        return await super().credits()

    async def record(self, job_id: str, form: str = WireForm.FOUR_O) -> Record:
        if self.away:
            raise Unreachable("no route")
        return await super().record(job_id, form)


@dataclass
class Process:
    """What decides in one process whether creates may begin."""

    name: str
    clock: Clock
    stores: Stores
    api: CountingAPI
    discord: StandInDiscord

    def __post_init__(self) -> None:
        alerts = OperatorAlerts(stores=self.stores, delivery=self.discord, clock=self.clock)
        self.woken = 0
        self.admission = Admission(
            stores=self.stores,
            api=self.api,
            operator=alerts,
            probe_after=PROBE_AFTER,
            wake=self._wake,
            clock=self.clock,
        )

    def _wake(self) -> None:
        self.woken += 1

    async def begin(self) -> Task | None:
        """Begin a create as an engine does."""
        if not self.admission.takes_creates:
            return None
        task = await self.stores.creates.begin(self.name, PLENTY, now=self.clock(), lease_ms=LEASE)
        if task is not None:
            self.admission.account.begun(task.id)
        return task

    async def accepted(self, task: Task) -> None:
        await self.stores.tasks.move(
            task, TaskState.GENERATING, now=self.clock(), why="taken", job_id=f"job of {task.id}"
        )
        self.admission.account.ended(task.id, accepted=True)


@dataclass
class Both:
    clock: Clock
    discord: StandInDiscord
    one: Process
    two: Process

    async def ask(self, tasks: int) -> None:
        for _ in range(tasks):
            await self.one.stores.tasks.add(request(), UNLIMITED, now=self.clock(), prepared=True)

    async def check(self, seconds: float = 0.0) -> None:
        """Let both processes check, and again every five seconds for so long."""
        end = self.clock() + int(seconds * 1000)
        while True:
            await self.one.admission.check()
            await self.two.admission.check()
            if self.clock() >= end:
                return
            self.clock.turn(5)


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    """Two processes on one database, each with an image API of its own, so that one alone may not reach it."""
    clock, discord = Clock(), StandInDiscord()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context((await postgres()).database())
        one, two = [
            Process(
                name=name,
                clock=clock,
                stores=Stores.on(await stack.enter_async_context(Database.open(url))),
                api=CountingAPI(clock, balance=1.0),
                discord=discord,
            )
            for name in ("one", "two")
        ]
        yield Both(clock, discord, one, two)


async def test_once_one_process_has_found_no_credit_no_other_begins_a_create(both: Both) -> None:
    await both.ask(3)
    await both.one.admission.account.refused(NO_CREDIT)
    assert both.two.admission.takes_creates, "it has not looked yet"
    assert await both.two.begin() is None
    await both.check()
    assert both.two.admission.paused() is Reason.ACCOUNT_CREDIT


async def test_of_two_that_find_it_at_the_same_time_one_alerts_the_operator(both: Both) -> None:
    await both.one.admission.account.refused(NO_CREDIT)
    await both.two.admission.account.refused(NO_CREDIT)
    await both.check(seconds=120)
    assert both.discord.told_operator == [Reason.ACCOUNT_CREDIT]
    assert both.two.admission.paused() is Reason.ACCOUNT_CREDIT


async def test_the_credits_are_read_as_often_as_by_one_process(both: Both) -> None:
    await both.one.admission.account.refused(NO_CREDIT)
    before = both.one.api.questions + both.two.api.questions
    await both.check(seconds=305)
    assert 4 <= both.one.api.questions + both.two.api.questions - before <= 6


async def test_after_the_pause_one_create_at_a_time_begins_over_all_processes_until_one_is_accepted(
    both: Both,
) -> None:
    await both.ask(5)
    await both.one.admission.account.refused(NO_CREDIT)
    await both.check(seconds=10)
    both.one.api.balance = both.two.api.balance = 500.0
    await both.check(seconds=70)
    assert both.one.admission.paused() is both.two.admission.paused() is None
    probe = await both.one.begin()
    assert probe is not None
    assert await both.two.begin() is None
    await both.check(seconds=20)
    assert await both.two.begin() is None
    await both.one.accepted(probe)
    await both.check(seconds=10)
    assert await both.two.begin() is not None
    assert await both.one.begin() is not None


async def test_a_process_that_starts_during_the_pause_knows_of_it(both: Both) -> None:
    await both.one.admission.account.refused(NO_CREDIT)
    await both.two.admission.account.load()
    assert both.two.admission.paused() is Reason.ACCOUNT_CREDIT


async def fails(process: Process, error: Exception, times: int = FAILURES) -> None:
    """Let so many creates of a process fail within twelve seconds."""
    for _ in range(times):
        process.api.next_create = [error]
        with pytest.raises(type(error)):
            await process.admission.api.create(CreateRequest(request=PictureRequest(prompt="a red door")))
        process.clock.turn(6)


async def test_an_outage_that_one_process_finds_is_known_to_the_other_at_its_next_check(both: Both) -> None:
    both.one.api.away = True
    both.two.api.away = True
    await fails(both.one, Unreachable("no route"))
    assert both.one.admission.api.open
    assert not both.two.admission.api.open
    await both.check()
    assert both.two.admission.paused() is Reason.SERVICE_UNREACHABLE


async def test_a_process_that_alone_does_not_reach_the_api_does_not_hold_up_the_other(both: Both) -> None:
    both.one.api.away = True
    await fails(both.one, Unreachable("no route"))
    await both.one.admission.check()
    await both.two.admission.check()
    assert not both.two.admission.api.open
    await both.check(seconds=300)
    assert both.one.admission.api.open
    assert not both.two.admission.api.open
    assert both.two.api.questions <= 2, "once when it heard of the outage"
    assert both.one.api.questions <= 12


async def test_creates_without_answers_stop_both_although_questions_are_answered(both: Both) -> None:
    await fails(both.one, Unconfirmed("nothing came"))
    await both.one.admission._share_outage(None)
    await both.two.admission.check()
    assert both.two.admission.api.open


async def test_when_one_finds_the_api_back_the_other_asks_at_once_and_one_create_begins_first(both: Both) -> None:
    await both.ask(3)
    both.one.api.away = True
    both.two.api.away = True
    await fails(both.one, Unreachable("no route"))
    await both.check(seconds=600)
    both.clock.turn(70)
    await both.one.admission.check()
    both.one.api.away = both.two.api.away = False
    await both.two.admission.check()
    assert not both.two.admission.api.open
    await both.one.admission.check()
    assert not both.one.admission.api.open
    assert await both.one.begin() is not None
    assert await both.two.begin() is None


async def test_one_process_asks_about_a_model_and_the_other_knows_the_answer(both: Both) -> None:
    await both.ask(1)
    rates = StandInRates(both.clock, {DEFAULT.listed_id(0): "+++---"})
    troubles = [
        ModelTrouble(stores=process.stores, rates=rates, models=MODELS, clock=both.clock)
        for process in (both.one, both.two)
    ]
    for _ in range(3):
        for trouble in troubles:
            await trouble.check()
        both.clock.turn(30)
    assert len(rates.asked) == len({model_id for _, model_id in rates.asked})
    assert troubles[0].since(DEFAULT.key) == troubles[1].since(DEFAULT.key) is not None
    both.clock.turn(ASK_AGAIN_MS / 1000)
    before = len(rates.asked)
    for trouble in troubles:
        await trouble.check()
    assert len(rates.asked) == 2 * before


async def test_how_long_the_pictures_of_one_process_took_is_known_to_the_other(both: Both) -> None:
    await both.ask(1)
    known = LearnedDurations(both.two.stores)
    assert known.of(DEFAULT.key, with_pictures=False).recent == ()
    task = await both.one.begin()
    assert task is not None
    generating = await both.one.stores.tasks.move(
        task, TaskState.GENERATING, now=both.clock(), why="taken", job_id="k1", generating_at=both.clock()
    )
    both.clock.turn(42)
    await both.one.stores.tasks.settle(
        generating, now=both.clock(), why="done", reason=None, urls=["https://results.test/1.png"]
    )
    await known.refresh()
    assert known.of(DEFAULT.key, with_pictures=False).recent == (42.0,)


async def test_a_pause_that_could_not_be_stored_goes_on_and_is_stored_once_the_database_is_back(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a person's request after the other would be refused, and the operator would not hear of it."""
    store, failures = both.one.stores.key_values.set, [DatabaseAway("the connection was lost")] * 2

    async def fails_first(name: str, value: str | None) -> None:
        if name == PAUSED_FACT and failures:
            raise failures.pop()
        await store(name, value)

    monkeypatch.setattr(both.one.stores.key_values, "set", fails_first)
    with pytest.raises(DatabaseAway):
        await both.one.admission.account.refused(NO_CREDIT)
    with pytest.raises(DatabaseAway):
        await both.one.admission.check()
    await both.ask(1)
    assert await both.one.begin() is None
    await both.check(10)
    assert await both.one.begin() is None
    assert both.two.admission.paused() is Reason.ACCOUNT_CREDIT
    assert both.discord.told_operator == [Reason.ACCOUNT_CREDIT]
