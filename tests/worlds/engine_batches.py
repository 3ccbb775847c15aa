"""Helpers for batches without Discord: proposed, begun, and what Discord's stand-in received of them."""

from __future__ import annotations

from typing import Any

from bot.engine.batch_view import BatchEntryState
from storage.batches import BatchStore
from storage.community import Batch
from storage.models import Origin, Task
from storage.undelivered_batches import UndeliveredBatchStore
from tests.worlds.engine_world import Deaths, EngineWorld

WORDS = ("a red door", "a green door", "a blue door")
DONE = (BatchEntryState.DONE,) * 3


class Writing:
    """Wrap a store so that the process can die in its writes. A death in a read would lose nothing."""

    QUESTIONS = frozenset({"due", "get", "tasks", "pictures", "messages", "resume"})

    def __init__(self, store: BatchStore | UndeliveredBatchStore, deaths: Deaths) -> None:
        self._store, self._mortal = store, deaths.wrap(store)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store if name in self.QUESTIONS else self._mortal, name)


async def proposed(world: EngineWorld, words: tuple[str, ...] = WORDS, **changes: Any) -> Batch:
    asked = world.request("a {red, green, blue} door", **changes)
    return (await world.engine.batches.propose(asked, words)).batch


def origin(world: EngineWorld, batch: Batch, **changes: Any) -> Origin:
    """Return the origin of the click that confirms the batch."""
    click = world.request()
    values: dict[str, Any] = {
        "interaction_id": (1 << 60) + click.interaction_id,
        "interaction_token": click.interaction_token,
        "arrived_at": world.clock(),
        "asker_id": 7,
        "channel_id": 9,
        "reach": batch.asked.reach,
        "private": batch.asked.private,
    }
    return Origin(**(values | changes))


async def begun(world: EngineWorld, words: tuple[str, ...] = WORDS, **changes: Any) -> Batch:
    batch = await proposed(world, words, **changes)
    return await world.engine.batches.begin(batch, origin(world, batch), most=20)


async def work(world: EngineWorld, seconds: float, *, every: float = 2.0) -> None:
    """Let time pass with the engine at work; batches are processed even when no task is due."""
    for _ in range(int(seconds / every)):
        await world.engine.step()
        world.clock.turn(every)


async def tasks_of(world: EngineWorld, batch: Batch) -> tuple[Task, ...]:
    return await world.stores.batches.tasks(batch.id)


async def current(world: EngineWorld, batch: Batch) -> Batch:
    found = await world.stores.batches.get(batch.id)
    assert found is not None
    return found


def shown(world: EngineWorld) -> list[tuple[BatchEntryState, ...]]:
    return [message.standings for message in world.discord.batch_messages.values()]
