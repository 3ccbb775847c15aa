"""
Record which message is the waiting card of a task, and say when delivery may still edit or delete that message. Only
this module writes `card_message_id`, apart from the move that closes a task (`Changes.deleted_card`); delivery posts,
edits and deletes the messages.

The process may die after a card was posted and before its id was recorded. The row then names no card, so delivery
searches Discord for the message before it posts another.
"""

from __future__ import annotations

from storage.models import Task, TaskState
from storage.stores import Stores
from storage.tasks import Progress


class CardMessages:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def task(self, task_id: str) -> Task | None:
        return await self._stores.tasks.get(task_id)

    async def deletable(self, task: Task) -> tuple[Task, bool]:
        """Return the task as it is now, and whether its card was edited into the outcome. Its message then stays."""
        return await self._stores.tasks.with_card_use(task.id) or (task, False)

    async def posted(self, task_id: str, message_id: int) -> Progress | None:
        """Record the message of a card that was posted, or that was found by a search. Return how far the task has come
        by now; None if there is no such task."""
        return await self._stores.tasks.set_card(task_id, message_id)

    async def deleted(self, task_id: str) -> None:
        """Record that the card has no message."""
        await self._stores.tasks.set_card(task_id, None)

    async def may_be_outcome(self, task: Task) -> bool:
        """Return whether the card may have been edited into the outcome, so that it is not edited any longer: the task
        is closed, or settled with a part whose send was begun."""
        if task.state is not TaskState.SETTLED:
            return task.state is TaskState.CLOSED
        return any(part.attempted_at is not None for part in await self._stores.parts.of_task(task.id))

    async def is_outcome(self, task: Task, message_id: int) -> bool:
        """Return whether the card was edited into the outcome. Its message then stays."""
        return any(part.message_id == message_id for part in await self._stores.parts.of_task(task.id))
