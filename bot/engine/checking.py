"""
The one place that every request passes, whatever it came by, before it is counted against the limits.

Discord bounds what people fill in, but what it passes on is only what somebody sent. A value that was never offered
must not be stored, paid for, or counted: a negative number of pictures would lower what a person has used.
"""

from __future__ import annotations

from dataclasses import replace

from bot.errors import BadReference, BlankPrompt, Reason, TooLong, UnknownChoice
from bot.markup import is_blank, storable
from storage.bounds import (
    LARGEST_REFERENCE_BYTES,
    LONGEST_TEMPLATE,
    LONGEST_WORDS,
    MOST_REFERENCES,
    SIZES,
    VARIANTS,
)
from storage.models import NewReference, NewTask, ReferenceKind


def checked(new: NewTask) -> NewTask:
    """The request as it may be stored. Raises UnknownChoice, TooLong, BlankPrompt, or BadReference."""
    if new.size not in SIZES or not _is_whole(new.variants) or new.variants not in VARIANTS:
        raise UnknownChoice
    if not all(isinstance(one, bool) for one in (new.enhance, new.fallback, new.private)):
        raise UnknownChoice
    if new.parent_picture is not None and not (_is_whole(new.parent_picture) and new.parent_picture >= 0):
        raise UnknownChoice
    references = _checked_references(new.references)
    return replace(new, prompt=_checked_words(new), references=references)


def _checked_words(new: NewTask) -> str:
    """As typed, less what no database keeps; nothing where there are no words in it."""
    if not isinstance(new.prompt, str):
        raise UnknownChoice
    longest = LONGEST_WORDS if new.style is None else LONGEST_WORDS + LONGEST_TEMPLATE
    if len(new.prompt) > longest:
        raise TooLong(longest)
    if not is_blank(new.prompt):
        return storable(new.prompt)
    if not new.references:
        raise BlankPrompt
    return ""


def _checked_references(references: tuple[NewReference, ...]) -> tuple[NewReference, ...]:
    masks = sum(one.kind is ReferenceKind.MASK for one in references)
    if len(references) - masks > MOST_REFERENCES or masks > 1:
        raise BadReference(Reason.TOO_MANY_REFERENCES, allowed=MOST_REFERENCES)
    return tuple(_checked_reference(one) for one in references)


def _checked_reference(one: NewReference) -> NewReference:
    """What can be told without looking inside. The size of a copy of ours is known; any other is only declared."""
    if not all(isinstance(text, str) for text in (one.url, one.filename, one.declared_type or "")):
        raise BadReference(Reason.REFERENCE_NOT_A_PICTURE)
    if not _is_whole(one.declared_bytes) or one.declared_bytes < 0:
        raise BadReference(Reason.REFERENCE_NOT_A_PICTURE, filename=storable(one.filename))
    if one.declared_bytes > LARGEST_REFERENCE_BYTES and one.kept_key is None:
        raise BadReference(Reason.REFERENCE_TOO_LARGE, filename=storable(one.filename), megabytes=25)
    declared = storable(one.declared_type) if one.declared_type is not None else None
    return replace(
        one, url=storable(one.url.replace("\0", "%00")), filename=storable(one.filename), declared_type=declared
    )


def _is_whole(value: object) -> bool:
    """JSON has true and 2.0 as well, which are equal to whole numbers."""
    return type(value) is int
