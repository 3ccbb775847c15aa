"""
Claim outbox rows (reposts, reports, …). A worker claims a row by moving `due_at` into the future; if the worker dies,
the row becomes due again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bot.engine.clock import Clock, is_doubtful
from bot.engine.schedule import backoff

CLAIM_MS: Final = 120_000
"""ms. Longer than Discord takes to respond in its worst minutes."""
AT_ONCE: Final = 20
"""Rows of one kind that are processed in one step."""
GIVE_UP_AFTER: Final = timedelta(hours=24)


def again_at(now: int, failures: int) -> int:
    """Return when (ms) to retry after a failure that follows `failures` earlier ones."""
    return now + int(backoff(failures + 1) * 1000)


def is_hopeless(clock: Clock, since: int) -> bool:
    return clock() - since >= GIVE_UP_AFTER.total_seconds() * 1000 and not is_doubtful(clock)
