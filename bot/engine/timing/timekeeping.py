"""
Choose the time with which a process starts, and notice when the machine's clock is changed.

While a process runs, its time advances steadily (`clock`), whatever happens to the machine's clock. Both clocks are
stored every minute, and the next start reads them:

* The machine's clock was changed and the change lasted for ten minutes: the process starts with the machine's clock,
  and the stamps in the rows are shifted, so that the ages of recent rows stay the same.
* The machine's clock is behind the last stamp: the time continues from that stamp and never goes back.
* The machine's clock is far ahead of the last stamp: the process was stopped for long, or the clock jumped. For ten
  minutes, nothing is given up because of its age.

Processes that share a database (PostgreSQL) follow the clock of its server, so that leases, due times and the window of
creates mean the same to all, whatever their machines' clocks show. They follow it forward at once, and back slowly:
time never jumps back, and a process that starts after the server's clock was set back begins with the time of those
that run. After a jump forward by more than an hour, nothing is given up because of its age for ten minutes, nor for as
long as the machine's clock does not show that time too.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final, Self

import structlog

from bot.engine.clock import PROVEN_AFTER_MS, SMALL_MS, Clock, SteadyClock, system_clock, uptime
from bot.engine.policy import CREATE_WINDOW_MS
from storage.availability import DatabaseAway
from storage.clock import ClockStore
from storage.stores import Stores

FACT: Final = "clock"
SET_BACK_FACT: Final = "clock_set_back"
EARLIEST_MS: Final = 1_767_225_600_000
"""2026-01-01. A clock that shows a time before this bot was written is wrong, however long it stays there."""
GAP_MS: Final = int(timedelta(hours=1).total_seconds() * 1000)
"""A longer stop may also be a jump of the clock."""
YOUNG_MS: Final = int(timedelta(days=2).total_seconds() * 1000)
"""Age up to which stamps are shifted when the clock goes forward: longer than the 24 hours after which unfinished tasks
are given up."""
SHORT_STOP_MS: Final = 60_000
"""After a longer stop, the last creates count as answered just now, because their age is uncertain."""
LOOK_SECONDS: Final = 5.0
SERVER_LOOK_SECONDS: Final = 15.0
"""Pause between two looks at a server's clock. In that time, the clocks of two machines drift apart by about a
millisecond."""
MOST_UNSURE_MS: Final = 250
"""ms. A measurement of the server's clock that may be wrong by more, because the answer took long, is left out."""
NOTE_EVERY_MS: Final = 60_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """Both clocks at the same moment (ms), as stored by the process that was running: its own `time` and the machine's
    clock (`wall`)."""

    time: int
    wall: int
    lasted: int
    """How long (ms) the offset between the clocks had been the same."""

    @property
    def offset(self) -> int:
        return self.wall - self.time


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStart:
    """The time with which a process starts (ms). `gap`: how long the stop, or the jump, was; 0 if shorter than
    `GAP_MS`. `shift`: by how much the stamps are shifted. `lasted`: how long the machine's clock has differed by an
    offset that continues; 0 if it does not."""

    time: int
    gap: int = 0
    shift: int = 0
    lasted: int = 0


def beginning(noted: ClockReading | None, last_stamp: int, wall: int) -> ClockStart:
    """Return the time with which a process starts, by the rules of this module, if the machine's clock shows `wall`.
    `noted` is the last stored reading, `last_stamp` the latest stamp in the rows (0: none)."""
    last = max(noted.time if noted else 0, last_stamp)
    if noted is not None and _goes_on(noted, last, wall):
        stopped = max(0, wall - noted.wall)
        gap = stopped if stopped > GAP_MS else 0
        if noted.lasted >= PROVEN_AFTER_MS:
            return ClockStart(time=max(wall, last + noted.offset), gap=gap, shift=noted.offset)
        return ClockStart(time=max(last, noted.time + stopped), gap=gap, lasted=noted.lasted)
    if wall < last:
        return ClockStart(time=last)
    return ClockStart(time=wall, gap=wall - last if last and wall - last > GAP_MS else 0)


def _goes_on(noted: ClockReading, last: int, wall: int) -> bool:
    """Return whether the machine's clock still differs as the last process noted. False if there was no difference, or
    the clock was set again since."""
    if abs(noted.offset) <= SMALL_MS or wall < noted.wall - SMALL_MS or wall < EARLIEST_MS:
        return False
    return noted.offset > 0 or wall < last


class Timekeeping:
    """Provide the time as `clock`, and store it regularly (`run`)."""

    def __init__(
        self, clock: SteadyClock, stores: Stores, *, lasted: int = 0, server: ClockStore | None = None
    ) -> None:
        """`server`: the database whose clock is followed instead of the machine's."""
        self.clock = clock
        self._server = server
        self._stores = stores
        self._offset = clock.offset if lasted else 0
        self._since = clock.steady() - lasted
        self._noted_at: int | None = None

    @classmethod
    async def begin(
        cls, store: ClockStore, stores: Stores, *, wall: Clock = system_clock, steady: Clock = uptime
    ) -> Self:
        """Start timekeeping; call before anything stamps a row. If other processes may also stamp rows, follow the
        server's clock and shift nothing."""
        if not store.alone:
            ahead, _ = await store.ahead_of(steady, rounds=5)
            begins_at = max(steady() + ahead, await store.last_seen())
            gap = max(0, begins_at - wall())
            if gap > GAP_MS:
                log.warning(
                    "clock of the database's server is far ahead of this machine's: nothing is given up for its age "
                    "until they agree. Set both right (NTP)",
                    seconds=gap // 1000,
                )
            clock = SteadyClock(begins_at, gap=gap if gap > GAP_MS else 0, wall=wall, steady=steady)
            return cls(clock, stores, server=store)
        noted = await _noted(stores)
        last_stamp = await store.last_stamp()
        begun = beginning(noted, last_stamp, wall())
        if noted is not None and begun.shift:
            await _shift(store, stores, noted, begun)
        elif last_stamp and begun.time - last_stamp > SHORT_STOP_MS:
            await store.restamp_answers(after=last_stamp - CREATE_WINDOW_MS, at=begun.time)
        if begun.gap:
            log.info(
                "time gap at start: long stop or clock jump, nothing is given up for its age for at least ten minutes",
                seconds=begun.gap // 1000,
            )
        clock = SteadyClock(begun.time, gap=begun.gap, wall=wall, steady=steady)
        timekeeping = cls(clock, stores, lasted=begun.lasted)
        await timekeeping.step()
        return timekeeping

    async def run(self) -> None:
        """Run `step` every `LOOK_SECONDS`, with a server every `SERVER_LOOK_SECONDS`, until cancelled."""
        pause = LOOK_SECONDS if self._server is None else SERVER_LOOK_SECONDS
        while True:
            try:
                await self.step()
            except DatabaseAway:
                pass  # the clock itself goes on, and the next step stores it
            except Exception as error:  # noqa: BLE001  # the clock itself goes on
                log.warning("clock not read or not stored, will retry", error=str(error) or type(error).__name__)
            await asyncio.sleep(pause)

    async def step(self) -> None:
        """Compare the clocks, and follow the machine's clock while they differ little. Store them once a minute, and at
        once if their offset has changed. Follow a server's clock, if there is one; nothing is stored then."""
        if self._server is not None:
            await self._follow(self._server)
            return
        now, offset = self.clock.steady(), self.clock.offset
        changed = abs(offset - self._offset) > SMALL_MS
        if changed:
            self._offset, self._since = offset if abs(offset) > SMALL_MS else 0, now
            self._log_change()
        elif not self._offset:
            self.clock.follow(offset)
        if changed or self._noted_at is None or now - self._noted_at >= NOTE_EVERY_MS:
            self._noted_at = None  # until it is stored: the next step tries again
            await self._stores.key_values.set(FACT, json.dumps(asdict(self._reading())))
            self._noted_at = now

    async def _follow(self, server: ClockStore) -> None:
        ahead, unsure = await server.ahead_of(self.clock.steady, rounds=2)
        if unsure > MOST_UNSURE_MS:
            return
        offset = self.clock.steady() + ahead - self.clock()
        if abs(offset) > SMALL_MS and abs(offset - self._offset) > SMALL_MS:
            log.warning("clock of the database's server was changed: the bot follows it", seconds=offset // 1000)
        self._offset = offset if offset < -SMALL_MS else 0
        self.clock.follow(offset)
        if offset > GAP_MS:
            self.clock.doubt(offset)

    def _reading(self) -> ClockReading:
        time = self.clock()
        return ClockReading(time=time, wall=time + self._offset, lasted=self.clock.steady() - self._since)

    def _log_change(self) -> None:
        if not self._offset:
            log.info("machine clock is right again")
            return
        log.warning(
            "machine clock was changed: the bot ignores the change until its next start. Set the clock right (NTP); if "
            "the clock is right now, restart the bot after ten minutes",
            seconds=self._offset // 1000,
        )


async def _noted(stores: Stores) -> ClockReading | None:
    stored = await stores.key_values.get(FACT)
    return ClockReading(**json.loads(stored)) if stored else None


async def _shift(store: ClockStore, stores: Stores, noted: ClockReading, begun: ClockStart) -> None:
    """Shift the stamps in the database. A shift backwards is stored, so that a later shift forwards that undoes it
    moves the same stamps again."""
    by = begun.shift
    if by < 0:
        after, remembered = noted.time + by, json.dumps({"by": by, "at": noted.time + by})
    else:
        before = await stores.key_values.get(SET_BACK_FACT)
        back = json.loads(before) if before else None
        young = noted.time - back["at"] - back["by"] if back and by >= -back["by"] // 2 else 0
        after, remembered = noted.time - max(YOUNG_MS, young), None
    agreed = ClockReading(time=begun.time, wall=begun.time, lasted=0)
    await store.shift(after=after, by=by, noting={FACT: json.dumps(asdict(agreed)), SET_BACK_FACT: remembered})
    log.warning("database stamps shifted: machine clock was changed permanently", seconds=by // 1000)
