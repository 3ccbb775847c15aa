"""Tests for trouble of the image API with a model: the rule, when the API is asked, and what cards say."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.engine.availability.model_trouble import ASK_AGAIN_MS, HOUR_MS, KNOWN_FOR_MS, trouble_since
from bot.engine.ports import SuccessRate
from bot.errors import ServiceError, Throttled, Unavailable, Unreachable
from storage.catalogue import MODELS
from storage.models import Task
from tests.worlds.engine_world import START, Clock, EngineWorld, open_engine_world
from tests.worlds.waiting import eventually

TEN = 10 * 60_000
FLARE = "gpt-image-2-5-flare-text-to-image"


def rates(shares: str, *, until: int = START) -> tuple[SuccessRate, ...]:
    """Return the rates of the intervals before `until`: `+` is good, `-` is bad, `!` is called not normal, `.` is
    without tasks."""
    begin = until - len(shares) * TEN
    known = {"+": 0.95, "-": 0.4, "!": 0.95, ".": None}
    return tuple(
        SuccessRate(start=begin + n * TEN, end=begin + (n + 1) * TEN, share=known[sign], is_normal=sign != "!")
        for n, sign in enumerate(shares)
    )


@pytest.mark.parametrize(
    ("shares", "intervals_ago"),
    [
        ("", None),
        ("......", None),
        ("++++++", None),
        ("+++---", 3),
        ("+++!!!", 3),
        ("+++!-!", 3),
        ("---+--", None),
        ("-----+", None),
        ("----.-", 6),
        ("+++-.-.-", 5),
        ("+---++", None),
        ("....--", None),
        (".....-", None),
        ("+" * 10 + "-" * 20, 20),
        ("---" + "......." + "---", 3),
        ("---" + "....." + "---", 11),
        ("---......", None),
        ("---...", 6),
    ],
)
def test_trouble_is_three_bad_intervals_in_a_row_and_begins_with_the_first(
    shares: str, intervals_ago: int | None
) -> None:
    since = trouble_since(rates(shares), START)
    assert since == (None if intervals_ago is None else START - intervals_ago * TEN)


def test_figures_of_yesterday_are_no_trouble_of_today() -> None:
    assert trouble_since(rates("------", until=START - 2 * HOUR_MS), START) is None


def test_trouble_never_begins_in_the_future() -> None:
    assert trouble_since(rates("---", until=START + 5 * HOUR_MS), START) == START


@dataclass
class StandInRates:
    clock: Clock
    shares: dict[str, str] = field(default_factory=dict)
    errors: list[ServiceError | Exception] = field(default_factory=list)
    asked: list[tuple[int, str]] = field(default_factory=list)

    async def success_rates(self, model_id: str) -> tuple[SuccessRate, ...]:
        self.asked.append((self.clock(), model_id))
        if self.errors:
            raise self.errors.pop(0)
        return rates(self.shares.get(model_id, "++++++"), until=self.clock())


@dataclass
class Watched:
    world: EngineWorld
    rates: StandInRates

    async def check(self, minutes: float = 0.0) -> None:
        self.world.clock.turn(60 * minutes)
        await self.world.engine._trouble.check()

    def ids(self) -> list[str]:
        return [model_id for _, model_id in self.rates.asked]

    async def card_since(self, task: Task) -> int | None:
        return (await self.world.engine._cards.card(await self.world.now(task))).trouble_since


@pytest.fixture
async def watched(world: EngineWorld) -> Watched:
    world.success_rates = stand_in = StandInRates(world.clock)
    await world.restart()
    return Watched(world, stand_in)


async def test_the_card_says_since_when_there_is_trouble_and_no_longer_once_it_is_over(watched: Watched) -> None:
    task = await watched.world.ask(model="gpt-image")
    assert await watched.card_since(task) is None
    watched.rates.shares = {FLARE: "+++---"}
    await watched.check()
    assert await watched.card_since(task) == START - 3 * TEN == watched.world.engine.trouble("gpt-image")
    watched.rates.shares = {}
    await watched.check(minutes=11)
    assert await watched.card_since(task) is None
    assert watched.world.engine.trouble("gpt-image") is None


async def test_trouble_with_input_pictures_is_only_on_cards_that_have_some(watched: Watched) -> None:
    watched.rates.shares = {"gpt-image-2-5-flare-image-to-image": "------"}
    words = await watched.world.ask(model="gpt-image")
    pictures = await watched.world.ask(model="gpt-image", references=(watched.world.attach("a.png", b""),))
    other = await watched.world.ask(model="z-image")
    await watched.check()
    assert [await watched.card_since(task) for task in (words, pictures, other)] == [None, START - 6 * TEN, None]
    assert watched.world.engine.trouble("gpt-image") == START - 6 * TEN


async def test_the_status_has_the_models_with_trouble_among_those_on_offer(watched: Watched) -> None:
    await watched.world.ask(model="gpt-image")
    watched.rates.shares = {FLARE: "+++---"}
    await watched.check()
    status = watched.world.engine.status
    assert (await status.now("4o", among=["4o", "gpt-image"])).trouble == {"gpt-image": START - 3 * TEN}
    assert (await status.now("4o", among=["4o"])).trouble == {}


async def test_nothing_is_asked_while_no_request_waits(watched: Watched) -> None:
    await watched.check()
    await watched.world.ask(model="z-image")
    await watched.world.work(300)
    watched.rates.asked.clear()
    await watched.check(minutes=11)
    assert watched.rates.asked == []


async def test_each_model_of_the_last_hour_is_asked_for_once_in_ten_minutes(watched: Watched) -> None:
    await watched.world.ask(model="z-image")
    await watched.world.work(300)
    watched.world.api.seconds = 3600
    await watched.world.ask(model="gpt-image")
    await watched.check()
    assert sorted(watched.ids()) == ["gpt-image-2-5-flare-image-to-image", FLARE, "z-image"]
    await watched.check(minutes=9.9)
    assert len(watched.rates.asked) == 3
    await watched.check(minutes=0.1)
    assert len(watched.rates.asked) == 6
    await watched.check(minutes=56)
    assert "z-image" not in watched.ids()[6:]


async def test_4o_is_asked_for_by_its_id_in_the_list(watched: Watched) -> None:
    await watched.world.ask()
    await watched.check()
    assert watched.ids() == ["4o-image-api"]


@pytest.mark.parametrize("error", [Unavailable("404: not supported"), Throttled("429"), Unreachable("no route")])
async def test_a_question_that_fails_is_silent_and_asked_again_after_ten_minutes(
    watched: Watched, error: ServiceError
) -> None:
    task = await watched.world.ask(model="z-image")
    watched.rates.errors = [error]
    watched.rates.shares = {"z-image": "---"}
    await watched.check()
    assert await watched.card_since(task) is None
    await watched.check(minutes=9)
    assert len(watched.rates.asked) == 1
    await watched.check(minutes=1)
    assert await watched.card_since(task) is not None


async def test_what_is_known_is_forgotten_if_it_cannot_be_asked_again(watched: Watched) -> None:
    task = await watched.world.ask(model="z-image")
    watched.rates.shares = {"z-image": "---"}
    await watched.check()
    watched.rates.errors = [Unavailable("502")] * 9
    await watched.check(minutes=ASK_AGAIN_MS / 60_000)
    assert await watched.card_since(task) is not None
    await watched.check(minutes=(KNOWN_FOR_MS - ASK_AGAIN_MS) / 60_000 + 1)
    assert await watched.card_since(task) is None


async def test_trouble_delays_and_stops_nothing(watched: Watched) -> None:
    watched.rates.shares = dict.fromkeys((FLARE, "gpt-image-2-5-flare-image-to-image"), "------")
    task = await watched.world.ask(model="gpt-image")
    await watched.check()
    await watched.world.work(120)
    assert (await watched.world.now(task)).reason is None
    assert len(watched.world.api.taken) == 1


async def test_the_running_engine_asks_by_itself(watched: Watched) -> None:
    async def asked() -> bool:
        return bool(watched.rates.asked)

    await watched.world.ask(model="z-image")
    running = asyncio.create_task(watched.world.engine.run())
    await eventually(asked)
    watched.world.engine.stop()
    await running


async def test_an_engine_without_a_source_of_figures_knows_of_no_trouble(tmp_path: Path) -> None:
    async with open_engine_world(tmp_path) as world:
        await world.ask()
        await world.engine._trouble.check()
        assert {world.engine.trouble(key) for key in (*MODELS, "unknown")} == {None}
