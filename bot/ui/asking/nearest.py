"""Say why choices do not go together, and offer the nearest request that can be made, with one press."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import discord
from discord import ui

from bot.client import Atelier
from bot.discord_limits import BUTTON_CHARACTERS
from bot.engine.intake.models import changes
from bot.error_replies import explain
from bot.errors import Unmakeable
from bot.texts import Texts, texts_in
from bot.texts.shapes import shape
from bot.ui.asking.batches import DiscardBatchButton, SendAsTypedButton, text_view
from bot.ui.kit.request_facts import model_name, price
from storage.models import NewTask, PictureRequest


async def offer_nearest(
    interaction: discord.Interaction[Atelier], asked: NewTask, refusal: Unmakeable, nearest: PictureRequest
) -> None:
    """Answer with what does not go together and a button that makes the nearest request; the button names everything
    that changes, and the price. For that, a proposal of one task is stored, as for a batch, but no task: a press works
    once, and after a restart. Raises what `propose` raises."""
    engine, say = interaction.client.services.engine, texts_in(str(interaction.locale))
    new = replace(asked, request=nearest)
    proposal = await engine.batches.propose(new, [nearest.prompt])
    text = explain(refusal.reason, refusal.parameters, say)
    changed = _changed(say, asked.request, nearest)
    if changes(asked.request, nearest) == ("variants",):
        what = say("models-make-variants", count=nearest.variants)
    else:
        what = say("models-make", changes=changed) if changed else say("models-make-nearest")
    cost = price(say, proposal.batch.asked.estimated_credits or 0)
    label = say("models-at-price", what=what, price=cost)
    if len(label) > BUTTON_CHARACTERS:
        label = say("models-at-price", what=say("models-make-nearest"), price=cost)
        text += "\n" + say("models-changes", changes=changed)
    make = SendAsTypedButton(proposal.batch.id, say)
    make.item.label = label
    row: ui.ActionRow[Any] = ui.ActionRow(make, DiscardBatchButton(proposal.batch.id, say))
    await interaction.response.send_message(view=text_view(text).add_item(row), ephemeral=True)


def _changed(say: Texts, asked: PictureRequest, nearest: PictureRequest) -> str:
    """Return everything that changes, in words."""
    words = {
        "model": say("models-change-model", model=model_name(nearest.model)),
        "size": shape(say, nearest.size),
        "resolution": say("models-change-resolution", resolution=nearest.resolution)
        if nearest.resolution is not None
        else say("models-change-no-resolution", resolution=asked.resolution or ""),
        "background": say("models-change-background"),
        "variants": say("models-change-variants", count=nearest.variants),
        "enhance": say("models-change-enhance"),
        "fallback": say("models-change-fallback"),
    }
    return say("text-between").join(words[name] for name in changes(asked, nearest))
