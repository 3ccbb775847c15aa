"""Handle a finished picture as a file of a message: its name, the message that shows it, and its use as a reference of
the next request."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import discord
import structlog

from bot.discord_errors import map_discord_errors
from bot.errors import Gone, Reason, RouteClosed, Unavailable
from bot.texts import Texts
from bot.ui.kit.dynamic_items import services_of
from storage.models import NO_USER, NewReference, Picture, ReferenceKind, Task

log = structlog.get_logger(__name__)


@contextmanager
def closing(files: Sequence[discord.File]) -> Iterator[None]:
    """Close the files after the block that sends them, to free their bytes: discord.py leaves each file in a reference
    cycle, and a few objects with many bytes do not trigger the garbage collector."""
    try:
        yield
    finally:
        for file in files:
            io.BytesIO.close(file.fp)  # discord.py replaces the object's own close()


def picture_stem(task_id: str, position: int) -> str:
    """Return the file name of a finished picture without the extension, which depends on the encoding."""
    return f"{task_stem(task_id)}{position + 1}"


def task_stem(task_id: str) -> str:
    """Return the beginning of the file names of all finished pictures of a task."""
    return f"atelier-{task_id}-"


def shown_in(message: discord.Message | None, picture: Picture) -> discord.Attachment | None:
    """Return the attachment of the message that shows this picture, with a fresh address; None if there is none."""
    stem = f"{picture_stem(picture.task_id, picture.position)}."
    attachments = message.attachments if message is not None else ()
    return next((attachment for attachment in attachments if attachment.filename.startswith(stem)), None)


async def pictures_of(interaction: discord.Interaction[Any], task_id: str) -> tuple[Task, tuple[Picture, ...]]:
    """Return a task and its pictures. Raises NotFound if the task is unknown or the person may not see it, or Gone if
    the task has no pictures."""
    services = services_of(interaction)
    task = await services.engine.requests.visible(task_id, interaction.user.id)
    pictures = await services.stores.pictures.of_task(task_id)
    if not pictures:
        raise Gone(Reason.PICTURE_GONE)
    return task, pictures


def picture_options(
    say: Texts, pictures: tuple[Picture, ...], *, chosen: Picture | None = None
) -> list[discord.SelectOption]:
    """Return options to choose one of a task's pictures. The value is the picture's position."""
    return [
        discord.SelectOption(
            label=say("outcome-picture-of", number=picture.position + 1, count=len(pictures)),
            value=str(picture.position),
            default=picture == chosen,
        )
        for picture in pictures
    ]


def by_position(pictures: tuple[Picture, ...]) -> dict[str, Picture]:
    """Map the option values of `picture_options` to the pictures."""
    return {str(picture.position): picture for picture in pictures}


async def as_reference(interaction: discord.Interaction[Any], task: Task, picture: Picture) -> NewReference:
    """
    Return the picture as a reference for the next request: the stored copy, and the address of the attachment in the
    button's message (else the image API's address) in case the copy is gone when the reference is used. A private
    result is owned by its asker; a result that others could see is owned by `NO_USER`.

    Without a stored copy, use the attachment in the button's message, or fetch the message of the outcome or batch in
    which the picture was posted. Raises Gone: PICTURE_GONE if there is none or the bot cannot read it, ORIGINAL_LATER
    if Discord cannot be asked now.
    """
    owner_id = task.asker_id if task.private else NO_USER
    attachment = shown_in(interaction.message, picture)
    if picture.key is not None:
        return NewReference(
            kind=ReferenceKind.IMAGE,
            url=attachment.url if attachment else picture.url,
            filename=picture_stem(picture.task_id, picture.position),
            declared_type=picture.content_type,
            declared_bytes=picture.bytes or 0,
            stored_key=picture.key,
            owner_id=owner_id,
            spoiler=task.spoiler,
        )
    attachment = attachment or await _posted(interaction, picture)
    if attachment is None:
        raise Gone(Reason.PICTURE_GONE)
    return NewReference(
        kind=ReferenceKind.IMAGE,
        url=attachment.url,
        filename=attachment.filename,
        declared_type=attachment.content_type,
        declared_bytes=attachment.size,
        owner_id=owner_id,
        spoiler=task.spoiler,
    )


async def _posted(interaction: discord.Interaction[Any], picture: Picture) -> discord.Attachment | None:
    stores = services_of(interaction).stores
    parts = await stores.parts.of_task(picture.task_id)
    for part in parts or (await stores.parts.first_of([picture.task_id])).values():
        if picture.position not in part.pictures or part.message_id is None or part.message_channel_id is None:
            continue
        channel = interaction.client.get_partial_messageable(part.message_channel_id)
        try:
            with map_discord_errors():
                return shown_in(await channel.fetch_message(part.message_id), picture)
        except RouteClosed as closed:
            log.info(
                "posted picture not found: message deleted or not readable, refused unless another message shows it",
                task=picture.task_id,
                error=str(closed),
            )
        except Unavailable:
            raise Gone(Reason.ORIGINAL_LATER) from None
    return None
