"""
Put the engine together, and do its work: advance the tasks that are due (`step`, `run`), begin creates, pass on
callbacks (`called_back`), and run the periodic jobs.

`step()` does what is due now, once; `run()` is a loop around the same work and also does the rarer periodic jobs. One
process at a time advances a task, under a lease in the task's row. Every move is compare-and-set: of two workers, the
second gets StaleTask.
"""

from __future__ import annotations

import asyncio
import functools
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, Protocol, TypeAlias

import structlog

from bot.engine.availability.admission import Admission
from bot.engine.availability.alerts import OperatorAlerts
from bot.engine.availability.disk_space import DiskSpace
from bot.engine.availability.model_trouble import ModelTrouble
from bot.engine.availability.result_hosts import ResultHostWatch
from bot.engine.cards.lookup import Lookup
from bot.engine.cards.progress import ProgressCards
from bot.engine.cards.status import StatusReader
from bot.engine.clock import system_clock
from bot.engine.housekeeping.orphans import Orphans
from bot.engine.housekeeping.retention import Retention
from bot.engine.intake.batches import Batches
from bot.engine.intake.requests import Requests
from bot.engine.lifecycle.lifecycle import Lifecycle
from bot.engine.lifecycle.preparation import Preparation
from bot.engine.lifecycle.reference_fetching import ReferenceFetching
from bot.engine.lifecycle.undelivered import Undelivered
from bot.engine.outbox.attempts import Attempts
from bot.engine.outbox.curation import Curation
from bot.engine.outbox.erasures import Erasures
from bot.engine.outbox.late_pictures import LatePictures
from bot.engine.outbox.message_sync import MessageSync
from bot.engine.outbox.reports import Reports
from bot.engine.outbox.reposts import Reposts
from bot.engine.outbox.worker import OutboxWorker
from bot.engine.policy import LEASE_MS, RENEW_SECONDS, Policy
from bot.engine.ports import Delivery, FetchReference, ImageAPI, SuccessRates
from bot.engine.processes.create_turns import LOOK_SECONDS, CreateTurns
from bot.engine.processes.membership import BEAT_SECONDS, Membership
from bot.engine.timing.durations import LearnedDurations
from bot.engine.work.fair_slots import places_to_export, places_to_look
from bot.engine.work.picture_work import PictureWork
from bot.engine.work.quarantine import TASK, Quarantine
from bot.engine.work.result_fetching import ResultFetching
from bot.engine.work.suspects import Suspects
from bot.engine.work.thumbnails import Thumbnails
from bot.errors import AccountRefused, Refused
from storage.availability import DatabaseAway
from storage.catalogue import MODELS, Model
from storage.disks import Disks
from storage.due_work import DueWork
from storage.models import Picture, Task, TaskState
from storage.pictures import PictureStore
from storage.shards import Shards
from storage.stores import Stores
from storage.transitions import StaleTask

PUSHES_AT_ONCE: Final = 1000
"""Number of tasks advanced at the same time. Work that takes memory has its own, smaller limit in its module."""
IDLE_SECONDS: Final = 5.0
"""Longest pause of `run`. New requests, callbacks and finished steps of tasks end the pause at once."""
BUSY_SECONDS: Final = 0.25
"""Pause of `run` while work is due that may not be started yet."""
BREATH_SECONDS: Final = 0.05
"""Shortest interval between two rounds of `run`. Many events wake `run`, and each round writes to the database, for
which people may have to wait."""
SHOW_SECONDS: Final = 5.0
"""Pause between two updates of the waiting cards: places in the queue and progress change without news."""
CHECK_SECONDS: Final = 5.0
ENDED: Final = frozenset({TaskState.CLOSED, TaskState.CANCELLED})
"""States after which a task waits for nothing, unless a callback has put its create in question."""
SUSPECTS_SECONDS: Final = 30.0
"""Pause between two searches for tasks that were running when another process died."""
TROUBLE_SECONDS: Final = 30.0
"""Pause between two searches for models whose success rate is due to be asked for."""
DURATIONS_SECONDS: Final = 60.0
"""Pause between two looks at how long the pictures of other processes took."""
CURATION_SECONDS: Final = 2.0
"""Pause between two searches for due reposts, reports, updates and deletions of messages, and erasures."""
SHARING_SECONDS: Final = 1.0
"""Pause between two searches for batches whose messages need an update; with several processes, between two searches of
the leader for due outbox rows of all kinds."""
NOT_TOLD_SECONDS: Final = 15.0
"""Pause between two searches of a process for outbox rows of which the leader should have told it, in one read for all
kinds."""
LATE_SECONDS: Final = 15.0
"""Pause between two searches for due retries of pictures that were delivered as links."""
SWEEP_EVERY: Final = timedelta(hours=1)
UNCHARGED_SWEEP_EVERY: Final = timedelta(minutes=10)
GRACE_SECONDS: Final = 8.0
"""Time that `run` waits after `stop` for running steps of tasks before it cancels them: enough for a create in flight
and the database write that follows it."""
TOKEN_BYTES: Final = 32
"""Random bytes in the callback URL of a create."""

log = structlog.get_logger(__name__)


Job: TypeAlias = Callable[[], Awaitable[object]]
Chore: TypeAlias = (
    tuple[Job, float | Callable[[], float]] | tuple[Job, float | Callable[[], float], asyncio.Event | None]
)
"""A periodic job, the pause (seconds) after it, and an event that ends the pause."""


class OfShards(Protocol):
    async def __call__(self, shards: Shards | None, /) -> object: ...


class Engine:
    """All work of one process on tasks and outbox rows. `requests`, `batches`, `curation`, … do what people ask for,
    each for its subject; `run` does the work that is due."""

    def __init__(
        self,
        *,
        stores: Stores,
        picture_store: PictureStore,
        api: ImageAPI,
        delivery: Delivery,
        fetch_reference: FetchReference,
        picture_work: PictureWork,
        policy: Policy,
        success_rates: SuccessRates | None = None,
        disks: Disks | None = None,
        membership: Membership | None = None,
        clock: Callable[[], int] = system_clock,
    ) -> None:
        """`membership`: which other processes work on the database, and which shards this one answers for; all, unless
        it is given."""
        self.clock = clock
        self.membership = membership or Membership(stores.processes, clock=clock)
        self._stores = stores
        self._policy = policy
        self._owner = self.membership.id
        self._turns = CreateTurns(stores=stores, membership=self.membership, policy=policy, clock=clock)
        self._busy: set[str] = set()
        self._pushes: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._beat_now = asyncio.Event()
        """Set when a process has joined or is gone."""
        self._telling: set[asyncio.Task[None]] = set()
        self._room_at: int | None = None
        """When (ms) the window of creates has room, if it was full at the last look."""
        self._begun_at = 0
        """When (ms) the last create was begun."""
        self._perhaps_begun: list[tuple[int, str | None]] = []
        """When (ms) each create was begun of which it is unknown whether it was stored, and its callback URL."""
        self._stopping = False
        if not self.membership.alone:
            stores.processes.on_wake(self._owner, self._wake.set)
            stores.processes.on_create(self._owner, self._begin_now)
            stores.processes.on_change(self._beat_now.set)

        # Whether work may start now, and what the operator has to know
        self._alerts = alerts = OperatorAlerts(stores=stores, delivery=delivery, clock=clock)
        self._admission = Admission(
            stores=stores,
            api=api,
            operator=alerts,
            probe_after=policy.probe_account_after,
            wake=self._wake_all,
            clock=clock,
        )
        self._trouble = ModelTrouble(stores=stores, rates=success_rates, models=policy.models, clock=clock)
        self.disk_space = space = DiskSpace(
            disks=disks or Disks(), least_bytes=policy.least_free_bytes, operator=alerts, clock=clock
        )
        self._quarantine = Quarantine(clock=clock)
        self._suspects = Suspects(
            stores=stores, quarantine=self._quarantine, operator=alerts, owner=self._owner, clock=clock
        )
        self._attempts = attempts = Attempts(
            store=stores.attempts, quarantine=self._quarantine, operator=alerts, owner=self._owner, clock=clock
        )

        # The life of a task
        self._durations = LearnedDurations(stores)
        self._cards = ProgressCards(
            stores=stores,
            delivery=delivery,
            durations=self._durations,
            paused=self._admission.paused,
            trouble=self._trouble.since,
            clock=clock,
        )
        self.attachments = ReferenceFetching(fetch_reference, picture_work)
        preparation = Preparation(
            stores=stores,
            picture_store=picture_store,
            api=self._admission.api,
            fetching=self.attachments,
            picture_work=picture_work,
            thumbnails=Thumbnails(picture_store, picture_work),
            show=self._cards.show,
            limits_for=policy.limits_for,
            space=space,
            always_upload=policy.always_upload,
            preview_wait=policy.preview_wait,
            models={**MODELS, **policy.models},
            clock=clock,
        )
        results = ResultFetching(
            api=self._admission.api,
            picture_store=picture_store,
            hosts=ResultHostWatch(alerts),
            picture_work=picture_work,
            space=space,
        )
        self.undelivered = Undelivered(stores=stores, operator=alerts, wake=self._wake_all, clock=clock)
        self._lifecycle = Lifecycle(
            stores=stores,
            api=self._admission.api,
            account=self._admission.account,
            cards=self._cards,
            suspects=self._suspects,
            preparation=preparation,
            results=results,
            delivery=delivery,
            undelivered=self.undelivered,
            policy=policy,
            owner=self._owner,
            goes_on=self._goes_on,
            clock=clock,
        )

        # What people ask for
        self.requests = Requests(
            stores=stores,
            delivery=delivery,
            cards=self._cards,
            policy=policy,
            space=space,
            wake=self._new_creates,
            clock=clock,
        )
        self.batches = Batches(
            stores=stores,
            delivery=delivery,
            operator=alerts,
            attempts=attempts,
            policy=policy,
            space=space,
            wake=self._new_creates,
            clock=clock,
        )
        self.lookup = Lookup(stores=stores, delivery=delivery, cards=self._cards)
        self.status = StatusReader(
            stores=stores,
            paused=self._admission.paused,
            seconds=self._cards.median_seconds,
            trouble=self._trouble.since,
        )
        self.lookup_slots, self.export_slots = places_to_look(), places_to_export()

        # Results after their delivery
        self.late_pictures = LatePictures(
            stores=stores, picture_store=picture_store, fetching=results, attempts=attempts, clock=clock
        )
        self.reposts = Reposts(stores=stores, delivery=delivery, attempts=attempts, clock=clock)
        self.reports = Reports(stores=stores, delivery=delivery, attempts=attempts, clock=clock)
        self.curation = Curation(
            stores=stores, delivery=delivery, reposts=self.reposts, reports=self.reports, clock=clock
        )
        message_sync = MessageSync(stores=stores, delivery=delivery, attempts=attempts, clock=clock)
        self.erasures = Erasures(
            stores=stores,
            picture_store=picture_store,
            delivery=delivery,
            cancel=self.requests.cancel,
            attempts=attempts,
            clock=clock,
        )
        self._retention = Retention(stores=stores, picture_store=picture_store, keep=policy.keep_pictures, clock=clock)
        self._orphans = Orphans(named=stores.named_copies, picture_store=picture_store, clock=clock)

        curated = (self.reposts.outbox, self.reports.outbox, message_sync.outbox, self.erasures.outbox)
        self._outboxes: Mapping[OutboxWorker[Any], float] = {
            **dict.fromkeys(curated, CURATION_SECONDS),
            self.batches.delivery.outbox: SHARING_SECONDS,
        }
        """Each with the pause (seconds) between two searches for its due rows, if no other process looks for them."""
        self._outbox_due = {outbox: asyncio.Event() for outbox in self._outboxes}
        """Set when the outbox has due rows of this process's shards."""
        self._look_now = asyncio.Event()
        """Set when this process begins to lead."""
        if not self.membership.alone:
            stores.processes.on_outbox(self._owner, self._look_into_outboxes)

    @property
    def models(self) -> Mapping[str, Model]:
        """Return the models that are switched on, by key."""
        return self._policy.models

    def trouble(self, model: str) -> int | None:
        """Return since when (ms) the image API has had trouble with a model that is switched on; None if it has none,
        or if nothing is known because no request waits."""
        return self._trouble.since(model)

    @property
    def keep_pictures(self) -> timedelta:
        """How long the stored copies of a task are kept after the task has ended. Input pictures of uncharged tasks are
        deleted sooner."""
        return self._policy.keep_pictures

    async def original_link(self, task: Task, picture: Picture) -> str | None:
        """Return an address of the picture as the image API made it, valid for 20 minutes; None if the API refuses the
        request, mostly because it no longer has the picture, or if the task has no `job_id`. Raises ServiceError if the
        API cannot be asked now or refuses the account."""
        if task.job_id is None:
            return None
        try:
            return await self._admission.api.direct_link(task.job_id, picture.url, task.provider)
        except AccountRefused:
            raise
        except Refused:
            return None

    # Callbacks

    async def called_back(self, token: str, job_id: str) -> bool:
        """Handle a callback of the image API: the job `job_id`, of the create with this token, has ended. The callback
        is stored at once; a worker does the rest. Return False if no create has the token; True also if the callback
        changes nothing. Raises what the database raises."""
        called = await self._lifecycle.adoption.called_back(token, job_id, process_of=self._other_process_of)
        if called is not None and called.woken is None:
            self._wake.set()
        return called is not None

    def _other_process_of(self, guild_id: int | None) -> str | None:
        """Return the process that answers for the guild; None if it is this one, or if each answers for all."""
        process = self.membership.process_of(guild_id) if self.membership.shards is not None else None
        return process if process != self._owner else None

    def _new_creates(self) -> None:
        """Look for work: a further create of this process may wait for its turn."""
        self._turns.changed()
        self._wake.set()

    def _begin_now(self) -> None:
        """Begin a create as soon as the window has room, as another process has told: the next one is this one's."""
        self._turns.told()
        self._wake_at(self._room_at or 0)

    def _wake_all(self) -> None:
        """Wake this process, and all others on the database."""
        self._wake.set()
        if not self.membership.alone:
            telling = asyncio.create_task(self._stores.processes.wake())
            self._telling.add(telling)
            telling.add_done_callback(self._told)

    def _told(self, telling: asyncio.Task[None]) -> None:
        self._telling.discard(telling)
        if not telling.cancelled() and (error := telling.exception()):
            log.info("waking the other processes failed: they look by themselves within seconds", error=str(error))

    # Periodic work

    async def start(self) -> None:
        """Join the processes of the database, and resume what an earlier process left unfinished. Called once, before
        `step` or `run`."""
        await self.membership.beat()
        if self.membership.is_leader:
            await self._suspects.find()
        await self._attempts.start()
        await self._admission.account.load()
        await self._durations.learn()
        await self._cards.come_back(self.membership.shards)
        if self.membership.is_leader:
            await self.late_pictures.resume()
        for outbox in self._outboxes:
            await outbox.resume()

    async def step(self) -> None:
        """Do the work that is due now, once, and wait until the work is done. Leaves out what `run` does at longer
        intervals: renew leases, search for tasks of dead processes, update cards without news, delete old data."""
        await self._admission.check()
        await self.disk_space.check()
        due, begun = await self._claim(await self._look())
        await asyncio.gather(*[self._push(task) for task in (*due, *begun)])
        await self.late_pictures.step(self.membership.shards)
        await self.step_outbox()
        await self._alerts.check()

    async def step_outbox(self) -> None:
        """Do the outbox work that is due now, once."""
        for outbox in self._outboxes:
            await outbox.step(self.membership.shards)

    async def run(self) -> None:
        """Do work whenever it becomes due, until `stop`."""
        async with asyncio.TaskGroup() as group:
            chores = [group.create_task(self._regularly(*chore)) for chore in self._chores()]
            try:
                while not self._stopping:
                    await self.requests.quiet()
                    self._wake.clear()
                    began = time.monotonic()
                    await self._rest(await self._start_due())
                    await asyncio.sleep(began + BREATH_SECONDS - time.monotonic())
                if self._pushes:
                    await asyncio.wait(self._pushes, timeout=GRACE_SECONDS)
            finally:
                await _end([*chores, *self._pushes, *self._telling])
                await self._let_go()

    def stop(self) -> None:
        """Advance no further tasks. `run` waits until the running steps of tasks have ended, at most `GRACE_SECONDS`,
        then cancels them, the outbox work and the periodic jobs, and returns; unfinished work stays in the rows, where
        other processes find it at once."""
        self._stopping = True
        self._wake.set()

    async def _start_due(self) -> float:
        """Start the work that is due. Return for how many seconds there is nothing to do, unless something wakes
        `run`."""
        try:
            work = await self._look()
            self._room_at = work.room_at
            left_for = self._turns.left_for if work.room and work.own_creates else 0.0
            if left_for:
                work = replace(work, own_creates=False)
            due, begun = await self._claim(work, is_left=bool(left_for))
        except Exception:
            log.exception("claiming due tasks failed, will retry")
            return BUSY_SECONDS
        for task in (*due, *begun):
            push = asyncio.create_task(self._push(task))
            self._pushes.add(push)
            push.add_done_callback(self._pushes.discard)
        if due or begun:
            seconds = self._until_next(work, len(begun))
        else:
            seconds = min(self._until_due(work), self._until_create(work))
        return min(seconds, left_for) if left_for else seconds

    def _until_next(self, work: DueWork, begun: int) -> float:
        """Return for how many seconds there is nothing to do after work was started, `begun` creates among it. A step
        that ends wakes `run`; it looks sooner if something due may be left."""
        if (
            (work.own_creates and begun < work.creates)
            or not self._quarantine.open
            or len(self._busy) >= PUSHES_AT_ONCE
        ):
            return BUSY_SECONDS
        return IDLE_SECONDS if work.next_after is None else max(0.0, (work.next_after - self.clock()) / 1000)

    def _until_due(self, work: DueWork) -> float:
        seconds = IDLE_SECONDS if work.next_due is None else (work.next_due - self.clock()) / 1000
        return seconds if seconds > 0 else BUSY_SECONDS

    def _until_create(self, work: DueWork) -> float:
        """Return after how many seconds to look again whether a create may begin: a process that has none waiting
        leaves that to the others."""
        if not work.own_creates:
            return IDLE_SECONDS
        if work.room_at is not None:
            later = LOOK_SECONDS if self._turns.is_others else 0.0
            return max(0.0, (work.room_at - self.clock()) / 1000) + later
        return BUSY_SECONDS if self._turns.look_after is None else self._turns.look_after

    async def _let_go(self) -> None:
        try:
            await self._suspects.let_go()
        except Exception:
            log.exception("uncounting attempts failed: the next start treats the interrupted tasks as suspects")
        try:
            await self._stores.claims.release(self._owner)
            await self.membership.leave()
        except Exception:
            log.exception("leaving the other processes failed: they take over when the leases end, within 30 seconds")

    def _look_after(self, moved: Task | None, *, was_held_back: bool) -> None:
        """After a step of a task (None: it failed), look for work when that task is due again, if `run` would not look
        before; at once if the step held back other work."""
        if moved is None or was_held_back:
            self._wake.set()
        elif moved.state is TaskState.QUEUED and moved.prepared_at is not None:
            self._turns.changed()
            self._wake_at(moved.due_at)
        elif moved.state not in ENDED or moved.claimed_job_id is not None:
            due = moved.due_at if moved.next_create_at is None else min(moved.due_at, moved.next_create_at)
            self._wake_at(due)

    def _wake_at(self, at: int) -> None:
        """Look for work at this time (ms), if `run` would not look before."""
        seconds = (at - self.clock()) / 1000
        if seconds <= 0:
            self._wake.set()
        elif seconds < IDLE_SECONDS:
            asyncio.get_running_loop().call_later(seconds, self._wake.set)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, IDLE_SECONDS)):
                await self._wake.wait()

    async def _look(self) -> DueWork:
        """Find out what can be done now."""
        return await self._stores.due_work.look(
            self._policy.creates,
            owner=self._owner,
            now=self.clock(),
            risky=self._quarantine.open,
            shards=self.membership.shards,
        )

    async def _claim(self, work: DueWork, *, is_left: bool = False) -> tuple[Sequence[Task], Sequence[Task]]:
        """Claim all tasks that may be advanced now, and begin the creates that may start. Return the claimed tasks, and
        apart from them those whose creates have begun. At most `PUSHES_AT_ONCE` are in work; none is claimed after
        `stop`. `is_left`: the creates of `work` are left to another process for a moment."""
        room = PUSHES_AT_ONCE - len(self._busy)
        if self._stopping or room <= 0:
            return (), ()
        if self._perhaps_begun:
            return (), await self._find_begun()
        due = await self._claim_due(work, room)
        self._begun([task for task in due if task.attempts])
        most = min(room - len(due), work.room, work.creates) if work.own_creates and self._quarantine.open else 0
        if not most and not is_left:
            self._turns.none_can_begin()
        creates = await self._begin_creates(most)
        self._begun(creates)
        self._busy.update(task.id for task in (*due, *creates))
        return due, creates

    def _begun(self, claimed: Sequence[Task]) -> None:
        """Register with the quarantine: risky tasks, whose attempts are counted, and creates, of which it would be
        unknown after a death whether they were accepted. None of them then runs beside a suspect that is tried
        alone."""
        for task in claimed:
            self._quarantine.begin((TASK, task.id))

    def _goes_on(self, task: Task) -> bool:
        """Return whether the worker that polled a task may deliver its outcome now. That counts as begun from here on:
        after the outcome is stored, a suspect may start before the delivery does."""
        if self._stopping or not self._quarantine.open:
            return False
        self._begun([task])
        return True

    async def _claim_due(self, work: DueWork, room: int) -> Sequence[Task]:
        """Claim due tasks. If tasks that may have killed a process may start now, claim only those. Other risky tasks
        are left out while the quarantine holds them back."""
        if suspects := await self._suspects.claim(limit=room):
            return suspects
        if not work.claimable:
            return ()
        now, busy = self.clock(), frozenset(self._busy)
        return await self._stores.claims.claim(
            self._owner,
            now=now,
            lease_ms=LEASE_MS,
            limit=room,
            except_ids=busy,
            risky=self._quarantine.open,
            shards=self.membership.shards,
        )

    async def _begin_creates(self, most: int) -> list[Task]:
        begun: list[Task] = []
        self._turns.looks_again()
        while not self._stopping and self._admission.takes_creates and len(begun) < most:
            task = await self._begin_create()
            if task is None:
                break
            begun.append(task)
        return begun

    async def _begin_create(self) -> Task | None:
        """Begin the next create. Return None if no task is ready for one, at a limit of creates, if the next create is
        another process's, or on an error: never raise, because the creates that were begun earlier in the same round
        must still be sent."""
        token, prefix, now = secrets.token_urlsafe(TOKEN_BYTES), self._policy.callbacks, self.clock()
        callback_url = f"{prefix}{token}" if prefix else None
        try:
            if not await self._turns.come(except_ids=frozenset(self._busy)):
                return None
            task = await self._stores.creates.begin(
                self._owner,
                self._policy.creates,
                now=now,
                lease_ms=LEASE_MS,
                token=token if prefix else None,
                models=self._policy.catalogue,
                except_ids=frozenset(self._busy),
                shards=self.membership.shards,
                passing=self._turns.passing,
                follows=None if self.membership.shards is None else self._turns.follows,
                shows=self._cards.remember,
            )
        except Exception as error:
            log.exception("create not begun: storing it failed and nothing was sent, will retry")
            if isinstance(error, DatabaseAway) and error.uncertain and now != self._begun_at:
                self._perhaps_begun.append((now, callback_url))
            return None
        if task is not None:
            self._begun_at = now
            self._lifecycle.submission.begun(task, callback_url, at=now)
        return task

    async def _find_begun(self) -> list[Task]:
        """Return the task of a create that was stored although the answer to its commit was lost, so that it is sent or
        begun again: only this process knows that it was not sent. Empty if it was not stored. Raises what the database
        raises."""
        at, callback_url = self._perhaps_begun[0]
        task = await self._stores.creates.begun_at(self._owner, at, except_ids=frozenset(self._busy))
        del self._perhaps_begun[0]
        if task is None:
            return []
        self._lifecycle.submission.begun(task, callback_url, at=at)
        self._begun([task])
        self._busy.add(task.id)
        return [task]

    async def _push(self, task: Task) -> None:
        """Advance a task. This runs in an asyncio task of its own, so that every line logged during the work carries
        the task's id."""
        structlog.contextvars.bind_contextvars(task=task.id)
        moved = None
        try:
            moved = await self._advanced(task)
            if moved.state is TaskState.SETTLED and moved.owner == self._owner:
                moved = await self._advanced(moved)
        except StaleTask:
            log.debug("task step dropped: the task is no longer as this worker claimed it", task=task.id)
        except Exception:
            log.exception(
                "task step failed: unless released, the task is retried when its lease expires",
                task=task.id,
            )
        finally:
            was_held_back = not self._quarantine.open or len(self._busy) >= PUSHES_AT_ONCE
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

    def _chores(self) -> list[Chore]:
        """Return the periodic jobs, each with the pause in seconds after it has ended or failed, and what ends the
        pause."""
        own, leading = self._of_own_shards, self._if_leading
        return [
            *self._chores_of_several(),
            (self._renew_leases, RENEW_SECONDS),
            (self._admission.check, CHECK_SECONDS),
            (self._alerts.check, CHECK_SECONDS),
            (leading(self._suspects.find), SUSPECTS_SECONDS),
            (self._trouble.check, TROUBLE_SECONDS),
            (self._durations.refresh, DURATIONS_SECONDS),
            (own(self._cards.show_waiting), SHOW_SECONDS),
            (own(self.late_pictures.step), LATE_SECONDS),
            *[(own(outbox.step), self._pause_of(outbox), due) for outbox, due in self._outbox_due.items()],
            (leading(self.erasures.sweep), SWEEP_EVERY.total_seconds()),
            (leading(self.batches.sweep_proposals), SWEEP_EVERY.total_seconds()),
            (leading(self.batches.sweep_kept), SWEEP_EVERY.total_seconds()),
            (self.disk_space.check, CHECK_SECONDS),
            (leading(self._retention.sweep), SWEEP_EVERY.total_seconds()),
            (leading(self._retention.sweep_uncharged), UNCHARGED_SWEEP_EVERY.total_seconds()),
            (leading(self._orphans.sweep_orphans), SWEEP_EVERY.total_seconds()),
        ]

    def _chores_of_several(self) -> list[Chore]:
        """Return the periodic jobs that only one of several processes has."""
        if self.membership.alone:
            return []
        return [
            (self._beat, BEAT_SECONDS, self._beat_now),
            (self._look_for_outbox_rows, self._outbox_pause, self._look_now),
        ]

    def _outbox_pause(self) -> float:
        return SHARING_SECONDS if self.membership.is_leader else NOT_TOLD_SECONDS

    def _pause_of(self, outbox: OutboxWorker[Any]) -> Callable[[], float]:
        return lambda: self._outboxes[outbox] if self.membership.shards is None else SWEEP_EVERY.total_seconds()

    async def _look_for_outbox_rows(self) -> None:
        """As the leader, find out which processes have due outbox rows, and tell them; the others look only sometimes,
        for their own. If each process answers for all shards, each outbox looks for itself."""
        shards, leads = self.membership.shards, self.membership.is_leader
        if shards is None:
            return
        workers = {worker.kind.value: worker for worker in self._outboxes}
        due = await self._stores.processes.outboxes_due(
            {kind: worker.rows for kind, worker in workers.items()}, now=self.clock(), count=shards.count
        )
        told = set[str]()
        for kind, shard in due:
            if shard in shards.ids:
                self._outbox_due[workers[kind]].set()
            elif leads:
                told.add(self.membership.process_of_shard(shard))
        for process in told:
            await self._stores.processes.wake_for_outbox(process)

    def _look_into_outboxes(self) -> None:
        for due in self._outbox_due.values():
            due.set()

    def _of_own_shards(self, job: OfShards) -> Callable[[], Awaitable[object]]:
        """Return the job for the rows of the shards that this process answers for when it runs."""

        @functools.wraps(job)
        async def of_own_shards() -> None:
            await job(self.membership.shards)

        return of_own_shards

    def _if_leading(self, job: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
        """Return a job that only the leader of the processes does."""

        @functools.wraps(job)
        async def if_leading() -> None:
            if self.membership.is_leader:
                await job()

        return if_leading

    async def _beat(self) -> None:
        """Take part in the processes of the database, and begin at once what is this one's now."""
        shards, leads = self.membership.shards, self.membership.is_leader
        await self.membership.beat()
        if self.membership.shards != shards:
            self._wake.set()
            self._look_into_outboxes()
        if self.membership.is_leader and not leads:
            self._look_now.set()

    async def _regularly(
        self,
        chore: Callable[[], Awaitable[object]],
        pause: float | Callable[[], float],
        sooner: asyncio.Event | None = None,
    ) -> None:
        """Do the job again and again, with a pause (seconds) that `sooner` ends."""
        while True:
            try:
                await chore()
            except Exception:
                log.exception("periodic job failed, runs again after its usual pause", chore=chore.__qualname__)
            seconds = pause if isinstance(pause, float | int) else pause()
            if sooner is None:
                await asyncio.sleep(seconds)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await sooner.wait()
            sooner.clear()

    async def _renew_leases(self) -> None:
        if self._busy:
            await self._stores.claims.renew(self._owner, sorted(self._busy), until=self.clock() + LEASE_MS)


async def _end(running: Sequence[asyncio.Task[None]]) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
