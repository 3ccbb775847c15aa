"""Tests for the budget for Discord: never too many requests per second, the most urgent first. The clock is a fake."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest
from structlog.testing import capture_logs

from bot.traffic import Claim, Pacer, Priority, Sent, claim, requests_as
from bot.traffic.pacer import LONGEST_WAY_SECONDS

PER_SECOND, BURST = 10.0, 3
START = 100.0


@dataclass
class HandTurned:
    """A fake clock of an event loop. `turn` moves the clock and calls the callbacks that became due."""

    now: float = START
    _alarms: list[tuple[float, int, Alarm]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> asyncio.TimerHandle:
        alarm = Alarm(callback)
        heapq.heappush(self._alarms, (when, next(self._numbers), alarm))
        return cast("asyncio.TimerHandle", alarm)

    async def turn(self, seconds: float) -> None:
        end = self.now + seconds
        await settle()
        while self._alarms and self._alarms[0][0] <= end:
            self.now, _, alarm = heapq.heappop(self._alarms)
            alarm.ring()
            await settle()
        self.now = end


@dataclass
class Alarm:
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True

    def ring(self) -> None:
        if not self.cancelled:
            self.callback()


@dataclass
class Requests:
    """Requests that wait for the pacer. `sent` has the name of each request that may go, and when (s after START)."""

    clock: HandTurned
    pacer: Pacer
    sent: list[tuple[str, float]] = field(default_factory=list)
    _on_the_way: dict[str, Sent] = field(default_factory=dict)

    def ask(self, name: str, of: Priority = Priority.PERSON) -> tuple[Claim, asyncio.Task[None]]:
        made = Claim(of)
        return made, asyncio.create_task(self._wait(name, made))

    async def _wait(self, name: str, of: Claim) -> None:
        self._on_the_way[name] = await self.pacer.turn(of)
        self.sent.append((name, round(self.clock.now - START, 6)))

    def answer(self, name: str) -> None:
        if sent := self._on_the_way.pop(name, None):
            self.pacer.answered(sent)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.sent]

    def most_in_a_second(self) -> int:
        times = [time for _, time in self.sent]
        return max(sum(begin <= time < begin + 1 for time in times) for begin in times)


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> HandTurned:
    return HandTurned()


@pytest.fixture
def requests(clock: HandTurned) -> Requests:
    """Requests with a pacer that allows up to 1000 unanswered ones, so that no test has to answer them."""
    return Requests(clock, Pacer(per_second=PER_SECOND, burst=BURST, most=1000, timer=clock))


async def test_a_few_requests_go_at_once_and_the_others_in_an_even_beat(clock: HandTurned, requests: Requests) -> None:
    for number in range(6):
        requests.ask(str(number))
    await clock.turn(1)
    assert requests.sent == [("0", 0), ("1", 0), ("2", 0), ("3", 0.1), ("4", 0.2), ("5", 0.3)]


async def test_results_go_at_once_and_what_comes_after_them_waits_as_long_as_they_would_take(clock: HandTurned) -> None:
    requests = Requests(clock, Pacer(per_second=PER_SECOND, burst=BURST, most=8, timer=clock))
    for number in range(10):
        requests.ask(f"result {number}", Priority.RESULT)
    requests.ask("person")
    for _ in range(10):
        await clock.turn(0.1)
        for name in requests.names:
            requests.answer(name)
    assert requests.sent == [(f"result {number}", 0) for number in range(8)]
    await clock.turn(10)
    assert requests.sent[8:] == [("result 8", 1.1), ("result 9", 1.1), ("person", 1.1)]


async def test_no_second_has_more_than_the_beat_and_the_burst(clock: HandTurned, requests: Requests) -> None:
    for number in range(15):
        requests.ask(str(number))
    await clock.turn(1.33)
    for number in range(40):
        requests.ask(f"later {number}")
    await clock.turn(10)
    assert len(requests.sent) == 55
    assert requests.most_in_a_second() <= PER_SECOND + BURST


async def test_what_has_no_answer_yet_may_arrive_at_any_moment_and_counts_until_a_second_after_it(
    clock: HandTurned,
) -> None:
    requests = Requests(clock, Pacer(per_second=PER_SECOND, burst=BURST, most=5, timer=clock))
    for number in range(8):
        requests.ask(str(number))
    await clock.turn(1.0)
    assert len(requests.sent) == 5, "none was answered"
    requests.answer("0")
    requests.answer("1")
    await clock.turn(0.9)
    assert len(requests.sent) == 5, "they may have arrived a moment ago"
    await clock.turn(0.3)
    assert requests.names[5:] == ["5", "6"]
    await clock.turn(LONGEST_WAY_SECONDS - 0.2)
    assert requests.names[7:] == ["7"], "without an answer it counts for a while, not for ever"


@pytest.mark.parametrize("seed", range(5))
async def test_whenever_a_request_is_counted_on_its_way_no_second_has_too_many(clock: HandTurned, seed: int) -> None:
    most, chance = 12, random.Random(seed)
    requests = Requests(clock, Pacer(per_second=PER_SECOND, burst=BURST, most=most, timer=clock))
    for number in range(200):
        requests.ask(str(number))
    ways: list[tuple[float, float]] = []
    for _ in range(3000):
        await clock.turn(0.05)
        new = requests.sent[len(ways) :]
        ways += [(when, when + chance.choice([0.05, 0.1, 0.5, 2.5])) for _, when in new]
        for (name, _), (_, answered) in zip(requests.sent, ways, strict=True):
            if answered <= clock.now - START:
                requests.answer(name)
    assert len(ways) == 200
    for second, _ in ways:
        for begin in (second, second - 0.999):
            assert sum(left < begin + 1 and back >= begin for left, back in ways) <= most


@pytest.mark.parametrize("seed", range(5))
async def test_processes_that_come_and_go_send_no_more_together_than_one_alone(clock: HandTurned, seed: int) -> None:
    chance, shares = random.Random(seed), [1.0]
    processes: list[Requests] = []

    def joins() -> None:
        number = len(processes)
        pacer = Pacer(per_second=40, burst=5, most=48, share=lambda: shares[number], timer=clock)
        processes.append(Requests(clock, pacer))

    joins()
    for number in range(1, 5):
        shares.append(0.02)
        joins()
        for _ in range(chance.randrange(20, 60)):
            for process in processes:
                name = f"{number} {len(process.sent)} {clock.now}"
                process.ask(name, chance.choice([Priority.RESULT, Priority.EDIT]))
                process.ask(f"{name} more", Priority.RESULT)
            await clock.turn(0.05)
            for process in processes:
                for name in process.names:
                    process.answer(name)
        shares[:] = [1 / len(processes)] * len(processes)
    await clock.turn(3)
    times = [time for process in processes for _, time in process.sent]
    most = max(sum(begin <= time < begin + 1 for time in times) for begin in times)
    assert 40 <= most <= 50
    assert all(process.sent for process in processes)


async def test_a_larger_share_is_used_once_discord_has_forgotten_what_others_sent_with_it(clock: HandTurned) -> None:
    share = 0.1
    requests = Requests(clock, Pacer(per_second=PER_SECOND, burst=1, most=1000, share=lambda: share, timer=clock))
    for number in range(30):
        requests.ask(str(number))
    await clock.turn(1.5)
    assert requests.sent == [("0", 0), ("1", 1.0)]
    share = 1.0
    await clock.turn(2.4)
    assert requests.names == ["0", "1", "2", "3"], "it is seen at 2.0"
    await clock.turn(1.05)
    assert len(requests.sent) > 10


async def test_a_pause_in_the_work_saves_up_one_burst_and_no_more(clock: HandTurned, requests: Requests) -> None:
    requests.ask("first")
    await clock.turn(3600)
    for number in range(9):
        requests.ask(str(number))
    await settle()
    assert len(requests.sent) == 1 + BURST


async def test_the_most_urgent_is_next_and_among_equals_the_one_that_came_first(
    clock: HandTurned, requests: Requests
) -> None:
    for number in range(BURST):
        requests.ask(f"burst {number}")
    for name, priority in (
        ("edit", Priority.EDIT),
        ("card", Priority.CARD),
        ("person", Priority.PERSON),
        ("result", Priority.RESULT),
        ("second result", Priority.RESULT),
        ("second edit", Priority.EDIT),
    ):
        requests.ask(name, priority)
    await clock.turn(1)
    assert requests.names[BURST:] == ["result", "second result", "person", "card", "edit", "second edit"]


async def test_a_result_that_comes_late_waits_for_one_beat_however_many_edits_wait(
    clock: HandTurned, requests: Requests
) -> None:
    for number in range(100):
        requests.ask(f"edit {number}", Priority.EDIT)
    await clock.turn(1.05)
    requests.ask("result", Priority.RESULT)
    await clock.turn(0.1)
    ((_, when),) = [request for request in requests.sent if request[0] == "result"]
    assert when <= 1.05 + 1 / PER_SECOND


async def test_an_edit_that_has_become_urgent_goes_before_the_others(clock: HandTurned, requests: Requests) -> None:
    for number in range(20):
        requests.ask(f"edit {number}", Priority.EDIT)
    last, _ = requests.ask("the last edit before its result", Priority.EDIT)
    await settle()
    last.hurry(Priority.RESULT)
    await clock.turn(0.1)
    assert requests.names[-1] == "the last edit before its result"
    last.hurry(Priority.EDIT)
    assert last.priority is Priority.RESULT, "it does not become less urgent"


async def test_who_is_cancelled_while_waiting_costs_nothing_and_holds_up_nobody(
    clock: HandTurned, requests: Requests
) -> None:
    for number in range(BURST):
        requests.ask(f"burst {number}")
    _, leaver = requests.ask("leaver")
    requests.ask("next")
    await settle()
    leaver.cancel()
    clock.now += 0.1
    requests.answer("burst 0")  # before the cancelled task runs again
    await clock.turn(0)
    assert requests.sent[BURST:] == [("next", 0.1)]
    assert leaver.cancelled()
    assert requests.pacer._waiting == []


async def test_a_global_limit_stops_everything_for_as_long_as_it_says(clock: HandTurned, requests: Requests) -> None:
    requests.pacer.pause(2.5)
    requests.pacer.pause(1.0)
    requests.ask("edit", Priority.EDIT)
    requests.ask("result", Priority.RESULT)
    await clock.turn(2.4)
    assert requests.sent == []
    await clock.turn(0.2)
    assert requests.sent == [("result", 2.5), ("edit", 2.5)]


async def test_a_pause_that_comes_while_others_wait_holds_them_too(clock: HandTurned, requests: Requests) -> None:
    for number in range(BURST + 1):
        requests.ask(str(number))
    await settle()
    requests.pacer.pause(1.0)
    await clock.turn(0.9)
    assert len(requests.sent) == BURST
    await clock.turn(0.2)
    assert requests.sent[-1] == ("3", 1.0)


async def test_nonsense_does_not_pause_for_ever(clock: HandTurned, requests: Requests) -> None:
    requests.pacer.pause(float("inf"))
    requests.ask("result", Priority.RESULT)
    await clock.turn(60.1)
    assert requests.names == ["result"]


async def test_the_log_says_for_how_long_requests_are_paused(requests: Requests) -> None:
    with capture_logs() as logs:
        for seconds in (2.5, 1.0, 3600.0):
            requests.pacer.pause(seconds)
    assert [entry["seconds"] for entry in logs] == [2.5, 2.5, 60.0]


def test_what_says_nothing_is_for_a_person_who_waits() -> None:
    assert claim().priority is Priority.PERSON
    with requests_as(Priority.RESULT) as outer:
        with requests_as(Priority.EDIT):
            assert claim().priority is Priority.EDIT
        assert claim() is outer
    assert claim().priority is Priority.PERSON
