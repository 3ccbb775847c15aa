"""Helpers for tests of an engine that receives callbacks."""

from __future__ import annotations

from typing import Any

from storage.models import Task
from tests.worlds.engine_world import EngineWorld

PREFIX = "https://bot.test/callbacks/kie/"
MINUTE = 60.0
HOUR = 60 * MINUTE


def token(world: EngineWorld, create: int = -1) -> str:
    """Return the token in a create's callback address."""
    url = world.api.taken[create].callback_url
    assert url is not None
    assert url.startswith(PREFIX)
    return url.removeprefix(PREFIX)


async def lost(world: EngineWorld, prompt: str = "a red door", **changes: Any) -> Task:
    """Return a task whose create was accepted but got no answer."""
    world.api.lose_answer = 1
    task = await world.ask(prompt, **changes)
    await world.work(5)
    assert (await world.now(task)).job_id is None
    return task


def told(world: EngineWorld, task: Task) -> list[str | None]:
    """Return the reason in each message about the task; None for pictures."""
    return [message.reason for message in world.discord.sent if message.task_id == task.id]
