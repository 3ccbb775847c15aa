"""What people ask of a task: that there be one, the same once more, that it be taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Final

import structlog

from bot.engine.board import Board
from bot.engine.policy import Policy
from bot.engine.ports import Card, CardPhase, Delivery
from bot.errors import LimitReached, NotYours, Reason, TooLate
from storage import tasks as store
from storage.models import NewReference, NewTask, Origin, Task, TaskState, released
from storage.tasks import StaleTask, TaskStore

CANCEL_TRIES: Final = 3
UNSURE: Final = frozenset({TaskState.SETTLED, TaskState.CLOSED})
"""Its asker was told, or was about to be, that nobody knew."""

log = structlog.get_logger(__name__)


class People:
    """The half of `Engine` that is about people."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        delivery: Delivery,
        board: Board,
        policy: Policy,
        wake: Callable[[], None],
        clock: Callable[[], int],
    ) -> None:
        self.clock = clock
        self._tasks = tasks
        self._delivery = delivery
        self._board = board
        self._policy = policy
        self._wake_up = wake

    async def submit(self, new: NewTask) -> Card:
        """Store a request. The same interaction again is the same task. Raises LimitReached; then nothing is stored."""
        task, _ = await self._stored(new)
        return await self._first_card(task)

    async def again(self, task_id: str, origin: Origin) -> Card:
        """The same request once more, as a task of its own, with our copies of its references.

        Raises NotYours, LimitReached, and TooLate while it is asked again already (two quick clicks cost once) or where
        the one in doubt was found: its old message still has the button.
        """
        task = await self._known(task_id)
        if task.asker_id != origin.asker_id:
            raise NotYours
        if task.reason is None and await self._got_through(task):
            raise TooLate(Reason.GOT_THROUGH)
        references = tuple(
            NewReference(
                kind=one.kind,
                url=one.url,
                filename=one.filename,
                declared_type=one.declared_type,
                declared_bytes=one.declared_bytes,
                kept_key=one.key,
            )
            for one in await self._tasks.references(task_id)
        )
        request = NewTask(
            **asdict(origin),
            prompt=task.prompt,
            size=task.size,
            variants=task.variants,
            enhance=task.enhance,
            fallback=task.fallback,
            references=references,
            again_of=task.id,
        )
        stored, is_new = await self._stored(request)
        if not is_new and stored.interaction_id != origin.interaction_id:
            raise TooLate(Reason.ASKED_AGAIN_ALREADY)
        return await self._first_card(stored)

    async def _got_through(self, task: Task) -> bool:
        events = await self._tasks.events(task.id)
        return any(event.before in UNSURE and event.after is TaskState.GENERATING for event in events)

    async def cancel(self, task_id: str, user_id: int) -> Task:
        """Take a request back while it is queued. Raises NotYours, TooLate."""
        for _ in range(CANCEL_TRIES):
            task = await self._known(task_id)
            if task.asker_id != user_id:
                raise NotYours
            if task.state is not TaskState.QUEUED:
                raise TooLate(Reason.TOO_LATE_TO_CANCEL)
            now = self.clock()
            try:
                cancelled = await self._tasks.move(
                    task, TaskState.CANCELLED, now=now, why="by the asker", **released(now)
                )
            except StaleTask:
                continue
            await self._board.show(cancelled)
            return cancelled
        raise TooLate(Reason.TOO_LATE_TO_CANCEL)

    async def card_posted(self, card: Card, message_id: int) -> None:
        """The first answer stands in the channel, as this card; perhaps so late that the asker was told already."""
        self._delivery.posted(card)
        task = await self._tasks.set_card(card.task.id, message_id)
        if task is None:
            raise TooLate(Reason.TASK_UNKNOWN)
        if task.state is TaskState.CLOSED:
            await self._delivery.remove_card(task)
        elif (task.state, task.prepared_at) != (card.task.state, card.task.prepared_at):
            await self._board.show(task)

    async def _first_card(self, task: Task) -> Card:
        """What is stored is asked for: nothing that fails from here on may say that it was not."""
        try:
            return await self._board.card(task)
        except Exception:
            log.exception("a first card could not be made", task=task.id)
            return Card(task=task, phase=CardPhase.PREPARING)

    async def _stored(self, new: NewTask) -> tuple[Task, bool]:
        try:
            only_words = not new.references
            stored = await self._tasks.submit(new, self._policy.limits, now=self.clock(), prepared=only_words)
        except store.LimitReached as reached:
            raise _refusal(reached) from None
        self._wake_up()
        return stored

    async def _known(self, task_id: str) -> Task:
        task = await self._tasks.get(task_id)
        if task is None:
            raise TooLate(Reason.TASK_UNKNOWN)
        return task


def _refusal(reached: store.LimitReached) -> LimitReached:
    """The store's answer as something that can be told."""
    reasons = {
        "open_tasks_per_user": Reason.TOO_MANY_OPEN,
        "pictures_per_user_per_day": Reason.TOO_MANY_TODAY,
        "pictures_per_day": Reason.SERVICE_FULL_TODAY,
    }
    parameters = {"allowed": reached.allowed}
    if reached.free_at is not None:
        parameters["free_at"] = reached.free_at
    return LimitReached(reasons[reached.limit], **parameters)
