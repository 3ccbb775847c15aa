"""Divide lists into pages, and handle the buttons that turn the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeVar

from discord import ui

from bot.texts import Texts
from bot.ui.kit.dynamic_items import MessageButton

PAGE: Final = "[0-9]{1,2}"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePosition:
    """A page of a list. `number` counts from 0."""

    number: int
    pages: int
    size: int

    @classmethod
    def of(cls, number: int, total: int, size: int) -> Self:
        """Return the position of a page in a list of `total` rows, `size` to a page; the last page if `number` is
        beyond it."""
        pages = max(1, math.ceil(total / size))
        return cls(number=min(number, pages - 1), pages=pages, size=size)

    def cut(self, rows: Sequence[T]) -> Sequence[T]:
        return rows[self.number * self.size : (self.number + 1) * self.size]


class PageButton(MessageButton, action=""):
    """A button that turns the page of a list; `earlier` and `later` are the names of its texts. The `custom_id` carries
    only the page; the interaction says whose list it is."""

    _earlier: ClassVar[str]
    _later: ClassVar[str]

    def __init_subclass__(cls, *, action: str, earlier: str, later: str) -> None:
        super().__init_subclass__(action=action, key=PAGE)
        cls._earlier, cls._later = earlier, later

    @property
    def page(self) -> int:
        return int(self.key)

    @classmethod
    def rows(cls, say: Texts, place: PagePosition) -> list[ui.ActionRow[ui.LayoutView]]:
        """Return one row with buttons for the previous and the next page, as far as these exist; an empty list if there
        is only one page."""
        buttons: list[ui.Item[Any]] = []
        if place.number > 0:
            buttons.append(cls(str(place.number - 1), say(cls._earlier)))
        if place.number < place.pages - 1:
            buttons.append(cls(str(place.number + 1), say(cls._later)))
        return [ui.ActionRow(*buttons)] if buttons else []
