"""
Texts that several messages share: the prompt, shortened to fit into Discord's limits, durations, shapes, links,
mentions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote as percent

from bot.discord_limits import UNITS_PER_MESSAGE
from bot.texts import Texts
from bot.texts.discord_text import cleaned, escaped, is_blank, shortened, units
from bot.texts.shapes import shape
from storage.models import PictureRequest, Reference, ReferenceKind, Task

ALT_UNITS: Final = 256
"""A comfortable length for screen readers; Discord allows 1024."""
ASKERS: Final = 1000
"""Most people whose mention on a card is kept as it was formatted."""
PROMPT_FILENAME: Final = "prompt.txt"

_OF_ADDRESSES: Final = "%:/?#@!$&'*+,;=()"
"""Characters that stay as they are in an address; all others are escaped, as they might end the link."""
_QUOTE: Final = "> "


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A prompt as shown. `whole` is False if it was shortened; an outcome then has the full prompt as a file."""

    text: str
    whole: bool


def quote(say: Texts, prompt: str, *, beside: Sequence[str] = (), most: int) -> Quote:
    """Quote the prompt in at most `most` UTF-16 units after escaping, and in the room that the texts `beside` leave in
    the message. A prompt without words becomes a note that says so."""
    if is_blank(prompt):
        return Quote(text=f"{_QUOTE}*{say('text-wordless')}*", whole=True)
    room = min(most, UNITS_PER_MESSAGE - sum(units(text) for text in beside) - len(_QUOTE))
    text = escaped(prompt, room)
    return Quote(text=_QUOTE + text, whole=text == escaped(prompt, 3 * units(prompt) + 2))


def sentences(say: Texts, each: Iterable[str]) -> str:
    """Return sentences as one text, joined as the language joins them: Chinese has no blank between sentences."""
    return say("text-space").join(each)


def in_line(say: Texts, prompt: str, most: int) -> str:
    """Return the prompt as part of a line of text, escaped and shortened to at most `most` UTF-16 units. A prompt
    without words becomes a note that says so."""
    return f"*{say('text-wordless')}*" if is_blank(prompt) else escaped(prompt, most)


def alt_text(say: Texts, what: str, prompt: str) -> str:
    """Return a description for screen readers, without markup."""
    return shortened(what if is_blank(prompt) else say("text-alt", what=what, words=cleaned(prompt)), ALT_UNITS)


def rough_time(say: Texts, seconds: float) -> str:
    """Return a duration in rough words, as it is only an estimate."""
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


def shape_of(say: Texts, request: PictureRequest | Task) -> str:
    """Return the shape of a request in words, also while it depends on a picture that was not looked at yet."""
    return say("text-like-picture") if request.fits_picture else shape(say, request.size)


def linked(say: Texts, position: int, url: str) -> str:
    """Return a Markdown link to a picture, with the picture's number as the text."""
    return f"[{say('outcome-picture-numbered', number=position + 1)}](<{percent(url, safe=_OF_ADDRESSES)}>)"


def message_link(channel_id: int, message_id: int, guild_id: int | None) -> str:
    """Return the address of a message; `guild_id` is None for direct messages."""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


def mention(say: Texts, person_id: int) -> str:
    """Return a mention of the person; a neutral word for id 0, which replaces an erased person."""
    return f"<@{person_id}>" if person_id else say("text-somebody")


@lru_cache(maxsize=ASKERS)
def asked_by(say: Texts, asker_id: int) -> str:
    return say("text-for", asker=f"<@{asker_id}>")


def attached(say: Texts, references: Sequence[Reference]) -> list[str]:
    """Return the facts about the references for a card or an outcome; empty without references."""
    kinds = [reference.kind for reference in references]
    facts = []
    if images := kinds.count(ReferenceKind.IMAGE):
        facts.append(say("text-attached", count=images))
    if ReferenceKind.MASK in kinds:
        facts.append(say("text-with-mask"))
    if any(reference.is_gone for reference in references):
        facts.append(say("text-attached-gone"))
    return facts
