"""Correct an "unconfirmed" message once an adoption has shown that the create was accepted: the outcome says so, and
the old message if it can be edited."""

from __future__ import annotations

from dataclasses import replace

import structlog

from bot.engine.ports import Delivery, Outcome
from bot.errors import ServiceError
from storage.models import OutcomePart
from storage.stores import Stores

log = structlog.get_logger(__name__)


class Corrections:
    def __init__(self, *, stores: Stores, delivery: Delivery) -> None:
        self._stores = stores
        self._delivery = delivery

    async def corrects(self, outcome: Outcome, withdrawn: OutcomePart | None) -> bool:
        """Return whether the asker got an earlier message that the outcome corrects: that of the `withdrawn` part.
        Raises Unavailable if Discord cannot be searched for that message."""
        return await self._as_posted(outcome, withdrawn) is not None

    async def withdraw(self, outcome: Outcome) -> None:
        """Edit the earlier message after the outcome was delivered: say that the message was not final, and remove its
        button. A failure is only logged, because the button has no effect now."""
        try:
            withdrawn = await self._stores.parts.withdrawn(outcome.task.id)
            if earlier := await self._as_posted(outcome, withdrawn):
                await self._delivery.outcomes.withdraw(outcome, earlier)
        except ServiceError as error:
            log.info("unconfirmed message not corrected, it stays", task=outcome.task.id, error=str(error))

    async def _as_posted(self, outcome: Outcome, part: OutcomePart | None) -> OutcomePart | None:
        """Return the part with its message; None if it was not posted. If its send got no response, search Discord for
        the message."""
        if part is None or part.message_id is not None:
            return part
        found = await self._delivery.outcomes.find(outcome, part)
        if found is None:
            return None
        return replace(part, message_channel_id=found.channel_id, message_id=found.message_id)
