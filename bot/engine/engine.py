"""
Put the engine of one process together, and let it work: tasks (`DueTasks`), outbox rows (`Outboxes`) and periodic jobs.

`step()` does what is due now, once; `run()` is a loop around the same work and also does the rarer periodic jobs.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final, Protocol

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
from bot.engine.due_tasks import DueTasks
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
from bot.engine.outbox.outboxes import Outboxes
from bot.engine.outbox.reports import Reports
from bot.engine.outbox.reposts import Reposts
from bot.engine.periodic_jobs import PeriodicJob
from bot.engine.policy import RENEW_SECONDS, Policy
from bot.engine.ports import Delivery, FetchReference, ImageAPI, SuccessRates
from bot.engine.processes.membership import BEAT_SECONDS, Membership
from bot.engine.timing.durations import LearnedDurations
from bot.engine.work.fair_slots import places_to_export, places_to_look
from bot.engine.work.picture_work import PictureWork
from bot.engine.work.quarantine import Quarantine
from bot.engine.work.result_fetching import ResultFetching
from bot.engine.work.suspects import Suspects
from bot.engine.work.thumbnails import Thumbnails
from bot.errors import AccountRefused, Refused
from storage.catalogue import MODELS, Model
from storage.disks import Disks
from storage.models import Picture, Task
from storage.pictures import PictureStore
from storage.shards import Shards
from storage.stores import Stores

BREATH_SECONDS: Final = 0.05
"""Shortest interval between two looks for due tasks. Many events end the pause between two, and each look reads the
database, for which people may have to wait."""
SHOW_SECONDS: Final = 5.0
"""Pause between two updates of the waiting cards: places in the queue and progress change without news."""
CHECK_SECONDS: Final = 5.0
SUSPECTS_SECONDS: Final = 30.0
"""Pause between two searches for tasks that were running when another process died."""
TROUBLE_SECONDS: Final = 30.0
"""Pause between two searches for models whose success rate is due to be asked for."""
DURATIONS_SECONDS: Final = 60.0
"""Pause between two looks at how long the pictures of other processes took."""
CURATION_SECONDS: Final = 2.0
"""Pause between two searches for due reposts, reports, updates and deletions of messages, and erasures."""
BATCH_SECONDS: Final = 1.0
"""Pause between two searches for batches whose messages need an update."""
LATE_SECONDS: Final = 15.0
"""Pause between two searches for due retries of pictures that were delivered as links."""
SWEEP_EVERY: Final = timedelta(hours=1)
UNCHARGED_SWEEP_EVERY: Final = timedelta(minutes=10)

log = structlog.get_logger(__name__)


class OfShards(Protocol):
    async def __call__(self, shards: Shards | None, /) -> object: ...


class Engine:
    """All work of one process. `requests`, `batches`, `curation`, … do what people ask for, each for its subject; `run`
    does the work that is due."""

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
        self._beat_now = asyncio.Event()
        """Set when a process has joined or is gone."""
        self._telling: set[asyncio.Task[None]] = set()
        self._stopping = False
        if not self.membership.alone:
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
            stores=stores, quarantine=self._quarantine, operator=alerts, owner=self.membership.id, clock=clock
        )
        self._attempts = attempts = Attempts(
            store=stores.attempts, quarantine=self._quarantine, operator=alerts, owner=self.membership.id, clock=clock
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
            owner=self.membership.id,
            goes_on=lambda task: self._tasks.goes_on(task),
            clock=clock,
        )

        self._tasks = DueTasks(
            stores=stores,
            membership=self.membership,
            admission=self._admission,
            quarantine=self._quarantine,
            suspects=self._suspects,
            cards=self._cards,
            lifecycle=self._lifecycle,
            policy=policy,
            clock=clock,
        )

        # What people ask for
        self.requests = Requests(
            stores=stores,
            delivery=delivery,
            cards=self._cards,
            policy=policy,
            space=space,
            wake=self._tasks.new_creates,
            clock=clock,
        )
        self.batches = Batches(
            stores=stores,
            delivery=delivery,
            operator=alerts,
            attempts=attempts,
            policy=policy,
            space=space,
            wake=self._tasks.new_creates,
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
        self._outboxes = Outboxes(
            {**dict.fromkeys(curated, CURATION_SECONDS), self.batches.delivery.outbox: BATCH_SECONDS},
            store=stores.processes,
            membership=self.membership,
            clock=clock,
        )

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
            self._tasks.wake()
        return called is not None

    def _other_process_of(self, guild_id: int | None) -> str | None:
        """Return the process that answers for the guild; None if it is this one, or if each answers for all."""
        process = self.membership.process_of(guild_id) if self.membership.shards is not None else None
        return process if process != self.membership.id else None

    def _wake_all(self) -> None:
        """Let this process and all others on the database look for due tasks."""
        self._tasks.wake()
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
        await self._outboxes.resume()

    async def step(self) -> None:
        """Do the work that is due now, once, and wait until the work is done. Leaves out what `run` does at longer
        intervals: renew leases, search for tasks of dead processes, update cards without news, delete old data."""
        await self._admission.check()
        await self.disk_space.check()
        await self._tasks.step()
        await self.late_pictures.step(self.membership.shards)
        await self.step_outbox()
        await self._alerts.check()

    async def step_outbox(self) -> None:
        """Do the outbox work that is due now, once."""
        await self._outboxes.step()

    async def run(self) -> None:
        """Do work whenever it becomes due, until `stop`."""
        async with asyncio.TaskGroup() as group:
            jobs = [group.create_task(job.run()) for job in self._periodic_jobs()]
            try:
                while not self._stopping:
                    await self.requests.quiet()
                    began = time.monotonic()
                    await self._tasks.rest(await self._tasks.start_due())
                    await asyncio.sleep(began + BREATH_SECONDS - time.monotonic())
                await self._tasks.end()
            finally:
                await _end([*jobs, *self._tasks.steps, *self._telling])
                await self._let_go()

    def stop(self) -> None:
        """Advance no further tasks. `run` waits for the running steps of tasks (`DueTasks.end`), cancels what is left
        of them, the outbox work and the periodic jobs, and returns; unfinished work stays in the rows, where other
        processes find it at once."""
        self._stopping = True
        self._tasks.stop()

    async def _let_go(self) -> None:
        try:
            await self._suspects.let_go()
        except Exception:
            log.exception("uncounting attempts failed: the next start treats the interrupted tasks as suspects")
        try:
            await self._tasks.let_go()
            await self.membership.leave()
        except Exception:
            log.exception("leaving the other processes failed: they take over when the leases end, within 30 seconds")

    def _periodic_jobs(self) -> list[PeriodicJob]:
        own, leading = self._of_own_shards, self._if_leading
        hourly = (
            self.erasures.sweep,
            self.batches.sweep_proposals,
            self.batches.sweep_kept,
            self._retention.sweep,
            self._orphans.sweep_orphans,
        )
        jobs = [
            PeriodicJob(self._tasks.renew_leases, RENEW_SECONDS),
            PeriodicJob(self._admission.check, CHECK_SECONDS),
            PeriodicJob(self._alerts.check, CHECK_SECONDS),
            PeriodicJob(self.disk_space.check, CHECK_SECONDS),
            PeriodicJob(leading(self._suspects.find), SUSPECTS_SECONDS),
            PeriodicJob(self._trouble.check, TROUBLE_SECONDS),
            PeriodicJob(self._durations.refresh, DURATIONS_SECONDS),
            PeriodicJob(own(self._cards.show_waiting), SHOW_SECONDS),
            PeriodicJob(own(self.late_pictures.step), LATE_SECONDS),
            *self._outboxes.periodic_jobs(),
            *[PeriodicJob(leading(sweep), SWEEP_EVERY.total_seconds()) for sweep in hourly],
            PeriodicJob(leading(self._retention.sweep_uncharged), UNCHARGED_SWEEP_EVERY.total_seconds()),
        ]
        if not self.membership.alone:
            jobs.append(PeriodicJob(self._beat, BEAT_SECONDS, self._beat_now))
        return jobs

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
            self._tasks.wake()
            self._outboxes.look()
        if self.membership.is_leader and not leads:
            self._outboxes.lead()


async def _end(running: Sequence[asyncio.Task[None]]) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
