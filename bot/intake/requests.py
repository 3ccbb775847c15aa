"""
What a person asks for, as commands, forms, buttons, menus and messages build it: a `Wish`, which becomes a new task
once the defaults of the server are known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol

from bot.errors import BadReference, Reason
from bot.texts.discord_text import storable
from storage.bounds import LARGEST_REFERENCE_BYTES
from storage.community import GuildSettings
from storage.models import Derivation, NewReference, NewTask, Origin, PictureRequest, ReferenceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asks for, before the defaults apply. `size` and `variants` replace those in `request`; each is None
    if it was not chosen, and then the style's or the server's applies; for the size, `former_size` and the picture's
    come before the server's."""

    request: PictureRequest
    size: str | None = None
    former_size: str | None = None
    """Size of the result that the request starts from: used where the person, the words and a style choose none."""
    fits_picture: bool = True
    """Whether, without any of these sizes, the first picture decides, if there is one, and not the server."""
    variants: int | None = None
    private: bool = False
    as_stored: bool = False
    """The prompt is that of an earlier request: nothing in it is read as a mention, a parameter or a group."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What became of parameters at the end of the words, as `bot.intake.words` says."""
    derivation: Derivation | None = None
    parent_id: str | None = None
    parent_picture: int | None = None


def new_task(wish: Wish, origin: Origin, settings: GuildSettings) -> NewTask:
    """Build the task without checks: the engine checks every new task."""
    size = wish.size if wish.size is not None else wish.former_size
    return NewTask(
        **asdict(origin),
        request=replace(
            wish.request,
            size=size if size is not None else settings.size,
            fits_picture=size is None and wish.fits_picture and bool(wish.request.references),
            variants=wish.variants if wish.variants is not None else settings.variants,
        ),
        derivation=wish.derivation,
        parent_id=wish.parent_id,
        parent_picture=wish.parent_picture,
        parameters=wish.parameters,
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
