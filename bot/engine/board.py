"""What the waiting cards show: made from the row each time, handed to delivery, which decides when Discord is asked."""

from __future__ import annotations

from collections.abc import Callable

from bot.engine import schedule
from bot.engine.account import Account
from bot.engine.ports import Card, CardPhase, Delivery
from storage.models import Task, TaskState
from storage.tasks import TaskStore


class Board:
    def __init__(self, *, tasks: TaskStore, delivery: Delivery, account: Account, clock: Callable[[], int]) -> None:
        self._tasks = tasks
        self._delivery = delivery
        self._account = account
        self._clock = clock
        self.recent: tuple[float, ...] = ()
        """Seconds that the last successful tasks took."""

    async def learn(self) -> None:
        self.recent = await self._tasks.recent_seconds()

    async def show(self, task: Task) -> None:
        await self._delivery.show(await self.card(task))

    async def card(self, task: Task) -> Card:
        elapsed = (self._clock() - task.generating_at) / 1000 if task.generating_at else None
        phase = _phase(task)
        return Card(
            task=task,
            phase=phase,
            references=await self._tasks.references(task.id),
            place=await self._tasks.place_in_queue(task) if phase is CardPhase.QUEUED else None,
            progress=max(task.progress, schedule.progress(elapsed, self.recent)) if elapsed is not None else 0.0,
            remaining_seconds=schedule.remaining(elapsed, self.recent) if elapsed is not None else None,
            paused=self._account.paused,
        )

    async def show_queue(self) -> None:
        """Everybody who waits for a create moves up when somebody's begins."""
        for place, task in enumerate(await self._tasks.queue(), start=1):
            card = Card(
                task=task,
                phase=CardPhase.QUEUED,
                references=await self._tasks.references(task.id),
                place=place,
                paused=self._account.paused,
            )
            await self._delivery.show(card)

    async def show_progress(self) -> None:
        """Everybody whose picture is being made."""
        for task in await self._tasks.generating():
            await self.show(task)


def _phase(task: Task) -> CardPhase:
    match task.state:
        case TaskState.QUEUED:
            return CardPhase.PREPARING if task.prepared_at is None else CardPhase.QUEUED
        case TaskState.SUBMITTING:
            return CardPhase.CREATING
        case TaskState.GENERATING:
            return CardPhase.GENERATING if task.overdue_told_at is None else CardPhase.OVERDUE
        case TaskState.SETTLED | TaskState.CLOSED:
            return CardPhase.DELIVERING
        case TaskState.CANCELLED:
            return CardPhase.CANCELLED
