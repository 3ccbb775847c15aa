"""
Build the rows of buttons below a result, and handle the buttons that ask for another picture.

`result_rows` decides which buttons every message with the result of a task has. Batches, pictures that were chosen by
their number, and reports have buttons of their own; pictures at full size have none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import discord
from discord import ui

from bot.discord_limits import BUTTONS_PER_ROW
from bot.engine.ports import Outcome
from bot.errors import UnknownChoice
from bot.intake.origin import origin_of
from bot.texts import Texts, texts_in
from bot.ui.asking.answers import answer_with
from bot.ui.curation.buttons import GalleryButton, PostHereButton, PublishButton, RemoveButton, ReportButton
from bot.ui.kit.dynamic_items import TASK_ID, MessageSelect, Select, TaskButton, services_of
from bot.ui.kit.pictures import pictures_of
from bot.ui.kit.selected import single
from bot.ui.kit.text import PROMPT_FILENAME
from bot.ui.results.edits import open_edit
from bot.ui.results.lineage import FamilyButton
from bot.ui.results.originals import FullSizeButton
from bot.ui.results.picks import ask_which_to_vary, pick_buttons, vary
from bot.ui.waiting.clearing import ClearButton
from storage.community import RepostKind
from storage.models import Reach, Task

Row: TypeAlias = ui.ActionRow[Any]


def result_rows(outcome: Outcome, shown: Sequence[int]) -> list[Row]:
    """Return rows of buttons and a select with everything else; a single option is a button in the second row, as
    the select would fill a row for it. `shown`: positions of the pictures in the message. For a task with several
    pictures, the first rows have a numbered button for each of `shown`, which leads to the buttons for that picture."""
    task, say = outcome.task, texts_in(outcome.task.locale)
    again = AgainButton(task.id, say, label="actions-again")
    if len(outcome.pictures) > 1:
        numbered = pick_buttons(task, shown)
        first: list[Row] = [
            ui.ActionRow(*numbered[at : at + BUTTONS_PER_ROW]) for at in range(0, len(numbered), BUTTONS_PER_ROW)
        ]
        second: Row = ui.ActionRow(again)
    else:
        first = [ui.ActionRow(EditButton(task.id, say), VaryButton(task.id, say), again)]
        second = ui.ActionRow(FullSizeButton(task.id, say))
    rest = list(_more(outcome))
    if len(rest) == 1:
        second.add_item(_BY_OPTION[rest[0]](task.id, say))
    if task.private:
        second.add_item(PublishButton(task.id, say))
    elif outcome.looked_up:
        second.add_item(PostHereButton(task.id, say))
    second.add_item(RemoveButton(task.id, say))
    if len(rest) == 1:
        return [*first, second]
    options = [_option(say, action) for action in rest]
    more: Select = ui.Select(placeholder=say("actions-more"), options=options)
    return [*first, second, ui.ActionRow(MoreSelect(more, task.id))]


class AgainButton(TaskButton, action="again", label="outcome-again"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """
        Send the new card as the first answer: Discord requires an answer within 3 s, and `@original` of the new task
        must be its card. Then remove this button from a failure message, even if the answer was not delivered: the new
        task is stored, and a click after the new task has ended would begin, and charge, another one. The button of an
        ephemeral message stays, as such a message cannot be edited like a message of the channel.
        """
        services, message = services_of(interaction), interaction.message
        asked = await services.engine.requests.visible(self.task_id, interaction.user.id)
        settings = await services.stores.guilds.settings(interaction.guild_id)
        origin = origin_of(interaction, settings, private=asked.private)
        card = await services.engine.requests.again(self.task_id, origin, message_id=message.id if message else None)
        try:
            await answer_with(interaction, card)
        finally:
            if asked.reason is not None and message is not None and not message.flags.ephemeral:
                await message.edit(view=_asked_again(message, asked), allowed_mentions=discord.AllowedMentions.none())


class EditButton(TaskButton, action="edit", label="actions-edit", style=discord.ButtonStyle.primary):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        await open_edit(interaction, self.task_id)


class VaryButton(TaskButton, action="vary", label="actions-vary"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Vary the task's picture; if it has several, ask which one."""
        task, pictures = await pictures_of(interaction, self.task_id)
        if len(pictures) == 1:
            await vary(interaction, task, pictures[0])
        else:
            await ask_which_to_vary(interaction, task, pictures)


class MoreSelect(MessageSelect, action="more", key=TASK_ID):
    """The select for what is used less often. Each option does what its button does."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        chosen = single(self.item.values, _BY_OPTION)
        if chosen is None:
            raise UnknownChoice
        await chosen(self.key, texts_in(str(interaction.locale))).press(interaction)


_BY_OPTION: Final[Mapping[str, type[TaskButton]]] = {
    "full": FullSizeButton,
    "family": FamilyButton,
    "gallery": GalleryButton,
    "report": ReportButton,
}
_EXPLAINED: Final = {
    "full": "actions-full-size-hint",
    "family": "actions-family-hint",
    "gallery": "actions-gallery-hint",
    "report": "actions-report-hint",
}


def _more(outcome: Outcome) -> Iterator[str]:
    """Yield the options that lead somewhere: without a channel for a gallery or for reports, a server has neither; nor
    has a private result, or one from outside the servers that have installed the bot."""
    task, settings = outcome.task, outcome.settings
    if len(outcome.pictures) > 1:
        yield "full"
    yield "family"
    if task.private or task.guild_id is None or task.reach is not Reach.CHANNEL:
        return
    in_gallery = outcome.repost is not None and outcome.repost.kind is RepostKind.GALLERY
    if settings.gallery_channel_id is not None and not in_gallery:
        yield "gallery"
    if settings.moderators_channel_id is not None:
        yield "report"


def _option(say: Texts, action: str) -> discord.SelectOption:
    return discord.SelectOption(label=say(_BY_OPTION[action].label), value=action, description=say(_EXPLAINED[action]))


def _asked_again(message: discord.Message, failed: Task) -> ui.LayoutView:
    """Return the message's view, with the button that deletes the message in place of the others. Set the prompt file's
    name: Discord keeps a file by name only."""
    view = ui.LayoutView.from_message(message, timeout=None)
    for item in list(view.walk_children()):
        if isinstance(item, ui.ActionRow) and isinstance(item.parent, ui.Container):
            item.clear_items().add_item(ClearButton(failed.id, texts_in(failed.locale)))
        elif isinstance(item, ui.File):
            item.url = f"attachment://{PROMPT_FILENAME}"
    return view
