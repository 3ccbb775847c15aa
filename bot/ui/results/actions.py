"""
Build the rows of buttons below a result, and handle the buttons that ask for another picture.

`result_rows` is the only place that decides which buttons a message with pictures has.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import discord
from discord import ui

from bot.engine.ports import Outcome
from bot.intake.origin import origin_of
from bot.intake.requests import Wish
from bot.texts import texts_in
from bot.ui.asking.answers import answer_with
from bot.ui.asking.ask import ask
from bot.ui.curation.buttons import GalleryButton, PostHereButton, PublishButton, RemoveButton, ReportButton
from bot.ui.kit.dynamic_items import TASK_ID, MessageSelect, Select, TaskButton, services_of
from bot.ui.kit.pictures import as_reference, by_position, picture_options, pictures_of
from bot.ui.kit.selected import single
from bot.ui.kit.text import PROMPT_FILENAME
from bot.ui.results.edits import open_edit
from bot.ui.results.lineage import FamilyButton
from bot.ui.results.originals import FullSizeButton
from storage.models import Derivation, Picture, Reach, Task

Row: TypeAlias = ui.ActionRow[Any]


def result_rows(outcome: Outcome) -> list[Row]:
    """Return two rows: buttons that make another picture from the result, and buttons about the result itself."""
    task, say = outcome.task, texts_in(outcome.task.locale)
    again = AgainButton(task.id, say, label="actions-again")
    making: Row = ui.ActionRow(again, EditButton(task.id, say), VaryButton(task.id, say))
    about: Row = ui.ActionRow(FullSizeButton(task.id, say), FamilyButton(task.id, say))
    if task.private:
        about.add_item(PublishButton(task.id, say))
    elif outcome.looked_up:
        making.add_item(PostHereButton(task.id, say))
    if not task.private and task.guild_id is not None and task.reach is Reach.CHANNEL:
        about.add_item(GalleryButton(task.id, say)).add_item(ReportButton(task.id, say))
    about.add_item(RemoveButton(task.id, say))
    return [making, about]


class AgainButton(TaskButton, action="again", label="outcome-again"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """
        Send the new card as the first answer: Discord requires an answer within 3 s, and `@original` of the new task
        must be its card. Then remove the button from a failure message, even if the answer was not delivered: the new
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
                await _take_buttons(message)


class EditButton(TaskButton, action="edit", label="actions-edit"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        await open_edit(interaction, self.task_id)


class VaryButton(TaskButton, action="vary", label="actions-vary"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Ask which picture to vary if the task has several."""
        task, pictures = await pictures_of(interaction, self.task_id)
        if len(pictures) == 1:
            await vary(interaction, task, pictures[0])
        else:
            await _ask_which(interaction, task, pictures)


class VarySelect(MessageSelect, action="vary-of", key=TASK_ID):
    """Select the picture of a task to vary."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        task, pictures = await pictures_of(interaction, self.key)
        await vary(interaction, task, single(self.item.values, by_position(pictures)) or pictures[0])


async def vary(interaction: discord.Interaction[Any], task: Task, picture: Picture) -> None:
    """Request the same prompt again, with this picture as the reference."""
    reference = await as_reference(interaction, task, picture)
    wish = Wish(
        request=replace(task.request, references=(reference,)),
        size=task.size,
        variants=task.variants,
        private=task.private,
        as_stored=True,
        derivation=Derivation.VARY,
        parent_id=task.id,
        parent_picture=picture.position,
    )
    await ask(interaction, wish)


async def _ask_which(interaction: discord.Interaction[Any], task: Task, pictures: tuple[Picture, ...]) -> None:
    say = texts_in(str(interaction.locale))
    select: Select = ui.Select(placeholder=say("actions-choose"), options=picture_options(say, pictures))
    view = ui.LayoutView(timeout=None).add_item(ui.TextDisplay(say("actions-which")))
    view.add_item(ui.ActionRow(VarySelect(select, task.id)))
    await interaction.response.send_message(view=view, ephemeral=True)


async def _take_buttons(message: discord.Message) -> None:
    await message.edit(view=_without_buttons(message), allowed_mentions=discord.AllowedMentions.none())


def _without_buttons(message: discord.Message) -> ui.LayoutView:
    """Return the message's view without buttons. Set the prompt file's name: Discord keeps a file by name only."""
    view = ui.LayoutView.from_message(message, timeout=None)
    for item in list(view.walk_children()):
        if isinstance(item, ui.ActionRow) and isinstance(item.parent, ui.Container):
            item.parent.remove_item(item)
        elif isinstance(item, ui.File):
            item.url = f"attachment://{PROMPT_FILENAME}"
    return view
