"""The benchmarks run and return their rows. No speed is tested."""

from __future__ import annotations

import math

import pytest

from benchmarks.__main__ import BENCHMARKS
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
