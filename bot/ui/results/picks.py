"""Choose one of a task's pictures by its number, and edit it, vary it or show it at full size."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import discord
from discord import ui

from bot.discord_limits import BUTTONS_PER_ROW
from bot.engine.work.picture_work import Requester, WorkPriority
from bot.engine.work.thumbnails import StoredCopy
from bot.errors import Gone, Reason
from bot.intake.requests import Former, Wish
from bot.texts import Texts, texts_in
from bot.ui.asking.ask import ask
from bot.ui.kit.dynamic_items import TASK_ID, MessageSelect, PictureButton, engine_of, services_of
from bot.ui.kit.pictures import as_reference, by_position, pictures_of
from bot.ui.kit.selected import single
from bot.ui.kit.text import alt_text
from bot.ui.results.edits import open_edit
from bot.ui.results.originals import show_originals
from storage.models import Derivation, Picture, Task


class PickButton(PictureButton, action="pick"):
    """A numbered button below the result of a task with several pictures."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Show a thumbnail of the picture, if one can be made, and the buttons that use the picture, to the person who
        chose it. The answer is deferred, as the thumbnail may have to be made."""
        task, pictures = await pictures_of(interaction, self.task_id)
        picture = _at(self.position, pictures)
        await interaction.response.defer(ephemeral=True, thinking=True)
        async with engine_of(interaction).lookup_slots.taken(interaction.user.id):
            small = await _small(interaction, picture)
        view = _picked_view(texts_in(str(interaction.locale)), task, picture, of=len(pictures), small=small)
        await interaction.edit_original_response(view=view, attachments=[small] if small else [])


class EditPickedButton(PictureButton, action="edit-one"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        await open_edit(interaction, self.task_id, position=self.position)


class VaryPickedButton(PictureButton, action="vary-one"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        task, pictures = await pictures_of(interaction, self.task_id)
        await vary(interaction, task, _at(self.position, pictures))


class FullSizePickedButton(PictureButton, action="full-one"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        task, pictures = await pictures_of(interaction, self.task_id)
        await show_originals(interaction, task, [_at(self.position, pictures)])


class VarySelect(MessageSelect, action="vary-of", key=TASK_ID):
    """The choice of a picture to vary, in messages of earlier releases."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        task, pictures = await pictures_of(interaction, self.key)
        await vary(interaction, task, single(self.item.values, by_position(pictures)) or pictures[0])


def pick_buttons(task: Task, positions: Sequence[int]) -> list[ui.Item[Any]]:
    """Return a button for each of these pictures, with its number."""
    return [
        PickButton(_key(task, position), str(position + 1), style=discord.ButtonStyle.primary) for position in positions
    ]


async def vary(interaction: discord.Interaction[Any], task: Task, picture: Picture) -> None:
    """Make the same request again, with this picture as the only reference."""
    reference = await as_reference(interaction, task, picture)
    wish = Wish(
        request=replace(task.request, references=(reference,)),
        former=Former.of(task),
        private=task.private,
        as_stored=True,
        derivation=Derivation.VARY,
        parent_id=task.id,
        parent_picture=picture.position,
    )
    await ask(interaction, wish)


async def ask_which_to_vary(interaction: discord.Interaction[Any], task: Task, pictures: tuple[Picture, ...]) -> None:
    """Ask for the picture by its number."""
    say = texts_in(str(interaction.locale))
    numbers: list[ui.Item[Any]] = [
        VaryPickedButton(_key(task, picture.position), str(picture.position + 1)) for picture in pictures
    ]
    view = ui.LayoutView(timeout=None).add_item(ui.TextDisplay(say("actions-which")))
    for at in range(0, len(numbers), BUTTONS_PER_ROW):
        row: ui.ActionRow[ui.LayoutView] = ui.ActionRow(*numbers[at : at + BUTTONS_PER_ROW])
        view.add_item(row)
    await interaction.response.send_message(view=view, ephemeral=True)


async def _small(interaction: discord.Interaction[Any], picture: Picture) -> discord.File | None:
    """Return a thumbnail of the picture; None if none can be made."""
    if picture.key is None:
        return None
    requester = Requester(interaction.user.id, WorkPriority.BROWSING)
    data = await services_of(interaction).thumbnails.small(StoredCopy(picture.key, picture.bytes), requester)
    return discord.File(io.BytesIO(data), f"small-{picture.position + 1}.jpg") if data is not None else None


def _picked_view(say: Texts, task: Task, picture: Picture, *, of: int, small: discord.File | None) -> ui.LayoutView:
    container: ui.Container[ui.LayoutView] = ui.Container()
    what = say("outcome-picture-of", number=picture.position + 1, count=of)
    container.add_item(ui.TextDisplay(f"### {what}"))
    if small is not None:
        address, description = f"attachment://{small.filename}", alt_text(say, what, task.prompt)
        item = discord.MediaGalleryItem(address, description=description, spoiler=task.is_spoiler)
        container.add_item(ui.MediaGallery(item))
    key = _key(task, picture.position)
    container.add_item(
        ui.ActionRow(
            EditPickedButton(key, say("actions-edit"), style=discord.ButtonStyle.primary),
            VaryPickedButton(key, say("actions-vary")),
            FullSizePickedButton(key, say("actions-full-size")),
        )
    )
    return ui.LayoutView(timeout=None).add_item(container)


def _at(position: int, pictures: Sequence[Picture]) -> Picture:
    """Return the picture at this position. Raises Gone."""
    found = next((picture for picture in pictures if picture.position == position), None)
    if found is None:
        raise Gone(Reason.PICTURE_GONE)
    return found


def _key(task: Task, position: int) -> str:
    return f"{task.id}:{position}"
