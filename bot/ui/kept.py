"""Outcomes that could not be told: the line on what the asker sees next, and the button that shows one to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import discord
from discord import ui

from bot.texts import Texts, texts_in
from bot.ui.buttons import TaskButton, engine_of
from storage.models import Task

_KEPT: Final = discord.Colour(0x9B59B6)


def add_kept(view: ui.LayoutView, kept: Sequence[str], say: Texts, *, more: bool = False) -> ui.LayoutView:
    """Say of the tasks `kept` that they wait, with a button for the first; nothing where there are none. What was asked
    is not said: others read along. `more`: one of them is being shown already."""
    if not kept:
        return view
    container: ui.Container[ui.LayoutView] = ui.Container(accent_colour=_KEPT)
    container.add_item(ui.TextDisplay(say("kept-more" if more else "kept-waiting", count=len(kept))))
    label = "kept-show-next" if more else None
    container.add_item(ui.ActionRow(ShowButton(kept[0], say, label=label)))
    return view.add_item(container)


def told_elsewhere_view(task: Task) -> ui.LayoutView:
    """The answer to somebody who came for what was told meanwhile."""
    text = texts_in(task.locale)("kept-told-elsewhere", channel=f"<#{task.channel_id}>")
    container: ui.Container[ui.LayoutView] = ui.Container(ui.TextDisplay(text), accent_colour=_KEPT)
    return ui.LayoutView(timeout=None).add_item(container)


class ShowButton(TaskButton, action="show", label="kept-show"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """That they came is written down first; the outcome then becomes the answer, which only they see."""
        kept = engine_of(interaction).kept
        await kept.collect(self.task_id, interaction.user.id, interaction.token)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await kept.bring(self.task_id, interaction.token)
