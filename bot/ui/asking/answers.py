"""Answer an interaction with the card of a stored task."""

from __future__ import annotations

import discord
import structlog
from discord import ui

from bot.client import Atelier
from bot.engine.ports import Card
from bot.ui.waiting.cards import card_view


async def answer_with(interaction: discord.Interaction[Atelier], card: Card) -> None:
    """Send the card of a stored task as the interaction's first answer, as `@original` of a task must be its card, and
    store the id of its message. Raises what discord.py raises if the answer is not sent, and what `card_posted`
    raises."""
    requests = interaction.client.services.engine.requests
    with requests.answering():
        message_id = await send_card(interaction, card, card_view(card))
    await store_message(interaction, card, message_id)


async def send_card(interaction: discord.Interaction[Atelier], card: Card, view: ui.LayoutView) -> int | None:
    """Do the first part of `answer_with`. Return the id of the message, if it is known."""
    structlog.contextvars.bind_contextvars(task=card.task.id)
    answer = await interaction.response.send_message(view=view, ephemeral=card.task.private)
    return answer.message_id


async def store_message(interaction: discord.Interaction[Atelier], card: Card, message_id: int | None) -> None:
    """Do the second part of `answer_with`, which waits for the responses that are being made to other people."""
    if message_id is not None:
        await interaction.client.services.engine.requests.card_posted(card, message_id)
