"""
Do the due work of all outboxes of a process.

A process that answers for all shards searches each outbox for due rows itself. Where several processes share the
shards, the leader searches all outboxes with one statement and tells the process of each shard that has due rows. The
other processes search only sometimes, in case a notice of the leader was lost.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.engine.outbox.worker import OutboxWorker
from bot.engine.periodic_jobs import Job, PeriodicJob
from bot.engine.processes.membership import Membership
from storage.processes import ProcessStore

SHARING_SECONDS: Final = 1.0
"""Pause between two searches of the leader for the due rows of all outboxes."""
NOT_TOLD_SECONDS: Final = 15.0
"""Pause between two searches of a process that does not lead."""
LONGEST_SECONDS: Final = 3600.0
"""Pause between two searches of one outbox by a process that searches all of them with one statement."""


class Outboxes:
    """`pauses`: each outbox with the pause (seconds) between two searches for its due rows, if this process answers for
    all shards."""

    def __init__(
        self,
        pauses: Mapping[OutboxWorker[Any], float],
        *,
        store: ProcessStore,
        membership: Membership,
        clock: Callable[[], int],
    ) -> None:
        self._pauses = pauses
        self._store = store
        self._membership = membership
        self._clock = clock
        self._due = {outbox: asyncio.Event() for outbox in pauses}
        """Set when the outbox has due rows of this process's shards."""
        self._leads = asyncio.Event()
        """Set when this process begins to lead."""
        if not membership.alone:
            store.on_outbox(membership.id, self.look)

    async def resume(self) -> None:
        """Make due what an earlier process left claimed or postponed, unless other processes share the database."""
        for outbox in self._pauses:
            await outbox.resume()

    async def step(self) -> None:
        """Do the work that is due now, once."""
        for outbox in self._pauses:
            await outbox.step(self._membership.shards)

    def look(self) -> None:
        """Let each outbox search for due rows at once."""
        for due in self._due.values():
            due.set()

    def lead(self) -> None:
        """Search for the due rows of all processes at once: this process begins to lead."""
        self._leads.set()

    def periodic_jobs(self) -> list[PeriodicJob]:
        jobs = [PeriodicJob(self._step_of(outbox), self._pause_of(outbox), due) for outbox, due in self._due.items()]
        if not self._membership.alone:
            jobs.append(PeriodicJob(self._search_all, self._pause_of_all, self._leads))
        return jobs

    def _step_of(self, outbox: OutboxWorker[Any]) -> Job:
        @functools.wraps(outbox.step)
        async def step() -> None:
            await outbox.step(self._membership.shards)

        return step

    def _pause_of(self, outbox: OutboxWorker[Any]) -> Callable[[], float]:
        return lambda: self._pauses[outbox] if self._membership.shards is None else LONGEST_SECONDS

    def _pause_of_all(self) -> float:
        return SHARING_SECONDS if self._membership.is_leader else NOT_TOLD_SECONDS

    async def _search_all(self) -> None:
        """Find out which shards have due rows in which outbox. As the leader, tell their processes; else, look into
        those of this process. Do nothing if each process answers for all shards."""
        shards, leads = self._membership.shards, self._membership.is_leader
        if shards is None:
            return
        workers = {worker.kind.value: worker for worker in self._pauses}
        due = await self._store.outboxes_due(
            {kind: worker.rows for kind, worker in workers.items()}, now=self._clock(), count=shards.count
        )
        told = set[str]()
        for kind, shard in due:
            if shard in shards.ids:
                self._due[workers[kind]].set()
            elif leads:
                told.add(self._membership.process_of_shard(shard))
        for process in told:
            await self._store.wake_for_outbox(process)
