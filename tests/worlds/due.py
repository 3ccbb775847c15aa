"""When the next task is due, for worlds that turn their clock."""

from __future__ import annotations

from storage.models import CreateLimits
from storage.stores import Stores


async def next_due(stores: Stores, now: int) -> int | None:
    """Return when (ms) the next task is due for any work that no worker holds; None if there is none."""
    limits = CreateLimits(per_window=1, window_ms=1, in_flight=1)
    work = await stores.due_work.look(limits, owner="", now=now)
    times = [time for time in (work.next_due, now if work.creates else None) if time is not None]
    return min(times, default=None)
