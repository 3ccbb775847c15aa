"""
Decide which waiting card is edited next, and when, so that news is shown soon and all cards share Discord's rate limit
fairly. This module sends nothing; `clock` returns milliseconds.

News (a new phase, a pause, a notice) is due as soon as `every_ms` have passed since the card's last edit. Small
changes (place in the queue, progress, time left) wait up to `PATIENCE` times as long, less for a short task. The phase
"delivering" is shown only when the result is late, because usually the result arrives first. Of several cards that are
due, those whose interaction token is about to expire come first, then those with news, then the oldest edit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import discord

from bot.engine.ports import Card, CardPhase
from bot.ui.waiting.cards import CardKey, card_key

PATIENCE: Final = 5
"""Longest wait of a small change, as a multiple of `every_ms`. If that is 3 s, the card of a picture that takes a
minute is edited about five times."""
SHARES: Final = 4
"""Number of edits over which the progress of a short task is spread."""
SOON: Final = 2
"""After this multiple of `every_ms`, a result counts as late and its card shows that the result is being delivered."""
REMEMBERED: Final = 5000
"""Most cards whose content is remembered; the one that was used longest ago is forgotten first. A forgotten card costs
one unnecessary edit."""


@dataclass(slots=True, kw_only=True)
class ShownCard:
    """What a card shows, as far as this process knows; unknown if `key` is None."""

    key: CardKey | None = None
    prepared: bool = False
    """True once an edit had everything for the thumbnails: later edits keep the attachments. False: the next edit tries
    to make the thumbnails."""
    attachments: list[discord.Attachment] = field(default_factory=list)
    news_at: int = 0
    """When (ms) the card was last posted or edited to new `key.news`, that is, everything except small changes; or when
    such an edit failed."""
    shown_at: int = 0
    """When (ms) the card was last posted or edited, or an edit failed."""
    not_before: int = 0
    """The earliest time (ms) of the next edit."""
    posted_again: bool = False
    """Whether the card was posted again after its message was deleted, or that was tried; not done a second time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingEdit:
    card: Card
    key: CardKey
    since: int
    """When (ms) an edit to this phase was first requested, since the last edit began."""
    patience_ms: int
    """How long (ms) a small change waits after the last edit."""


class CardSchedule:
    def __init__(self, *, every_ms: int, steps: int, clock: Callable[[], int]) -> None:
        self._every_ms = every_ms
        self._steps = steps
        self._clock = clock
        self._pending: dict[str, PendingEdit] = {}
        self._shown: dict[str, ShownCard] = {}

    def key(self, card: Card) -> CardKey:
        return card_key(card, steps=self._steps)

    def request(self, card: Card) -> None:
        """Request an edit to `card`, replacing an earlier request for the same task."""
        before = self._pending.get(card.task.id)
        since = before.since if before is not None and before.card.phase is card.phase else self._clock()
        patience = self._patience_ms(card)
        self._pending[card.task.id] = PendingEdit(card=card, key=self.key(card), since=since, patience_ms=patience)

    def awaits(self, card: Card) -> bool:
        """Return whether the edit to `card` is still requested, and was not replaced by another."""
        pending = self._pending.get(card.task.id)
        return pending is not None and pending.card is card

    def forget_pending(self, task_id: str) -> None:
        self._pending.pop(task_id, None)

    def forget(self, task_id: str) -> None:
        """Forget what the card shows, once it is deleted or in its last state."""
        self._shown.pop(task_id, None)

    def remember(self, task_id: str, shown: ShownCard) -> None:
        self._shown[task_id] = shown
        if len(self._shown) > REMEMBERED:
            del self._shown[next(iter(self._shown))]

    def known(self, task_id: str) -> ShownCard:
        """Return what the card shows. For a card that was forgotten, or posted by an earlier process, this is unknown:
        its key is None, so the card will be edited."""
        shown = self._shown.pop(task_id, None) or ShownCard()
        self.remember(task_id, shown)
        return shown

    def later(self, card: Card, delay_ms: int) -> None:
        """Request the edit again, to begin in `delay_ms` at the earliest. A newer request for the same task is kept
        instead of `card`, and is delayed as well. A card that is not remembered is not delayed."""
        if card.task.id not in self._pending:
            self.request(card)
        if shown := self._shown.get(card.task.id):
            shown.not_before = self._clock() + delay_ms

    def edited(self, shown: ShownCard, key: CardKey) -> None:
        """Record the time of an edit to `key`, also of one that failed. The caller sets `shown.key` after a success."""
        shown.shown_at = self._clock()
        if shown.key is None or shown.key.news != key.news:
            shown.news_at = shown.shown_at
        shown.not_before = shown.shown_at + self._every_ms

    def due(self) -> list[Card]:
        """Return the cards that may be edited now, in order: those whose interaction token is about to expire, then
        those with news, then the rest."""
        now = self._clock()
        waiting = [edit for edit in self._pending.values() if self._due_at(edit) <= now]
        return [edit.card for edit in sorted(waiting, key=self._turn)]

    def next_due(self, waits: Callable[[Card], bool]) -> int | None:
        """Return the earliest due time (ms) among the cards for which `waits` is true; None if there are none."""
        return min((self._due_at(edit) for edit in self._pending.values() if waits(edit.card)), default=None)

    def _due_at(self, pending: PendingEdit) -> int:
        shown = self._shown.get(pending.card.task.id)
        soonest = shown.not_before if shown else 0
        if pending.card.leaving:
            return soonest
        if pending.card.phase is CardPhase.DELIVERING:
            return max(soonest, pending.since + SOON * self._every_ms)
        if shown is None or self._is_news(pending):
            return soonest
        return max(soonest, shown.shown_at + pending.patience_ms)

    def _patience_ms(self, card: Card) -> int:
        longest = PATIENCE * self._every_ms
        shown = self._shown.get(card.task.id)
        if shown is None or card.progress <= 0:
            return longest
        estimated = (self._clock() - shown.news_at) / card.progress
        return min(max(self._every_ms, int(estimated / SHARES)), longest)

    def _is_news(self, pending: PendingEdit) -> bool:
        shown = self._shown.get(pending.card.task.id)
        return shown is None or shown.key is None or shown.key.news != pending.key.news

    def _turn(self, pending: PendingEdit) -> tuple[bool, bool, int]:
        shown = self._shown.get(pending.card.task.id)
        return not pending.card.leaving, not self._is_news(pending), shown.shown_at if shown else 0
