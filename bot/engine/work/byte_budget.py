"""A budget of bytes in memory or of slots for work, with a fair queue for those who wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

Holders = Sequence[Hashable | None]
"""Who uses a share, by position: a person, a host, or a person and a host. None: no cap, and nothing is counted."""


@dataclass(slots=True, eq=False)
class _Waiter:
    share: int
    holders: Holders
    rank: int
    turn: asyncio.Future[None]


class ByteBudget:
    """A limit on the number of units in use at the same time.

    `size` is the number of units (bytes or slots). `caps` limits the units of each holder, with one cap per position of
    `holders`; the first share of a holder that uses no units may exceed the cap.

    The next waiter is the one with the lowest rank; among equal ranks, the one whose first holder uses the fewest
    units; then the earliest. If the next waiter does not fit yet, smaller waiters do not overtake it, because it could
    starve. A waiter that is blocked by its own cap does not block others.
    """

    def __init__(self, size: int, *, caps: Sequence[int] = ()) -> None:
        self._size: Final = size
        self._caps: Final = tuple(caps)
        self._free = size
        self._held: Counter[tuple[int, Hashable]] = Counter()
        self._waiting: list[_Waiter] = []

    @asynccontextmanager
    async def taken(self, amount: int, *, holders: Holders = (), rank: int = 0) -> AsyncIterator[None]:
        """Wait for `amount` units (if that is more than `size`, for all of them), and use them until the block ends."""
        share = min(amount, self._size)
        await self._take(share, holders, rank)
        try:
            yield
        finally:
            self._give_back(share, holders)

    async def _take(self, share: int, holders: Holders, rank: int) -> None:
        waiter = _Waiter(share, holders, rank, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._admit()
        try:
            await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.cancelled():
                self._waiting.remove(waiter)
                self._admit()
            else:
                self._give_back(share, holders)
            raise

    def _give_back(self, share: int, holders: Holders) -> None:
        self._free += share
        for holder in _known(holders):
            self._held[holder] -= share
            if not self._held[holder]:
                del self._held[holder]
        self._admit()

    def _admit(self) -> None:
        """Admit waiters in order for as long as the next one fits."""
        while (waiter := self._next()) is not None and waiter.share <= self._free:
            self._waiting.remove(waiter)
            self._free -= waiter.share
            self._held.update(dict.fromkeys(_known(waiter.holders), waiter.share))
            waiter.turn.set_result(None)

    def _next(self) -> _Waiter | None:
        """Return the waiter whose turn is next, or None. `min` keeps the order of arrival among equals."""
        ready = [waiter for waiter in self._waiting if not waiter.turn.cancelled() and self._within_caps(waiter)]
        return min(ready, key=lambda waiter: (waiter.rank, self._held_by_first(waiter)), default=None)

    def _within_caps(self, waiter: _Waiter) -> bool:
        return all(
            not self._held[holder] or self._held[holder] + waiter.share <= self._caps[holder[0]]
            for holder in _known(waiter.holders)
            if holder[0] < len(self._caps)
        )

    def _held_by_first(self, waiter: _Waiter) -> int:
        first = waiter.holders[0] if waiter.holders else None
        return 0 if first is None else self._held[(0, first)]


def _known(holders: Holders) -> list[tuple[int, Hashable]]:
    return [(position, holder) for position, holder in enumerate(holders) if holder is not None]
