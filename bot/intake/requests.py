"""
What a person asks for, as commands, forms, buttons, menus and messages build it: a `Wish`, of which
`bot.intake.choosing` makes a new task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from bot.errors import BadReference, Reason
from bot.texts.discord_text import storable
from storage.bounds import LARGEST_REFERENCE_BYTES
from storage.models import Derivation, NewReference, PictureRequest, ReferenceKind, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """Values of the result that a request starts from, for what nothing else chooses; None where they do not count."""

    model: str | None = None
    size: str | None = None
    resolution: str | None = None
    background: str | None = None
    variants: int | None = None

    @classmethod
    def of(cls, task: Task) -> Self:
        return cls(
            model=task.model,
            size=task.size,
            resolution=task.resolution,
            background=task.background,
            variants=task.variants,
        )


NOTHING_FORMER: Final = Former()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asks for, before the defaults apply. The fields from `model` to `variants` hold what the person
    chose or typed, and replace the values in `request`; each is None if it was not chosen."""

    request: PictureRequest
    model: str | None = None
    """Key or name."""
    size: str | None = None
    """As typed: an aspect ratio, a word such as `portrait`, or `picture` for the shape of the first input picture."""
    resolution: str | None = None
    background: str | None = None
    variants: int | None = None
    ratio: tuple[float, float] | None = None
    """Width and height of `--ar`: the nearest size of the model counts."""
    style_size: str | None = None
    style_variants: int | None = None
    former: Former = NOTHING_FORMER
    fits_picture: bool = True
    """Whether, without any of these sizes, the first picture decides, if there is one, and not the defaults."""
    private: bool | None = None
    as_stored: bool = False
    """The prompt is that of an earlier request: nothing in it is read as a mention, a parameter or a group."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What became of parameters at the end of the words, as `bot.intake.words` says."""
    derivation: Derivation | None = None
    parent_id: str | None = None
    parent_picture: int | None = None


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
    """Return the files as references. Raises BadReference, which names all files that can be refused without reading
    their contents, and for a mask without exactly one image."""
    if mask is not None and not images:
        raise BadReference(Reason.MASK_WITHOUT_IMAGE)
    if mask is not None and len(images) > 1:
        raise BadReference(Reason.MASK_WITH_SEVERAL)
    references, refused = [], []
    for kind, file in [*((ReferenceKind.IMAGE, image) for image in images), (ReferenceKind.MASK, mask)]:
        if file is not None:
            try:
                references.append(reference_of(file, kind))
            except BadReference as error:
                refused.append(error)
    if refused:
        raise BadReference.together(refused)
    return tuple(references)


def reference_of(attachment: Attached, kind: ReferenceKind = ReferenceKind.IMAGE) -> NewReference:
    """Return the file as a reference. Its declared type does not matter: the content is read later. Raises BadReference
    for an empty file and one of more than `LARGEST_REFERENCE_BYTES`."""
    filename = storable(attachment.filename)
    if attachment.size > LARGEST_REFERENCE_BYTES:
        megabytes = LARGEST_REFERENCE_BYTES // 2**20
        raise BadReference(Reason.REFERENCE_TOO_LARGE, filename=filename, megabytes=megabytes)
    if attachment.size <= 0:
        raise BadReference(Reason.REFERENCE_EMPTY, filename=filename)
    return NewReference(
        kind=kind,
        url=attachment.url,
        filename=filename,
        declared_type=(attachment.content_type or "").partition(";")[0].strip().lower() or None,
        declared_bytes=attachment.size,
        spoiler=attachment.is_spoiler(),
    )
