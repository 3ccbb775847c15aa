"""
Ask for a confirmation before one request becomes a batch of several, and handle the buttons: make the batch, send the
words as typed (the braces were not meant as a group), or cancel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import discord
import structlog
from discord import ui

from bot.client import Atelier
from bot.discord_errors import map_discord_errors
from bot.engine.intake.batches import Proposal
from bot.error_replies import explain
from bot.errors import BadChoice, ServiceError
from bot.intake.origin import origin_of
from bot.texts import Texts, texts_in
from bot.ui.asking.answers import answer_with
from bot.ui.kit.dynamic_items import TaskButton, engine_of, services_of
from bot.ui.kit.request_facts import model_name
from bot.ui.kit.text import in_line, sentences
from bot.ui.waiting.cards import parameters_line
from storage.community import Batch
from storage.models import NewTask, Reach

LISTED: Final = 10
WORDS_UNITS: Final = 200

log = structlog.get_logger(__name__)


async def confirm(interaction: discord.Interaction[Atelier], asked: NewTask, words: Sequence[str]) -> None:
    """Store the proposal of a batch and ask for a confirmation; nothing is made or charged before it. Raises what
    `propose` raises; the person's limits are checked only when the batch begins."""
    proposal = await interaction.client.services.engine.batches.propose(asked, words)
    view = proposal_view(texts_in(str(interaction.locale)), proposal)
    await interaction.response.send_message(view=view, ephemeral=True)


async def refuse(interaction: discord.Interaction[Atelier], asked: NewTask, refusal: BadChoice) -> None:
    """Say why the groups in braces make no batch, and offer to send the words as typed: the braces may not have been
    meant as groups. For that, a proposal is stored, but no task. Raises what `propose` raises."""
    services = interaction.client.services
    proposal = await services.engine.batches.propose(asked, [asked.request.prompt])
    say, batch_id = texts_in(str(interaction.locale)), proposal.batch.id
    view = text_view(explain(refusal.reason, refusal.parameters, say))
    view.add_item(ui.ActionRow(SendAsTypedButton(batch_id, say), DiscardBatchButton(batch_id, say)))
    await interaction.response.send_message(view=view, ephemeral=True)


def proposal_view(say: Texts, proposal: Proposal) -> ui.LayoutView:
    batch = proposal.batch
    container: ui.Container[ui.LayoutView] = ui.Container()
    container.add_item(ui.TextDisplay(f"### {say('batches-question', count=len(batch.words))}"))
    container.add_item(ui.TextDisplay(_listed(say, batch.words)))
    container.add_item(ui.TextDisplay("\n".join(_terms(say, proposal))))
    container.add_item(
        ui.ActionRow(
            ConfirmBatchButton(batch.id, say), SendAsTypedButton(batch.id, say), DiscardBatchButton(batch.id, say)
        )
    )
    return ui.LayoutView(timeout=None).add_item(container)


class ConfirmBatchButton(TaskButton, action="batch-make", label="batches-make", about="batch"):
    """Begin the batch. `task_id` is the id of the batch, as in the other two buttons of the question."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Check the place and the settings again, as both may have changed since the question. If the batch has begun
        already, only show that."""
        services = services_of(interaction)
        batch = await services.engine.batches.proposed(self.task_id, interaction.user.id)
        if batch.begun_at is None:
            settings = await services.stores.guilds.settings(interaction.guild_id)
            origin = origin_of(interaction, settings, private=batch.asked.private)
            batch = await services.engine.batches.begin(batch, origin, most=settings.greatest_batch)
        await interaction.response.edit_message(view=_begun_view(texts_in(str(interaction.locale)), batch))


class SendAsTypedButton(TaskButton, action="batch-typed", label="batches-as-typed", about="batch"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Store one task instead of the batch, answer with its card, and then delete the question, even if the answer
        failed. If the request is refused, the question stays."""
        services = services_of(interaction)
        proposal = await services.engine.batches.proposed(self.task_id, interaction.user.id)
        settings = await services.stores.guilds.settings(interaction.guild_id)
        origin = origin_of(interaction, settings, private=proposal.asked.private)
        card = await services.engine.requests.as_typed(proposal, origin)
        try:
            await answer_with(interaction, card)
        finally:
            await _delete_question(interaction)


class DiscardBatchButton(TaskButton, action="batch-drop", label="batches-drop", about="batch"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        batches = engine_of(interaction).batches
        await batches.drop(await batches.proposed(self.task_id, interaction.user.id))
        await interaction.response.edit_message(view=text_view(texts_in(str(interaction.locale))("batches-dropped")))


async def _delete_question(interaction: discord.Interaction[Any]) -> None:
    """Delete the message with the pressed button. A failure is only logged: the buttons of a question that stays say
    that it was answered."""
    if interaction.message is None:
        return
    try:
        with map_discord_errors(by_token=True):
            await interaction.followup.delete_message(interaction.message.id)
    except ServiceError as error:
        log.info("question about a batch not deleted: Discord or network error", error=str(error))


def _begun_view(say: Texts, batch: Batch) -> ui.LayoutView:
    lines = [say("batches-begun", count=len(batch.words))]
    if batch.asked.reach is Reach.ANSWER:
        lines.append(say("batches-by-message"))
    return text_view(sentences(say, lines))


def text_view(text: str) -> ui.LayoutView:
    return ui.LayoutView(timeout=None).add_item(ui.TextDisplay(text))


def _listed(say: Texts, words: Sequence[str]) -> str:
    lines = [f"{number}. {in_line(say, prompt, WORDS_UNITS)}" for number, prompt in enumerate(words[:LISTED], start=1)]
    if more := len(words) - LISTED:
        lines += [f"-# {say('batches-more', count=more)}"] if more > 0 else []
    return "\n".join(lines)


def _terms(say: Texts, proposal: Proposal) -> list[str]:
    batch = proposal.batch
    request = batch.asked.request
    cost = say("batches-cost", count=len(batch.words) * request.variants, model=model_name(request.model))
    each = batch.asked.estimated_credits
    terms = [f"{cost} · {say('credits-in-all', count=each * len(batch.words))}" if each is not None else cost]
    if proposal.allowed:
        terms.append(say("batches-left", count=proposal.left, allowed=proposal.allowed))
    if batch.asked.reach is Reach.ANSWER:
        terms.append(say("batches-by-message"))
    if became := parameters_line(say, batch.asked.parameters, batch.asked.request.size):
        terms.append(f"-# {became}")
    return terms
