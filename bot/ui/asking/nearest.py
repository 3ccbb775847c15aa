"""Say why choices do not go together, and offer the nearest request that can be made, with one press."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import discord
from discord import ui

from bot.client import Atelier
from bot.error_replies import explain
from bot.errors import Unmakeable
from bot.texts import Texts, texts_in
from bot.texts.shapes import shape
from bot.ui.asking.batches import DiscardBatchButton, SendAsTypedButton, text_view
from bot.ui.kit.request_facts import model_name
from storage.models import NewTask, PictureRequest


async def offer_nearest(
    interaction: discord.Interaction[Atelier], asked: NewTask, refusal: Unmakeable, nearest: PictureRequest
) -> None:
    """Answer with what does not go together and a button that makes the nearest request. For that, a proposal of one
    task is stored, as for a batch, but no task: a press works once, and after a restart. Raises what `propose`
    raises."""
    engine, say = interaction.client.services.engine, texts_in(str(interaction.locale))
    new = replace(asked, request=nearest)
    proposal = await engine.batches.propose(new, [nearest.prompt])
    view = text_view(explain(refusal.reason, refusal.parameters, say))
    make = SendAsTypedButton(proposal.batch.id, say)
    make.item.label = _label(say, asked.request, nearest)
    row: ui.ActionRow[Any] = ui.ActionRow(make, DiscardBatchButton(proposal.batch.id, say))
    await interaction.response.send_message(view=view.add_item(row), ephemeral=True)


def _label(say: Texts, asked: PictureRequest, nearest: PictureRequest) -> str:
    if nearest.model != asked.model:
        return say("models-make-with", model=model_name(nearest.model))
    if nearest.size != asked.size:
        return say("models-make-shape", shape=shape(say, nearest.size))
    if nearest.resolution not in (asked.resolution, None):
        return say("models-make-resolution", resolution=nearest.resolution)
    if nearest.variants != asked.variants:
        return say("models-make-variants", count=nearest.variants)
    return say("models-make")
