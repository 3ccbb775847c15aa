"""
Show a task to the person who looks it up: the whole outcome once it was delivered, withheld or could not be delivered,
before that and for a cancelled task the card.
"""

from __future__ import annotations

from typing import Any

import discord

from bot.errors import NotFound, Reason
from bot.ui.kit.dynamic_items import engine_of
from bot.ui.results.lineage import may_see
from bot.ui.waiting.cards import card_view
from storage.models import Task


async def look_up(interaction: discord.Interaction[Any], task: Task | None) -> None:
    """Show the task as an ephemeral first answer. Raises NotFound if `task` is None, if the person may not see the
    task, or if another person than its asker (a moderator) removed its result; Gone if a stored copy is gone;
    LimitReached; ServiceError."""
    if task is None or not may_see(interaction, task) or task.removed_by not in {None, task.asker_id}:
        raise NotFound(Reason.NOT_FOUND)
    engine = engine_of(interaction)
    showing = engine.lookup
    if card := await showing.card(task):
        await interaction.response.send_message(view=card_view(card), ephemeral=True)
        return
    await interaction.response.defer(ephemeral=True, thinking=True)
    async with engine.lookup_slots.taken(interaction.user.id):
        guild_id, locale = interaction.guild_id, str(interaction.locale)
        await showing.outcome(task, guild_id=guild_id, locale=locale, token=interaction.token)
