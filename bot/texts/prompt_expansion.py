"""
Expand one prompt into several: `{red, green} door in {oil, ink}` gives four.

* A group is enclosed in braces and has commas (Western or Chinese) between its alternatives. Blanks around an
  alternative and blank alternatives are ignored; the last group varies fastest.
* Braces with fewer than two alternatives are no group and stay as typed: `{prompt}`, `{}`, `{red,}`, a single brace.
  The same holds for a JSON object. Repeated alternatives count here, but give one prompt only.
* A backslash makes a brace literal, and inside a group also a comma.
* A brace within a group, such as that of another group, is ambiguous and is rejected.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Final

from bot.errors import BadChoice, Reason
from bot.texts.discord_text import is_blank

MOST: Final = 100
"""Largest number of prompts from one expansion; a server may allow fewer."""

_BRACES: Final = re.compile(r"[{}]")
_ESCAPED: Final = re.compile(r"\\([{}])")
_ESCAPED_IN_A_GROUP: Final = re.compile(r"\\([{},\uff0c])")
_MARKS: Final = re.compile(r"\\[{},\uff0c]|[{}]")
_COMMA: Final = re.compile(r"(?<!\\)[,\uff0c]")


def expand(words: str, *, most: int = MOST) -> list[str]:
    """
    Return each distinct prompt once, in order; only one prompt if there is no group. Raises BadChoice for a brace
    within a group, and for more prompts than the smaller of `most` and `MOST`. They are counted before any prompt is
    built, and so are prompts that two groups give alike.
    """
    choices = _choices(words)
    if prod(len(alternatives) for alternatives in choices) > min(most, MOST):
        raise BadChoice(Reason.BATCH_TOO_LARGE, allowed=min(most, MOST))
    return list(dict.fromkeys("".join(chosen) for chosen in product(*choices)))


def literal(words: str) -> str:
    """Return the text that expands to exactly `words`, once."""
    try:
        if expand(words) == [words]:
            return words
    except BadChoice:
        pass
    return _BRACES.sub(r"\\\g<0>", words)


def _choices(words: str) -> list[Sequence[str]]:
    """Return the alternatives of each part of the text, in order; a part outside groups has one alternative."""
    choices: list[Sequence[str]] = []
    done = 0
    for start, end in _outermost(words):
        alternatives = _alternatives(words[start + 1 : end], whole=words[start : end + 1])
        if alternatives:
            choices += [[_ESCAPED.sub(r"\1", words[done:start])], alternatives]
            done = end + 1
    return [*choices, [_ESCAPED.sub(r"\1", words[done:])]]


def _outermost(words: str) -> list[tuple[int, int]]:
    """Return the positions of each outermost pair of matching braces. Takes one pass, as a text may consist of
    nothing but braces."""
    open_at: list[int] = []
    pairs: list[tuple[int, int]] = []
    for mark in _MARKS.finditer(words):
        if mark[0] == "{":
            open_at.append(mark.start())
        elif mark[0] == "}" and open_at:
            start = open_at.pop()
            while pairs and pairs[-1][0] > start:
                pairs.pop()
            pairs.append((start, mark.start()))
    return pairs


def _alternatives(inside: str, *, whole: str) -> Sequence[str]:
    """Return the distinct alternatives of a group; nothing if the braces are no group. Raises BadChoice for a brace
    within a group."""
    parts = _COMMA.split(inside)
    if len(parts) < 2 or _is_json(whole):
        return ()
    if any(mark[0] in {"{", "}"} for mark in _MARKS.finditer(inside)):
        raise BadChoice(Reason.BATCH_NESTED)
    filled = [_ESCAPED_IN_A_GROUP.sub(r"\1", part).strip() for part in parts]
    filled = [part for part in filled if not is_blank(part)]
    return list(dict.fromkeys(filled)) if len(filled) > 1 else ()


def _is_json(whole: str) -> bool:
    try:
        json.loads(whole)
    except (ValueError, RecursionError):
        return False
    return True
