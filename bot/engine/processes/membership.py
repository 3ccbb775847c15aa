"""
Know which processes of the bot work on the database, which of them leads, and which shards this one answers for.

Each process writes its row every `BEAT_SECONDS` and reads the others in the same transaction (`ProcessStore.seen`); one
such transaction follows the other. A process is living while its row is younger than `LEASE_MS`, by the clock that all
processes take from the database. One that stops deletes its row; that of a process that died is deleted by the others.

The leader is the living process that joined first. There cannot be two: a process trusts what it read for `MARGIN_MS`
less than its row is valid for, so it no longer leads when another process may delete the row and lead instead; and who
joins, or joins again, is the last. (A lock of the database's session would do as well, but needs a connection of its
own, is not noticed to be lost while the network hangs, and does not work behind a connection pooler.)
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import structlog

from storage.processes import Process, ProcessStore
from storage.shards import Shards

BEAT_SECONDS: Final = 5.0
LEASE_MS: Final = 15_000
"""ms. Three beats: a process that could not write its row for this long counts as dead."""
MARGIN_MS: Final = 2000
"""ms. More than the clocks of two processes differ by."""
UNSURE_SHARE: Final = 0.02
"""The share of a process that does not know how many others there are: one request a second of the 50 that Discord
allows. Little enough not to matter to the others, and not zero, so that nothing waits for ever."""

log = structlog.get_logger(__name__)


class Membership:
    """What this process knows of all processes since its last `beat`. On SQLite it is alone: it leads, has the whole
    share and answers for all shards, and no row is written."""

    def __init__(
        self,
        store: ProcessStore,
        *,
        shard_count: int | None = None,
        shard_ids: Iterable[int] = (),
        clock: Callable[[], int],
    ) -> None:
        self.id = uuid.uuid4().hex
        """The owner of the rows that this process claims."""
        self._store = store
        self._shard_count = shard_count
        self._shard_ids = tuple(sorted(set(shard_ids)))
        self._clock = clock
        self._living: tuple[Process, ...] = ()
        """In the order in which they joined."""
        self._seen_at = 0
        self._unaware: dict[str, int] = {}
        """Processes that may not know of this one yet, with the `seen_at` that they had when this one joined."""

    @property
    def alone(self) -> bool:
        """Whether no other process can be working on the database."""
        return self._store.alone

    @property
    def living(self) -> int:
        """The number of living processes, as of the last beat."""
        return 1 if self.alone else len(self._living)

    @property
    def is_current(self) -> bool:
        """Whether what was read is still valid: no other process can count this one as dead. False also before the
        first beat, and while the database is away."""
        return self.alone or (bool(self._living) and self._clock() < self._seen_at + LEASE_MS - MARGIN_MS)

    @property
    def share(self) -> float:
        """
        This process's share (more than 0, at most 1) of what all processes may use together, such as Discord's rate
        limit: the same for each.

        The shares never exceed 1 together by more than `UNSURE_SHARE` for each process that is unsure. A process that
        joins is unsure until each of the others has written its row again, and so has read the new one, or is dead;
        until then they use the shares that they had without it. A process that could not write its row is unsure before
        the others can count it as dead and use more.
        """
        return 1 / self.living if self.is_current and not self._unaware else UNSURE_SHARE

    @property
    def is_leader(self) -> bool:
        """Whether this process does what only one may do."""
        return self.alone or (self.is_current and self._living[0].id == self.id)

    @property
    def shards(self) -> Shards | None:
        """
        The shards whose rows this process works on; None: all.

        Each shard has one process: the first living one that runs it, or else the leader. If processes disagree on the
        number of shards, or one was started without SHARD_IDS, each works on all; claims and compare-and-set keep them
        from doing the same work.
        """
        return self._shards_of(self.id, leads=self.is_leader)

    def answers(self, guild_id: int | None) -> bool:
        """Return whether this process answers for a server; None: for direct messages."""
        shards = self.shards
        return shards is None or shards.have(guild_id)

    def process_of(self, guild_id: int | None) -> str | None:
        """Return the id of the process that answers for a server; None if each answers for all."""
        if (count := self._shards_in_all) is None:
            return None
        return self.process_of_shard(Shards(count=count, ids=frozenset()).number(guild_id))

    def process_of_shard(self, shard: int) -> str:
        """Return the id of the process that answers for a shard, if each shard has one process (`shards`)."""
        return _owners(self._living).get(shard, self._living[0].id)

    def shards_of(self, process_id: str) -> Shards | None:
        """Return the shards that a process answers for; None: all."""
        return self._shards_of(process_id, leads=bool(self._living) and self._living[0].id == process_id)

    async def beat(self) -> None:
        """Write this process's row and read the others; at the first time, join them. Does nothing on SQLite."""
        if self.alone:
            return
        now = self._clock()
        this = Process(
            id=self.id, shard_count=self._shard_count, shard_ids=self._shard_ids, started_at=now, seen_at=now
        )
        joined_at = {process.id: process.started_at for process in self._living}.get(self.id)
        led, before = self.is_leader, {process.id for process in self._living}
        living = await self._store.seen(this, lease_ms=LEASE_MS)
        seen = {process.id: process.seen_at for process in living if process.id != self.id}
        if any(process.id == self.id and process.started_at != joined_at for process in living):
            self._unaware = seen
        else:
            self._unaware = {id_: at for id_, at in self._unaware.items() if seen.get(id_) == at}
        self._living, self._seen_at = living, now
        if before != {process.id for process in living} or led != self.is_leader:
            log.info(
                "processes on this database changed",
                living=len(living),
                leads=self.is_leader,
                shards=_words(self.shards),
            )

    async def leave(self) -> None:
        """Delete this process's row, so that the others take over without waiting for its lease to end. Call it when
        this process works no longer; a later `beat` would join again."""
        if self.alone:
            return
        self._living, self._seen_at = (), 0
        await self._store.leave(self.id)

    @property
    def _shards_in_all(self) -> int | None:
        """The number of shards in which the living processes share the work; None if each works on all."""
        counts = {process.shard_count for process in self._living}
        if len(counts) != 1 or not all(process.shard_ids for process in self._living):
            return None
        return counts.pop()

    def _shards_of(self, process_id: str, *, leads: bool) -> Shards | None:
        if (count := self._shards_in_all) is None:
            return None
        owners = _owners(self._living)
        unrun = set(range(count)) - owners.keys() if leads else set()
        return Shards(count=count, ids=frozenset(unrun | {shard for shard in owners if owners[shard] == process_id}))


def _owners(living: tuple[Process, ...]) -> Mapping[int, str]:
    """Return the id of the process of each shard that is run: the first that runs it."""
    return {shard: process.id for process in reversed(living) for shard in process.shard_ids}


def _words(shards: Shards | None) -> str:
    return "all" if shards is None else f"{sorted(shards.ids)} of {shards.count}"
