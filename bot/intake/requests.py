"""
What a person asks for, as commands, forms, buttons, menus and messages build it: a `Wish`, which becomes a new task
once the defaults of the server are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from bot.errors import BadReference, Reason
from bot.texts.discord_text import storable
from storage.bounds import LARGEST_REFERENCE_BYTES
from storage.community import GuildSettings
from storage.models import Derivation, NewReference, NewTask, Origin, PictureRequest, ReferenceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asks for, before the defaults apply: `size` and `variants` are None where the person chose
    neither, and the style's or the server's apply instead of those in `request`."""

    request: PictureRequest
    size: str | None = None
    variants: int | None = None
    private: bool = False
    derivation: Derivation | None = None
    parent_id: str | None = None
    parent_picture: int | None = None


def new_task(wish: Wish, origin: Origin, settings: GuildSettings) -> NewTask:
    """Build the task without checks: the engine checks every new task."""
    return NewTask(
        **asdict(origin),
        request=replace(
            wish.request,
            size=wish.size if wish.size is not None else settings.size,
            variants=wish.variants if wish.variants is not None else settings.variants,
        ),
        derivation=wish.derivation,
        parent_id=wish.parent_id,
        parent_picture=wish.parent_picture,
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
    def is_spoiler(self) -> bool: ...


def references_of(images: Sequence[Attached], mask: Attached | None = None) -> tuple[NewReference, ...]:
    """Return the files as references. Raises BadReference for what can be checked without reading the contents."""
    if mask is not None and not images:
        raise BadReference(Reason.MASK_WITHOUT_IMAGE)
    if mask is not None and len(images) > 1:
        raise BadReference(Reason.MASK_WITH_SEVERAL)
    references = [_reference(image) for image in images]
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
        spoiler=attachment.is_spoiler(),
    )
