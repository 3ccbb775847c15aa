"""Show the pictures at full size, as the image API made them, to the person who presses the button."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import discord
import structlog
from discord import ui

from bot.discord_errors import is_too_large
from bot.discord_limits import BYTES_PER_MESSAGE
from bot.engine.outbox.late_pictures import RESULTS_LIVE
from bot.error_replies import explain
from bot.errors import Gone, Reason, ServiceError
from bot.imaging.formats import EXTENSIONS
from bot.texts import Texts, texts_in
from bot.ui.kit.dynamic_items import TaskButton, engine_of, services_of
from bot.ui.kit.pictures import closing, picture_stem, pictures_of
from bot.ui.kit.text import alt_text, linked
from storage.models import Picture, Task
from storage.pictures import MissingCopy

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Originals:
    """The originals that are available, as files or as links."""

    files: list[tuple[Picture, bytes]] = field(default_factory=list)
    links: list[tuple[Picture, str]] = field(default_factory=list)
    gone: int = 0
    """Number of pictures that are not available."""
    later: bool = False
    """Whether a picture is missing only for now, because the image API cannot be asked for its address."""


class FullSizeButton(TaskButton, action="full", label="actions-full-size"):
    async def press(self, interaction: discord.Interaction[Any]) -> None:
        task, pictures = await pictures_of(interaction, self.task_id)
        await show_originals(interaction, task, pictures)


async def show_originals(interaction: discord.Interaction[Any], task: Task, pictures: Sequence[Picture]) -> None:
    """Show the originals to the person who asks, in a deferred answer, as they may take longer than Discord allows for
    a first answer. If Discord rejects the files as too large, send links instead. Raises Gone if none is available, and
    LimitReached."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    async with engine_of(interaction).lookup_slots.taken(interaction.user.id):
        await _show(interaction, task, pictures)


async def _show(interaction: discord.Interaction[Any], task: Task, pictures: Sequence[Picture]) -> None:
    originals = await _originals(interaction, task, pictures, limit=interaction.filesize_limit)
    try:
        await _answer(interaction, task, originals)
    except discord.HTTPException as error:
        if not is_too_large(error):
            raise
        await _answer(interaction, task, await _originals(interaction, task, pictures, limit=0))


async def _originals(
    interaction: discord.Interaction[Any], task: Task, pictures: Sequence[Picture], *, limit: int
) -> Originals:
    """Return files of at most `limit` bytes each and `BYTES_PER_MESSAGE` together, and links for the others. Raises
    Gone if nothing is available."""
    found = Originals()
    room = BYTES_PER_MESSAGE
    for picture in pictures:
        data = await _copy(interaction, picture, min(limit, room))
        if data is None:
            await _link(interaction, task, picture, found)
        else:
            room -= len(data)
            found.files.append((picture, data))
    if not found.files and not found.links:
        raise Gone(Reason.ORIGINAL_LATER if found.later else Reason.ORIGINAL_GONE)
    return found


async def _copy(interaction: discord.Interaction[Any], picture: Picture, limit: int) -> bytes | None:
    """Return the stored copy; None if it is gone or larger than `limit` bytes, also if only the file says so."""
    if picture.key is None or (picture.bytes or 0) > limit:
        return None
    try:
        data = await services_of(interaction).picture_store.get(picture.key)
    except MissingCopy:
        return None
    return data if len(data) <= limit else None


async def _link(interaction: discord.Interaction[Any], task: Task, picture: Picture, found: Originals) -> None:
    """Add a link to `found`: a fresh address, or the first one if the image API cannot be asked now and keeps results
    of this age (`RESULTS_LIVE`). Without either, count the picture in `found.gone`."""
    engine = services_of(interaction).engine
    age = engine.clock() - (task.settled_at or task.created_at)
    try:
        link = await engine.original_link(task, picture)
    except ServiceError as error:
        log.info(
            "fresh address of a picture not available: image API error, first one used if results of its age are kept",
            error=str(error),
        )
        link = picture.url if age < RESULTS_LIVE.total_seconds() * 1000 else None
        found.later = found.later or link is None
    if link is not None:
        found.links.append((picture, link))
    else:
        found.gone += 1


async def _answer(interaction: discord.Interaction[Any], task: Task, originals: Originals) -> None:
    files = [discord.File(io.BytesIO(data), _name(picture)) for picture, data in originals.files]
    with closing(files):
        view = _view(texts_in(str(interaction.locale)), task, originals)
        await interaction.edit_original_response(view=view, attachments=files)


def _view(say: Texts, task: Task, originals: Originals) -> ui.LayoutView:
    container: ui.Container[ui.LayoutView] = ui.Container()
    container.add_item(ui.TextDisplay(f"### {say('actions-original', count=_count(originals))}"))
    if originals.files:
        container.add_item(ui.MediaGallery(*[_item(say, task, picture) for picture, _ in originals.files]))
    if originals.links:
        lines = [linked(say, picture.position, link) for picture, link in originals.links]
        container.add_item(ui.TextDisplay("\n".join([say("actions-links"), *lines])))
    if originals.later:
        container.add_item(ui.TextDisplay(f"-# {explain(Reason.ORIGINAL_LATER, None, say)}"))
    elif originals.gone:
        container.add_item(ui.TextDisplay(f"-# {say('actions-missing', count=originals.gone)}"))
    return ui.LayoutView(timeout=None).add_item(container)


def _count(originals: Originals) -> int:
    return len(originals.files) + len(originals.links)


def _item(say: Texts, task: Task, picture: Picture) -> discord.MediaGalleryItem:
    what = say("outcome-picture-numbered", number=picture.position + 1)
    description = alt_text(say, what, task.prompt)
    return discord.MediaGalleryItem(f"attachment://{_name(picture)}", description=description, spoiler=task.is_spoiler)


def _name(picture: Picture) -> str:
    extension = EXTENSIONS.get(picture.content_type or "", "png")
    return f"{picture_stem(picture.task_id, picture.position)}.{extension}"
