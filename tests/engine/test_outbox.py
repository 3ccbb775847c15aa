"""
Tests for the outbox, in storage and in the engine, with rows of a table of its own: letters, which a post office sends.

Every kind of outbox work uses the same protocol, so it is tested here once, with a death of the process at each call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from bot.engine.availability.alerts import OperatorAlerts
from bot.engine.outbox.attempts import Attempts, WorkKind
from bot.engine.outbox.worker import AT_ONCE, CLAIM_MS, OutboxWorker, again_at
from bot.engine.work.quarantine import MOST_ATTEMPTS, Quarantine
from bot.errors import Reason, RouteClosed, Unavailable
from storage.attempts import AttemptStore
from storage.database import Database
from storage.outbox import Outbox
from storage.stores import Stores
from tests.worlds.engine_world import Clock, Crash, Deaths
from tests.worlds.ready_database import ready_database
from tests.worlds.stand_in_discord import StandInDiscord

letters: Final = sa.Table(
    "letters",
    sa.MetaData(),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("due_at", sa.BigInteger),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("attempted_at", sa.BigInteger),
    sa.Column("owner", sa.Text),
    sa.Column("lease_until", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("cancelled", sa.Boolean, nullable=False, server_default=sa.false()),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    id: str
    due_at: int | None
    failures: int
    attempted_at: int | None
    owner: str | None
    lease_until: int
    cancelled: bool


def outbox(database: Database, *, leased: bool) -> Outbox[Letter]:
    return Outbox(
        database,
        letters.c.due_at,
        key=lambda letter: letters.c.id == letter.id,
        select=sa.select(letters),
        read=Letter,
        condition=~letters.c.cancelled,
        failures=letters.c.failures,
        attempted=letters.c.attempted_at,
        owner=letters.c.owner if leased else None,
        lease=letters.c.lease_until if leased else None,
    )


@dataclass
class PostOffice:
    """Sends letters and remembers them. `next_send` holds errors, each raised once instead of a send."""

    sent: list[str] = field(default_factory=list)
    next_send: list[Exception] = field(default_factory=list)
    lose_answer: int = 0
    """How many letters are sent without an answer."""

    async def send(self, letter: str) -> None:
        if self.next_send:
            raise self.next_send.pop(0)
        self.sent.append(letter)
        if self.lose_answer:
            self.lose_answer -= 1
            raise Unavailable("no answer")

    async def find(self, letter: str) -> bool:
        return letter in self.sent


@dataclass
class OutboxWorld:
    database: Database
    clock: Clock
    leased: bool
    office: PostOffice = field(default_factory=PostOffice)
    discord: StandInDiscord = field(default_factory=StandInDiscord)
    wrap: Callable[[Any], Any] = lambda part: part
    meet: asyncio.Barrier | None = None
    """Each send waits here until enough others are in work, too."""
    processes: int = 0
    given_up: list[str] = field(default_factory=list)
    running: int = 0
    most_running: int = 0

    @property
    def rows(self) -> Outbox[Letter]:
        return outbox(self.database, leased=self.leased)

    async def write(self, *ids: str, due: int | None = None) -> None:
        at = self.clock() if due is None else due
        async with self.database.write() as connection:
            await connection.execute(sa.insert(letters), [{"id": letter, "due_at": at} for letter in ids])

    async def change(self, letter: str, **changes: Any) -> None:
        async with self.database.write() as connection:
            await connection.execute(sa.update(letters).where(letters.c.id == letter).values(changes))

    async def read(self, letter: str) -> Letter:
        async with self.database.read() as connection:
            row = (await connection.execute(sa.select(letters).where(letters.c.id == letter))).one()
        return Letter(**row._asdict())

    async def start(self, *, final: tuple[type[Exception], ...] = (), turn: Any = None) -> OutboxWorker[Letter]:
        """Start a process: nothing is left of an earlier one but the rows and the post office."""
        clock = self.clock
        self.processes += 1
        alerts = OperatorAlerts(stores=Stores.on(self.database), delivery=self.discord, clock=clock)
        attempts = Attempts(
            store=self.wrap(AttemptStore(self.database)),
            quarantine=Quarantine(clock=clock),
            operator=alerts,
            owner=f"process {self.processes}",
            clock=clock,
        )
        office = self.wrap(self.office)

        async def send(letter: Letter) -> int | None:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            try:
                if self.meet is not None:
                    await self.meet.wait()
                if letter.attempted_at is None or not await office.find(letter.id):
                    await office.send(letter.id)
            finally:
                self.running -= 1
            return None

        async def give_up(letter: Letter) -> None:
            self.given_up.append(letter.id)
            await self.rows.retry(letter, due=None)

        def retry_at(letter: Letter, error: Exception) -> int | None:
            return None if isinstance(error, RouteClosed) else again_at(clock(), letter.failures)

        worker = OutboxWorker(
            WorkKind.REPOST,
            self.wrap(self.rows),
            subject=lambda letter: letter.id,
            work=send,
            retry_at=lambda letter, error: (
                None if isinstance(error, RouteClosed) else again_at(clock(), letter.failures)
            ),
            give_up=give_up,
            attempts=attempts,
            clock=clock,
            final=final,
            turn=turn,
        )
        await attempts.start()
        await worker.resume()
        return worker

    async def work(self, worker: OutboxWorker[Letter], seconds: int = 200) -> None:
        for _ in range(seconds // 5):
            await worker.step()
            self.clock.turn(5)


@pytest.fixture(params=[False, True], ids=["claimed", "leased"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OutboxWorld]:
    async with ready_database(tmp_path / "atelier.db") as database:
        async with database.write() as connection:
            await connection.run_sync(lambda made: letters.create(made))
        yield OutboxWorld(database, Clock(), request.param)


# -- rows --------------------------------------------------------------------------------------------------------------


async def test_one_of_many_workers_claims_a_row(world: OutboxWorld) -> None:
    await world.write("a")
    (due,) = await world.rows.due(now=world.clock(), limit=9)
    until = world.clock() + 100
    claims = [world.rows.claim(due, now=world.clock(), until=until) for _ in range(5)]
    (claimed,) = [claim for claim in await asyncio.gather(*claims) if claim is not None]
    assert (claimed.due_at, claimed.attempted_at) == (until, None)
    assert await world.rows.due(now=until - 1, limit=9) == ()
    assert [letter.id for letter in await world.rows.due(now=until, limit=9)] == ["a"]


async def test_a_second_attempt_knows_of_the_first(world: OutboxWorld) -> None:
    await world.write("a")
    began = world.clock()
    first = await world.rows.claim(await world.read("a"), now=began, until=began + 100)
    assert first is not None
    world.clock.turn(1)
    second = await world.rows.claim(await world.read("a"), now=world.clock(), until=world.clock() + 100)
    assert second is not None
    assert second.attempted_at == began


async def test_a_row_that_becomes_due_during_the_work_stays_due(world: OutboxWorld) -> None:
    for settle in (world.rows.finish, lambda row: world.rows.postpone(row, due=world.clock() + 10**6)):
        await world.write("a")
        claimed = await world.rows.claim(await world.read("a"), now=world.clock(), until=world.clock() + 100)
        assert claimed is not None
        await world.change("a", due_at=world.clock() + 7)
        await settle(claimed)
        assert (await world.read("a")).due_at == world.clock() + 7
        async with world.database.write() as connection:
            await connection.execute(sa.delete(letters))


async def test_a_worker_that_was_too_slow_settles_nothing(world: OutboxWorld) -> None:
    await world.write("a")
    slow = await world.rows.claim(await world.read("a"), now=world.clock(), until=world.clock() + 100)
    world.clock.turn(1)
    until = world.clock() + 100
    quick = await world.rows.claim(await world.read("a"), now=world.clock(), until=until)
    assert slow is not None
    assert quick is not None
    await world.rows.finish(slow)
    await world.rows.retry(slow, due=None)
    assert ((await world.read("a")).due_at, (await world.read("a")).failures) == (until, 0)
    await world.rows.finish(quick)
    assert (await world.read("a")).due_at is None


async def test_what_is_no_longer_wanted_is_neither_due_nor_claimed(world: OutboxWorld) -> None:
    await world.write("a")
    read = await world.read("a")
    await world.change("a", cancelled=True)
    assert await world.rows.due(now=world.clock(), limit=9) == ()
    assert await world.rows.claim(read, now=world.clock(), until=world.clock() + 100) is None


async def test_the_longest_due_come_first_and_no_more_than_asked_for(world: OutboxWorld) -> None:
    for place, letter in enumerate("cab"):
        await world.write(letter, due=world.clock() - 10 + place)
    assert [letter.id for letter in await world.rows.due(now=world.clock(), limit=2)] == ["c", "a"]


async def test_failures_are_counted_until_one_attempt_succeeds(world: OutboxWorld) -> None:
    await world.write("a")
    for failures in (1, 2):
        claimed = await world.rows.claim(await world.read("a"), now=world.clock(), until=world.clock() + 100)
        assert claimed is not None
        await world.rows.retry(claimed, due=world.clock())
        assert (await world.read("a")).failures == failures
    claimed = await world.rows.claim(await world.read("a"), now=world.clock(), until=world.clock() + 100)
    assert claimed is not None
    await world.rows.postpone(claimed, due=world.clock() + 5)
    assert ((await world.read("a")).failures, (await world.read("a")).due_at) == (0, world.clock() + 5)


async def test_a_start_makes_everything_due_unless_other_processes_may_share_the_database(
    world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.write("a", "b")
    until = world.clock() + 10**6
    await world.rows.claim(await world.read("a"), now=world.clock(), until=until)
    monkeypatch.setattr(world.database, "alone", False)
    await world.rows.resume(now=world.clock())
    assert (await world.read("a")).due_at == until
    monkeypatch.setattr(world.database, "alone", True)
    await world.rows.resume(now=world.clock())
    assert {letter.id for letter in await world.rows.due(now=world.clock(), limit=9)} == {"a", "b"}


# -- work --------------------------------------------------------------------------------------------------------------


async def test_each_letter_is_sent_once_and_its_row_is_finished(world: OutboxWorld) -> None:
    await world.write("a", "b")
    await world.work(await world.start())
    assert sorted(world.office.sent) == ["a", "b"]
    assert (await world.read("a")).due_at is None


async def test_a_failed_send_is_retried_with_a_growing_delay(world: OutboxWorld) -> None:
    await world.write("a")
    world.office.next_send = [Unavailable("busy"), Unavailable("busy")]
    worker = await world.start()
    await worker.step()
    first = (await world.read("a")).due_at
    assert first is not None
    assert first > world.clock()
    await world.work(worker)
    assert world.office.sent == ["a"]
    assert (await world.read("a")).failures == 0


async def test_a_letter_whose_send_got_no_answer_is_found_and_not_sent_again(world: OutboxWorld) -> None:
    await world.write("a")
    world.office.lose_answer = 1
    await world.work(await world.start())
    assert world.office.sent == ["a"]
    assert (await world.read("a")).due_at is None


async def test_what_retrying_cannot_help_is_given_up(world: OutboxWorld) -> None:
    await world.write("a")
    world.office.next_send = [RouteClosed("no such address")]
    await world.work(await world.start())
    assert world.office.sent == []
    assert (await world.read("a")).due_at is None


async def test_a_defect_in_one_letter_does_not_stop_the_others(world: OutboxWorld) -> None:
    await world.write("a", "b")
    world.office.next_send = [ZeroDivisionError("a defect")]
    worker = await world.start()
    await worker.step()
    assert len(world.office.sent) == 1
    await world.work(worker)
    assert sorted(world.office.sent) == ["a", "b"]


async def test_a_person_who_waits_gets_the_error_and_others_are_retried(world: OutboxWorld) -> None:
    await world.write("a", "b")
    worker = await world.start(final=(RouteClosed,))
    world.office.next_send = [RouteClosed("no such address"), Unavailable("busy")]
    with pytest.raises(RouteClosed):
        await worker.do(await world.read("a"))
    await worker.do(await world.read("b"))
    assert (await world.read("a")).due_at == world.clock() + CLAIM_MS
    assert (await world.read("b")).failures == 1


async def test_two_processes_send_each_letter_once(world: OutboxWorld) -> None:
    await world.write(*"abcdef")
    first, other = await world.start(), await world.start()
    await asyncio.gather(first.step(), other.step())
    assert sorted(world.office.sent) == sorted("abcdef")


async def test_no_more_are_in_work_at_a_time_than_may_be(world: OutboxWorld) -> None:
    await world.write(*"abcdef")
    places = asyncio.Semaphore(2)

    @asynccontextmanager
    async def turn(_letter: Letter) -> AsyncIterator[None]:
        async with places:
            yield

    world.meet = asyncio.Barrier(2)
    await world.work(await world.start(turn=turn))
    assert sorted(world.office.sent) == sorted("abcdef")
    assert world.most_running == 2


async def test_a_step_takes_a_limited_number_and_the_next_step_the_rest(world: OutboxWorld) -> None:
    await world.write(*[f"letter {number}" for number in range(AT_ONCE + 3)])
    worker = await world.start()
    await worker.step()
    assert len(world.office.sent) == AT_ONCE
    await worker.step()
    assert len(set(world.office.sent)) == AT_ONCE + 3


# -- deaths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "unanswered"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.sampled(every=4)
async def test_whatever_call_the_process_dies_at_each_letter_is_sent_once(
    world: OutboxWorld, *, after: bool, answered: bool
) -> None:
    deaths = Deaths()
    world.wrap = deaths.wrap
    struck = 0
    for at in range(100):
        letter = f"letter {at}"
        await world.write(letter)
        world.office.lose_answer = 0 if answered else 1
        deaths.arm(at, after=after)
        try:
            await world.work(await world.start(), seconds=30)
        except Crash:
            struck += 1
        ended = deaths.calls <= at
        deaths.disarm()
        await world.work(await world.start(), seconds=60)
        assert world.office.sent.count(letter) == 1, f"death at call {at}"
        assert (await world.read(letter)).due_at is None, f"death at call {at}"
        if ended:
            break
    unstruck = 1 if after and not answered else 0  # the send that got no answer raised before it could strike
    assert at - struck == unstruck
    assert struck >= 10


async def test_a_letter_that_ends_the_process_each_time_is_given_up_and_the_operator_is_alerted(
    world: OutboxWorld,
) -> None:
    await world.write("a")
    world.wrap = lambda part: _DiesInSend() if part is world.office else part
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(Crash):
            await world.work(await world.start())
    await world.work(await world.start())
    assert world.given_up == ["a"]
    assert world.discord.told_operator == [Reason.WORK_GIVEN_UP]


class _DiesInSend:
    async def find(self, letter: str) -> bool:
        return False

    async def send(self, letter: str) -> None:
        raise Crash(letter)
