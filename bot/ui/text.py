"""Text of a message within Discord's budget: the prompt gives way, everything else is short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.markup import cleaned, escaped, is_blank, shortened, units
from storage.models import Reference, ReferenceKind

MESSAGE_UNITS: Final = 4000
"""All text of a message together (Discord)."""
ALT_UNITS: Final = 256
"""What screen readers comfortably read; Discord takes 1024."""
PROMPT_FILENAME: Final = "prompt.txt"

_QUOTE: Final = "> "
_WORDLESS: Final = "> *no words, only pictures*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A prompt as it is shown. Not `whole` when it was shortened: then it goes along as a file."""

    text: str
    whole: bool


def quote(prompt: str, *, beside: Sequence[str] = (), most: int) -> Quote:
    """The prompt in at most `most` units after escaping, and in what the texts `beside` it leave of the message."""
    if is_blank(prompt):
        return Quote(text=_WORDLESS, whole=True)
    room = min(most, MESSAGE_UNITS - sum(units(text) for text in beside) - len(_QUOTE))
    text = escaped(prompt, room)
    return Quote(text=_QUOTE + text, whole=text == escaped(prompt, 3 * units(prompt) + 2))


def alt_text(before: str, prompt: str) -> str:
    """For a screen reader: plain words, no markup."""
    return shortened(before if is_blank(prompt) else f"{before}: {cleaned(prompt)}", ALT_UNITS)


def rough_time(seconds: float) -> str:
    """A duration in words, as roughly as it is known."""
    if seconds < 15:
        return "a few seconds"
    if seconds < 45:
        return "about half a minute"
    if seconds < 90:
        return "about a minute"
    if seconds < 55 * 60:
        return f"about {round(seconds / 60)} minutes"
    if seconds < 90 * 60:
        return "about an hour"
    return f"about {round(seconds / 3600)} hours"


def shape(size: str) -> str:
    """The picture's shape in words; what is unknown is shown as it is."""
    names = {"1:1": "square (1:1)", "3:2": "landscape (3:2)", "2:3": "portrait (2:3)"}
    return names.get(size, size)


def attached(references: Sequence[Reference]) -> list[str]:
    """What went in, as facts of a card or an outcome; nothing where nothing did."""
    kinds = [reference.kind for reference in references]
    facts = []
    if images := kinds.count(ReferenceKind.IMAGE):
        facts.append(count(images, "attached picture", "attached pictures"))
    if ReferenceKind.MASK in kinds:
        facts.append("a mask")
    return facts


def count(number: int, one: str, many: str) -> str:
    return f"1 {one}" if number == 1 else f"{number} {many}"
