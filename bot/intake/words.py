"""
Read the words of a request as people type them in Discord: mentions become names, and parameters at the end choose the
shape, the model or the resolution, become words, or are left out.

What became of the parameters is in `Wish.parameters`, for the card. It has only names of parameters and digits, nothing
else that the person typed; `model_was`, `model_is` and `model_why` come from `bot.engine.intake.models`:

ratio      the aspect ratio that chose the shape
overruled  the aspect ratio that did not, because the person had chosen a shape
named      "1" if a model in the words did not count, because the person had chosen one
sharp      "1" if a resolution in the words did not count, because the person had chosen one
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


def as_read(wish: Wish, names: Names, say: Texts) -> Wish:
    """Return the wish with its words read; a stored prompt stays as it is. A size, a model and a resolution that the
    person has chosen take precedence over `--ar`, `--model` and `--resolution`."""
    if wish.as_stored:
        return wish
    read = parameters_of(named(wish.request.prompt, names, say))
    return replace(
        wish,
        request=replace(wish.request, prompt=in_words(read, say)),
        ratio=read.ratio if wish.size is None else None,
        model=wish.model if wish.model is not None else read.model or None,
        resolution=wish.resolution if wish.resolution is not None else read.resolution or None,
        parameters=_kept(read, wish),
    )


def in_words(read: Parameters, say: Texts) -> str:
    """Return the words, and after them, in words ("without ..."), what the picture must not show."""
    parts = [read.words.rstrip(" ,;")] if read.without and read.words else [read.words] if read.words else []
    parts += [f"{say('words-without')} {what}" for what in read.without]
    return ", ".join(parts)


def _kept(read: Parameters, wish: Wish) -> Mapping[str, str]:
    kept = {
        "ratio" if wish.size is None else "overruled": read.typed_ratio,
        "named": "1" if wish.model is not None and read.model else "",
        "sharp": "1" if wish.resolution is not None and read.resolution else "",
        "without": "1" if read.without else "",
        "left_out": " ".join(read.left_out),
        "stayed": "1" if read.stayed else "",
    }
    return {name: value for name, value in kept.items() if value}
