"""What the waiting cards show: made from the row each time, handed to delivery, which decides when Discord is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bot.engine import schedule
from bot.engine.ports import Card, CardPhase, Delivery
from bot.errors import Reason
from storage.models import Reference, Task, TaskState
from storage.tasks import TaskStore

SHOWN: Final = 100
"""Of those who wait longest, brought up to date at a time; the others' cards follow as they come nearer."""


class Board:
    def __init__(
        self, *, tasks: TaskStore, delivery: Delivery, paused: Callable[[], Reason | None], clock: Callable[[], int]
    ) -> None:
        self._tasks = tasks
        self._delivery = delivery
        self._paused = paused
        self._clock = clock
        self.recent: tuple[float, ...] = ()
        """Seconds that the last successful tasks took."""

    async def learn(self) -> None:
        self.recent = await self._tasks.recent_seconds()

    async def show(self, task: Task) -> None:
        await self._delivery.show(await self.card(task))

    async def card(self, task: Task) -> Card:
        place = await self._tasks.place_in_queue(task) if _phase(task) is CardPhase.QUEUED else None
        kept = await self._tasks.kept_for([task.asker_id])
        return self._made(task, await self._tasks.references(task.id), place, kept.get(task.asker_id, ()))

    async def show_waiting(self) -> None:
        """Those who wait for a create move up when others' begin; what is being made comes along between polls."""
        queued, generating = await self._tasks.queue(limit=SHOWN), await self._tasks.generating(limit=SHOWN)
        references = await self._tasks.references_of([task.id for task in (*queued, *generating)])
        places = {task.id: place for place, task in enumerate(queued, start=1)}
        kept = await self._tasks.kept_for({task.asker_id for task in (*queued, *generating)})
        for task in (*queued, *generating):
            theirs = references.get(task.id, ()), places.get(task.id), kept.get(task.asker_id, ())
            await self._delivery.show(self._made(task, *theirs))

    def _made(self, task: Task, references: tuple[Reference, ...], place: int | None, kept: tuple[str, ...]) -> Card:
        elapsed = (self._clock() - task.generating_at) / 1000 if task.generating_at else None
        return Card(
            task=task,
            phase=_phase(task),
            references=references,
            place=place,
            progress=max(task.progress, schedule.progress(elapsed, self.recent)) if elapsed is not None else 0.0,
            remaining_seconds=schedule.remaining(elapsed, self.recent) if elapsed is not None else None,
            paused=self._paused(),
            kept=tuple(one for one in kept if one != task.id),
        )


def _phase(task: Task) -> CardPhase:
    match task.state:
        case TaskState.QUEUED:
            return CardPhase.PREPARING if task.prepared_at is None else CardPhase.QUEUED
        case TaskState.SUBMITTING:
            return CardPhase.CREATING if task.unconfirmed_at is None else CardPhase.UNCONFIRMED
        case TaskState.GENERATING:
            return CardPhase.GENERATING if task.overdue_told_at is None else CardPhase.OVERDUE
        case TaskState.SETTLED | TaskState.CLOSED:
            return CardPhase.DELIVERING
        case TaskState.CANCELLED:
            return CardPhase.CANCELLED
