"""
Load the texts that people read, in their language: a folder of Fluent files (https://projectfluent.org) for each
language, one file for each subject. All folders have the same messages; the name of a folder is Discord's code for
the language.

discord_text.py       clean, escape and shorten text that people wrote
prompt_parameters.py  read `--ar 16:9` and the like at the end of a prompt
prompt_expansion.py   expand `{red, green} door` into several prompts
shapes.py             the shapes of pictures in words
command_texts.py      names and descriptions of commands in every language
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import structlog
from fluent.runtime import FluentBundle, FluentResource
from fluent.runtime.types import FluentFloat, FluentInt, NumberFormatOptions

FOLDER: Final = Path(__file__).parent
DEFAULT: Final = "en-US"
LANGUAGES: Final = tuple(sorted({path.parent.name for path in FOLDER.glob("*/*.ftl")}))

VALUE_CHARACTERS: Final = 2000
"""Characters; a longer text within a message is cut. (Fluent drops the whole message from 2500 characters on.)"""

_COMMAND: Final = re.compile(r"`/\{ ([a-z]+)-name \}(?: \{ \1-([a-z]+)-name \})?`")
"""A command in the text of a message: the name of a command, and of its subcommand if it has some."""

_MESSAGE: Final = re.compile(r"^([a-zA-Z][\w-]*) *=", re.MULTILINE)
"""The beginning of a message in the source of a file."""
_REFERENCE: Final = re.compile(r"\{ *([a-zA-Z][\w-]*) *\}")
"""A message within the text of another one."""

_command_ids: dict[str, int] = {}

FORMATTED: Final = 2000
"""Most messages without text among their values that are kept as they were formatted."""

DECIMALS: Final = 2
"""Most digits after the decimal point of a number in a message; trailing zeros are left out."""

log = structlog.get_logger(__name__)


def link_commands(ids: Mapping[str, int]) -> None:
    """Show commands in all texts of this process, from now on, as mentions that can be pressed. `ids`: Discord's ids of
    the published commands, by name; they replace those given before. A command without an id is shown by its name."""
    _command_ids.clear()
    _command_ids.update(ids)
    _formatted.cache_clear()


class WholeNumber(FluentInt):
    """A whole number without grouping, which Babel writes in the same way for each language, in many times as long."""

    default_number_format_options = NumberFormatOptions(useGrouping=False)

    def format(self, locale: Any) -> str:
        return str(int(self))


class Texts:
    """`say = texts_in(locale)`, then `say("card-before", count=3)`. `language` is one of `LANGUAGES`. A message is
    parsed when it is first used: to parse all of them takes a tenth of a second."""

    def __init__(self, language: str) -> None:
        self.language: Final = language
        functions: dict[str, Any] = {"COMMAND": self._command}  # the library's type leaves out that text is allowed
        self._bundle = FluentBundle([language], use_isolating=False, functions=functions)
        self._sources: dict[str, str] = {}
        """The sources of all messages, by their names."""
        for path in sorted((FOLDER / language).glob("*.ftl")):
            source = path.read_text(encoding="utf-8")
            starts = list(_MESSAGE.finditer(source))
            ends = [start.start() for start in starts[1:]] + [len(source)]
            self._sources |= {start[1]: source[start.start() : end] for start, end in zip(starts, ends, strict=True)}

    def __contains__(self, name: str) -> bool:
        return name in self._sources

    def source(self, name: str) -> str:
        """Return the message as its file has it. Raises KeyError for an unknown name."""
        return self._sources[name]

    def __call__(self, name: str, /, **values: str | float | datetime) -> str:
        """
        Return the message with its values. Numbers are shown without grouping and with at most `DECIMALS` digits after
        the decimal point, as the language writes them; a text among the values is cut after `VALUE_CHARACTERS`. Raises
        KeyError for an unknown name. A missing value is logged (once, if all others are numbers) and replaced by its
        name: an incomplete sentence is better than none.
        """
        if any(not isinstance(value, int | float) for value in values.values()):
            return self.formatted(name, values)
        return _formatted(self, name, tuple([(key, value, type(value)) for key, value in values.items()]))

    def formatted(self, name: str, values: Mapping[str, str | float | datetime]) -> str:
        """Format the message, whether or not it was formatted before."""
        self._parse(name)
        pattern = self._bundle.get_message(name).value
        if pattern is None:
            raise KeyError(name)
        text, errors = self._bundle.format_pattern(pattern, {key: _value(value) for key, value in values.items()})
        if errors:
            log.error(
                "text shown incomplete: a value or another part of it is missing or unusable",
                message=name,
                language=self.language,
                errors=[str(error) for error in errors],
            )
        return str(text)

    def _parse(self, name: str) -> None:
        """Parse the message and those that it contains, if they are not parsed yet. An unknown name is ignored."""
        if self._bundle.has_message(name) or name not in self._sources:
            return
        source = _COMMAND.sub(_called, self._sources[name])
        self._bundle.add_resource(FluentResource(source))
        for contained in _REFERENCE.findall(source):
            self._parse(contained)

    def _command(self, *names: str) -> str:
        """Return the mention of a command, given by its name and that of its subcommand, or its name in this
        language."""
        if names[0] in _command_ids:
            return f"</{' '.join(names)}:{_command_ids[names[0]]}>"
        spoken = [self(f"{'-'.join(names[: depth + 1])}-name") for depth in range(len(names))]
        return f"`/{' '.join(spoken)}`"


@lru_cache(maxsize=FORMATTED)
def _formatted(say: Texts, name: str, values: tuple[tuple[str, float, type], ...]) -> str:
    """Return a message with numbers alone. The types count because a number may be written otherwise than an equal one
    of another type."""
    return say.formatted(name, {key: value for key, value, _ in values})


def _called(found: re.Match[str]) -> str:
    """Return the call of the function COMMAND for a command in the source of a message."""
    names = ", ".join(f'"{name}"' for name in found.groups() if name)
    return f"{{ COMMAND({names}) }}"


def texts_in(locale: str | None) -> Texts:
    """Return the texts for any of Discord's language codes: the language itself, else a language with the same first
    part, else English, as also for None."""
    return _texts(_nearest(locale or DEFAULT))


@lru_cache(maxsize=64)  # Discord has about 35 languages
def _nearest(locale: str) -> str:
    if locale in LANGUAGES:
        return locale
    family = locale.partition("-")[0]
    return next((language for language in LANGUAGES if language.partition("-")[0] == family), DEFAULT)


@cache
def _texts(language: str) -> Texts:
    return Texts(language)


def _value(value: str | float | datetime) -> str | FluentInt | FluentFloat | datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str):
        return value[:VALUE_CHARACTERS]
    if isinstance(value, int):
        return WholeNumber(value)
    return FluentFloat(round(value, DECIMALS), useGrouping=False, maximumFractionDigits=DECIMALS)
