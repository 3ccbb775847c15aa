"""Text of a message within Discord's budget: the prompt gives way, everything else is short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote as percent

from bot.markup import cleaned, escaped, is_blank, shortened, units
from bot.texts import Texts
from storage.models import Reference, ReferenceKind

MESSAGE_UNITS: Final = 4000
"""All text of a message together (Discord)."""
ALT_UNITS: Final = 256
"""What screen readers comfortably read; Discord takes 1024."""
PROMPT_FILENAME: Final = "prompt.txt"

_OF_ADDRESSES: Final = "%:/?#@!$&'*+,;=()"
"""What stays as it is in an address; all else might end the link."""
_QUOTE: Final = "> "
_SHAPES: Final = {"1:1": "text-square", "3:2": "text-landscape", "2:3": "text-portrait"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A prompt as it is shown. Not `whole` when it was shortened: then it goes along as a file."""

    text: str
    whole: bool


def quote(say: Texts, prompt: str, *, beside: Sequence[str] = (), most: int) -> Quote:
    """The prompt in at most `most` units after escaping, and in what the texts `beside` it leave of the message."""
    if is_blank(prompt):
        return Quote(text=f"{_QUOTE}*{say('text-wordless')}*", whole=True)
    room = min(most, MESSAGE_UNITS - sum(units(text) for text in beside) - len(_QUOTE))
    text = escaped(prompt, room)
    return Quote(text=_QUOTE + text, whole=text == escaped(prompt, 3 * units(prompt) + 2))


def in_line(say: Texts, prompt: str, most: int) -> str:
    """The prompt among other words of one line."""
    return f"*{say('text-wordless')}*" if is_blank(prompt) else escaped(prompt, most)


def alt_text(say: Texts, what: str, prompt: str) -> str:
    """For a screen reader: plain words, no markup."""
    return shortened(what if is_blank(prompt) else say("text-alt", what=what, words=cleaned(prompt)), ALT_UNITS)


def rough_time(say: Texts, seconds: float) -> str:
    """A duration in words, as roughly as it is known."""
    if seconds < 15:
        return say("text-seconds")
    if seconds < 45:
        return say("text-half-a-minute")
    if seconds < 90:
        return say("text-minute")
    if seconds < 55 * 60:
        return say("text-minutes", count=round(seconds / 60))
    if seconds < 90 * 60:
        return say("text-hour")
    return say("text-hours", count=round(seconds / 3600))


def shape(say: Texts, size: str) -> str:
    """The picture's shape in words; what is unknown is shown as it is."""
    return say(_SHAPES[size]) if size in _SHAPES else size


def linked(say: Texts, position: int, url: str) -> str:
    """A picture's address behind its number."""
    return f"[{say('outcome-picture-numbered', number=position + 1)}](<{percent(url, safe=_OF_ADDRESSES)}>)"


def message_link(channel_id: int, message_id: int, guild_id: int | None) -> str:
    """Where a click opens a message; without a server, in direct messages."""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


def mention(say: Texts, person_id: int) -> str:
    """Nobody stands where somebody has had themselves erased."""
    return f"<@{person_id}>" if person_id else say("text-somebody")


def asked_by(say: Texts, asker_id: int) -> str:
    return say("text-for", asker=f"<@{asker_id}>")


def attached(say: Texts, references: Sequence[Reference]) -> list[str]:
    """What went in, as facts of a card or an outcome; nothing where nothing did."""
    kinds = [reference.kind for reference in references]
    facts = []
    if images := kinds.count(ReferenceKind.IMAGE):
        facts.append(say("text-attached", count=images))
    if ReferenceKind.MASK in kinds:
        facts.append(say("text-with-mask"))
    if any(reference.is_gone for reference in references):
        facts.append(say("text-attached-gone"))
    return facts
