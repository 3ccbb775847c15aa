"""Build the moderators' message about a reported result, and handle its buttons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import discord
from discord import ui

from bot.engine.ports import Outcome
from bot.intake.roles import moderated_by
from bot.texts import Texts, texts_in
from bot.texts.discord_text import escaped, is_blank
from bot.ui.curation.buttons import ASKED_PROMPT_UNITS, answer_removed
from bot.ui.kit.dynamic_items import TaskButton, services_of
from bot.ui.kit.questions import question_row
from bot.ui.kit.text import alt_text, mention, message_link, quote
from storage.community import Report, ReportCase, ReportState

PROMPT_UNITS: Final = 800
WHY_UNITS: Final = 300
WORDS_SHOWN: Final = 5

_STATES: Final = {
    ReportState.OPEN: "reports-open",
    ReportState.HIDDEN: "reports-hidden",
    ReportState.REMOVED: "reports-removed",
    ReportState.DISMISSED: "reports-dismissed",
}


class DecideButton(TaskButton, action="decide", label="reports-dismiss"):
    """Store a moderator's decision; subclasses set the decision. The engine then carries it out, and updates the
    message from the row."""

    state: ReportState

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        guild_id = moderated_by(interaction)
        reports = services_of(interaction).engine.reports
        await reports.decide(self.task_id, guild_id, self.state, by=interaction.user.id)
        await self.answer(interaction)

    async def answer(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.defer()


class RemoveReportedButton(
    TaskButton, action="decide-remove", label="reports-remove", style=discord.ButtonStyle.danger
):
    """Ask for a confirmation first: a removal cannot be undone."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        moderated_by(interaction)
        say = texts_in(str(interaction.locale))
        task = await services_of(interaction).stores.tasks.get(self.task_id)
        lines = [say("reports-remove-question")]
        if task is not None:
            lines.append(quote(say, task.prompt, most=ASKED_PROMPT_UNITS).text)
        view = ui.LayoutView(timeout=None).add_item(ui.TextDisplay("\n".join(lines)))
        view.add_item(question_row(say, ConfirmRemovalButton(self.task_id, say)))
        await interaction.response.send_message(view=view, ephemeral=True)


class ConfirmRemovalButton(
    DecideButton, action="decide-removal", label="reports-remove", style=discord.ButtonStyle.danger
):
    state = ReportState.REMOVED

    async def answer(self, interaction: discord.Interaction[Any]) -> None:
        await answer_removed(interaction, self.task_id)


class HideReportedButton(DecideButton, action="decide-hide", label="reports-hide"):
    state = ReportState.HIDDEN


class DismissButton(DecideButton, action="decide-dismiss", label="reports-dismiss"):
    state = ReportState.DISMISSED


def report_view(
    outcome: Outcome, report_case: ReportCase, words: Sequence[Report], filenames: Sequence[str], *, number: int
) -> ui.LayoutView:
    """Build the message. `filenames`: the attached thumbnails; `number`: component id by which a search finds the
    message."""
    say = texts_in(report_case.locale)
    container: ui.Container[ui.LayoutView] = ui.Container(id=number)
    container.add_item(ui.TextDisplay(f"### {say('reports-heading', count=max(1, len(words)))}"))
    container.add_item(ui.TextDisplay(_about(say, outcome, report_case)))
    container.add_item(ui.TextDisplay(quote(say, outcome.task.prompt, most=PROMPT_UNITS).text))
    container.add_item(ui.TextDisplay(_report_lines(say, words)))
    if filenames:
        what = alt_text(say, say("outcome-picture"), outcome.task.prompt)
        shown = [
            discord.MediaGalleryItem(f"attachment://{filename}", description=what, spoiler=True)
            for filename in filenames
        ]
        container.add_item(ui.MediaGallery(*shown))
    container.add_item(ui.TextDisplay(_state(say, report_case)))
    if buttons := _buttons(say, report_case):
        row: ui.ActionRow[ui.LayoutView] = ui.ActionRow(*buttons)
        container.add_item(row)
    return ui.LayoutView(timeout=None).add_item(container)


def _about(say: Texts, outcome: Outcome, report_case: ReportCase) -> str:
    link = message_link(report_case.seen_channel_id, report_case.seen_message_id, report_case.guild_id)
    return say("reports-about", asker=f"<@{outcome.task.asker_id}>", link=f"[{say('reports-open-message')}]({link})")


def _report_lines(say: Texts, words: Sequence[Report]) -> str:
    if not words:
        return f"- {say('reports-line-erased')}"
    lines = [
        say("reports-line", reporter=f"<@{report.reporter_id}>", words=escaped(report.why, WHY_UNITS))
        if not is_blank(report.why)
        else say("reports-line-wordless", reporter=f"<@{report.reporter_id}>")
        for report in words[:WORDS_SHOWN]
    ]
    if (more := len(words) - WORDS_SHOWN) > 0:
        lines.append(say("reports-more", count=more))
    return "\n".join(f"- {line}" for line in lines)


def _state(say: Texts, report_case: ReportCase) -> str:
    if report_case.decided_by is None or report_case.decided_at is None:
        return f"-# {say(_STATES[report_case.state])}"
    who = say(
        "reports-by", moderator=mention(say, report_case.decided_by), at=f"<t:{report_case.decided_at // 1000}:f>"
    )
    return f"**{say(_STATES[report_case.state])}**\n-# {who}"


def _buttons(say: Texts, report_case: ReportCase) -> list[ui.Item[Any]]:
    task_id = report_case.task_id
    match report_case.state:
        case ReportState.OPEN:
            hide = HideReportedButton(task_id, say)
            return [RemoveReportedButton(task_id, say), hide, DismissButton(task_id, say)]
        case ReportState.HIDDEN:
            show_again = DismissButton(task_id, say, label="reports-show-again")
            return [RemoveReportedButton(task_id, say), show_again]
        case ReportState.REMOVED | ReportState.DISMISSED:
            return []
