"""The benchmarks run and return their rows. No speed is tested."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.engines import comparison
from benchmarks.engines.life import CREATES, NoAnswer, Text, Throttled, World
from benchmarks.engines.world import Fate, WorldSeen, fate
from benchmarks.notice import measure as notice
from benchmarks.notice import verified
from benchmarks.optimum import best
from benchmarks.results import Table
from benchmarks.times import BIMODAL, LOGNORMAL, MIXTURE, Times, at_equal_polls, scheduled


@pytest.mark.parametrize("name", BENCHMARKS)
@pytest.mark.sweep
async def test_each_yields_its_rows(name: str) -> None:
    tables = await BENCHMARKS[name](True)
    assert tables
    for table in tables:
        assert table.rows
        ratios = [value for row in table.rows for column, value in row.items() if column.endswith("ratio")]
        assert all(isinstance(ratio, float) and math.isfinite(ratio) and ratio > 0 for ratio in ratios)
        assert all(str(column) in table.printed() for row in table.rows for column in row)


def test_a_fixed_beat_costs_what_arithmetic_says() -> None:
    polls, late = LOGNORMAL.spent(scheduled(lambda elapsed: 4.0))
    mean = 40 * math.exp(0.6**2 / 2)
    assert late == pytest.approx(2, rel=0.01)
    assert polls == pytest.approx((mean + late) / 4, rel=0.01)


@pytest.mark.parametrize("times", [LOGNORMAL, BIMODAL], ids=lambda times: times.name)
def test_the_optimum_meets_the_condition_of_barlow_hunter_and_proschan(times: Times) -> None:
    assert verified(times, 1.0) <= 0.5


async def test_learning_each_model_apart_beats_learning_their_mixture() -> None:
    *_, mixture = await notice(True)
    ratios = [(row["apart/optimum ratio"], row["together/optimum ratio"]) for row in mixture.rows]
    assert len(ratios) == len(MIXTURE)
    assert all(float(apart) < float(together) for apart, together in ratios)


def test_the_optimum_is_below_every_fixed_beat() -> None:
    frontier = [BIMODAL.spent(best(BIMODAL, cost)) for cost in (0.2, 0.8, 3.2)]
    for beat in (4.0, 6.0, 9.0):
        polls, late = BIMODAL.spent(scheduled(lambda elapsed, beat=beat: beat))  # type: ignore[misc]  # binds the loop variable
        assert at_equal_polls(frontier, polls) < late


def test_a_table_has_every_column_of_every_row() -> None:
    table = Table(name="n", title="t", rows=({"a": 1.0}, {"b": "x", "a": 2.5}))
    assert table.printed().splitlines() == ["n: t", "  a    b", "  1", "  2.5  x"]


PLAIN, LOST, UNANSWERED = 1, 6, 9
"""Numbers of tasks: the answer to the create of the second is lost, and the one to the first message of the third."""


@dataclass(frozen=True)
class Engines:
    """The stand-ins with which engines are compared, and a process that asks them."""

    seen: WorldSeen
    world: World


@pytest.fixture
async def engines() -> AsyncIterator[Engines]:
    seen = WorldSeen()
    async with seen.serving() as address, aiohttp.ClientSession() as session:
        yield Engines(seen, World(session, address, "worker0"))


async def test_a_create_that_is_sent_twice_is_counted(engines: Engines) -> None:
    await engines.world.create(PLAIN)
    await engines.world.post(PLAIN, Text.MADE)
    assert engines.seen.wrong(PLAIN, cancelled=False) == ""
    assert engines.seen.wrong(PLAIN, cancelled=True) == "made after a cancel"
    await engines.world.create(PLAIN)
    assert engines.seen.wrong(PLAIN, cancelled=False) == "created twice"


async def test_a_create_whose_answer_is_lost_was_accepted_and_has_to_be_told_as_unconfirmed(engines: Engines) -> None:
    assert fate(LOST) is Fate.UNCONFIRMED
    with pytest.raises(NoAnswer):
        await engines.world.create(LOST)
    assert engines.seen.creates[LOST] == 1
    assert engines.seen.wrong(LOST, cancelled=False) == "lost"
    await engines.world.post(LOST, Text.MADE)
    assert engines.seen.wrong(LOST, cancelled=False) == "wrong message"


async def test_a_message_whose_answer_is_lost_is_found_and_one_that_is_sent_again_is_counted(engines: Engines) -> None:
    assert fate(UNANSWERED) is Fate.MESSAGE_UNANSWERED
    await engines.world.create(UNANSWERED)
    assert not await engines.world.is_posted(UNANSWERED)
    with pytest.raises(NoAnswer):
        await engines.world.post(UNANSWERED, Text.MADE)
    assert await engines.world.is_posted(UNANSWERED)
    assert engines.seen.wrong(UNANSWERED, cancelled=False) == ""
    await engines.world.post(UNANSWERED, Text.MADE)
    assert engines.seen.wrong(UNANSWERED, cancelled=False) == "posted twice"


async def test_a_message_that_corrects_an_earlier_one_is_no_second_post(engines: Engines) -> None:
    await engines.world.create(PLAIN)
    await engines.world.post(PLAIN, Text.UNCONFIRMED)
    assert engines.seen.wrong(PLAIN, cancelled=False) == "wrong message"
    await engines.world.post(PLAIN, Text.MADE)
    assert engines.seen.wrong(PLAIN, cancelled=False) == ""


async def test_no_more_creates_are_accepted_than_the_window_has_places(engines: Engines) -> None:
    plain = [number for number in range(100) if fate(number) is Fate.PLAIN][: CREATES + 1]
    answers = await asyncio.gather(*[engines.world.create(number) for number in plain], return_exceptions=True)
    assert [type(answer) for answer in answers].count(Throttled) == 1
    assert (len(engines.seen.jobs), engines.seen.most_creates()) == (CREATES, CREATES + 1)


async def test_without_the_kept_engines_nothing_is_compared_and_a_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (table,) = await comparison.measure(quick=False)
    kept = [kind for kind in comparison.ENGINES if kind.library is not None]
    assert [row["engine"] for row in table.rows] == [kind.name for kind in kept]
    assert all("is not installed, see benchmarks/README.md" in str(row["database"]) for row in table.rows)
