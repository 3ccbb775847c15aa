"""
Over the whole life of a task, nothing paid is lost, nothing is paid or posted twice, and every asker gets an answer.

Either the process dies at every single call between the engine and its surroundings, or faults of every kind occur in
a random order.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.engine.ports import Record, RecordStatus
from bot.errors import (
    Conflict,
    Gone,
    Reason,
    Refused,
    ServerFault,
    Throttled,
    TooLate,
    Unavailable,
    Unconfirmed,
    Unreachable,
)
from storage.models import CreateState, Route, Task, TaskState
from tests.worlds.engine_world import Crash, Deaths, EngineWorld, open_engine_world, png
from tests.worlds.stand_in_discord import Message

CALLBACKS = "https://bot.test/callbacks/kie/"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.sweep
async def test_a_process_that_dies_at_any_call_leaves_one_outcome_and_no_second_create(
    tmp_path: Path, after: bool
) -> None:
    deaths = Deaths()
    async with open_engine_world(tmp_path) as world:
        world.wrap = deaths.wrap
        world.api.seconds = 2
        world.discord.pictures_per_message = 1
        points = 0
        while True:
            task = await world.ask(f"{points}", variants=2, references=(world.attach("a.png", png()),))
            await world.restart()
            deaths.arm(points, after=after)
            died = await _died(world, 60)
            deaths.disarm()
            await world.restart()
            await world.work(200, every=5)
            await _assert_told_once(world, task)
            if not died:
                break
            points += 1
        assert points > 40, f"killed at {points} points only"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.sweep
async def test_any_call_may_fail_once_and_the_process_mends_it_by_itself(tmp_path: Path, after: bool) -> None:
    deaths = Deaths()
    async with open_engine_world(tmp_path) as world:
        world.wrap = deaths.wrap
        world.api.seconds = 2
        world.discord.pictures_per_message = 1
        await world.restart()
        for point in range(int(after), 46, 2):  # even calls fail before their effect, odd ones after it
            task = await world.ask(f"{point}", variants=2, references=(world.attach("a.png", png()),))
            deaths.arm(point, after=after, fails=True)
            await _until_closed(world, task)
            await _assert_told_once(world, task)


async def _until_closed(world: EngineWorld, task: Task) -> None:
    """Run steps until the task is closed. As in `Engine.run`, a failed search for work is repeated."""
    for _ in range(200):
        with contextlib.suppress(OSError):
            await world.engine.step()
        if (await world.now(task)).state is TaskState.CLOSED:
            return
        world.clock.turn(2)


async def _assert_told_once(world: EngineWorld, task: Task) -> None:
    ended = await world.now(task)
    told = Counter((message.number, message.pictures) for message in world.discord.sent if message.task_id == task.id)
    assert ended.state is TaskState.CLOSED, ended
    assert set(told.values()) == {1}, told
    creates = [request for request in world.api.taken if request.request.prompt == task.request.prompt]
    assert len(creates) <= 1
    if ended.reason is None:
        assert sorted(told) == [(0, (0,)), (1, (1,))]
    else:
        assert ended.reason == Reason.UNCONFIRMED
        assert sorted(told) == [(0, ())]


# Random faults


@dataclass
class Story:
    world: EngineWorld
    deaths: Deaths
    asked: list[Task] = field(default_factory=list)
    called_back: set[str] = field(default_factory=set)
    """Prompts of the creates whose callback was sent."""
    presses: int = 0

    async def ask(self, number: int) -> None:
        references = (self.world.attach("a.png", png()),) if number % 3 == 0 else ()
        self.asked.append(
            await self.world.ask(
                f"task {len(self.asked)}",
                asker_id=1 + number % 3,
                model="gpt-image" if number % 5 == 4 else "4o",  # the former makes one picture per create
                variants=(1, 2, 4)[number % 3],
                references=references,
            )
        )

    async def work(self, number: int) -> None:
        await self._until_death(number + 1)

    async def wait(self, number: int) -> None:
        """Wait for minutes. After ten, a create whose answer was lost is reported to its asker as unconfirmed."""
        await self._until_death(60 * (number + 1), every=15)

    async def die(self, number: int) -> None:
        self.deaths.arm(number * 3, after=number % 2 == 0)
        await self._until_death(20)
        self.deaths.disarm()
        await self.world.restart()

    async def cancel(self, number: int) -> None:
        if not self.asked:
            return
        task = self.asked[number % len(self.asked)]
        with contextlib.suppress(TooLate):
            await self.world.engine.requests.cancel(task.id, task.asker_id)

    async def trouble_creating(self, number: int) -> None:
        errors: list[Exception] = [
            Throttled("429"),
            ServerFault("500"),
            Unreachable("no route"),
            Refused(422, "no"),
            Unconfirmed("timeout"),
            ValueError("a defect"),
        ]
        self.world.api.next_create.append(errors[number % len(errors)])

    async def lose_create_answer(self, number: int) -> None:
        self.world.api.lose_answer += 1

    async def trouble_asking(self, number: int) -> None:
        answers: list[Record | Exception] = [
            Unavailable("502"),
            Throttled("429"),
            Record(status=RecordStatus.FAILED, reason=Reason.POLICY),
            Record(status=RecordStatus.MISSING),
            Record(status=RecordStatus.SUCCEEDED),
            ValueError("a defect"),
        ]
        self.world.api.next_record.append(answers[number % len(answers)])

    async def trouble_fetching(self, number: int) -> None:
        answers: list[Exception | bytes] = [Unavailable("503"), Refused(404, "gone"), b"half", ValueError("a defect")]
        self.world.api.next_fetch.append(answers[number % len(answers)])

    async def lose_post_answer(self, number: int) -> None:
        self.world.discord.lose_answers += 1 + number % 2

    async def discord_down(self, number: int) -> None:
        self.world.discord.down = not self.world.discord.down

    async def close_route(self, number: int) -> None:
        route = list(Route)[number % 3]
        self.world.discord.closed_routes ^= {route}

    async def close_all(self, number: int) -> None:
        """Close all routes for a while, so that outcomes of that time are kept."""
        self.world.discord.closed_routes = set(Route) - {Route.COLLECTED}
        await self._until_death(20 + number)

    async def come(self, number: int) -> None:
        """Let askers come for their kept outcomes. Half of the time, the acknowledgement of the press is reported."""
        for task in self.asked:
            if (await self.world.now(task)).undelivered_at is None:
                continue
            self.presses += 1
            with contextlib.suppress(Conflict, Gone):
                await self.world.engine.undelivered.collect(task.id, task.asker_id, f"press {self.presses}")
                if number % 2:
                    await self.world.engine.undelivered.acknowledged(task.id, f"press {self.presses}")

    async def call_back(self, number: int) -> None:
        taken = self.world.api.taken
        if not taken:
            return
        index = number % len(taken)
        token = (taken[index].callback_url or "").removeprefix(CALLBACKS)
        assert await self.world.engine.called_back(token, f"kie{index + 1}")
        self.called_back.add(taken[index].request.prompt)

    async def _until_death(self, seconds: float, every: float = 1.0) -> None:
        if await _died(self.world, seconds, every):
            self.deaths.disarm()
            await self.world.restart()

    async def end_well(self) -> None:
        """End all faults and let four hours pass."""
        self.world.discord.down = False
        self.world.discord.closed_routes = set()
        await self.world.work(4 * 3600, every=30)


async def _died(world: EngineWorld, seconds: float, every: float = 1.0) -> bool:
    try:
        await world.work(seconds, every)
    except Crash:
        return True
    return False


ACTIONS: dict[str, Callable[[Story, int], object]] = {
    name: getattr(Story, name)
    for name in (
        "ask",
        "work",
        "wait",
        "die",
        "cancel",
        "trouble_creating",
        "lose_create_answer",
        "trouble_asking",
        "trouble_fetching",
        "lose_post_answer",
        "discord_down",
        "close_route",
        "close_all",
        "come",
        "call_back",
    )
}
STEPS = st.tuples(st.sampled_from(["ask", "work", "work", "ask", *ACTIONS]), st.integers(0, 30))


@given(st.lists(STEPS, min_size=15, max_size=40))
@example([("ask", 0), ("work", 24), ("lose_post_answer", 23), ("work", 7), ("close_route", 0), ("work", 22)])
@example([("ask", 1), ("close_all", 30), ("come", 1), ("work", 5)])
@example([("lose_create_answer", 0), ("ask", 1), ("wait", 14), ("call_back", 0), ("work", 24)])
@example([("ask", 14), ("work", 2), ("lose_create_answer", 0), ("wait", 14), ("call_back", 2), ("die", 5), ("wait", 9)])
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.sweep
def test_whatever_happens_everybody_is_told_exactly_once(steps: list[tuple[str, int]]) -> None:
    asyncio.run(_tell_story(steps))


async def _tell_story(steps: list[tuple[str, int]]) -> None:
    deaths = Deaths()
    with tempfile.TemporaryDirectory() as folder:
        async with open_engine_world(Path(folder), callbacks=CALLBACKS) as world:
            world.wrap = deaths.wrap
            world.discord.pictures_per_message = 2
            await world.restart()
            story = Story(world, deaths)
            for name, number in steps:
                await getattr(story, name)(number)
            await story.end_well()
            for task in story.asked:
                await _assert_one_answer(story, task)


async def _assert_one_answer(story: Story, task: Task) -> None:
    ended = await story.world.now(task)
    told = [message for message in story.world.discord.told if message.task_id == task.id]
    taken = [request for request in story.world.api.taken if request.request.prompt == task.request.prompt]
    if ended.state is TaskState.CANCELLED:
        assert (told, taken) == ([], [])
        return
    assert ended.state is TaskState.CLOSED
    if ended.creates_wanted > 1:
        await _assert_creates(story.world, ended, told, len(taken))
        return
    assert len(taken) <= 1
    if task.prompt in story.called_back:
        assert ended.job_id is not None, "what was called back was taken, and is to be watched to its end"
        told = _without_the_doubt(told, ended)
    assert {message.reason for message in told} == {ended.reason}
    parts = Counter((message.number, message.pictures) for message in told)
    assert set(parts.values()) == {1}, told
    pictures = [position for _, positions in sorted(parts) for position in positions]
    assert pictures == (list(range(task.variants)) if ended.reason is None else [])
    if ended.reason is None:
        assert len(taken) == 1


async def _assert_creates(world: EngineWorld, ended: Task, told: list[Message], taken: int) -> None:
    """Assert that none of several creates was repeated, and that the pictures that came were posted once."""
    creates = await world.stores.creates.of_task(ended.id)
    begun = Counter(create.number for create in creates if create.state is not CreateState.REFUSED)
    assert set(begun.values()) <= {1}
    assert taken <= len(begun) <= ended.creates_wanted
    assert not [create for create in creates if create.state in {CreateState.SENT, CreateState.TAKEN}]
    done = sum(create.state is CreateState.DONE for create in creates)
    assert len(await world.stores.pictures.of_task(ended.id)) == done
    parts = Counter((message.number, message.pictures, message.reason) for message in told)
    assert set(parts.values()) == {1}, told
    doubts = [message for message in told if message.reason == Reason.UNCONFIRMED]
    others = {message.reason for message in told if message not in doubts}
    assert others == ({ended.reason} - {Reason.UNCONFIRMED.value})
    assert (ended.reason is None) == bool(done)
    if ended.reason == Reason.UNCONFIRMED:
        assert CreateState.UNCONFIRMED in {create.state for create in creates}


def _without_the_doubt(told: list[Message], ended: Task) -> list[Message]:
    """Leave out the message that the create is unconfirmed, which may have been sent once before the callback."""
    doubts = [message for message in told if message.reason == Reason.UNCONFIRMED]
    assert ended.reason != Reason.UNCONFIRMED
    assert len(doubts) <= 1, doubts
    return [message for message in told if message not in doubts]
