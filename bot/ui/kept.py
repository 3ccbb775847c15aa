"""Outcomes that could not be told: the line on what the asker sees next, and the button that shows one to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import discord
from discord import ui

from bot.ui.buttons import TaskButton, engine_of
from storage.models import Task

_KEPT: Final = discord.Colour(0x9B59B6)


def add_kept(view: ui.LayoutView, kept: Sequence[str], *, more: bool = False) -> ui.LayoutView:
    """Say of the tasks `kept` that they wait, with a button for the first; nothing where there are none. What was asked
    is not said: others read along. `more`: one of them is being shown already."""
    if not kept:
        return view
    container: ui.Container[ui.LayoutView] = ui.Container(accent_colour=_KEPT)
    container.add_item(ui.TextDisplay(_more(len(kept)) if more else _line(len(kept))))
    label = "Show the next one" if more else None
    container.add_item(ui.ActionRow(ShowButton(kept[0], label=label)))
    return view.add_item(container)


def told_elsewhere_view(task: Task) -> ui.LayoutView:
    """The answer to somebody who came for what was told meanwhile."""
    text = f"This one has just come through to you. You asked for it in <#{task.channel_id}>."
    container: ui.Container[ui.LayoutView] = ui.Container(ui.TextDisplay(text), accent_colour=_KEPT)
    return ui.LayoutView(timeout=None).add_item(container)


class ShowButton(TaskButton, action="show", label="Show it to me"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """That they came is written down first; the outcome then becomes the answer, which only they see."""
        kept = engine_of(interaction).kept
        await kept.collect(self.task_id, interaction.user.id, interaction.token)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await kept.bring(self.task_id, interaction.token)


def _line(number: int) -> str:
    if number == 1:
        return "An earlier request of yours is finished, but I could not reach you. Only you will see it."
    return f"{number} earlier requests of yours are finished, but I could not reach you. Only you will see them."


def _more(number: int) -> str:
    return "One more is waiting for you." if number == 1 else f"{number} more are waiting for you."
