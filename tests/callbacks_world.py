"""An engine that is called back, and what its tests ask of it."""

from __future__ import annotations

from typing import Any

from storage.models import Task
from tests.engine_world import World

PREFIX = "https://bot.test/callbacks/kie/"
MINUTE = 60.0
HOUR = 60 * MINUTE


def token(world: World, create: int = -1) -> str:
    """What the callback of a create carries."""
    url = world.api.taken[create].callback_url
    assert url is not None
    assert url.startswith(PREFIX)
    return url.removeprefix(PREFIX)


async def lost(world: World, prompt: str = "a red door", **changes: Any) -> Task:
    """A task whose create was taken, without an answer."""
    world.api.lose_answer = 1
    task = await world.ask(prompt, **changes)
    await world.work(5)
    assert (await world.now(task)).kie_id is None
    return task


def told(world: World, task: Task) -> list[str | None]:
    """The reason in each message; None for pictures."""
    return [message.reason for message in world.discord.messages if message.task_id == task.id]
