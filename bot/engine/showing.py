"""Showing somebody what they look up: a card while it waits, the whole outcome when it is there."""

from __future__ import annotations

from dataclasses import replace

from bot.engine.board import Board
from bot.engine.outcomes import outcome_of
from bot.engine.ports import Card, Delivery
from bot.errors import Reason, TooLate
from storage.models import Task, TaskState
from storage.pictures import MissingCopy
from storage.tasks import TaskStore


class Showing:
    def __init__(self, *, tasks: TaskStore, delivery: Delivery, board: Board) -> None:
        self._tasks = tasks
        self._delivery = delivery
        self._board = board

    async def card(self, task: Task) -> Card | None:
        """As long as there is nothing to show but that it waits, or that it was taken back."""
        if task.state is TaskState.CLOSED or task.kept_at is not None:
            return None
        return await self._board.card(task)

    async def outcome(self, task: Task, *, locale: str, token: str) -> None:
        """
        To the one whose interaction was acknowledged, in their language: our copies, and addresses for what we keep
        none of.

        Raises TooLate where nothing is left to show, and ServiceError.
        """
        outcome = replace(await outcome_of(self._tasks, replace(task, locale=locale)), looked_up=True)
        try:
            await self._delivery.show_to(outcome, token=token)
        except MissingCopy:
            raise TooLate(Reason.PICTURE_GONE) from None
