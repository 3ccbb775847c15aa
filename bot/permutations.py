"""
Several requests out of one: `{red, green} door in {oil, ink}` is four.

* A group is what stands between two braces, with commas (Western or Chinese) between its alternatives. Blanks around
  an alternative do not count, nor do alternatives without anything in them; the last group changes first.
* What has fewer than two alternatives is no group and stays as typed: `{prompt}`, `{}`, `{red,}`, a brace alone. So
  does a JSON object.
* A backslash makes a brace, and inside a group a comma, stand for itself.
* A group within a group could be meant in several ways, and is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Final

from bot.errors import BadChoice, Reason

MOST: Final = 100
"""Requests that are made out of one, whatever a server allows."""

_BRACES: Final = re.compile(r"[{}]")
_ESCAPED: Final = re.compile(r"\\([{}])")
_ESCAPED_IN_A_GROUP: Final = re.compile(r"\\([{},\uff0c])")
_MARKS: Final = re.compile(r"\\[{},\uff0c]|[{}]")
_COMMA: Final = re.compile(r"(?<!\\)[,\uff0c]")


def expand(words: str, *, most: int = MOST) -> list[str]:
    """
    Each request once, in order; one alone where there is no group. Raises BadChoice for a group within a group, and for
    more than `most`, which are counted before any is made.
    """
    choices = _choices(words)
    if prod(len(one) for one in choices) > min(most, MOST):
        raise BadChoice(Reason.BATCH_TOO_LARGE, allowed=min(most, MOST))
    return list(dict.fromkeys("".join(chosen) for chosen in product(*choices)))


def literal(words: str) -> str:
    """What is typed to have exactly these words, once."""
    try:
        if expand(words) == [words]:
            return words
    except BadChoice:
        pass
    return _BRACES.sub(r"\\\g<0>", words)


def _choices(words: str) -> list[Sequence[str]]:
    """What there is to choose from, one after the other; what is no group has one alternative."""
    choices: list[Sequence[str]] = []
    done = 0
    for start, end in _outermost(words):
        alternatives = _alternatives(words[start + 1 : end], whole=words[start : end + 1])
        if alternatives:
            choices += [[_ESCAPED.sub(r"\1", words[done:start])], alternatives]
            done = end + 1
    return [*choices, [_ESCAPED.sub(r"\1", words[done:])]]


def _outermost(words: str) -> list[tuple[int, int]]:
    """Where braces that belong together open and close, but for those inside of others. In one pass: words may be
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
    """Those of a group, each once; nothing where it is none. Raises BadChoice for a group within it."""
    parts = _COMMA.split(inside)
    if len(parts) < 2 or _is_json(whole):
        return ()
    if any(mark[0] in {"{", "}"} for mark in _MARKS.finditer(inside)):
        raise BadChoice(Reason.BATCH_NESTED)
    filled = [_ESCAPED_IN_A_GROUP.sub(r"\1", part).strip() for part in parts]
    filled = [part for part in filled if part]
    return list(dict.fromkeys(filled)) if len(filled) > 1 else ()


def _is_json(whole: str) -> bool:
    try:
        json.loads(whole)
    except (ValueError, RecursionError):
        return False
    return True
