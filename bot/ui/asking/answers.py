"""Answer an interaction with the card of a stored task."""

from __future__ import annotations

import discord
import structlog
from discord import ui

from bot.client import Atelier
from bot.engine.ports import Card
from bot.ui.waiting.cards import card_view


async def answer_with(interaction: discord.Interaction[Atelier], card: Card, view: ui.LayoutView | None = None) -> None:
    """Send the card of a stored task as the interaction's first answer, as `@original` of a task must be its card, and
    store the id of its message. `view`: the card, if it is built already. Raises what discord.py raises if the answer
    is not sent, and what `card_posted` raises."""
    structlog.contextvars.bind_contextvars(task=card.task.id)
    requests = interaction.client.services.engine.requests
    with requests.answering():
        shown = card_view(card) if view is None else view
        answer = await interaction.response.send_message(view=shown, ephemeral=card.task.private)
    if answer.message_id is not None:
        await requests.card_posted(card, answer.message_id)
