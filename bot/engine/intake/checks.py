"""
Validate every request, whichever way it came, before it is counted against the limits.

Discord limits what its forms accept, but it passes on whatever a client sent. A value that was never offered must not
be stored, charged, or counted: a negative number of pictures would lower the count of pictures a person has used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.errors import BadReference, BlankPrompt, Reason, TooLong, UnknownChoice
from bot.texts.discord_text import is_blank, storable
from storage.bounds import LARGEST_REFERENCE_BYTES, LONGEST_TEMPLATE, LONGEST_WORDS
from storage.catalogue import Look, Model
from storage.models import NewReference, NewTask, PictureRequest, ReferenceKind


def checked(new: NewTask, models: Mapping[str, Model]) -> NewTask:
    """Return the task as it may be stored, with its estimated price and number of creates. `models`: those that are
    switched on. Raises UnknownChoice for a value that was not offered, TooLong or BlankPrompt for the prompt,
    BadReference for an input picture or too many."""
    if not isinstance(new.private, bool):
        raise UnknownChoice
    if new.parent_picture is not None and not (_is_whole(new.parent_picture) and new.parent_picture >= 0):
        raise UnknownChoice
    model = models.get(new.request.model)
    if model is None:
        raise UnknownChoice
    request = _checked_request(new.request, model)
    images = sum(reference.kind is ReferenceKind.IMAGE for reference in request.references)
    price = model.price(variants=request.variants, resolution=request.resolution, references=images)
    return replace(
        new,
        request=request,
        creates_wanted=model.creates_for(request.variants),
        estimated_credits=price,
    )


def _checked_request(request: PictureRequest, model: Model) -> PictureRequest:
    if not all(isinstance(text, str | None) for text in (request.size, request.resolution, request.background)):
        raise UnknownChoice
    if not model.allows(Look(request.size, request.resolution, request.background)):
        raise UnknownChoice
    if not _is_whole(request.variants) or request.variants not in model.variants:
        raise UnknownChoice
    for option, chosen in (("enhance", request.enhance), ("fallback", request.fallback)):
        if not isinstance(chosen, bool) or (chosen and option not in model.options):
            raise UnknownChoice
    references = _checked_references(request.references, model)
    return replace(request, prompt=_checked_words(request), references=references)


def _checked_words(request: PictureRequest) -> str:
    """Return the prompt as typed, without characters that no database stores; an empty string if no character of the
    prompt is visible, which only a request with references may have. Raises UnknownChoice, TooLong, or BlankPrompt."""
    if not isinstance(request.prompt, str):
        raise UnknownChoice
    longest = LONGEST_WORDS if request.style is None else LONGEST_WORDS + LONGEST_TEMPLATE
    if len(request.prompt) > longest:
        raise TooLong(longest)
    if not is_blank(request.prompt):
        return storable(request.prompt)
    if not request.references:
        raise BlankPrompt
    return ""


def _checked_references(references: tuple[NewReference, ...], model: Model) -> tuple[NewReference, ...]:
    masks = sum(reference.kind is ReferenceKind.MASK for reference in references)
    if len(references) - masks > model.most_references or masks > (1 if model.takes_mask else 0):
        raise BadReference(Reason.TOO_MANY_REFERENCES, allowed=model.most_references)
    return tuple(_checked_reference(reference) for reference in references)


def _checked_reference(reference: NewReference) -> NewReference:
    """Check what is known without reading the file. The declared size of a stored copy is not limited here; its file is
    checked when it is read. Raises BadReference."""
    if not all(isinstance(text, str) for text in (reference.url, reference.filename, reference.declared_type or "")):
        raise BadReference(Reason.REFERENCE_NOT_A_PICTURE)
    if not _is_whole(reference.declared_bytes) or reference.declared_bytes < 0:
        raise BadReference(Reason.REFERENCE_NOT_A_PICTURE, filename=storable(reference.filename))
    if reference.declared_bytes > LARGEST_REFERENCE_BYTES and reference.stored_key is None:
        megabytes = LARGEST_REFERENCE_BYTES // 2**20
        raise BadReference(Reason.REFERENCE_TOO_LARGE, filename=storable(reference.filename), megabytes=megabytes)
    declared = storable(reference.declared_type) if reference.declared_type is not None else None
    return replace(
        reference,
        url=storable(reference.url.replace("\0", "%00")),
        filename=storable(reference.filename),
        declared_type=declared,
    )


def _is_whole(value: object) -> bool:
    """Return whether the value is an int. JSON may also contain true and 2.0, which are equal to ints."""
    return type(value) is int
