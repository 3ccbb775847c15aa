"""
Turn a request into a stored task and its card. All commands, forms, buttons and menus that ask for pictures use this
module; requests by message, which have no interaction, are handled in `cogs/mentions.py`.
"""

from __future__ import annotations

from dataclasses import replace

import discord

from bot.client import Atelier
from bot.errors import BadChoice, Reason, Unmakeable
from bot.intake.choosing import defaults_of, new_task, with_usual_words
from bot.intake.names import names_in
from bot.intake.origin import origin_of
from bot.intake.requests import Wish
from bot.intake.words import as_read
from bot.texts import texts_in
from bot.texts.prompt_expansion import expand
from bot.texts.prompt_parameters import parameters_of
from bot.ui.asking.answers import send_card, store_message
from bot.ui.asking.batches import confirm, refuse
from bot.ui.asking.nearest import offer_nearest
from bot.ui.library.styles import in_style
from bot.ui.waiting.cards import card_view


async def ask(interaction: discord.Interaction[Atelier], wish: Wish, *, style: str | None = None) -> None:
    """
    Store the request, in the style of this name (None: in no style), and answer with its card. If the prompt expands to
    several, its groups make no batch, or the choices do not go together and others are near, answer with a question
    instead: no task is stored before it is answered. A stored prompt is not expanded.

    Raises AtelierError, with a message for the person, if the request is refused: then no task is stored and nothing is
    charged.
    """
    services = interaction.client.services
    with services.engine.requests.answering():
        defaults = await defaults_of(services, interaction.guild_id, interaction.user.id)
        read = as_read(wish, names_in(interaction), texts_in(str(interaction.locale)))
        whole = with_usual_words(read, defaults.preferences.words)
        styled = await in_style(services, interaction.guild_id, style, whole)
        private = wish.private if wish.private is not None else defaults.preferences.private is True
        origin = origin_of(interaction, defaults.settings, private=private)
        new = new_task(styled, origin, defaults)
        if not wish.as_stored:
            try:
                words = _expanded(new.request.prompt, most=defaults.settings.greatest_batch)
            except BadChoice as refusal:
                await refuse(interaction, new, refusal)
                return
            if len(words) > 1:
                await confirm(interaction, new, words)
                return
            new = replace(new, request=replace(new.request, prompt=words[0]))
        try:
            card, view = await services.engine.requests.accept_and(new, lambda card: (card, card_view(card)))
        except Unmakeable as refusal:
            if refusal.nearest is None:
                raise
            await offer_nearest(interaction, new, refusal, refusal.nearest)
            return
        message_id = await send_card(interaction, card, view)
    await store_message(interaction, card, message_id)


def _expanded(prompt: str, *, most: int) -> list[str]:
    """Return the prompt of each task. Raises BadChoice, also if an alternative has parameters: all tasks of a batch
    have one shape."""
    words = expand(prompt, most=most)
    if len(words) > 1 and any(parameters_of(each).found for each in words):
        raise BadChoice(Reason.BATCH_PARAMETERS)
    return words
