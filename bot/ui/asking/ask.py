"""
Turn a request into a stored task and its card. All commands, forms, buttons and menus that ask for pictures use this
module; requests by message, which have no interaction, are handled in `cogs/mentions.py`.
"""

from __future__ import annotations

from dataclasses import replace

import discord
import structlog

from bot.client import Atelier
from bot.engine.ports import Card
from bot.intake.origin import origin_of
from bot.intake.requests import Wish, new_task
from bot.texts.prompt_expansion import expand
from bot.ui.asking.batches import confirm
from bot.ui.waiting.cards import card_view
from storage.models import Derivation


async def ask(interaction: discord.Interaction[Atelier], wish: Wish) -> None:
    """Store the request and answer with its card, or ask for a confirmation if the prompt expands to several prompts.
    Raises AtelierError, with a message for the person, if the request is refused: then nothing is stored or charged."""
    services = interaction.client.services
    settings = await services.stores.guilds.settings(interaction.guild_id)
    origin = origin_of(interaction, settings, private=wish.private)
    new = new_task(wish, origin, settings)
    if wish.derivation is not Derivation.VARY:  # its prompt was expanded before
        words = expand(new.request.prompt, most=settings.greatest_batch)
        if len(words) > 1:
            await confirm(interaction, new, words)
            return
        new = replace(new, request=replace(new.request, prompt=words[0]))
    await answer_with(interaction, await services.engine.requests.accept(new))


async def answer_with(interaction: discord.Interaction[Atelier], card: Card) -> None:
    """Send the card of a stored task as the interaction's first answer. The card must not be another message: later it
    is edited as the first answer, by the interaction's token."""
    structlog.contextvars.bind_contextvars(task=card.task.id)
    answer = await interaction.response.send_message(view=card_view(card), ephemeral=card.task.private)
    if answer.message_id is not None:
        await interaction.client.services.engine.requests.card_posted(card, answer.message_id)
