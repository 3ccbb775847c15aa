"""Each create gets the time of its answer, and a 429 makes all creates wait."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.errors import Refused, Throttled, Unconfirmed
from tests.worlds.engine_world import EngineWorld


@pytest.mark.parametrize("error", [None, Throttled("429"), Refused(422, "no"), Unconfirmed("nothing came")])
async def test_each_of_several_creates_has_the_time_of_its_answer(world: EngineWorld, error: Exception | None) -> None:
    world.api.next_create = [None, error]
    task = await world.ask(model="z-image", variants=4)
    await world.work(150)
    creates = await world.stores.creates.of_task(task.id)
    assert len(creates) >= 4
    assert [create.answered_at is not None and create.answered_at >= create.at for create in creates] == [True] * len(
        creates
    )


async def test_after_a_429_no_create_begins_for_as_long_as_the_api_asks(world: EngineWorld) -> None:
    world.api.next_create = [Throttled("429", timedelta(seconds=30))]
    await world.ask()
    await world.engine.step()
    await world.engine.step()
    await world.ask("another", asker_id=2)
    await world.work(29)
    assert world.api.taken == []
    await world.work(15)
    assert len(world.api.taken) == 2
