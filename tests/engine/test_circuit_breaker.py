"""The image API is down: requests wait instead of failing, their cards say so, and work resumes by itself."""

from __future__ import annotations

import re

import pytest
from structlog.testing import capture_logs

from bot.engine.availability import admission
from bot.engine.ports import CardPhase, CreateRequest, Record
from bot.errors import Reason, Refused, Unavailable, Unconfirmed, Unreachable
from storage.catalogue import WireForm
from storage.models import Task, TaskState
from tests.worlds.engine_world import EngineWorld, StandInAPI


class Outage:
    """Make every call of a stand-in image API fail as long as `lasts` is true."""

    def __init__(self, api: StandInAPI, error: Exception | None = None) -> None:
        self.error = error or Unreachable("no route")
        self.lasts = True
        self.calls: list[str] = []
        self._create, self._record, self._credits = api.create, api.record, api.credits
        api.create, api.record, api.credits = self.create, self.record, self.credits  # type: ignore[method-assign]

    async def create(self, request: CreateRequest) -> str:
        self._strike("create")
        return await self._create(request)

    async def record(self, job_id: str, form: str = WireForm.FOUR_O) -> Record:
        self._strike("record")
        return await self._record(job_id, form)

    async def credits(self) -> float:
        self._strike("credits")
        return await self._credits()

    def _strike(self, name: str) -> None:
        self.calls.append(name)
        if self.lasts:
            raise self.error


async def state(world: EngineWorld, task: Task) -> TaskState:
    return (await world.now(task)).state


@pytest.mark.sweep
async def test_an_outage_is_logged_once_keeps_the_queue_and_is_over_by_itself(world: EngineWorld) -> None:
    outage = Outage(world.api)
    with capture_logs() as logs:
        tasks = [await world.ask(f"{number}", asker_id=number + 1) for number in range(5)]
        await world.work(600, every=2)
        assert {await state(world, task) for task in tasks} == {TaskState.QUEUED}
        outage.lasts = False
        await world.work(300, every=2)
    assert {await state(world, task) for task in tasks} == {TaskState.CLOSED}
    assert len(world.discord.sent) == len(world.api.taken) == 5
    said = [entry for entry in logs if re.match("image API (unreachable|back)", entry["event"])]
    assert [entry["event"].split(":")[0] for entry in said] == [
        "image API unreachable or leaves creates unanswered",
        "image API back",
    ]
    assert 540 <= said[1]["away_seconds"] <= 700


async def test_what_waited_is_due_at_once_although_the_database_failed_when_the_image_api_was_back(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage, breaker = Outage(world.api), world.engine._admission.api
    task = await world.ask()
    await world.work(60)
    assert breaker.open
    outage.lasts = False
    expedite, failures = world.stores.claims.expedite, [OSError("database is locked")]

    async def fails_first(state: TaskState, *, now: int) -> int:
        if failures:
            raise failures.pop()
        return await expedite(state, now=now)

    monkeypatch.setattr(world.stores.claims, "expedite", fails_first)
    world.clock.turn(60)
    with pytest.raises(OSError, match="locked"):
        await world.engine._admission.check()
    later = (await world.now(task)).due_at + 600_000
    await world.tasks.change(await world.now(task), due_at=later)
    while breaker.open:
        world.clock.turn(1)
        await world.engine._admission.check()
    assert (await world.now(task)).due_at <= world.clock()


@pytest.mark.sweep
async def test_while_it_is_away_little_is_asked_of_it(world: EngineWorld) -> None:
    outage = Outage(world.api)
    for number in range(20):
        await world.ask(f"{number}", asker_id=number + 1)
    await world.work(1800, every=5)
    assert outage.calls.count("create") <= 40
    assert 25 <= outage.calls.count("credits") <= 40, "once a minute"


async def test_waiting_people_are_told_on_their_card_and_when_it_is_over_too(world: EngineWorld) -> None:
    outage = Outage(world.api)
    task = await world.ask()
    await world.work(60)
    await world.engine._cards.show_waiting()  # `run` does this every few seconds
    (card,) = world.discord.shown[-1:]
    assert (card.task.id, card.phase, card.paused) == (task.id, CardPhase.QUEUED, Reason.SERVICE_UNREACHABLE)
    outage.lasts = False
    await world.work(90)
    assert world.discord.shown[-1].paused is None


async def test_what_is_being_made_is_noticed_soon_after_the_outage(world: EngineWorld) -> None:
    task = await world.ask()
    await world.work(5)
    assert await state(world, task) is TaskState.GENERATING
    outage = Outage(world.api, Unavailable("502"))
    await world.work(1200)
    outage.lasts = False
    await world.work(75)
    assert await state(world, task) is TaskState.CLOSED


async def test_a_moments_trouble_stops_nothing(world: EngineWorld) -> None:
    world.api.next_record = [Unavailable("502")] * 2
    task = await world.ask()
    with capture_logs() as logs:
        await world.work(120)
    assert await state(world, task) is TaskState.CLOSED
    assert not [entry for entry in logs if entry["event"].startswith("image API")]


@pytest.mark.sweep
async def test_creates_that_are_left_without_an_answer_stop_although_questions_are_answered(world: EngineWorld) -> None:
    """Each of these creates may be charged. So after a few, only one at a time probes whether the outage is over."""
    tasks = [await world.ask(f"{number}", asker_id=number + 1) for number in range(20)]
    world.api.lose_answer = 1000
    await world.work(4)
    first = len(world.api.taken)
    assert first == 20, "all that one window takes, at the same time"
    tasks += [await world.ask(f"later {number}", asker_id=number + 1) for number in range(20)]
    await world.work(600, every=2)
    assert len(world.api.taken) - first <= 12, "about one a minute"
    world.api.lose_answer = 0
    await world.work(600, every=2)
    reasons = [(await world.now(task)).reason for task in tasks]
    assert len(world.api.taken) == 40
    assert reasons.count(None) == 40 - reasons.count(Reason.UNCONFIRMED) >= 8


async def test_a_refusal_is_an_answer(world: EngineWorld) -> None:
    outage = Outage(world.api, Refused(422, "no"))
    with capture_logs() as logs:
        for number in range(6):
            await world.ask(f"{number}", asker_id=number + 1)
            await world.work(20)
    assert outage.calls.count("create") == 6
    assert not [entry for entry in logs if entry["event"].startswith("image API")]


@pytest.mark.sweep
async def test_who_has_waited_for_a_day_while_creates_were_stopped_gets_an_answer(world: EngineWorld) -> None:
    Outage(world.api)
    task = await world.ask()
    await world.work(25 * 3600, every=600)
    ended = await world.now(task)
    assert (ended.state, ended.reason, ended.charged) == (TaskState.CLOSED, Reason.SERVICE_UNREACHABLE, False)
    assert [message.reason for message in world.discord.sent] == [Reason.SERVICE_UNREACHABLE]


@pytest.mark.sweep
async def test_all_who_have_waited_for_a_day_get_an_answer_however_many_newer_ones_are_before_them(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "GIVEN_UP_AT_ONCE", 3)
    Outage(world.api)
    eager = [await world.ask(f"{number}") for number in range(8)]
    await world.work(60)
    world.clock.turn(23 * 3600)
    newer = [await world.ask(f"{number}", asker_id=100 + number) for number in range(4)]
    world.clock.turn(1.5 * 3600)
    await world.work(120)
    assert {await state(world, task) for task in eager} == {TaskState.CLOSED}
    assert {await state(world, task) for task in newer} == {TaskState.QUEUED}


async def test_uploads_that_fail_say_nothing_about_the_api(world: EngineWorld) -> None:
    world.api.next_upload = [Unreachable("no route")] * 4
    with capture_logs() as logs:
        task = await world.ask()
        await world.work(60)
    assert await state(world, task) is TaskState.CLOSED
    assert not [entry for entry in logs if entry["event"].startswith("image API")]


async def test_an_instants_trouble_after_a_quiet_hour_stops_nothing(world: EngineWorld) -> None:
    await world.work(3600, every=600)
    for number in range(3):
        await world.ask(asker_id=number + 1)
    world.api.next_create = [Unreachable("refused")] * 3
    with capture_logs() as logs:
        await world.work(60)
    assert len(world.api.taken) == 3
    assert not [entry for entry in logs if entry["event"].startswith("image API")]


async def test_one_record_that_cannot_be_read_says_nothing_about_the_api(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = world.api.record

    async def poisoned(job_id: str) -> Record:
        if job_id == "kie1":
            raise Unavailable("200 without a readable recordinfo")
        return await record(job_id)

    monkeypatch.setattr(world.api, "record", poisoned)
    await world.ask()
    with capture_logs() as logs:
        await world.work(1800, every=5)
    assert not [entry for entry in logs if entry["event"].startswith("image API")]


def test_an_unconfirmed_create_is_no_service_error() -> None:
    """The circuit breaker distinguishes errors by their type."""
    assert not isinstance(Unconfirmed("lost"), Unreachable | Unavailable | Refused)
