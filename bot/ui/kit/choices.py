"""Fixed choices of command options, and which named things autocomplete suggests while a person types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol, TypeVar

from discord import app_commands
from discord.app_commands import Choice

from bot.discord_limits import CHOICE_CHARACTERS, CHOICES
from bot.texts.command_texts import localized
from storage.catalogue import TRANSPARENT, all_sizes, all_variants
from storage.search import comparable, has_words

SIZES: Final = [Choice(name=size, value=size) for size in all_sizes()]
"""Sizes of a style, which goes with every model."""
VARIANTS: Final = [Choice(name=str(number), value=number) for number in all_variants()]
BACKGROUNDS: Final = [Choice(name=localized("imagine-transparent"), value=TRANSPARENT)]

TypedChoice = app_commands.Range[str, 1, CHOICE_CHARACTERS]
"""An option for which autocomplete makes suggestions, and in which people may type something else."""


class Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


def offered(all_of_them: Iterable[T], typed: str) -> list[T]:
    """Return up to `CHOICES` items whose names contain each typed word, compared as in a search; names that begin with
    the typed text come first."""
    wanted = comparable(typed)
    found = [item for item in all_of_them if has_words(comparable(item.name), wanted)]
    return sorted(found, key=lambda item: not comparable(item.name).startswith(wanted))[:CHOICES]
