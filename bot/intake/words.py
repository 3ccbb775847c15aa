"""
Read the words of a request as people type them in Discord: mentions become names, and parameters at the end choose the
shape, become words, or are left out.

What became of the parameters is in `Wish.parameters`, for the card. It has only names of parameters and digits, nothing
else that the person typed:

ratio      the aspect ratio that chose the shape
overruled  the aspect ratio that did not, because the person had chosen a shape
without    "1" if something that must not be shown became words
left_out   names of the others, separated by blanks
stayed     "1" if something at the end could not be read and stayed in the words
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.intake.names import Names, named
from bot.intake.requests import Wish
from bot.texts import Texts
from bot.texts.prompt_parameters import Parameters, parameters_of
from storage.catalogue import DEFAULT, MODELS


def as_read(wish: Wish, names: Names, say: Texts) -> Wish:
    """Return the wish with its words read; a stored prompt stays as it is. A size that the person has chosen takes
    precedence over `--ar`."""
    if wish.as_stored:
        return wish
    read = parameters_of(named(wish.request.prompt, names, say))
    size = wish.size
    if size is None and read.ratio is not None:
        size = MODELS.get(wish.request.model, DEFAULT).nearest_size(*read.ratio)
    return replace(
        wish,
        request=replace(wish.request, prompt=in_words(read, say)),
        size=size,
        parameters=_kept(read, overruled=wish.size is not None),
    )


def in_words(read: Parameters, say: Texts) -> str:
    """Return the words, and after them, in words ("without ..."), what the picture must not show."""
    parts = [read.words.rstrip(" ,;")] if read.without and read.words else [read.words] if read.words else []
    parts += [f"{say('words-without')} {what}" for what in read.without]
    return ", ".join(parts)


def _kept(read: Parameters, *, overruled: bool) -> Mapping[str, str]:
    kept = {
        "overruled" if overruled else "ratio": read.typed_ratio,
        "without": "1" if read.without else "",
        "left_out": " ".join(read.left_out),
        "stayed": "1" if read.stayed else "",
    }
    return {name: value for name, value in kept.items() if value}
