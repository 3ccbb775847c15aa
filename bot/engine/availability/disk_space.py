"""Refuse new files while free disk space is low, before writes fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from bot.engine.availability.alerts import OperatorAlerts
from bot.errors import NoRoom, Reason
from storage.disks import Disks, says_full

FRESH_MS: Final = 3_000
"""Shortest interval between two measurements of the free space."""
FULL_MS: Final = 60_000
"""How long new files are refused after a write failed because of a full disk, whatever free space is measured."""
ENOUGH: Final = 1.1
"""Factor: new files are accepted again once the free space is this many times the minimum, so that the state does not
change with every file."""
MIB: Final = 2**20

log = structlog.get_logger(__name__)


class DiskSpace:
    """Track free disk space. `least_bytes` must stay free; with 0 the disks may fill up, and the operator is alerted
    only after a write has failed."""

    def __init__(self, *, disks: Disks, least_bytes: int, operator: OperatorAlerts, clock: Callable[[], int]) -> None:
        self._disks = disks
        self._least_bytes = least_bytes
        self._operator = operator
        self._clock = clock
        self._asked_at = 0
        self._short = False
        self._alerted = False
        self._full_until = 0

    async def require(self) -> None:
        """Raise NoRoom if new files must be refused now."""
        await self._look()
        if self._short:
            raise NoRoom(Reason.DISK_LOW)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Raise NoRoom if a write inside the block fails because a disk is full. Other errors pass unchanged."""
        try:
            yield
        except Exception as error:
            if not self.found_full(error):
                raise
            raise NoRoom(Reason.DISK_FULL) from error

    def found_full(self, error: BaseException) -> bool:
        """Return whether a write error says that a disk is full; if so, refuse new files for `FULL_MS`."""
        if not says_full(error):
            return False
        self._full_until = self._clock() + FULL_MS
        self._become(short=True)
        return True

    async def check(self) -> None:
        """Measure the free space, and alert the operator once each time the space becomes short, but at most once a
        day."""
        await self._look()
        if not self._short or self._alerted:
            return
        self._alerted = True
        try:
            await self._operator.alert(Reason.DISK_LOW)
        except Exception as error:
            if not says_full(error):
                raise
            log.warning("operator alert not recorded: disk is full, the alert may be repeated")

    async def _look(self) -> None:
        now = self._clock()
        if 0 <= now - self._asked_at < FRESH_MS:
            return
        self._asked_at = now
        free = await self._disks.free_bytes()
        if now < self._full_until:
            return
        needed = self._least_bytes * (ENOUGH if self._short else 1)
        self._become(short=free is not None and free < needed, free=free)

    def _become(self, *, short: bool, free: int | None = None) -> None:
        if short is self._short:
            return
        self._short, self._alerted = short, False
        figures = {"free_mib": free // MIB if free is not None else None, "least_mib": self._least_bytes // MIB}
        if short:
            log.error(
                "disk space is short: new files are refused, the operator is alerted at most once a day", **figures
            )
        else:
            log.info("disk space is enough again: new files are accepted", **figures)
