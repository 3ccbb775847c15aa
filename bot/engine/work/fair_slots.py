"""Limit work that people start for free (lookups, exports): one at a time for each person, and few in total. Further
calls wait for a slot; those of a person who has too many are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from bot.engine.work.byte_budget import ByteBudget
from bot.errors import LimitReached, Reason

LOOKS_AT_ONCE: Final = 4
"""Concurrent lookups: lists with thumbnails, results shown again, full sizes. Each may hold about 50 MiB."""
LOOKS_ASKED: Final = 5
"""Lookups of one person that may run or wait; a further one is refused: as many as a person clicks in the seconds that
one lookup takes."""
EXPORTS_AT_ONCE: Final = 2
"""Concurrent exports of different people; a further person waits. A second export of one person is refused. Each may
hold one picture in memory, at most 64 MiB."""


class FairSlots:
    """`places` slots in total, at most one for each person. At most `asked` calls of one person may run or wait; a
    further one is refused with `reason`."""

    def __init__(self, places: int, *, asked: int, reason: Reason) -> None:
        self._room = ByteBudget(places, caps=(1,))
        self._most: Final = asked
        self._reason: Final = reason
        self._asked: Counter[int] = Counter()

    @asynccontextmanager
    async def taken(self, person_id: int) -> AsyncIterator[None]:
        """Wait for a slot in a fair queue and hold the slot until the block ends. The wait may take seconds, so defer
        the interaction first. Raises LimitReached at once if `asked` calls of the person run or wait already."""
        if self._asked[person_id] >= self._most:
            raise LimitReached(self._reason, allowed=self._most)
        self._asked[person_id] += 1
        try:
            async with self._room.taken(1, holders=(person_id,)):
                yield
        finally:
            self._asked[person_id] -= 1
            if not self._asked[person_id]:
                del self._asked[person_id]


def places_to_look() -> FairSlots:
    return FairSlots(LOOKS_AT_ONCE, asked=LOOKS_ASKED, reason=Reason.LOOKING_ALREADY)


def places_to_export() -> FairSlots:
    return FairSlots(EXPORTS_AT_ONCE, asked=1, reason=Reason.EXPORTING_ALREADY)
