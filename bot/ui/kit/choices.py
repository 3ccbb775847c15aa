"""Choices of command options: the fixed ones, and the suggestions of autocomplete while a person types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol, TypeVar

from discord.app_commands import Choice

from bot.discord_limits import CHOICES
from storage.catalogue import DEFAULT
from storage.search import comparable, has_words

SIZES: Final = [Choice(name=size, value=size) for size in DEFAULT.sizes]
VARIANTS: Final = [Choice(name=str(number), value=number) for number in DEFAULT.variants]


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
