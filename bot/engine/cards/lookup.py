"""Show a task to a person who looks it up: its card until the outcome is delivered or kept as undelivered, and if the
task was cancelled; else the whole outcome."""

from __future__ import annotations

from dataclasses import replace

from bot.engine.cards.progress import ProgressCards
from bot.engine.outcomes import outcome_of
from bot.engine.ports import Card, Delivery
from bot.errors import Gone, Reason
from storage.models import Task, TaskState
from storage.pictures import MissingCopy
from storage.stores import Stores


class Lookup:
    def __init__(self, *, stores: Stores, delivery: Delivery, cards: ProgressCards) -> None:
        self._stores = stores
        self._delivery = delivery
        self._cards = cards

    async def card(self, task: Task) -> Card | None:
        """Return the card of a cancelled task, or of an open one whose outcome is not kept as undelivered; None if the
        task has an outcome to show."""
        if task.state is TaskState.CLOSED or task.undelivered_at is not None:
            return None
        return await self._cards.card(task)

    async def outcome(self, task: Task, *, guild_id: int | None, locale: str, token: str) -> None:
        """
        Show the outcome in the response to an acknowledged interaction (`token`) in the server `guild_id`, in the
        language `locale`: stored copies, and links for pictures without a copy.

        Raises Gone if a stored copy is gone, and ServiceError.
        """
        found = await outcome_of(self._stores, replace(task, locale=locale))
        settings = await self._stores.guilds.settings(guild_id)
        outcome = replace(found, looked_up=True, settings=settings)
        try:
            await self._delivery.outcomes.show_to(outcome, token=token)
        except MissingCopy:
            raise Gone(Reason.PICTURE_GONE) from None
