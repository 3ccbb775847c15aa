"""Build the notice about outcomes and batches that could not be delivered, and its buttons that show them to the
asker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import discord
from discord import ui

from bot.texts import Texts, texts_in
from bot.ui.kit.dynamic_items import TaskButton, engine_of
from storage.community import Batch
from storage.models import NewTask, Task

_KEPT: Final = discord.Colour(0x9B59B6)


def add_undelivered(
    view: ui.LayoutView, undelivered: Sequence[str], batches: Sequence[str], say: Texts, *, more: bool = False
) -> ui.LayoutView:
    """Add the notice about the tasks `undelivered`, with a button for the first task, and about the kept `batches`,
    with a button for the first of them; add nothing if there are none. The notice omits the prompts, as other people
    may read it. `more`: the view itself shows an outcome that was undelivered, so the notice offers the next one."""
    container: ui.Container[ui.LayoutView] = ui.Container(accent_colour=_KEPT)
    if undelivered:
        container.add_item(ui.TextDisplay(say("kept-more" if more else "kept-waiting", count=len(undelivered))))
        label = "kept-show-next" if more else None
        container.add_item(ui.ActionRow(ShowButton(undelivered[0], say, label=label)))
    if batches:
        container.add_item(ui.TextDisplay(say("kept-batch-waiting")))
        container.add_item(ui.ActionRow(ShowBatchButton(batches[0], say)))
    return view.add_item(container) if undelivered or batches else view


def add_rest(view: ui.LayoutView, batch: Batch, say: Texts) -> ui.LayoutView:
    """Add the notice that the kept batch has another message, with the button that shows it."""
    container: ui.Container[ui.LayoutView] = ui.Container(accent_colour=_KEPT)
    container.add_item(ui.TextDisplay(say("kept-batch-more")))
    container.add_item(ui.ActionRow(ShowBatchButton(batch.id, say, label="kept-batch-next")))
    return view.add_item(container)


def delivered_elsewhere_view(task: Task | NewTask) -> ui.LayoutView:
    """Build the answer to an asker who wants to see an undelivered outcome, or a batch (`NewTask`), that has since been
    delivered elsewhere."""
    text = texts_in(task.locale)("kept-told-elsewhere", channel=f"<#{task.channel_id}>")
    container: ui.Container[ui.LayoutView] = ui.Container(ui.TextDisplay(text), accent_colour=_KEPT)
    return ui.LayoutView(timeout=None).add_item(container)


class ShowButton(TaskButton, action="show", label="kept-show"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Store the asker's wish, then acknowledge; the outcome, or a note that it was delivered elsewhere, becomes the
        answer, which only the asker sees."""
        undelivered = engine_of(interaction).undelivered
        await undelivered.collect(self.task_id, interaction.user.id, interaction.token)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await undelivered.acknowledged(self.task_id, interaction.token)


class ShowBatchButton(TaskButton, action="show-batch", label="kept-batch-show", about="batch"):
    """Show the asker the next message of a kept batch, as `ShowButton` shows an outcome. `task_id` is the id of the
    batch."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        batches = engine_of(interaction).batches
        await batches.collect(self.task_id, interaction.user.id, interaction.token)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await batches.acknowledged(self.task_id, interaction.token)
