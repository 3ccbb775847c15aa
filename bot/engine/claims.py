"""
Work beside the tasks' own: claimed by pushing its due time forward, so that nobody else does it meanwhile, and done
again when the process dies.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bot.engine.clock import Clock, is_doubtful
from bot.engine.schedule import backoff

CLAIM_MS: Final = 120_000
"""Longer than Discord takes to answer, in its worst minutes."""
AT_ONCE: Final = 20
"""Of one subject, in one step."""
GIVE_UP_AFTER: Final = timedelta(hours=24)


def again_at(now: int, failures: int) -> int:
    """When (ms) to try again after so many failures before this one."""
    return now + int(backoff(failures + 1) * 1000)


def is_hopeless(clock: Clock, since: int) -> bool:
    return clock() - since >= GIVE_UP_AFTER.total_seconds() * 1000 and not is_doubtful(clock)
