"""The button in a question before something is removed that leaves everything as it is."""

from __future__ import annotations

from typing import Any

import discord
from discord import ui

from bot.texts import Texts, texts_in
from bot.ui.kit.dynamic_items import MessageButton


class KeepButton(MessageButton, action="keep"):
    """Replace the question by a sentence that nothing was removed. Only the person who was asked sees the question."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        text = texts_in(str(interaction.locale))("curation-kept")
        await interaction.response.edit_message(view=ui.LayoutView(timeout=None).add_item(ui.TextDisplay(text)))


def question_row(say: Texts, *removals: ui.Item[Any]) -> ui.ActionRow[ui.LayoutView]:
    """Return the buttons that remove, and after them the one that keeps."""
    return ui.ActionRow(*removals, KeepButton(label=say("curation-keep")))
