"""What was told of a doubt, once an adoption has shown what became of it: the outcome says so, the old message too."""

from __future__ import annotations

from dataclasses import replace

import structlog

from bot.engine.ports import Delivery, Outcome
from bot.errors import ServiceError
from storage.models import OutcomePart
from storage.tasks import TaskStore

log = structlog.get_logger(__name__)


class Correcting:
    def __init__(self, *, tasks: TaskStore, delivery: Delivery) -> None:
        self._tasks = tasks
        self._delivery = delivery

    async def corrects(self, outcome: Outcome) -> bool:
        """Whether the asker was told otherwise before. Raises Unavailable while that cannot be looked for."""
        return await self._told(outcome) is not None

    async def take_back(self, outcome: Outcome) -> None:
        """Once the outcome is told, what was told before says so, without its button. It costs nothing if that fails:
        the button asks for nothing any more."""
        try:
            if told := await self._told(outcome):
                await self._delivery.take_back(outcome, told)
        except ServiceError as error:
            log.info("what was told before stays", task=outcome.task.id, error=str(error))

    async def _told(self, outcome: Outcome) -> OutcomePart | None:
        """One that was sent without an answer is looked for."""
        part = await self._tasks.taken_back(outcome.task.id)
        if part is None or part.message_id is not None:
            return part
        found = await self._delivery.find(outcome, part)
        if found is None:
            return None
        return replace(part, message_channel_id=found.channel_id, message_id=found.message_id)
