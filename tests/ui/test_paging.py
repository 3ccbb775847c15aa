"""Tests for the pages of a list and the buttons that turn them."""

from __future__ import annotations

from typing import Any

import pytest
from discord import ui

from bot.texts import texts_in
from bot.ui.kit.paging import PagePosition
from bot.ui.library.styles import StylesButton


@pytest.mark.parametrize("total", [0, 1, 8, 9, 16, 17])
def test_every_row_is_on_one_page_and_no_page_is_empty(total: int) -> None:
    rows = list(range(total))
    pages = [PagePosition.of(number, total, 8) for number in range(PagePosition.of(0, total, 8).pages)]
    assert [row for page in pages for row in page.cut(rows)] == rows
    assert all(page.cut(rows) for page in pages) or (total, len(pages)) == (0, 1)


def test_a_page_that_is_no_longer_there_is_the_last() -> None:
    assert PagePosition.of(7, 16, 8) == PagePosition.of(1, 16, 8)
    assert PagePosition.of(7, 0, 8) == PagePosition(number=0, pages=1, size=8)


@pytest.mark.parametrize(
    ("number", "buttons"),
    [
        (0, [("Later", "a1:styles:1")]),
        (1, [("Earlier", "a1:styles:0"), ("Later", "a1:styles:2")]),
        (2, [("Earlier", "a1:styles:1")]),
    ],
)
def test_a_page_leads_to_those_beside_it(number: int, buttons: list[tuple[str, str]]) -> None:
    (row,) = StylesButton.rows(texts_in("en-US"), PagePosition.of(number, 17, 8))
    assert [(button.label, button.custom_id) for button in _buttons(row)] == buttons


def test_where_there_is_only_one_nothing_turns() -> None:
    assert StylesButton.rows(texts_in("en-US"), PagePosition.of(0, 8, 8)) == []


def _buttons(row: ui.ActionRow[Any]) -> list[ui.Button[Any]]:
    return [child.item for child in row.children if isinstance(child, StylesButton)]
