"""
Turn a request into a stored task and its card. All commands, forms, buttons and menus use this module.

`Request` holds what the person asks for; the interaction says where the request came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

import discord
import structlog

from bot.client import Atelier
from bot.engine.ports import Card
from bot.errors import BadReference, Reason
from bot.markup import storable
from bot.permutations import expand
from bot.ui.arrival import origin_of
from bot.ui.batches import confirm
from bot.ui.cards import card_view
from storage.bounds import LARGEST_REFERENCE_BYTES
from storage.community import GuildSettings
from storage.models import Derivation, NewReference, NewTask, Origin, ReferenceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asks for. Where `size` or `variants` is None, the server's setting applies."""

    prompt: str
    references: tuple[NewReference, ...] = ()
    size: str | None = None
    variants: int | None = None
    enhance: bool = False
    fallback: bool = False
    private: bool = False
    style: str | None = None
    """Name of the style whose template is already applied to `prompt`."""
    derivation: Derivation | None = None
    parent_id: str | None = None
    parent_picture: int | None = None


async def ask(interaction: discord.Interaction[Atelier], request: Request) -> None:
    """Store the request and answer with its card, or ask for a confirmation if the prompt expands to several tasks.
    Raises an error with a message for the person; in this case nothing is stored or charged."""
    services = interaction.client.services
    settings = await services.stores.guilds.settings(interaction.guild_id)
    origin = origin_of(interaction, settings, private=request.private)
    new = new_task(request, origin, settings)
    if request.derivation is not Derivation.VARY:  # its prompt was expanded before
        words = expand(new.prompt, most=settings.greatest_batch)
        if len(words) > 1:
            await confirm(interaction, new, words)
            return
        new = replace(new, prompt=words[0])
    await answer_with(interaction, await services.engine.requests.accept(new))


async def answer_with(interaction: discord.Interaction[Atelier], card: Card) -> None:
    """Send the card of a stored task as the interaction's first answer, as `@original` of a task must be its card."""
    structlog.contextvars.bind_contextvars(task=card.task.id)
    answer = await interaction.response.send_message(view=card_view(card), ephemeral=card.task.private)
    if answer.message_id is not None:
        await interaction.client.services.engine.requests.card_posted(card, answer.message_id)


def new_task(request: Request, origin: Origin, settings: GuildSettings) -> NewTask:
    """Build the task without checks: the engine checks every new task."""
    return NewTask(
        **asdict(origin),
        prompt=request.prompt,
        size=request.size if request.size is not None else settings.size,
        variants=request.variants if request.variants is not None else settings.variants,
        enhance=request.enhance,
        fallback=request.fallback,
        references=request.references,
        style=request.style,
        derivation=request.derivation,
        parent_id=request.parent_id,
        parent_picture=request.parent_picture,
    )


class Attached(Protocol):
    """A file as Discord describes it: a `discord.Attachment`, or a file from a form."""

    @property
    def url(self) -> str: ...
    @property
    def filename(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def content_type(self) -> str | None: ...


def references_of(images: Sequence[Attached], mask: Attached | None = None) -> tuple[NewReference, ...]:
    """Return the files as references. Raises BadReference for what can be checked without reading the contents."""
    if mask is not None and not images:
        raise BadReference(Reason.MASK_WITHOUT_IMAGE)
    if mask is not None and len(images) > 1:
        raise BadReference(Reason.MASK_WITH_SEVERAL)
    references = [_reference(one) for one in images]
    if mask is not None:
        references.append(replace(_reference(mask), kind=ReferenceKind.MASK))
    return tuple(references)


def _reference(attachment: Attached) -> NewReference:
    filename = storable(attachment.filename)
    if attachment.size > LARGEST_REFERENCE_BYTES:
        raise BadReference(Reason.REFERENCE_TOO_LARGE, filename=filename, megabytes=25)
    if attachment.size <= 0:
        raise BadReference(Reason.REFERENCE_EMPTY, filename=filename)
    declared = (attachment.content_type or "").partition(";")[0].strip().lower()
    if declared and not declared.startswith("image/") and declared != "application/octet-stream":
        raise BadReference(Reason.REFERENCE_NOT_A_PICTURE, filename=filename)
    return NewReference(
        kind=ReferenceKind.IMAGE,
        url=attachment.url,
        filename=filename,
        declared_type=declared or None,
        declared_bytes=attachment.size,
    )
