"""Over real sockets, the bot keeps both limits of the image API, whatever wire forms it mixes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Final

import pytest

from storage.catalogue import MODELS
from storage.models import Task, TaskState
from tests.faults.image_api_world import ImageWorld, open_image_world

pytestmark = pytest.mark.sweep

CREATES: Final = ("/gpt4o-image/generate", "/flux/kontext/generate", "/jobs/createTask")
RECORDS: Final[Mapping[str, int]] = {
    "/gpt4o-image/record-info": 3,
    "/flux/kontext/record-info": 3,
    "/jobs/recordInfo": 10,
}
"""API: questions about one job in a second, by endpoint."""
STEP: Final = 0.1
"""Seconds by which the clock is turned."""


@pytest.fixture
async def image_api(tmp_path: Path) -> AsyncIterator[ImageWorld]:
    async with open_image_world(tmp_path, max_in_flight=1000) as opened:
        yield opened


async def ask_for_all(image_api: ImageWorld) -> list[Task]:
    """Ask for pictures by every model, and return the tasks."""
    asked = []
    for person, model in enumerate(MODELS.values(), start=1):
        for variants in (model.variants[-1], 1):
            prompt = f"a red door by {model.key}"
            size = model.sizes[0]
            asked.append(
                await image_api.world.ask(prompt, asker_id=person, model=model.key, variants=variants, size=size)
            )
    return asked


async def work(image_api: ImageWorld, tasks: Iterable[Task]) -> list[Task]:
    """Let the engine work at each tenth of a second until all tasks are closed, and return them."""
    for _ in range(3000):
        await image_api.world.engine.step()
        now = [await image_api.world.now(task) for task in tasks]
        if all(task.state is TaskState.CLOSED for task in now):
            return now
        image_api.clock.turn(STEP)
    raise AssertionError([task.state for task in now])


def most_within(times: Iterable[float], seconds: float) -> int:
    """Return the largest number of these moments that lie within a span shorter than `seconds`."""
    found = sorted(times)
    return max((sum(1 for other in found if at <= other < at + seconds) for at in found), default=0)


async def test_twenty_creates_in_ten_seconds_over_all_forms_together(image_api: ImageWorld) -> None:
    tasks = await ask_for_all(image_api)
    wanted = sum(MODELS[task.model].creates_for(task.variants) for task in tasks)
    ended = await work(image_api, tasks)
    sent = [(at, path) for at, path, _ in image_api.door.times if path.endswith(CREATES)]
    assert all(task.reason is None for task in ended)
    assert {path.rpartition("/v1")[2] for _, path in sent} == set(CREATES)
    assert len(sent) == wanted == len(image_api.emulator.attempts)
    assert most_within([at for at, _ in sent], 10) == 20
    assert [code for code, _ in image_api.emulator.attempts if code != 200] == []


async def test_each_job_is_asked_about_at_most_as_often_as_its_endpoint_allows(image_api: ImageWorld) -> None:
    await work(image_api, await ask_for_all(image_api))
    asked: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for at, path, job_id in image_api.door.times:
        if job_id:
            asked[path.rpartition("/v1")[2], job_id].append(at)
    assert {path for path, _ in asked} == set(RECORDS)
    assert [job for job, times in asked.items() if most_within(times, 1) > RECORDS[job[0]]] == []
