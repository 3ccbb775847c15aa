"""
Clean, escape and shorten text that people wrote, so that it does not affect our text around it.

Discord limits the length of a message without documenting the unit, so everything here is measured in UTF-16 code
units: at least as many as characters, so a text that fits by this count fits by both.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

ELLIPSIS: Final = "…"
FIRST_STRONG_ISOLATE: Final = "\u2068"
POP_ISOLATE: Final = "\u2069"

_OVERRIDES: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that would change the direction of the surrounding text, or end our isolate early."""
_SPECIAL: Final = re.compile(r"[\\`*_~|<>#\[@]|:(?=//)")
"""Characters that begin Discord's markdown, mentions and links; a backslash before them makes them literal."""
_ATTACHED: Final = re.compile("[\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
"""Characters that are no combining marks and still belong to the emoji before them: the zero-width joiner, skin tones,
and tags, which make flags such as that of Scotland."""
_FLAG_LETTERS: Final = "".join(map(chr, range(0x1F1E6, 0x1F200)))
"""The regional indicators: each two of them are shown as a flag."""
_TWO_UNITS: Final = re.compile("[\U00010000-\U0010ffff]")
"""Characters that take two UTF-16 code units."""
_DROPPED: Final = frozenset({"Cc", "Cs"})
"""Unicode categories: control characters and lone surrogates."""


_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U00016fe4\U0001d159"
    "\U000e0100-\U000e01ef]"
)
"""Characters without ink that are no spaces or controls for Unicode: fillers, variation selectors, an empty Braille
cell, a musical null. Source: the property Default_Ignorable_Code_Point of Unicode 16, and U+2800, U+16FE4, U+1D159."""


def units(text: str) -> int:
    """Return the length in UTF-16 code units."""
    return len(text) + len(_TWO_UNITS.findall(text))


def cleaned(text: str) -> str:
    """Return one line without control characters, lone surrogates, and characters that embed, override or isolate the
    text direction."""
    spaced = " ".join(text.split())
    return "".join(c for c in spaced if c not in _OVERRIDES and unicodedata.category(c) not in _DROPPED).strip()


def storable(text: str) -> str:
    """Return the text without NUL characters and with `?` for lone surrogates: no database stores either."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def is_blank(text: str) -> bool:
    """Return whether the text contains no character that is visible by Python's data of Unicode; characters that these
    do not know count as invisible."""
    return all(unicodedata.category(character)[0] in "CZ" for character in _BLANK.sub("", text))


def shortened(text: str, room: int) -> str:
    """Shorten the text to at most `room` units (1 or more), an ellipsis included; a text that fits stays as it is. Cut
    between words where a space is near, and never inside a letter with its combining marks, an emoji with its skin
    tone, a flag, or a sequence of emoji with joiners."""
    if units(text) <= room:
        return text
    kept = _prefix(text, room - 1)
    space = kept.rfind(" ", len(kept) * 3 // 4)
    if space > 0:
        kept = kept[:space]
    return kept.rstrip() + ELLIPSIS


def escaped(text: str, room: int) -> str:
    """Clean and escape the text, and isolate it from the direction of the text around it. It is shortened so that the
    result has at most `room` units (4 or more) *after* escaping, the two marks of the isolation included."""
    clean = cleaned(text)
    room -= 2
    written = _backslashed(clean)
    if units(written) > room:
        written = _backslashed(_longest(clean, room))
    return f"{FIRST_STRONG_ISOLATE}{written}{POP_ISOLATE}"


def _longest(clean: str, room: int) -> str:
    """Return the longest shortened form of `clean` that has at most `room` units once escaped; it is not escaped
    itself."""
    low, high = 1, min(units(clean), room)
    while low < high:
        middle = (low + high + 1) // 2
        if units(_backslashed(shortened(clean, middle))) <= room:
            low = middle
        else:
            high = middle - 1
    return shortened(clean, low)


def _backslashed(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)


def _prefix(text: str, room: int) -> str:
    taken = 0
    end = 0
    for character in text:
        taken += units(character)
        if taken > room:
            break
        end += 1
    while 0 < end < len(text) and _is_joined(text[:end], text[end]):
        end -= 1
    return text[:end]


def _is_joined(before: str, after: str) -> bool:
    """Return whether the character `after` is shown together with the end of the text `before`."""
    if after in _FLAG_LETTERS:
        begun = len(before) - len(before.rstrip(_FLAG_LETTERS))
        return begun % 2 == 1
    is_mark = unicodedata.category(after).startswith("M")
    return is_mark or _ATTACHED.match(after) is not None or before.endswith("\u200d")
