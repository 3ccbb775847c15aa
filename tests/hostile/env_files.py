"""Values as container runtimes, editors and habits write them into the environment or an env file."""

from __future__ import annotations

from typing import Final

VALUES: Final[dict[str, tuple[str, str]]] = {
    "as it is": ("abc", "abc"),
    "double quotes, which docker --env-file keeps": ('"abc"', "abc"),
    "single quotes": ("'abc'", "abc"),
    "typographic quotes": ("\u201cabc\u201d", "abc"),
    "quotes in quotes": ("\"'abc'\"", "abc"),
    "blanks around it": ("  abc\t", "abc"),
    "blanks around the quotes": (' "abc" ', "abc"),
    "blanks within the quotes": ('" abc "', "abc"),
    "the end of a Windows line": ("abc\r", "abc"),
    "quotes and the end of a Windows line": ('"abc"\r', "abc"),
    "a byte order mark": ("\ufeffabc", "abc"),
    "a space of no width": ("abc\u200b", "abc"),
    "a no-break space": ("\u00a0abc\u00a0", "abc"),
}
"""The text in the environment, and the value that is meant."""

NUMBERS: Final[dict[str, tuple[str, int | None]]] = {
    "plain": ("5", 5),
    "quoted": ('"5"', 5),
    "blanks": (" 5 ", 5),
    "a fraction of nothing": ("5.0", 5),
    "a longer fraction of nothing": ("5.00", 5),
    "underscores": ("1_000", 1000),
    "a space between thousands": ("1 000", 1000),
    "a thin space between thousands": ("1\u202f000", 1000),
    "an apostrophe between thousands": ("1'000", 1000),
    "points between thousands, more than once": ("1.000.000", 1_000_000),
    "commas between thousands, more than once": ("1,000,000", 1_000_000),
    "a point that may be either": ("1.000", None),
    "a comma that may be either": ("1,000", None),
    "a fraction": ("5.5", None),
    "a fraction with a comma": ("5,5", None),
    "an exponent": ("1e3", None),
    "a unit": ("5 pictures", None),
    "a comment": ("5 # a day", None),
    "groups of the wrong size": ("1.00.000", None),
}
"""The text in the environment, and the number; None if it is refused, with one line that shows the right form."""

FILES: Final[dict[str, bytes]] = {
    "Unix": b"DISCORD_TOKEN=abcdef\nKIE_API_KEY=ghijkl\n",
    "Windows": b"DISCORD_TOKEN=abcdef\r\nKIE_API_KEY=ghijkl\r\n",
    "a byte order mark": b"\xef\xbb\xbfDISCORD_TOKEN=abcdef\nKIE_API_KEY=ghijkl\n",
    "both, and quotes": b"\xef\xbb\xbfDISCORD_TOKEN=\"abcdef\"\r\nKIE_API_KEY='ghijkl'\r\n",
    "blanks and no last line end": b"  DISCORD_TOKEN = abcdef  \n\n# a comment\nexport KIE_API_KEY=ghijkl",
}
"""Whole files; the token is `abcdef`, the key is `ghijkl`."""
