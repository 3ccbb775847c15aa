"""
Read the parameters that people add to the end of a prompt for Midjourney: `a cat --ar 16:9 --v 6 --no dogs`.

* `--model nano-banana` and `--resolution 4k` are the bot's own. The value of the first is the key or the name of a
  model, which may have blanks.
* Only the end of the prompt has parameters: several words after a name that do not fit it end the search there, and
  everything before stays as typed. So do double dashes inside the prompt.
* An unknown name, or a value that does not fit, with one word at most, stays in the words; the ones before it are read.
* One dash is enough for a known name, but a single letter then needs a value.
* Phones write an em dash for two hyphens (`—ar`), web pages other hyphens, Chinese keyboards a wide colon.
* A backslash before the dashes makes them part of the prompt.

Source of the names: guides to the versions 1 to 8 of Midjourney.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_SIDE: Final = r"[0-9]{1,5}(?:\.[0-9]{1,4})?"
_RATIO: Final = re.compile(rf"(?P<width>{_SIDE})\s*[:\uff1axX\u00d7/]\s*(?P<height>{_SIDE})")
_AROUND: Final = " \t\r\n=:,.;\uff1a\uff0c\u3002\uff1b\u3001\u00a0\u200b\u200c\u200d\u2060\u2800\u3000\u3164\ufeff"
"""Characters around a value that do not belong to it."""

_NOTHING: Final = ""
_NUMBER: Final = r"-?[0-9]*\.?[0-9]+"
_WORD: Final = r"[^\s{}]+"
_CODE: Final = r"(?:https?://\S+|random|(?=\S*[0-9])[\w:.-]+)"
"""The address of a picture, or the code of a style or a profile, which has a digit."""
_CODES: Final = rf"{_CODE}(?:\s+{_CODE})*"
_WITHOUT: Final = frozenset({"no", "negative", "negative-prompt"})
_SHAPES: Final = frozenset({"ar", "aspect"})
_RESOLUTIONS: Final = frozenset({"resolution", "res"})
_MODEL: Final = "model"
_MODEL_NAME: Final = r"[\w.+-]+(?: [\w.+-]+){0,5}"
_VALUES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("tile", "raw", "fast", "relax", "turbo", "draft", "hd", "test", "testp", "creative", "beta", "upbeta",
         "uplight", "upanime", "stealth", "public", "loop"),
        _NOTHING,
    ),
    **dict.fromkeys(("niji", "video", "hq", "sd"), f"(?:{_NUMBER})?"),
    **dict.fromkeys(
        ("s", "stylize", "c", "chaos", "q", "quality", "seed", "sameseed", "iw", "sw", "cw", "ow", "sv", "stop", "w",
         "weird", "h", "width", "height", "r", "repeat", "exp", "bs"),
        _NUMBER,
    ),
    **dict.fromkeys(("v", "version"), f"{_NUMBER}|niji|test"),
    **dict.fromkeys(("ar", "aspect", "style", "motion"), _WORD),
    **dict.fromkeys(("sref", "cref", "oref"), _CODES),
    **dict.fromkeys(("p", "profile", "personalize", "end"), f"(?:{_CODES})?"),
    **dict.fromkeys(_WITHOUT, r"[\s\S]*"),
    **dict.fromkeys(_RESOLUTIONS, r"[0-9]{1,3}(?:[.,][0-9]{1,2})?\s?[kK]"),
    _MODEL: _MODEL_NAME,
}  # fmt: skip
"""The form of each parameter's value, as a regular expression for the whole value."""

_TWO: Final = "[-\u2010-\u2015\u2212]{2}"
_DASHES: Final = rf"(?:{_TWO}|[\u2012-\u2015])"
_DASH: Final = rf"[-\u2010\u2011\u2212](?=(?i:{'|'.join(_VALUES)})(?:[\s=:\uff1a]|\Z))"
_FLAG: Final = re.compile(rf"(?<!\S)(?:{_DASHES}|(?P<dash>{_DASH}))(?P<name>[0-9]*[A-Za-z]+(?:[-_][A-Za-z]+)*)")
_ESCAPED: Final = re.compile(rf"(?<!\S)\\(?=\\*(?:{_DASHES}[A-Za-z]|{_DASH}))")
_ESCAPABLE: Final = re.compile(rf"(?<!\S)(?=\\*(?:{_DASHES}[A-Za-z]|{_DASH}))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """A prompt without its parameters, and what they asked for."""

    words: str
    ratio: tuple[float, float] | None = None
    """Width and height, each more than 0."""
    typed_ratio: str = ""
    """The ratio as text with plain numbers, such as 16:9; empty without a ratio."""
    model: str = ""
    """The model as typed; empty if none was."""
    resolution: str = ""
    """The resolution as typed, such as 4k; empty if none was."""
    without: tuple[str, ...] = ()
    """What the picture must not show."""
    left_out: tuple[str, ...] = ()
    """Names of all other parameters, which have no effect, in the order typed, each once; a name above is among them if
    its value is missing or cannot be read."""
    stayed: bool = False
    """Whether an unknown name, or a value that does not fit, behind two dashes at the end stayed in the words."""

    @property
    def found(self) -> bool:
        """Whether any parameter was taken out of the words."""
        return bool(self.typed_ratio or self.model or self.resolution or self.without or self.left_out)


def parameters_of(typed: str) -> Parameters:
    """Read the end of the prompt. Of several aspect ratios the last readable one counts, and of several
    models or resolutions the last one; of several `--no`, all do."""
    found, words, stayed = _at_end(typed)
    ratio, typed_ratio, model, resolution = None, "", "", ""
    without, left_out = list[str](), dict[str, None]()
    for name, value in found:
        if name in _SHAPES and (read := ratio_of(value)):
            ratio, typed_ratio = read, f"{read[0]:g}:{read[1]:g}"
        elif name == _MODEL:
            model = value
        elif name in _RESOLUTIONS:
            resolution = value
        elif name in _WITHOUT and value:
            without.append(value)
        else:
            left_out[name] = None
    return Parameters(
        words=_ESCAPED.sub("", words),
        ratio=ratio,
        typed_ratio=typed_ratio,
        model=model,
        resolution=resolution,
        without=tuple(without),
        left_out=tuple(left_out),
        stayed=stayed,
    )


def without_parameters(words: str) -> str:
    """Return the text that `parameters_of` reads as exactly `words`, without parameters."""
    read = parameters_of(words)
    if read.words == words and not read.found:
        return words
    return _ESCAPABLE.sub(r"\\", words)


def has_parameter(words: str) -> bool:
    """Return whether anything in the words, not only at their end, has the form of a parameter."""
    return _FLAG.search(words) is not None


def _at_end(typed: str) -> tuple[list[tuple[str, str]], str, bool]:
    """Return the names and values of the parameters at the end, in the order typed; the words without them; and
    whether others, behind two dashes, stayed in the words."""
    found, words, end = list[tuple[str, str]](), typed, len(typed)
    stayed = list[str]()
    for flag in reversed(list(_FLAG.finditer(typed))):
        name, value = flag["name"].lower().replace("_", "-"), typed[flag.end() : end].strip(_AROUND)
        if _fits(name, value) and (value or len(name) > 1 or not flag["dash"]):
            found.insert(0, (name, value))
            words = " ".join(filter(None, (typed[: flag.start()].rstrip(), *reversed(stayed))))
        elif flag["dash"]:
            continue
        elif re.fullmatch(f"(?:{_WORD})?", value):
            stayed.append(typed[flag.start() : end].strip(_AROUND))
        else:
            break
        end = flag.start()
    return found, words, any(re.match(_TWO, each) for each in stayed)


def _fits(name: str, value: str) -> bool:
    if name in _SHAPES and ratio_of(value):
        return True
    return name in _VALUES and re.fullmatch(_VALUES[name], value) is not None


def ratio_of(value: str) -> tuple[float, float] | None:
    """Return width and height, each more than 0, of a text such as `16:9` or `16x9`; None if it is no ratio."""
    read = _RATIO.fullmatch(value)
    if read is None:
        return None
    width, height = float(read["width"]), float(read["height"])
    return (width, height) if width > 0 and height > 0 else None
