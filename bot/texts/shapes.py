"""Shapes in words: people read `landscape (3:2)`, and may type `3x2`, `landscape` or `1920x1080`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.texts import LANGUAGES, Texts, texts_in
from bot.texts.prompt_parameters import ratio_of
from storage.catalogue import all_sizes, ratio
from storage.search import comparable

AS_PICTURE: Final = "picture"
"""In place of a size: the shape of the first input picture."""
SAME: Final = 1.005
"""Two aspect ratios whose quotient is less than this are one shape: 1920:1080 is 16:9."""

_LYING: Final = (
    (1.02, "shape-square"), (1.2, "shape-nearly-square"), (1.6, "shape-landscape"), (2.0, "shape-wide"),
    (3.0, "shape-very-wide"), (float("inf"), "shape-banner"),
)  # fmt: skip
"""Names of the shapes that are wider than high, each up to this quotient of the longer and the shorter side."""
_UPRIGHT: Final = {
    "shape-landscape": "shape-portrait", "shape-wide": "shape-tall", "shape-very-wide": "shape-very-tall",
    "shape-banner": "shape-column",
}  # fmt: skip
_USUAL: Final = {
    "shape-square": "1:1", "shape-nearly-square": "9:8", "shape-landscape": "3:2", "shape-portrait": "2:3",
    "shape-wide": "16:9", "shape-tall": "9:16", "shape-very-wide": "21:9", "shape-very-tall": "9:21",
    "shape-banner": "4:1", "shape-column": "1:4",
}  # fmt: skip
"""The size that a word means where none of the possible sizes has that word."""


def shape(say: Texts, size: str) -> str:
    """Return a size in words; a text that is no aspect ratio is returned as it is."""
    return say("text-shape", shape=say(_name(size)), size=size) if ratio_of(size) else size


def size_in(typed: str, sizes: Sequence[str]) -> str | None:
    """Return the size that a typed text means: one of `sizes` if possible, else any other aspect ratio, as
    `width:height`; `AS_PICTURE` for the shape of the picture. None if the text is no shape."""
    text = comparable(typed)
    if text in {AS_PICTURE, "auto", *_words("shape-as-picture")}:
        return AS_PICTURE
    inside = text.partition("(")[2].rstrip(") ") or text
    if (sides := ratio_of(inside)) is not None:
        known = (*sizes, *all_sizes())
        return next((size for size in known if _is_same(size, sides)), f"{sides[0]:g}:{sides[1]:g}")
    named = next((name for name in _USUAL if text in _words(name)), None)
    return next((size for size in sizes if _name(size) == named), _USUAL[named]) if named is not None else None


def _name(size: str) -> str:
    sides = ratio(size)
    lying = next(name for most, name in _LYING if max(sides, 1 / sides) < most)
    return _UPRIGHT.get(lying, lying) if sides < 1 else lying


def _is_same(size: str, sides: tuple[float, float]) -> bool:
    quotient = ratio(size) * sides[1] / sides[0]
    return 1 / SAME < quotient < SAME


def _words(name: str) -> set[str]:
    """Return the words for a shape in all languages, as they are compared."""
    words = set[str]()
    for say in map(texts_in, LANGUAGES):
        further = f"typed-{name}"
        words |= {say(name), *(say(further).split(",") if further in say else ())}
    return {comparable(word) for word in words}
