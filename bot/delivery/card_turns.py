"""
Which cards wait to be edited, and whose turn it is. Knows no Discord; `clock` tells milliseconds.

A new phase is shown soon: `every` after the last edit. What merely drifts (a place, a share of progress, the words for
what is left) waits up to `PATIENCE` times as long; less where a picture takes so short a time that it would be over by
then. That it is being delivered is shown only when the result is late: usually the result itself comes first. Whoever
was shown something longest ago is next, so that all share what Discord allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import discord

from bot.engine.ports import Card, CardPhase
from bot.ui.cards import CardKey, card_key

PATIENCE: Final = 5
"""With an edit every 3 s at most, a picture that takes a minute has about five in all."""
SHARES: Final = 4
"""In so many parts, each with an edit, the progress of a short picture is shown."""
SOON: Final = 2
"""Times `every`: so late a result is worth saying that it is on its way."""
REMEMBERED: Final = 5000
"""Cards; one that is forgotten is edited once more than needed."""


@dataclass(slots=True, kw_only=True)
class Showing:
    """What a card shows as far as we know."""

    key: CardKey | None = None
    prepared: bool = False
    """Its thumbnails, if there are any, are attached: they stay for all later edits."""
    attachments: list[discord.Attachment] = field(default_factory=list)
    news_at: int = 0
    """When it was first shown as it is now, but for what drifts (ms)."""
    shown_at: int = 0
    """When it was edited last (ms)."""
    not_before: int = 0
    """When it may be edited next (ms)."""
    posted_anew: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    card: Card
    key: CardKey
    since: int
    """When this phase was wanted first (ms)."""
    patience_ms: int
    """How long what drifts waits after the last edit."""


class CardTurns:
    def __init__(self, *, every_ms: int, steps: int, clock: Callable[[], int]) -> None:
        self._every_ms = every_ms
        self._steps = steps
        self._clock = clock
        self._wanted: dict[str, Wanted] = {}
        self._showing: dict[str, Showing] = {}

    def key(self, card: Card) -> CardKey:
        return card_key(card, steps=self._steps)

    def want(self, card: Card) -> None:
        """Show this, and nothing that was wanted of the same card before."""
        before = self._wanted.get(card.task.id)
        since = before.since if before is not None and before.card.phase is card.phase else self._clock()
        patience = self._patience_ms(card)
        self._wanted[card.task.id] = Wanted(card=card, key=self.key(card), since=since, patience_ms=patience)

    def forget_wanted(self, task_id: str) -> None:
        self._wanted.pop(task_id, None)

    def forget(self, task_id: str) -> None:
        """What the card shows, once it is gone or shows its last."""
        self._showing.pop(task_id, None)

    def remember(self, task_id: str, showing: Showing) -> None:
        self._showing[task_id] = showing
        if len(self._showing) > REMEMBERED:
            del self._showing[next(iter(self._showing))]

    def known(self, task_id: str) -> Showing:
        """A card that an earlier process posted may show anything: it is edited."""
        showing = self._showing.pop(task_id, None) or Showing()
        self.remember(task_id, showing)
        return showing

    def later(self, card: Card, delay_ms: int) -> None:
        """Try this card again, unless a newer one has come."""
        if card.task.id not in self._wanted:
            self.want(card)
        if showing := self._showing.get(card.task.id):
            showing.not_before = self._clock() + delay_ms

    def edited(self, showing: Showing, key: CardKey) -> None:
        """It was edited to this, or that was tried."""
        showing.shown_at = self._clock()
        if showing.key is None or showing.key.news != key.news:
            showing.news_at = showing.shown_at
        showing.not_before = showing.shown_at + self._every_ms

    def due(self) -> list[Card]:
        """Those that may be edited now, in turn: the last edit that an interaction allows, then news, then the rest."""
        now = self._clock()
        waiting = [one for one in self._wanted.values() if self._due_at(one) <= now]
        return [one.card for one in sorted(waiting, key=self._turn)]

    def next_due(self, waits: Callable[[Card], bool]) -> int | None:
        """When the first of those falls due for which this holds."""
        return min((self._due_at(one) for one in self._wanted.values() if waits(one.card)), default=None)

    def _due_at(self, wanted: Wanted) -> int:
        showing = self._showing.get(wanted.card.task.id)
        soonest = showing.not_before if showing else 0
        if wanted.card.leaving:
            return soonest
        if wanted.card.phase is CardPhase.DELIVERING:
            return max(soonest, wanted.since + SOON * self._every_ms)
        if showing is None or self._is_news(wanted):
            return soonest
        return max(soonest, showing.shown_at + wanted.patience_ms)

    def _patience_ms(self, card: Card) -> int:
        longest = PATIENCE * self._every_ms
        showing = self._showing.get(card.task.id)
        if showing is None or card.progress <= 0:
            return longest
        estimated = (self._clock() - showing.news_at) / card.progress
        return min(max(self._every_ms, int(estimated / SHARES)), longest)

    def _is_news(self, wanted: Wanted) -> bool:
        showing = self._showing.get(wanted.card.task.id)
        return showing is None or showing.key is None or showing.key.news != wanted.key.news

    def _turn(self, wanted: Wanted) -> tuple[bool, bool, int]:
        showing = self._showing.get(wanted.card.task.id)
        return not wanted.card.leaving, not self._is_news(wanted), showing.shown_at if showing else 0
