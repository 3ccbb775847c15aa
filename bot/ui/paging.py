"""Divide lists into pages, and handle the buttons that turn the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeVar

import discord
from discord import ui

from bot.replies import answer_error
from bot.texts import Texts

PAGE: Final = "(?P<page>[0-9]{1,2})"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePosition:
    """A page of a list. `number` counts from 0."""

    number: int
    pages: int
    size: int

    @classmethod
    def of(cls, number: int, total: int, size: int) -> Self:
        """Return the page; the last page if `number` is beyond it."""
        pages = max(1, -(-total // size))
        return cls(number=min(number, pages - 1), pages=pages, size=size)

    def cut(self, rows: Sequence[T]) -> Sequence[T]:
        return rows[self.number * self.size : (self.number + 1) * self.size]


class PageButton(ui.DynamicItem[ui.Button[ui.LayoutView]], template=PAGE):
    """
    A button that turns the page of a list; `earlier` and `later` are the names of its texts. The `custom_id` carries
    only the page; the interaction says whose list it is. Errors of `turn` are sent to the person, as discord.py would
    only log them.
    """

    _action: ClassVar[str]
    _earlier: ClassVar[str]
    _later: ClassVar[str]

    def __init_subclass__(cls, *, action: str, earlier: str, later: str) -> None:
        super().__init_subclass__(template=f"a1:{action}:{PAGE}")
        cls._action, cls._earlier, cls._later = action, earlier, later

    def __init__(self, page: int, label: str = "") -> None:
        super().__init__(ui.Button(label=label, custom_id=f"a1:{self._action}:{page}"))
        self.page = page

    @classmethod
    def rows(cls, say: Texts, place: PagePosition) -> list[ui.ActionRow[ui.LayoutView]]:
        """Return a row of buttons for the previous and the next page; an empty list if there is only one page."""
        buttons: list[ui.Item[Any]] = []
        if place.number > 0:
            buttons.append(cls(place.number - 1, say(cls._earlier)))
        if place.number < place.pages - 1:
            buttons.append(cls(place.number + 1, say(cls._later)))
        return [ui.ActionRow(*buttons)] if buttons else []

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[ui.LayoutView], match: re.Match[str], /
    ) -> Self:
        return cls(int(match["page"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        try:
            await self.turn(interaction)
        except Exception as error:  # noqa: BLE001  # last handler: replies, and logs defects
            await answer_error(interaction, error)

    async def turn(self, interaction: discord.Interaction[Any]) -> None:
        raise NotImplementedError
