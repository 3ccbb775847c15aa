"""Showing a task to the one who looks it up: its card while it waits, the whole outcome when it is there."""

from __future__ import annotations

from typing import Any

import discord

from bot.errors import Reason, TooLate
from bot.ui.buttons import engine_of
from bot.ui.cards import card_view
from bot.ui.family import may_see
from storage.models import Task


async def look_up(interaction: discord.Interaction[Any], task: Task | None) -> None:
    """As the first answer, for them alone. Raises TooLate where there is none, for what is not theirs to see, and for
    what a moderator removed."""
    if task is None or not may_see(interaction, task) or task.removed_by not in {None, task.asker_id}:
        raise TooLate(Reason.NOT_FOUND)
    engine = engine_of(interaction)
    showing = engine.showing
    if card := await showing.card(task):
        nobody = discord.AllowedMentions.none()
        await interaction.response.send_message(view=card_view(card), ephemeral=True, allowed_mentions=nobody)
        return
    await interaction.response.defer(ephemeral=True, thinking=True)
    async with engine.looks.taken(interaction.user.id):
        await showing.outcome(task, locale=str(interaction.locale), token=interaction.token)
