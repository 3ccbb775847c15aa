"""
The one way from what somebody asks, by a command, a form, a button or a menu, to a stored task and its card.

`Request` is what they want; where it came from is told by the interaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final, Protocol

import discord
import structlog

from bot.client import Atelier
from bot.engine.ports import Card
from bot.errors import BadReference, BlankPrompt, Reason
from bot.markup import is_blank
from bot.permutations import expand
from bot.ui.arrival import origin_of
from bot.ui.batches import confirm
from bot.ui.cards import card_view
from storage.community import GuildSettings
from storage.models import Kinship, NewReference, NewTask, Origin, ReferenceKind

LARGEST_REFERENCE_BYTES: Final = 25 * 1024 * 1024
MOST_REFERENCES: Final = 5
"""API: `filesUrl` takes five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asks for. `size` and `variants` are the server's where they are None."""

    prompt: str
    references: tuple[NewReference, ...] = ()
    size: str | None = None
    variants: int | None = None
    enhance: bool = False
    fallback: bool = False
    private: bool = False
    style: str | None = None
    """The name of the preset that is already in the words."""
    kinship: Kinship | None = None
    parent_id: str | None = None
    parent_picture: int | None = None


async def ask(interaction: discord.Interaction[Atelier], request: Request) -> None:
    """Store it and answer with its card; or ask first, where several come of it. Raises what can be told to the person;
    then nothing is stored, or paid."""
    services = interaction.client.services
    settings = await services.guilds.settings(interaction.guild_id)
    origin = origin_of(interaction, settings, private=request.private)
    new = new_task(request, origin, settings)
    if request.kinship is not Kinship.VARY:  # its words were asked for before
        words = expand(new.prompt, most=settings.greatest_batch)
        if len(words) > 1:
            await confirm(interaction, new, words)
            return
        new = replace(new, prompt=words[0])
    await answer_with(interaction, await services.engine.submit(new))


async def answer_with(interaction: discord.Interaction[Atelier], card: Card) -> None:
    """The card of a task that is stored is the interaction's first answer: `@original` of a task is its card."""
    structlog.contextvars.bind_contextvars(task=card.task.id)
    answer = await interaction.response.send_message(view=card_view(card), ephemeral=card.task.private)
    if answer.message_id is not None:
        await interaction.client.services.engine.card_posted(card, answer.message_id)


def new_task(request: Request, origin: Origin, settings: GuildSettings) -> NewTask:
    """Raises BlankPrompt, and BadReference where there are too many pictures."""
    if len(request.references) > MOST_REFERENCES + any(_is_mask(one) for one in request.references):
        raise BadReference(Reason.TOO_MANY_REFERENCES, allowed=MOST_REFERENCES)
    return NewTask(
        **asdict(origin),
        prompt=_words(request),
        size=request.size or settings.size,
        variants=request.variants or settings.variants,
        enhance=request.enhance,
        fallback=request.fallback,
        references=request.references,
        style=request.style,
        kinship=request.kinship,
        parent_id=request.parent_id,
        parent_picture=request.parent_picture,
    )


class Attached(Protocol):
    """A file as Discord tells of it: a `discord.Attachment`, or what came with a form."""

    @property
    def url(self) -> str: ...
    @property
    def filename(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def content_type(self) -> str | None: ...


def references_of(images: Sequence[Attached], mask: Attached | None = None) -> tuple[NewReference, ...]:
    """Raises BadReference for what can be told without looking inside."""
    if mask is not None and not images:
        raise BadReference(Reason.MASK_WITHOUT_IMAGE)
    if mask is not None and len(images) > 1:
        raise BadReference(Reason.MASK_WITH_SEVERAL)
    references = [_reference(one) for one in images]
    if mask is not None:
        references.append(replace(_reference(mask), kind=ReferenceKind.MASK))
    return tuple(references)


def _words(request: Request) -> str:
    """As typed, less what no database keeps; nothing where there are no words in it. Raises BlankPrompt when there is
    no picture either."""
    if not is_blank(request.prompt):
        return request.prompt.replace("\0", "").encode("utf-8", "replace").decode()
    if not request.references:
        raise BlankPrompt
    return ""


def _reference(attachment: Attached) -> NewReference:
    if attachment.size > LARGEST_REFERENCE_BYTES:
        raise BadReference(Reason.REFERENCE_TOO_LARGE, filename=attachment.filename, megabytes=25)
    if attachment.size == 0:
        raise BadReference(Reason.REFERENCE_EMPTY, filename=attachment.filename)
    declared = (attachment.content_type or "").partition(";")[0].strip().lower()
    if declared and not declared.startswith("image/") and declared != "application/octet-stream":
        raise BadReference(Reason.REFERENCE_NOT_A_PICTURE, filename=attachment.filename)
    return NewReference(
        kind=ReferenceKind.IMAGE,
        url=attachment.url,
        filename=attachment.filename,
        declared_type=declared or None,
        declared_bytes=attachment.size,
    )


def _is_mask(reference: NewReference) -> bool:
    return reference.kind is ReferenceKind.MASK
