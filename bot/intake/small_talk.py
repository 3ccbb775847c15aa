"""Tell small talk from requests, so that a thank-you costs nothing. When in doubt, words are a request."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Final

from bot.texts import LANGUAGES, texts_in

_NAMED: Final = re.compile(r"<(?:a?:\w+|@[!&]?|#|t):[^<>\s]*>|<[@#][!&]?\d+>")
"""Custom emoji, timestamps, and mentions."""
_FACE: Final = re.compile(r"(?<![^\W_])(?:[:;=x8]['’]?-?[)(dpo3|/\\*]+|<3+|\^_*\^|[tq][_.][tq])(?![^\W_])")
"""Faces and hearts that are typed with letters and signs, in lower case."""
_REPEATED: Final = re.compile(r"([a-z])\1{2,}")


class SmallTalk(Enum):
    HELP = "help"
    """A question about the bot, a word such as "test" or "stop", or nothing that can be read as a request."""
    HELLO = "hello"
    THANKS = "thanks"
    """Thanks, praise, a short answer, an emoji: a smile is enough."""


def small_talk_in(words: str) -> SmallTalk | None:
    """
    Return the kind of small talk, in any language of the bot, whatever the case, punctuation, emoji and order. None if
    the words are a request: if anything remains beside the phrases of `talk.ftl`, or if all of them are fillers. Emoji,
    faces, mentions or timestamps alone are THANKS; no words at all, and a single ASCII letter or digit without any of
    these, are HELP. Of several kinds, the first in the order of `SmallTalk`.
    """
    plain = unicodedata.normalize("NFKC", words).casefold()
    bare = _FACE.sub(" ", _NAMED.sub(" ", plain))
    said = _letters(bare)
    smiles = bare != plain or any(unicodedata.category(character) in ("So", "Sk") for character in words)
    if not said:
        return SmallTalk.THANKS if smiles else SmallTalk.HELP
    for spelling in dict.fromkeys((said, _REPEATED.sub(r"\1\1", said), _REPEATED.sub(r"\1", said))):
        if (kind := _kind_of(spelling)) is not None:
            return kind
    return SmallTalk.HELP if len(said) == 1 and said.isascii() and not smiles else None


def language_in(words: str) -> str | None:
    """Return "zh-CN" if more than half of the letters are Chinese characters and none is Japanese kana or Korean; None
    for all other words, also English ones."""
    letters = [unicodedata.name(character, "") for character in words if character.isalpha()]
    if any(name.startswith(("HIRAGANA", "KATAKANA", "HANGUL")) for name in letters):
        return None
    chinese = sum(name.startswith("CJK") for name in letters)
    return "zh-CN" if chinese * 2 > len(letters) else None


def _letters(text: str) -> str:
    """Return the letters and digits, with one space in place of everything between them, except apostrophes."""
    joined = re.sub("['’`´]", "", text)
    return " ".join("".join(c if unicodedata.category(c)[0] in "LN" else " " for c in joined).split())


def _kind_of(said: str) -> SmallTalk | None:
    """Return the first kind, in the order of `SmallTalk`, of the fewest phrases that `said` consists of; None if other
    words remain, or if all these phrases are fillers. Each position is read once, from the end, so that the time grows
    only with the length."""
    read: dict[int, tuple[int, frozenset[SmallTalk | None]]] = {len(said): (0, frozenset())}
    for position in reversed(range(len(said))):
        after = ((kind, _after(said, position, phrase)) for phrase, kind in _phrases().get(said[position], ()))
        readings = [(kind, *read[end]) for kind, end in after if end in read]
        if readings:
            kind, count, others = min(readings, key=lambda reading: reading[1])
            read[position] = count + 1, others | {kind}
    _, kinds = read.get(0, (0, frozenset()))
    return next((kind for kind in SmallTalk if kind in kinds), None)


def _after(said: str, position: int, phrase: str) -> int | None:
    """Return where the words after the phrase begin; None if the phrase is not at the position. Chinese phrases need no
    space after them."""
    if not said.startswith(phrase, position):
        return None
    end = position + len(phrase)
    following = said[end : end + 1]
    if following == " ":
        return end + 1
    return None if following.isascii() and following.isalnum() else end


@cache
def _phrases() -> Mapping[str, Sequence[tuple[str, SmallTalk | None]]]:
    """Return the phrases of all languages by their first character, the longest first, each with its kind: None for
    fillers, which only accompany others."""
    kinds: dict[str, SmallTalk | None] = {}
    for kind in (None, *SmallTalk):
        for language in LANGUAGES:
            listed = texts_in(language)(f"talk-{kind.value if kind else 'filler'}")
            kinds |= dict.fromkeys((" ".join(phrase.split()) for phrase in listed.split(",")), kind)
    phrases = defaultdict[str, list[tuple[str, SmallTalk | None]]](list)
    for phrase in sorted(kinds, key=len, reverse=True):
        phrases[phrase[0]].append((phrase, kinds[phrase]))
    return phrases
