"""What the waiting cards show: made from the row each time, handed to delivery, which decides when Discord is asked."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Final

from bot.engine import schedule
from bot.engine.ports import Card, CardPhase, Delivery
from bot.errors import Reason
from storage.models import Reach, Reference, Task, TaskState
from storage.tasks import TaskStore

SHOWN: Final = 100
"""Of those who wait longest, brought up to date at a time; the others' cards follow as they come nearer."""
BACK: Final = 1000
"""Of those who have waited longest, told at a start that it goes on."""
LEAVES_AFTER_MS: Final = 13 * 60 * 1000
"""Discord: an interaction can be answered for 15 minutes. Before that its card says how the outcome comes."""
LAST_EDIT_MS: Final = 15 * 60 * 1000


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
        self._back: dict[str, CardPhase] = {}
        """How those stood who waited when we began."""

    async def learn(self) -> None:
        self.recent = await self._tasks.recent_seconds()

    async def come_back(self) -> None:
        """Whoever waits already, and may have seen nothing happen for a while, is told once that it goes on."""
        for task in await self._tasks.waiting_at_start(limit=BACK):
            self._back[task.id] = _phase(task)
            await self.show(task)

    async def show(self, task: Task) -> None:
        if task.batch_id is not None:  # it has no card: its batch shows where it stands
            return
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
        for task in (one for one in (*queued, *generating) if one.batch_id is None):
            theirs = references.get(task.id, ()), places.get(task.id), kept.get(task.asker_id, ())
            await self._delivery.show(self._made(task, *theirs))
        await self._show_leaving({task.id for task in (*queued, *generating)})

    async def _show_leaving(self, shown: Set[str]) -> None:
        """Whose cards can soon be edited no more, wherever they stand: the last moment to say how the outcome comes."""
        now = self._clock()
        leaving = await self._tasks.untold_answers(since=now - LAST_EDIT_MS, until=now - LEAVES_AFTER_MS, limit=SHOWN)
        for task in leaving:
            if task.id not in shown:
                await self.show(task)

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
            usual=schedule.usual(self.recent),
            back=self._back.get(task.id) is _phase(task),
            leaving=task.reach is Reach.ANSWER and self._clock() - task.arrived_at >= LEAVES_AFTER_MS,
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
