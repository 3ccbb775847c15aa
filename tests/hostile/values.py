"""Values of options, form fields and selects that were never offered, but may arrive from Discord."""

from __future__ import annotations

from typing import Any, Final

LONG: Final = "x" * 5_000
BIDI: Final = "\u202eevil\u202c \u2067x\u2069 \u200b\u200d\ufeff"

SCALARS: Final[dict[str, Any]] = {
    "negative": -1000,
    "zero": 0,
    "three": 3,
    "five": 5,
    "nine": 9,
    "huge": 10**30,
    "a fraction": 2.0,
    "true": True,
    "false": False,
    "nothing": None,
    "a list": ["1"],
    "a mapping": {"value": "1"},
    "letters": "abc",
    "a ratio": "9:9",
    "empty": "",
    "blank": " ",
    "a full-width digit": "１",
    "a digit with a space": " 2",
    "a fraction as text": "2.0",
    "negative as text": "-1000",
    "huge as text": str(10**30),
    "an exponent": "1e3",
    "an underscore": "1_0",
    "a NUL": "1\0",
    "a NUL alone": "\0",
    "a lone surrogate": "\ud800",
    "long": LONG,
    "both directions": BIDI,
    "zero width": "\u200b\u200b",
}
"""Values where one value is expected."""

LISTS: Final[dict[str, Any]] = {
    **{name: [value] for name, value in SCALARS.items()},
    "the same twice": ["1", "1"],
    "two of one": ["1", "2"],
    "many": [str(number) for number in range(100)],
    "a list in a list": [["1"]],
}
"""Values where a select's list is expected."""
SHAPES: Final[dict[str, Any]] = {"not a list": "abc", "a number": 5, "a mapping": {"0": "1"}}
"""Values in place of such a list. discord.py itself parses the list of a select in a message."""
