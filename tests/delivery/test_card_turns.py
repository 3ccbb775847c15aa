"""Which card is edited next: all cards share Discord's rate limit. The test controls the clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from bot.delivery.card_schedule import CardSchedule
from bot.engine.ports import Card, CardPhase
from tests.worlds.bot_world import a_task

EVERY_MS = 3000


@dataclass
class Turns:
    now: int = 1_000_000

    def __post_init__(self) -> None:
        self.of_cards = CardSchedule(every_ms=EVERY_MS, steps=5, clock=lambda: self.now)

    def edit(self, card: Card) -> None:
        """Record an edit of the card, as the updater does."""
        self.of_cards.forget_pending(card.task.id)
        showing = self.of_cards.known(card.task.id)
        key = self.of_cards.key(card)
        self.of_cards.edited(showing, key)
        showing.key = key

    def due(self) -> list[str]:
        return [card.task.id for card in self.of_cards.due()]


@pytest.fixture
def turns() -> Turns:
    return Turns()


def a_card(name: str, **changes: Any) -> Card:
    values: dict[str, Any] = {"phase": CardPhase.GENERATING, "task": a_task(id=name)}
    return Card(**(values | changes))


def test_whoever_was_shown_something_longest_ago_is_next(turns: Turns) -> None:
    for name in ("first", "second", "third"):
        turns.edit(a_card(name))
        turns.now += 1000
    turns.now += 15_000
    for name in ("third", "first", "second"):
        turns.of_cards.request(a_card(name, progress=0.5))
    assert turns.due() == ["first", "second", "third"]


def test_with_less_than_all_need_everybody_has_the_same_share(turns: Turns) -> None:
    names = [f"task {number}" for number in range(30)]
    edited = dict.fromkeys(names, 0)
    for step in range(600):
        for name in names:
            turns.of_cards.request(a_card(name, progress=step / 600))
        if due := turns.of_cards.due():  # one edit per second for thirty cards
            turns.edit(due[0])
            edited[due[0].task.id] += 1
        turns.now += 1000
    assert set(edited.values()) <= {19, 20, 21}


def test_news_goes_before_drift_and_the_last_possible_edit_before_both(turns: Turns) -> None:
    for name in ("drifts", "has news", "leaves"):
        turns.edit(a_card(name))
        turns.now += 1000
    turns.now += 15_000
    turns.of_cards.request(a_card("drifts", progress=0.5))
    turns.of_cards.request(a_card("has news", phase=CardPhase.OVERDUE))
    turns.of_cards.request(a_card("leaves", leaving=True))
    assert turns.due() == ["leaves", "has news", "drifts"]


def test_a_minute_of_one_picture_is_about_five_edits(turns: Turns) -> None:
    edits = 0
    turns.edit(a_card("task", phase=CardPhase.QUEUED))
    for second in range(61):
        card = a_card("task", phase=CardPhase.QUEUED, place=max(1, 8 - second))
        if second >= 8:
            card = a_card("task", phase=CardPhase.CREATING)
        if second >= 10:
            share = (second - 10) / 50
            card = a_card("task", progress=share, remaining_seconds=60 * (1 - share))
        if second == 60:
            card = a_card("task", phase=CardPhase.DELIVERING)
        turns.of_cards.request(card)
        for due in turns.of_cards.due():
            edits += 1
            turns.edit(due)
        turns.now += 1000
    assert 4 <= edits <= 6


def test_the_card_of_a_picture_that_takes_ten_seconds_moves_every_three(turns: Turns) -> None:
    shown = []
    turns.edit(a_card("task"))
    for second in range(1, 10):
        turns.now += 1000
        turns.of_cards.request(a_card("task", progress=second / 10))
        for due in turns.of_cards.due():
            shown.append(second)
            turns.edit(due)
    assert shown == [3, 6, 9]


def test_what_is_wanted_only_once_is_shown_in_the_end(turns: Turns) -> None:
    turns.edit(a_card("task"))
    turns.now += 2000
    turns.of_cards.request(a_card("task", progress=0.2))
    turns.now += 1000
    assert turns.due() == ["task"]


def test_when_the_next_falls_due_is_known(turns: Turns) -> None:
    card = a_card("task")
    turns.edit(card)
    turns.of_cards.request(replace(card, phase=CardPhase.GENERATING, remaining_seconds=40))
    assert turns.of_cards.next_due(lambda _: True) == turns.now + 15_000
    turns.of_cards.request(replace(card, phase=CardPhase.OVERDUE))
    assert turns.of_cards.next_due(lambda _: True) == turns.now + EVERY_MS
    assert turns.of_cards.next_due(lambda _: False) is None
