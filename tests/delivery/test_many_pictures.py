"""A job may bring more pictures than were asked for: all that fit are delivered, with a button for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.engine.ports import Record, RecordStatus
from storage.models import TaskState
from tests.worlds.bot_world import open_bot_world


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize(("variants", "each"), [(1, 5), (1, 6), (2, 3), (4, 2), (4, 6)])
async def test_more_pictures_than_asked_for_are_delivered(
    tmp_path: Path, variants: int, each: int, private: bool
) -> None:
    async with open_bot_world(tmp_path) as world:
        for job in range(1, variants + 1):
            urls = tuple(f"https://results.test/{job}-{number}.png" for number in range(each))
            world.api.records[f"kie{job}"] = Record(status=RecordStatus.SUCCEEDED, prompt="a red door", urls=urls)
        await world.ask("a red door", model="grok", variants=variants, private=private)
        await world.work(300)
        task = await world.only_task()
        assert (task.state, task.reason) == (TaskState.CLOSED, None)
        parts = await world.stores.parts.of_task(task.id)
        carried = [position for part in parts for position in part.pictures]
        assert carried == list(range(min(variants * each, 10) if private else variants * each))
        assert all(part.message_id is not None for part in parts)
