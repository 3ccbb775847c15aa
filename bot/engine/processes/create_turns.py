"""
Let creates begin in one order, although each process begins only those of its own shards.

Which create is next is decided over the tasks of all shards. The process that answers for the next one begins it; the
others leave it alone. The one that begins a create tells the process of the next create in the same transaction, so
that only that process looks as soon as the window has room; the others look a second later. If the place stays free for
`PATIENCE_MS` (the process was killed a moment ago, say, or cannot send), its tasks are passed over for `PASSED_MS`, so
that no shard waits for the process of another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from bot.engine.policy import Policy
from bot.engine.processes.membership import Membership
from storage.models import Task
from storage.shards import Shards
from storage.stores import Stores

PATIENCE_MS: Final = 2000
"""ms. A process that is woken begins a create within a few tenths of a second."""
PASSED_MS: Final = 10_000
"""ms. After this time, the process is waited for again."""
LOOK_SECONDS: Final = 1.0
"""Pause between two looks at whose create is next while it is another process's, and how much later than that process
the others look into a window that was full; each is also woken."""


class CreateTurns:
    def __init__(self, *, stores: Stores, membership: Membership, policy: Policy, clock: Callable[[], int]) -> None:
        self._stores = stores
        self._membership = membership
        self._policy = policy
        self._clock = clock
        self._waited_for: tuple[str, int] | None = None
        """The task of another process whose create could begin, and since when (ms)."""
        self._woken: tuple[str, str, int] | None = None
        """The process that was woken last, for which task, and when (ms)."""
        self._passed: dict[str, int] = {}
        """Processes that are passed over, and until when (ms)."""
        self._is_told = False
        """Whether another process has told this one that the next create is its own."""
        self._next: tuple[Task | None] | None = None
        """The task whose create follows the one that has just begun here; None if that is unknown."""
        self._is_others = False
        self._noted_at = 0
        """When (ms) `is_others` was found out."""
        self.look_after: float | None = None
        """For how many seconds creates that are due can be left alone, as `come` found last: another process is to
        begin the next one, or none fits into those in flight. None: not at all."""

    @property
    def passing(self) -> Shards | None:
        """The shards whose tasks are passed over now; None if there are none."""
        now = self._clock()
        self._passed = {process: until for process, until in self._passed.items() if now < until}
        found = [shards for process in self._passed if (shards := self._membership.shards_of(process)) is not None]
        if not found:
            return None
        return Shards(count=found[0].count, ids=frozenset().union(*[shards.ids for shards in found]))

    def none_can_begin(self) -> None:
        """Wait for no process any longer: the window is full, or no create of this process waits."""
        self.look_after = self._waited_for = None

    def told(self) -> None:
        """Another process tells that the next create is this process's own."""
        self._is_told, self._is_others = True, False

    def follows(self, task: Task | None) -> str | None:
        """Note whose create follows the one that begins here. Return the process to tell of it; None if there is none,
        or if it is this process's own."""
        self._next, self._is_told = (task,), False
        process = self._note(task)
        if task is not None and process is not None:
            self._woken = (process, task.id, self._clock())
        return process

    def changed(self) -> None:
        """Forget whose create is next: a further one of this process waits, which may come before the others."""
        self._noted_at = 0

    @property
    def is_others(self) -> bool:
        """Whether the next create was another process's when that was last known. False if each process answers for
        all shards."""
        return self._is_others and self._membership.shards is not None

    @property
    def left_for(self) -> float:
        """For how many seconds the next create is left to another process, which knows of it; 0 if not at all."""
        return max(0.0, LOOK_SECONDS - (self._clock() - self._noted_at) / 1000) if self.is_others else 0.0

    def looks_again(self) -> None:
        """Forget what followed the last create that began here: time has passed."""
        self._next = None

    async def come(self, *, except_ids: Collection[str]) -> bool:
        """Return whether the next create is this process's own, while the window has room for one. If it is another
        process's, wake that one. True without a look if each process answers for all shards, and once after another
        process has said so (`told`)."""
        self.look_after = None
        if self._membership.shards is None:
            return True
        if self._is_told:
            self._is_told, self._waited_for = False, None
            return True
        while True:
            now = self._clock()
            task = await self._upcoming(now, except_ids)
            process = self._note(task)
            if task is None:
                self.look_after = LOOK_SECONDS
                return False
            if process is None:
                self._waited_for = None
                return True
            if self._waited_for is None or self._waited_for[0] != task.id:
                self._waited_for = (task.id, now)
            if now - self._waited_for[1] < PATIENCE_MS:
                self.look_after = LOOK_SECONDS
                await self._wake(process, task.id, now)
                return False
            self._passed[process] = now + PASSED_MS
            self._waited_for = None

    async def _upcoming(self, now: int, except_ids: Collection[str]) -> Task | None:
        if self._next is not None:
            (task,), self._next = self._next, None
            return task
        return await self._stores.creates.upcoming(
            self._policy.creates,
            now=now,
            models=self._policy.catalogue,
            except_ids=except_ids,
            passing=self.passing,
        )

    def _note(self, task: Task | None) -> str | None:
        """Note whose create is next. Return the process that answers for it; None if it is this one, or if there is no
        task."""
        process = self._membership.process_of(task.guild_id) if task is not None else None
        self._is_others = process is not None and process != self._membership.id
        self._noted_at = self._clock()
        return process if self._is_others else None

    async def _wake(self, process: str, task_id: str, now: int) -> None:
        """Wake the process for the task, unless that was done a moment ago."""
        if (
            self._woken is not None
            and self._woken[:2] == (process, task_id)
            and now - self._woken[2] < LOOK_SECONDS * 1000
        ):
            return
        self._woken = (process, task_id, now)
        await self._stores.processes.wake_for_create(process)
