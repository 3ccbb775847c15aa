"""Poll the image API until a task has an outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.engine.ports import CardPhase, Record, RecordStatus
from bot.engine.timing.schedule import remaining
from bot.errors import (
    Reason,
    Throttled,
    Unavailable,
    Unreachable,
)
from bot.process import counters
from storage.card_facts import CardFacts, CardFactStore, Offered
from storage.models import Task, TaskState
from tests.worlds.engine_world import EngineWorld, open_engine_world, png

DAY = 24 * 3600.0


def unknown_failures() -> float:
    return counters.REGISTRY.get_sample_value("atelier_unknown_failures_total") or 0.0


async def test_polls_that_fail_cost_nothing(world: EngineWorld) -> None:
    world.api.next_record = [Unavailable("502"), Throttled("429"), Unreachable("no route")]
    task = await world.ask()
    await world.work(120)
    assert (await world.now(task)).reason is None


async def first_poll(world: EngineWorld, model: str, **changes: Any) -> float:
    """Return after how many seconds a new task is polled first."""
    task = await world.ask(model=model, **changes)
    while (await world.now(task)).generating_at is None:
        await world.work(1)
    row = await world.now(task)
    return (row.due_at - (row.generating_at or 0)) / 1000


def expected(world: EngineWorld, model: str) -> float:
    """Return the median time (s) that a picture of the model is expected to take."""
    return remaining(0, world.engine._durations.of(model, with_pictures=False))


async def many(world: EngineWorld, model: str, *, seconds: float) -> None:
    """Let the model make twelve pictures that take so long."""
    world.api.seconds = seconds
    for _ in range(12):
        await world.ask(model=model)
    await world.work(3 * seconds)


async def test_a_model_that_was_never_used_is_first_polled_by_its_own_prior(world: EngineWorld) -> None:
    waits = [await first_poll(world, model) for model in ("z-image", "4o", "grok")]
    assert waits == sorted(waits)
    assert waits[0] < 8 < waits[2]


async def test_with_input_pictures_a_model_may_take_longer(world: EngineWorld) -> None:
    picture = world.attach("a.png", png())
    assert await first_poll(world, "seedream") < await first_poll(world, "seedream", references=(picture,))


async def test_slow_pictures_of_one_model_do_not_delay_the_polls_of_another(world: EngineWorld) -> None:
    await many(world, "z-image", seconds=10)
    quick, slow = expected(world, "z-image"), expected(world, "4o")
    await many(world, "4o", seconds=200)
    assert expected(world, "4o") > slow + 60
    assert expected(world, "z-image") == quick
    assert await first_poll(world, "z-image") < 10


async def test_progress_and_the_remaining_time_follow_the_kind_of_request(world: EngineWorld) -> None:
    world.api.seconds = 300
    words = await world.ask(model="seedream")
    pictures = await world.ask(model="seedream", references=(world.attach("a.png", png()),))
    await world.work(40)
    cards = [await world.engine._cards.card(await world.now(task)) for task in (words, pictures)]
    assert cards[0].progress > cards[1].progress + 0.2
    assert (cards[0].remaining_seconds or 0) < (cards[1].remaining_seconds or 0) - 20


async def test_a_restart_knows_how_long_each_model_took(world: EngineWorld) -> None:
    unlearnt = expected(world, "z-image")
    await many(world, "z-image", seconds=100)
    learnt = expected(world, "z-image")
    await world.restart()
    assert expected(world, "z-image") == learnt > unlearnt + 30


async def test_what_is_known_of_a_model_is_the_same_value_for_each_poll_until_a_picture_is_made(
    world: EngineWorld,
) -> None:
    known = world.engine._durations
    before = known.of("4o", with_pictures=False)
    for model in ("4o", "no longer in the catalogue"):
        assert known.of(model, with_pictures=False) is known.of(model, with_pictures=False)
    await world.ask(model="4o")
    await world.work(60)
    assert known.of("4o", with_pictures=False) != before


async def test_a_record_that_is_not_there_yet_is_waited_for(world: EngineWorld) -> None:
    world.api.next_record = [Record(status=RecordStatus.MISSING)] * 2
    task = await world.ask()
    await world.work(90)
    assert (await world.now(task)).reason is None


async def test_a_paid_task_that_the_api_does_not_know_for_a_while_is_not_given_up(world: EngineWorld) -> None:
    world.api.seconds = 20 * 60
    task = await world.ask()
    await world.work(12 * 60, every=30)
    world.api.next_record = [Record(status=RecordStatus.MISSING)] * 3
    await world.work(15 * 60, every=30)
    assert (await world.now(task)).reason is None


async def test_a_task_that_the_api_never_knew_is_overdue_and_after_a_day_lost(world: EngineWorld) -> None:
    world.api.next_record = [Record(status=RecordStatus.MISSING)] * 1000
    task = await world.ask()
    await world.work(1800, every=60)
    assert (await world.now(task)).overdue_notified_at is not None
    await world.work(DAY + 7200, every=3600)
    assert (await world.now(task)).reason == Reason.LOST


async def test_a_success_without_pictures_is_asked_again_and_then_told(world: EngineWorld) -> None:
    world.api.next_record = [Record(status=RecordStatus.SUCCEEDED)] * 50
    task = await world.ask()
    await world.work(3600, every=60)
    assert (await world.now(task)).reason == Reason.NO_PICTURES


async def test_a_failed_task_is_told_and_not_charged(world: EngineWorld) -> None:
    world.api.next_record = [Record(status=RecordStatus.FAILED, reason=Reason.POLICY)]
    task = await world.ask()
    await world.work(60)
    ended = await world.now(task)
    assert (ended.reason, ended.charged) == (Reason.POLICY, False)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("500 bad gateway", "500 bad gateway"),
        ("500 no picture of a red door today", "500 no picture of … today"),
        ("500 cannot draw 'RED DOOR, b", "500 cannot draw …"),
        ("500 odd. Prompt: un portail rouge", "500 odd. Prompt: …"),
    ],
)
async def test_a_failure_in_unknown_words_is_logged_without_the_prompt_counted_and_told_as_a_failure(
    world: EngineWorld, said: str, words: str
) -> None:
    world.api.next_record = [Record(status=RecordStatus.FAILED, message=said)]
    before = unknown_failures()
    task = await world.ask(prompt="a red door")
    with capture_logs() as logged:
        await world.work(60)
    assert (await world.now(task)).reason == Reason.GENERATION_FAILED
    assert [line["words"] for line in logged if "not recognised" in line["event"]] == [words]
    assert unknown_failures() == before + 1


async def test_a_known_failure_is_neither_logged_nor_counted_as_unknown(world: EngineWorld) -> None:
    world.api.next_record = [Record(status=RecordStatus.FAILED, reason=Reason.GENERATION_FAILED, message="500")]
    await world.ask()
    with capture_logs() as logged:
        await world.work(60)
    assert not [line for line in logged if "not recognised" in line["event"]]


async def test_an_overdue_task_says_so_goes_on_and_still_gets_its_pictures(world: EngineWorld) -> None:
    world.api.seconds = 40 * 60
    task = await world.ask()
    await world.work(20 * 60, every=60)
    overdue = await world.now(task)
    assert overdue.state is TaskState.GENERATING
    assert overdue.overdue_notified_at is not None
    assert world.discord.shown[-1].phase is CardPhase.OVERDUE
    await world.work(30 * 60, every=60)
    assert (await world.now(task)).reason is None


async def test_an_overdue_task_leaves_its_place_in_flight_to_others(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path, max_in_flight=1) as world:
        world.api.seconds = 3600
        await world.ask("slow")
        await world.work(5)
        await world.ask("next")
        await world.work(60, every=5)
        assert len(world.api.taken) == 1
        await world.work(16 * 60, every=60)
        assert len(world.api.taken) == 2


async def test_a_task_without_an_outcome_for_a_day_is_lost(world: EngineWorld) -> None:
    world.api.seconds = 2 * DAY
    task = await world.ask()
    await world.work(DAY + 4 * 3600, every=3600)
    assert (await world.now(task)).reason == Reason.LOST
    assert len(world.discord.sent) == 1


async def test_one_task_is_never_asked_about_three_times_in_a_second(world: EngineWorld) -> None:
    task = await world.ask()
    await world.work(120, every=0.1)
    assert (await world.now(task)).state is TaskState.CLOSED
    times = [at for at, _ in world.api.asked]
    assert all(later - earlier >= 1000 for earlier, later in pairwise(times))


async def test_a_poll_that_changes_nothing_on_the_card_neither_reads_nor_shows_it(world: EngineWorld) -> None:
    world.api.seconds = 3 * 3600
    task = await world.ask()
    await world.work(1400)
    world.discord.shown.clear()
    polls = len(world.api.asked)
    read = Counted(world.stores.card_facts)
    world.wrap = lambda part: read if part is world.stores.card_facts else part
    await world.restart()
    await world.work(1000)
    assert len(world.api.asked) - polls > 4
    assert [card.task.id for card in world.discord.shown] == [task.id]  # at the first poll after the start
    assert read.calls == ["offered"]


async def test_what_the_cards_of_tasks_show_that_are_polled_first_after_a_start_is_read_together(
    world: EngineWorld,
) -> None:
    world.api.seconds = 3 * 3600
    pictured = await world.ask(references=(world.attach("a.png", png()),))
    others = [await world.ask(asker_id=asker) for asker in (7, 8)]
    await world.work(60)
    read = Counted(world.stores.card_facts)
    world.wrap = lambda part: read if part is world.stores.card_facts else part
    await world.restart()
    world.discord.shown.clear()
    read.calls.clear()
    world.clock.turn(600)
    await world.engine.step()
    assert read.calls == ["offered"]
    assert {card.task.id: len(card.references) for card in world.discord.shown} == {
        pictured.id: 1,
        **{task.id: 0 for task in others},
    }


async def test_a_read_for_many_cards_that_fails_is_done_for_each_card(world: EngineWorld) -> None:
    world.api.seconds = 3 * 3600
    task = await world.ask(references=(world.attach("a.png", png()),))
    await world.work(60)
    read = Counted(world.stores.card_facts, fails=True)
    world.wrap = lambda part: read if part is world.stores.card_facts else part
    await world.restart()
    world.discord.shown.clear()
    world.clock.turn(600)
    with capture_logs() as logged:
        await world.engine.step()
    assert [(card.task.id, len(card.references)) for card in world.discord.shown] == [(task.id, 1)]
    assert [line["log_level"] for line in logged if "reading what cards show failed" in line["event"]] == ["error"]


async def test_the_card_is_shown_at_each_poll_that_changes_it(world: EngineWorld) -> None:
    world.api.seconds = 3 * 3600
    task = await world.ask()
    await world.work(20)
    seen = [card.progress for card in world.discord.shown if card.phase is CardPhase.GENERATING]
    assert len(seen) > 1
    await world.work(900)
    world.discord.shown.clear()
    await world.engine.requests.withhold(task.id, 7, withheld=True)
    await world.work(400)
    (withheld,) = [card for card in world.discord.shown if card.task.withheld_at is not None][1:]
    assert withheld.phase is CardPhase.OVERDUE


class Counted:
    """A store whose reads are counted. With `fails`, the reads for several cards fail."""

    def __init__(self, store: CardFactStore, *, fails: bool = False) -> None:
        self._store = store
        self._fails = fails
        self.calls: list[str] = []

    async def of(self, task: Task) -> CardFacts:
        self.calls.append("of")
        return await self._store.of(task)

    async def offered(self, asker_ids: Iterable[int]) -> Mapping[int, Offered]:
        self.calls.append("offered")
        if self._fails:
            raise OSError("the disk is busy")
        return await self._store.offered(asker_ids)
