"""
Advance the tasks that are due: find out what can be done now, claim it, and do one step of each task.

One process at a time advances a task, under a lease in the task's row. Every move is compare-and-set: of two workers,
the second gets StaleTask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

import structlog

from bot.engine.availability.admission import Admission
from bot.engine.cards.progress import ProgressCards
from bot.engine.lifecycle.begun_creates import BegunCreates
from bot.engine.lifecycle.lifecycle import Lifecycle
from bot.engine.policy import LEASE_MS, Policy
from bot.engine.processes.create_turns import LOOK_SECONDS, CreateTurns
from bot.engine.processes.membership import Membership
from bot.engine.work.quarantine import TASK, Quarantine
from bot.engine.work.suspects import Suspects
from storage.due_work import DueWork
from storage.models import Task, TaskState
from storage.stores import Stores
from storage.transitions import StaleTask

PUSHES_AT_ONCE: Final = 1000
"""Number of tasks advanced at the same time. Work that takes memory has its own, smaller limit in its module."""
IDLE_SECONDS: Final = 5.0
"""Longest pause between two looks for due tasks. New requests and callbacks end it at once; so do finished steps of
tasks, unless there is nothing to do after them yet."""
BUSY_SECONDS: Final = 0.25
"""Pause while work is due that may not be started yet."""
GRACE_SECONDS: Final = 8.0
"""Time that running steps of tasks have after `stop`: enough for a create in flight and the database write that follows
it."""

log = structlog.get_logger(__name__)


class DueTasks:
    """The tasks that this process has claimed, and those that it may claim."""

    def __init__(
        self,
        *,
        stores: Stores,
        membership: Membership,
        admission: Admission,
        quarantine: Quarantine,
        suspects: Suspects,
        cards: ProgressCards,
        lifecycle: Lifecycle,
        policy: Policy,
        clock: Callable[[], int],
    ) -> None:
        self._stores = stores
        self._membership = membership
        self._quarantine = quarantine
        self._suspects = suspects
        self._cards = cards
        self._lifecycle = lifecycle
        self._policy = policy
        self._clock = clock
        self._busy: set[str] = set()
        self._pushes: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._room_at: int | None = None
        """When (ms) the window of creates has room, if it was full at the last look."""
        self._is_full = False
        """Whether due tasks may be left because the last look had no room for more."""
        self._stopping = False
        self.turns = CreateTurns(stores=stores, membership=membership, policy=policy, clock=clock)
        self.creates = BegunCreates(
            store=stores.creates,
            turns=self.turns,
            membership=membership,
            submission=lifecycle.submission,
            cards=cards,
            policy=policy,
            busy=self._busy,
            may_begin=lambda: not self._stopping and admission.takes_creates,
            clock=clock,
        )
        if not membership.alone:
            stores.processes.on_wake(membership.id, self.wake)
            stores.processes.on_create(membership.id, self._begin_now)

    def wake(self) -> None:
        """End the pause of `rest`: something may be due."""
        self._woken.set()

    def new_creates(self) -> None:
        """End the pause of `rest`: a further create of this process may wait for its turn."""
        self.turns.changed()
        self._woken.set()

    def _begin_now(self) -> None:
        """Begin a create as soon as the window has room, as another process has told: the next one is this one's."""
        self.turns.told()
        self._wake_at(self._room_at or 0)

    def stop(self) -> None:
        """Claim no further tasks and begin no further creates."""
        self._stopping = True
        self._woken.set()

    async def end(self) -> None:
        """Wait for the running steps after `stop`, at most `GRACE_SECONDS`."""
        if self._pushes:
            await asyncio.wait(self._pushes, timeout=GRACE_SECONDS)

    @property
    def steps(self) -> Sequence[asyncio.Task[None]]:
        """The steps of tasks that are running."""
        return tuple(self._pushes)

    async def let_go(self) -> None:
        """Let other processes take over at once what this one had claimed. Raises what the database raises."""
        await self._stores.claims.release(self._membership.id)

    async def step(self) -> None:
        """Advance the tasks that are due by one step, and wait until all of it is done."""
        due, begun = await self.claim(await self.look())
        await self._read_card_facts(due)
        await asyncio.gather(*[self.push(task) for task in (*due, *begun)])

    async def renew_leases(self) -> None:
        if self._busy:
            await self._stores.claims.renew(self._membership.id, sorted(self._busy), until=self._clock() + LEASE_MS)

    # When to look

    async def start_due(self) -> float:
        """Start the work that is due. Return for how many seconds there is nothing to do, unless something ends the
        pause; 0 after `stop`."""
        self._woken.clear()
        if self._stopping:
            return 0.0
        try:
            work = await self.look()
            self._room_at = work.room_at
            left_for = self.turns.left_for if work.room and work.own_creates else 0.0
            if left_for:
                work = replace(work, own_creates=False)
            due, begun = await self.claim(work, is_left=bool(left_for))
        except Exception:
            log.exception("claiming due tasks failed, will retry")
            return BUSY_SECONDS
        for task in (*due, *begun):
            push = asyncio.create_task(self.push(task))
            self._pushes.add(push)
            push.add_done_callback(self._pushes.discard)
        await self._read_card_facts(due)
        if due or begun:
            seconds = self._until_next(work, len(begun))
        else:
            seconds = min(self._until_due(work), self._until_create(work))
        return min(seconds, left_for) if left_for else seconds

    async def rest(self, seconds: float) -> None:
        """Wait until something may be due, for so many seconds or at most `IDLE_SECONDS`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, IDLE_SECONDS)):
                await self._woken.wait()

    def _until_next(self, work: DueWork, begun: int) -> float:
        """Return for how many seconds there is nothing to do after work was started, `begun` creates among it; fewer if
        something due may be left. A step that ends may end the pause before (`_look_after`)."""
        if self._is_full and len(self._busy) < PUSHES_AT_ONCE:
            return 0.0
        if (work.own_creates and begun < work.creates) or not self._quarantine.open or self._is_full:
            return BUSY_SECONDS
        return IDLE_SECONDS if work.next_after is None else max(0.0, (work.next_after - self._clock()) / 1000)

    def _until_due(self, work: DueWork) -> float:
        seconds = IDLE_SECONDS if work.next_due is None else (work.next_due - self._clock()) / 1000
        return seconds if seconds > 0 else BUSY_SECONDS

    def _until_create(self, work: DueWork) -> float:
        """Return after how many seconds to look again whether a create may begin: a process that has none waiting
        leaves that to the others."""
        if not work.own_creates:
            return IDLE_SECONDS
        if work.room_at is not None:
            later = LOOK_SECONDS if self.turns.is_others else 0.0
            return max(0.0, (work.room_at - self._clock()) / 1000) + later
        return BUSY_SECONDS if self.turns.look_after is None else self.turns.look_after

    def _look_after(self, moved: Task | None, *, was_held_back: bool) -> None:
        """After a step of a task (None: it failed), look for work when that task is due again, if that is before the
        end of the pause; at once if the step held back other work."""
        if moved is None or was_held_back:
            self._woken.set()
        elif moved.state is TaskState.QUEUED and moved.prepared_at is not None:
            self.turns.changed()
            self._wake_at(moved.due_at)
        elif moved.open or moved.claimed_job_id is not None:
            due = moved.due_at if moved.next_create_at is None else min(moved.due_at, moved.next_create_at)
            self._wake_at(due)

    def _wake_at(self, at: int) -> None:
        """Look for work at this time (ms), if that is before the end of the pause."""
        seconds = (at - self._clock()) / 1000
        if seconds <= 0:
            self._woken.set()
        elif seconds < IDLE_SECONDS:
            asyncio.get_running_loop().call_later(seconds, self._woken.set)

    # Claims

    async def look(self) -> DueWork:
        """Find out what can be done now. Raises what the database raises."""
        return await self._stores.due_work.look(
            self._policy.creates,
            owner=self._membership.id,
            now=self._clock(),
            risky=self._quarantine.open,
            shards=self._membership.shards,
        )

    async def claim(self, work: DueWork, *, is_left: bool = False) -> tuple[Sequence[Task], Sequence[Task]]:
        """Claim all tasks that may be advanced now, and begin the creates that may start. Return the claimed tasks, and
        apart from them those whose creates have begun. At most `PUSHES_AT_ONCE` are in work; none is claimed after
        `stop`. `is_left`: the creates of `work` are left to another process for a moment."""
        room = PUSHES_AT_ONCE - len(self._busy)
        if self._stopping:
            return (), ()
        if room <= 0:
            self._is_full = True
            return (), ()
        if not self.creates.are_certain:
            return (), await self._claim_stored()
        due = await self._claim_due(work, room)
        self._is_full = len(due) >= room
        self._begun([task for task in due if task.attempts])
        most = min(room - len(due), work.room, work.creates) if work.own_creates and self._quarantine.open else 0
        if not most and not is_left:
            self.turns.none_can_begin()
        creates = await self.creates.begin(most)
        self._begun(creates)
        self._busy.update(task.id for task in (*due, *creates))
        return due, creates

    async def _claim_stored(self) -> Sequence[Task]:
        task = await self.creates.find_stored()
        if task is None:
            return ()
        self._begun([task])
        self._busy.add(task.id)
        return (task,)

    async def _claim_due(self, work: DueWork, room: int) -> Sequence[Task]:
        """Claim due tasks. If tasks that may have killed a process may start now, claim only those. Other risky tasks
        are left out while the quarantine holds them back."""
        if suspects := await self._suspects.claim(limit=room):
            return suspects
        if not work.claimable:
            return ()
        now, busy = self._clock(), frozenset(self._busy)
        return await self._stores.claims.claim(
            self._membership.id,
            now=now,
            lease_ms=LEASE_MS,
            limit=room,
            except_ids=busy,
            risky=self._quarantine.open,
            shards=self._membership.shards,
        )

    def _begun(self, claimed: Sequence[Task]) -> None:
        """Register with the quarantine: risky tasks, whose attempts are counted, and creates, of which it would be
        unknown after a death whether they were accepted. None of them then runs beside a suspect that is tried
        alone."""
        for task in claimed:
            self._quarantine.begin((TASK, task.id))

    def goes_on(self, task: Task) -> bool:
        """Return whether the worker that polled a task may deliver its outcome now. That counts as begun from here on:
        after the outcome is stored, a suspect may start before the delivery does."""
        if self._stopping or not self._quarantine.open:
            return False
        self._begun([task])
        return True

    # Steps

    async def _read_card_facts(self, claimed: Sequence[Task]) -> None:
        """Read what the cards of the claimed tasks show, together and mostly before the first answer about them."""
        try:
            await self._cards.know(claimed)
        except Exception:
            log.exception("reading what cards show failed: it is read for each card when the card changes")

    async def push(self, task: Task) -> None:
        """Advance a claimed task. This runs in an asyncio task of its own, so that every line logged during the work
        carries the task's id."""
        structlog.contextvars.bind_contextvars(task=task.id)
        moved = None
        try:
            moved = await self._advanced(task)
            if moved.state is TaskState.SETTLED and moved.owner == self._membership.id:
                moved = await self._advanced(moved)
        except StaleTask:
            log.debug("task step dropped: the task is no longer as this worker claimed it", task=task.id)
        except Exception:
            log.exception(
                "task step failed: unless released, the task is retried when its lease expires",
                task=task.id,
            )
        finally:
            was_held_back = not self._quarantine.open or self._is_full
            self._busy.discard(task.id)
            self._quarantine.end((TASK, task.id))
            self._lifecycle.submission.left(task.id)
            self._look_after(moved, was_held_back=was_held_back)

    async def _advanced(self, task: Task) -> Task:
        """Do one step of a task, and update its card."""
        moved = await self._lifecycle.advance(task)
        if moved.state is not task.state:
            log.info("task moved", task=task.id, state=moved.state.value, reason=moved.reason)
        try:
            await self._cards.advanced(task, moved)
        except Exception:
            log.exception("card update failed: the card stays as it is until its next change", task=task.id)
        return moved
