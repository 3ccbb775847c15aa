"""Tell small talk from requests, so that a thank-you costs nothing. When in doubt, words are a request."""

from __future__ import annotations

import re
import unicodedata
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
    """Return the first kind, in the order of `SmallTalk`, of the phrases that `said` consists of; None if other words
    remain, or if all phrases are fillers."""
    phrases, phrase = _phrases()
    found, position = set(), 0
    while position < len(said):
        match = phrase.match(said, position)
        if match is None:
            return None
        found.add(phrases[match["phrase"]])
        position = match.end()
    return next((kind for kind in SmallTalk if kind in found), None)


@cache
def _phrases() -> tuple[dict[str, SmallTalk | None], re.Pattern[str]]:
    """Return the kind of each phrase in all languages, None for fillers, which only accompany others; and the pattern
    that reads the longest phrase. Chinese phrases need no space after them."""
    phrases: dict[str, SmallTalk | None] = {}
    for kind in (None, *SmallTalk):
        for language in LANGUAGES:
            listed = texts_in(language)(f"talk-{kind.value if kind else 'filler'}")
            phrases |= dict.fromkeys((" ".join(phrase.split()) for phrase in listed.split(",")), kind)
    longest_first = sorted(phrases, key=len, reverse=True)
    return phrases, re.compile(rf"(?P<phrase>{'|'.join(map(re.escape, longest_first))})(?![a-z0-9]) ?")
