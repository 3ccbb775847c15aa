"""The loopback Discord's clock, which a test may turn forward, and the ids made from its time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DISCORD_EPOCH_MS = 1_420_070_400_000


@dataclass
class Clock:
    ahead: timedelta = timedelta()
    _latest: int = 0
    _ids: int = 0

    def now(self) -> int:
        """Return milliseconds since 1970; never less than before."""
        self._latest = max(self._latest, time.time_ns() // 1_000_000 + self.ahead // timedelta(milliseconds=1))
        return self._latest

    def turn(self, time_on: timedelta) -> None:
        self.ahead += time_on

    def snowflake(self) -> int:
        """Return a new id, larger than every earlier id."""
        self._ids += 1
        return ((self.now() - DISCORD_EPOCH_MS) << 22) + self._ids

    def written(self) -> str:
        return datetime.fromtimestamp(self.now() / 1000, UTC).isoformat()
