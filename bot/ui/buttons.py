"""
What all buttons share. A `custom_id` carries a version and a task's id, never state: the row is the truth, so buttons
outlive restarts, and whose task it is is asked of the engine.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import discord
from discord import ui

from bot.client import Atelier
from bot.engine.engine import Engine
from bot.replies import answer_error

TASK_ID: Final = "(?P<task>[0-9a-f]{16})"

Item = TypeVar("Item", bound=ui.DynamicItem[ui.Button[ui.LayoutView]])


def answering(
    press: Callable[[Item, discord.Interaction[Any]], Coroutine[Any, Any, None]],
) -> Callable[[Item, discord.Interaction[Any]], Coroutine[Any, Any, None]]:
    """A dynamic item's callback whose errors reach the person: discord.py would only log them."""

    @functools.wraps(press)
    async def callback(button: Item, interaction: discord.Interaction[Any]) -> None:
        try:
            await press(button, interaction)
        except Exception as error:  # noqa: BLE001  # the last stop: it is told and, if a defect, logged
            await answer_error(interaction, error)

    return callback


def engine_of(interaction: discord.Interaction[Any]) -> Engine:
    """discord.py leaves the client of a dynamic item's interaction untyped."""
    client: Atelier = interaction.client
    return client.services.engine
