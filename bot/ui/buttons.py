"""
Share `custom_id` and error handling among all buttons. A `custom_id` carries a version and a task's id, never state:
the state is read from the row, so buttons work after a restart, and the engine checks who may use the task.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final, Self

import discord
import structlog
from discord import ui

from bot.client import Atelier
from bot.engine.engine import Engine
from bot.replies import answer_error
from bot.services import Services
from bot.texts import Texts, texts_in

TASK_ID: Final = "(?P<task>[0-9a-f]{16})"


class TaskButton(ui.DynamicItem[ui.Button[ui.LayoutView]], template=TASK_ID):
    """
    A button about one task; `label` is the name of its text. Errors of `press` are sent to the person, as discord.py
    would only log them.
    """

    _action: ClassVar[str]
    _label: ClassVar[str]

    def __init_subclass__(cls, *, action: str, label: str) -> None:
        super().__init_subclass__(template=f"a1:{action}:{TASK_ID}")
        cls._action, cls._label = action, label

    def __init__(self, task_id: str, say: Texts, *, label: str | None = None) -> None:
        super().__init__(ui.Button(label=say(label or self._label), custom_id=f"a1:{self._action}:{task_id}"))
        self.task_id = task_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[ui.LayoutView], match: re.Match[str], /
    ) -> Self:
        return cls(match["task"], texts_in(str(interaction.locale)))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        with structlog.contextvars.bound_contextvars(task=self.task_id):
            try:
                await self.press(interaction)
            except Exception as error:  # noqa: BLE001  # last handler: replies, and logs defects
                await answer_error(interaction, error)

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        raise NotImplementedError


def services_of(interaction: discord.Interaction[Any]) -> Services:
    """Return the services with their type: discord.py leaves the client of a dynamic item's interaction untyped."""
    client: Atelier = interaction.client
    return client.services


def engine_of(interaction: discord.Interaction[Any]) -> Engine:
    return services_of(interaction).engine
