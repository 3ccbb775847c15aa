"""Lists that are shown page by page: what stands on a page, and the buttons that turn it."""

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
class Place:
    """A page of a list. `number` is from 0."""

    number: int
    pages: int
    size: int

    @classmethod
    def of(cls, number: int, total: int, size: int) -> Self:
        """A page that is no longer there is the last."""
        pages = max(1, -(-total // size))
        return cls(number=min(number, pages - 1), pages=pages, size=size)

    def cut(self, rows: Sequence[T]) -> Sequence[T]:
        return rows[self.number * self.size : (self.number + 1) * self.size]


class PageButton(ui.DynamicItem[ui.Button[ui.LayoutView]], template=PAGE):
    """
    Turns the page of a list, with the message `earlier` or `later` on it. Whose list it is, the interaction says; its
    `custom_id` carries the page alone. Errors of `turn` reach the person: discord.py would only log them.
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
    def rows(cls, say: Texts, place: Place) -> list[ui.ActionRow[ui.LayoutView]]:
        """To the pages beside this one; nothing where there is only one."""
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
        except Exception as error:  # noqa: BLE001  # the last stop: it is told and, if a defect, logged
            await answer_error(interaction, error)

    async def turn(self, interaction: discord.Interaction[Any]) -> None:
        raise NotImplementedError
